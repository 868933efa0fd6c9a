"""What is released: pins that hold together, one version, a start that stays light."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import accelsim
from tests.test_house import ROOT, START

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CONSTRAINTS = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
PINS = {
    canonicalize_name(requirement.name): Version(str(requirement.specifier)[2:])
    for requirement in map(Requirement, CONSTRAINTS)
}


def asked() -> list[Requirement]:
    """Return what pyproject.toml asks for, in any extra or group."""
    project, groups = PROJECT["project"], PROJECT["dependency-groups"]
    texts = [*project["dependencies"], *PROJECT["build-system"]["requires"]]
    texts += [
        text for more in project["optional-dependencies"].values() for text in more
    ]
    texts += [
        text for more in groups.values() for text in more if isinstance(text, str)
    ]
    return [Requirement(text) for text in texts]


def needs(name: str, extras: frozenset[str]) -> Iterator[Requirement]:
    """Yield what an installed package needs here."""
    for text in importlib.metadata.requires(name) or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(
            marker.evaluate({"extra": extra}) for extra in (*extras, "")
        ):
            yield requirement


def test_every_pin_is_exact() -> None:
    assert [
        line for line in CONSTRAINTS if not re.fullmatch(r"[\w.-]+==\S+", line)
    ] == []
    assert len(PINS) == len(CONSTRAINTS)


def test_pins_are_what_is_asked_for() -> None:
    for requirement in asked():
        pin = PINS.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement}: not in constraints.txt"
        assert pin in requirement.specifier, f"{requirement}: pinned to {pin}"


def test_pins_are_closed_and_none_is_unknown() -> None:
    """Follow what is installed: all of it is pinned, and all pins are reached."""
    ahead = [(canonicalize_name(r.name), frozenset(r.extras)) for r in asked()]
    reached: set[tuple[str, frozenset[str]]] = set()
    while ahead:
        one = ahead.pop()
        if one in reached:
            continue
        reached.add(one)
        for needed in needs(*one):
            name = canonicalize_name(needed.name)
            if name == "pip":
                continue
            assert name in PINS, f"{one[0]} needs {needed}: not in constraints.txt"
            assert PINS[name] in needed.specifier, f"{one[0]} needs {needed}"
            ahead.append((name, frozenset(needed.extras)))
    unknown = set(PINS) - {name for name, _ in reached}
    assert unknown == set(), "nothing asks for these"


def test_what_is_installed_is_what_is_pinned() -> None:
    installed = {name: Version(importlib.metadata.version(name)) for name in PINS}
    assert installed == PINS


def test_the_citation_says_the_version() -> None:
    text = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {accelsim.__version__}\n" in text
    assert "\nlicense: Apache-2.0\n" in text
    assert (ROOT / "accelsim" / "py.typed").exists()


SPECS = {"annotated_types", "click", "pydantic", "pydantic_core", "rich"}
SPECS |= {"typing_extensions", "typing_inspection"}
NUMBERS = SPECS | {"llvmlite", "numba", "numpy", "scipy"}
# What Numba takes along where it is there, for its own diagnostics.
BY_NUMBA = {"charset_normalizer", "coverage", "cython_runtime", "yaml", "pygments"}
ESTIMATE = ["estimate", "--model", "llama3-8b", "--system", "dgx-h100", "--chips", "8"]
# A command, most modules of ours and of all, and the packages that it may load.
BUDGETS: list[tuple[list[str], int, int, set[str]]] = [
    (["--version"], 40, 170, {"click"}),
    (["--help"], 40, 180, {"click"}),
    (["estimate", "--help"], 40, 180, {"click"}),
    (["list", "chips"], 65, 400, SPECS),
    (["show", "h100-sxm"], 65, 400, SPECS),
    (ESTIMATE, 200, 1200, NUMBERS | BY_NUMBA),
    (["gemm", "64", "64", "64"], 110, 1150, NUMBERS | BY_NUMBA),
]


@pytest.mark.parametrize(
    ("words", "ours", "every", "packages"),
    BUDGETS,
    ids=[" ".join(budget[0]) for budget in BUDGETS],
)
def test_a_command_starts_light(
    words: list[str], ours: int, every: int, packages: set[str]
) -> None:
    report = "print(*sys.modules, sep='\\n', file=sys.stderr)\n"
    command = [sys.executable, "-c", START + report, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    tops = {name.partition(".")[0] for name in loaded}
    foreign = {top for top in tops if top not in sys.stdlib_module_names}
    foreign = {top for top in foreign if not top.startswith("_")} - {"accelsim"}
    assert foreign <= packages
    assert sum(name.partition(".")[0] == "accelsim" for name in loaded) <= ours
    assert len(loaded) <= every
