"""The rules of the house that no other tool checks.

ruff, mypy and lint-imports check the rest: style, types, and which room may import
which.
"""

import ast
import functools
import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import accelsim

ROOT = Path(__file__).parents[1]
ROOMS = ("accelsim", "kernels")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
HEAVY_FOR_IMPORT = ("click", "numba", "numpy", "pyarrow", "pydantic", "rich")
HEAVY_FOR_HELP = ("matplotlib", "numba", "numpy", "pandas", "pyarrow", "scipy")
START = """
import sys
from accelsim.cli import main
sys.argv[0] = "accelsim"
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


def sources(*folders: str) -> list[Path]:
    """Return the Python files of folders; a linked folder is read once."""
    found = {p.resolve() for name in folders for p in (ROOT / name).rglob("*.py")}
    return sorted(found)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


ROOM_FILES = sources(*ROOMS)
ALL_FILES = sources(*ROOMS, "benchmarks", "tests")


def loaded_by(code: str, *arguments: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after `code`."""
    report = "\nimport sys\nprint(*sys.modules, sep='\\n', file=sys.stderr)\n"
    command = [sys.executable, "-c", code + report, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stderr.split()}


def test_import_loads_nothing_heavy() -> None:
    assert loaded_by("import accelsim").isdisjoint(HEAVY_FOR_IMPORT)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["list", "--help"],
        ["show", "--help"],
        ["estimate", "--help"],
        ["compare", "--help"],
        ["search", "--help"],
        ["sweep", "run", "--help"],
        ["optimise", "--help"],
        ["sensitivity", "--help"],
        ["gemm", "--help"],
        ["collective", "--help"],
        ["fabric", "--help"],
        ["attention", "--help"],
        ["hbm", "--help"],
        ["calibrate", "gemm", "--help"],
        ["link", "--help"],
        ["silicon", "--help"],
        ["supply", "--help"],
        ["claim", "--help"],
        ["goodput", "--help"],
        ["validate", "--help"],
        ["report", "run", "--help"],
    ],
    ids=" ".join,
)
def test_help_loads_no_numba(arguments: list[str]) -> None:
    assert loaded_by(START, *arguments).isdisjoint(HEAVY_FOR_HELP)


@pytest.mark.parametrize("name", accelsim.__all__)
def test_public_name_is_found(name: str) -> None:
    home = importlib.import_module(accelsim._HOME[name])
    assert getattr(accelsim, name) is getattr(home, name)
    assert name in dir(accelsim)


def test_unknown_public_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        _ = accelsim.no_such_name


def test_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    newest = re.search(r"^## (\d+\.\d+\.\d+)", changes, re.MULTILINE)
    assert newest is not None
    assert project["version"] == accelsim.__version__ == newest[1]


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield what is imported: modules, and names as parts of their modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def test_folders_are_imported_through_accelsim() -> None:
    outside = {"", "configs", "kernels"}
    wrong = [
        relative(path)
        for path in ALL_FILES
        if outside & {name.partition(".")[0] for name in imported(tree_of(path))}
    ]
    assert not wrong


def test_files_are_short() -> None:
    lines = {relative(p): len(p.read_text("utf-8").splitlines()) for p in ROOM_FILES}
    assert not {name: n for name, n in lines.items() if n > MAX_FILE_LINES}


def test_files_say_what_they_know() -> None:
    assert not [relative(p) for p in ROOM_FILES if not ast.get_docstring(tree_of(p))]


def test_functions_are_short() -> None:
    lines = {
        f"{relative(path)}:{node.name}": (node.end_lineno or node.lineno) - node.lineno
        for path in ROOM_FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not {name: n + 1 for name, n in lines.items() if n >= MAX_FUNCTION_LINES}


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(
        "|".join([r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bXX" + r"X\b"])
    )
    assert not [relative(p) for p in ALL_FILES if marks.search(p.read_text("utf-8"))]


def test_kernel_files_have_tests() -> None:
    used = {name for p in sources("tests/kernels") for name in imported(tree_of(p))}
    names = (f"accelsim.kernels.{p.stem}" for p in sources("kernels"))
    assert not {name.removesuffix(".__init__") for name in names} - used


def test_links_lead_to_the_folders() -> None:
    for name in ("kernels", "configs"):
        assert (ROOT / "accelsim" / name).resolve() == (ROOT / name).resolve()
