"""The documents say what is so: their commands, Python, configs and links are run.

A console block's lines that begin with `accelsim` (after `$` or not) must end with exit
code 0, or with that of a trailing `# exit code N`. A TOML block whose first line is the
comment of a path is written there first, so that an example may use another one.
"""

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import accelsim
from accelsim import catalog
from accelsim.cli import main
from accelsim.specs.figure import KINDS
from accelsim.units import UNITS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINKING = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
NEEDED = (
    "benchmarks/measured/training.csv",
    "benchmarks/measured/scalesim.csv",
    "benchmarks/measured/gemm_small.csv",
    "benchmarks/measured/largest_products.csv",
    "benchmarks/measured/gemm_training_b200.csv",
    "benchmarks/measured/link",
    "benchmarks/measured/nki_small.csv",
    "benchmarks/measured/collectives_small.csv",
    "benchmarks/measured/moe_small.csv",
    "benchmarks/measured/astrasim_small.csv",
    "benchmarks/measured/memory_small.csv",
    "benchmarks/measured/nccl_tests_p4de.txt",
    "benchmarks/measured/attention_flash.csv",
    "benchmarks/measured/attention_prefill.csv",
    "benchmarks/measured/attention_tpu.csv",
    "tests/workload/hf",
)
FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT_CODE = re.compile(r"# exit code (\d+)$")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, and the line that it begins at."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(*languages: str) -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text("utf-8")
        for found in FENCE.finditer(text):
            if found[1] in languages:
                line = text.count("\n", 0, found.start()) + 1
                yield Block(page.name, line, found[1], found[2])


def commands(program: str) -> list[tuple[str, str]]:
    """Return every command line of a program once, joined at backslashes.

    With the place where it first stands; a line of two pages is run once.
    """
    found: dict[str, str] = {}
    for block in blocks("sh", "console"):
        for line in block.text.replace("\\\n", " ").splitlines():
            if re.match(rf"(\$ )?(\w+=\S+ )*(\.venv/bin/)?{program} ", line.strip()):
                found.setdefault(line.strip().removeprefix("$ "), str(block))
    return [(place, line) for line, place in found.items()]


def own_configs() -> list[tuple[str, str]]:
    """Return (path, content) of the TOML blocks that name their file."""
    named = [(b.text.splitlines()[0], b.text) for b in blocks("toml")]
    paths = [(re.fullmatch(r"# (\S+\.toml)", first), text) for first, text in named]
    return [(found[1], text) for found, text in paths if found]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what the commands read, where they may write."""
    folder = tmp_path_factory.mktemp("docs")
    for name in NEEDED:
        source, copy = ROOT / name, folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy)
        else:
            shutil.copy(source, copy)
    for name, text in own_configs():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


@pytest.fixture(autouse=True)
def _in_the_workshop(workshop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workshop)


@pytest.mark.parametrize(("place", "line"), commands("accelsim"))
def test_command_runs(place: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = EXIT_CODE.search(line)
    words = shlex.split(line.partition(" | ")[0].partition(" > ")[0], comments=True)
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(main, words[1:])
    code = int(expected[1]) if expected else 0
    assert done.exit_code == code, f"{place}: {line}\n{done.output}"


@pytest.mark.parametrize("page", sorted({b.page for b in blocks("python")}))
def test_python_runs(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELSIM_PATH", os.environ.get("ACCELSIM_PATH", ""))
    names: dict[str, Any] = {"__name__": "docs"}
    for block in blocks("python"):
        if block.page == page:
            exec(compile(block.text, str(block), "exec"), names)


@pytest.mark.parametrize("path", [path for path, _ in own_configs()])
def test_config_is_valid(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELSIM_PATH", str(Path(path).parents[1]))
    kind = Path(path).parent.name
    spec = catalog.load(kind, Path(path).stem)
    assert isinstance(spec, catalog.KINDS_OF_THING[kind])


@pytest.mark.parametrize(("place", "line"), commands("make"))
def test_make_target_is_there(place: str, line: str) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    words = shlex.split(line, comments=True)[1:]
    for target in (word for word in words if "=" not in word):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), place


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    text = FENCE.sub("", page.read_text("utf-8"))
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", title.lower()) for title in titles]
    return {title.replace(" ", "-") for title in plain}


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.name)
def test_links_resolve(page: Path) -> None:
    text = FENCE.sub("", page.read_text("utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        other = (page.parent / name) if name else page
        assert other.exists(), target
        if anchor:
            assert anchor in anchors(other), target


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    missing = [p.name for p in PAGES[1:] if p.name not in index]
    assert missing == ["index.md"]


def test_configs_page_names_every_kind_and_dimension() -> None:
    page = (ROOT / "docs" / "configs.md").read_text("utf-8")
    words = (*catalog.KINDS_OF_THING, *KINDS, *UNITS)
    assert not [word for word in words if f"`{word}`" not in page]


def test_nomenclature_names_every_public_name_of_an_answer() -> None:
    from accelsim.explore.plan import Plan
    from accelsim.explore.result import TimeParts

    page = (ROOT / "docs" / "nomenclature.md").read_text("utf-8")
    fields = (*Plan.__dataclass_fields__, *TimeParts.__dataclass_fields__)
    assert not [name for name in fields if f"`{name}`" not in page.replace(".", "`")]


def test_every_public_name_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    assert not [n for n in accelsim.__all__ if f":: accelsim.{n}\n" not in page]
