"""How the program starts, ends and speaks; answers are tested elsewhere."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import Result

import accelsim as library
from accelsim.cli import main, options
from accelsim.cli.output import one_line, print_json
from accelsim.errors import NoAnswerError
from accelsim.explore.compare import MATCHES
from accelsim.specs.chip import Precision
from accelsim.specs.price import Offer
from accelsim.specs.run import PlanSpec
from accelsim.specs.software import Recompute, Schedule, Sharding

ROOT = Path(__file__).parents[2]
Program = Callable[..., Result]
START = "import sys; from accelsim.cli import main; main(sys.argv[1:], 'accelsim')"
HEAVY = {"numba", "numpy", "pydantic", "rich", "tomllib"}
PAGES = [
    [],
    ["list"],
    ["show"],
    ["estimate"],
    ["compare"],
    ["validate"],
    ["validate", "training"],
    ["validate", "gemm"],
    ["validate", "gemm-training"],
    ["gemm"],
    ["attention"],
    ["calibrate"],
    ["calibrate", "gemm"],
    ["calibrate", "collectives"],
    ["calibrate", "energy"],
]


def process(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", START, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, **options
    )


@pytest.mark.parametrize("page", PAGES, ids=" ".join)
def test_help_has_an_example_and_fits(accelsim: Program, page: list[str]) -> None:
    done = accelsim(*page, "--help")
    assert done.exit_code == 0
    assert "Example" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("page", PAGES, ids=" ".join)
def test_help_loads_only_click(page: list[str]) -> None:
    code = (
        "import sys\nfrom accelsim.cli import main\n"
        "try:\n    main([*sys.argv[1:], '--help'], 'accelsim')\n"
        "except SystemExit:\n    print(*sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, *page]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(done.stderr.split())


def examples() -> list[str]:
    """Return the command lines that the help pages give as examples."""
    pages: list[Any] = [main, *main.commands.values()]
    for page in main.commands.values():
        pages += getattr(page, "commands", {}).values()
    lines = "\n".join(page.epilog or "" for page in pages).splitlines()
    return [line.strip() for line in lines if line.strip().startswith("accelsim ")]


def examples_of_help_alone() -> list[str]:
    """Return the examples that can be run and that no document's test runs."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    told = {line for page in pages for line in page.read_text("utf-8").splitlines()}
    told |= {line.removeprefix("$ ") for line in told}
    return [line for line in examples() if " FILE" not in line and line not in told]


def test_every_page_gives_an_example() -> None:
    assert len(examples()) >= len(PAGES)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what examples read, where they may write."""
    folder = tmp_path_factory.mktemp("examples")
    for name in ("benchmarks", "tests"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("line", examples_of_help_alone())
def test_example_of_help_works(
    accelsim: Program, line: str, workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workshop)
    served: list[str] = []
    if line.startswith("accelsim explore"):  # would not end
        pytest.importorskip("nicegui")
        page = "accelsim.explorer.server.serve"
        monkeypatch.setattr(page, lambda query, *_, **__: served.append(query))
    done = accelsim(*shlex.split(line)[1:])
    assert done.exit_code == 0, done.stderr
    assert done.stdout or served


def test_without_a_command_the_help_is_shown(accelsim: Program) -> None:
    assert accelsim().stdout == accelsim("--help").stdout
    assert accelsim("validate").stdout == accelsim("validate", "--help").stdout


def test_version(accelsim: Program) -> None:
    assert accelsim("--version").stdout == f"accelsim {library.__version__}\n"


@pytest.mark.parametrize(
    ("offered", "valid"),
    [
        (options.PRECISIONS, (*get_args(Precision), "best")),
        (options.OFFERS, get_args(Offer)),
        (options.SHARDINGS, get_args(Sharding)),
        (options.RECOMPUTES, get_args(Recompute)),
        (options.SCHEDULES, get_args(Schedule)),
        (options.MATCHES, MATCHES),
        (options.PLAN_FIELDS, tuple(PlanSpec.model_fields)),
    ],
)
def test_choices_are_those_of_the_specs(
    offered: tuple[str, ...], valid: tuple[str, ...]
) -> None:
    assert sorted(offered) == sorted(valid)


def fail_with(monkeypatch: pytest.MonkeyPatch, failure: BaseException) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr("accelsim.explore.estimate.estimate", fail)


ASK = ("estimate", "--model", "llama3-8b", "--system", "dgx-h100", "--chips", "8")


def test_no_answer_is_exit_code_1(
    accelsim: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(monkeypatch, NoAnswerError("no plan fits:\nshort by 3 GiB"))
    done = accelsim(*ASK)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "error: no plan fits: short by 3 GiB\n"


def test_no_answer_is_json_where_json_was_asked_for(
    accelsim: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(monkeypatch, NoAnswerError("no plan fits"))
    done = accelsim(*ASK, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"error": "no plan fits", "kind": "no-answer"}
    assert done.stderr == "error: no plan fits\n"


def test_bad_input_is_json_where_json_was_asked_for(accelsim: Program) -> None:
    done = accelsim("show", "no-such-chip", "--json")
    assert done.exit_code == 2
    assert json.loads(done.stdout)["kind"] == "bad-input"
    assert done.stderr.startswith("error: unknown name 'no-such-chip'")


def test_failure_of_the_system_is_one_line(
    accelsim: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(monkeypatch, OSError(28, "No space left on device", "/full/rows.csv"))
    done = accelsim(*ASK)
    assert done.exit_code == 2
    assert done.stderr == "error: /full/rows.csv: No space left on device\n"


def test_interrupt_is_exit_code_130(
    accelsim: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(monkeypatch, KeyboardInterrupt())
    done = accelsim(*ASK)
    assert (done.exit_code, done.stdout) == (130, "")
    assert done.stderr == "interrupted\n"


def test_reader_that_goes_away_ends_it_quietly() -> None:
    command = [sys.executable, "-c", START, "list"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 141


def test_failure_is_told_to_a_reader_that_went_away() -> None:
    command = [sys.executable, "-c", START, "show", "zzzz", "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b"error: unknown name 'zzzz'\n"
    assert running.returncode == 2


@pytest.mark.parametrize("line", ["list", "list --json"])
def test_full_stdout_is_one_line(line: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", START, *line.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "error: stdout: No space left on device\n"


@pytest.mark.parametrize("more", ["", "--json"])
def test_closed_stdout_is_one_line(more: str) -> None:
    line = shlex.join([sys.executable, "-c", START, "show", "h100-sxm"])
    command = ["sh", "-c", f"{line} {more} >&-"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: stdout is closed\n")


def test_works_from_any_folder_and_with_plain_ascii(tmp_path: Path) -> None:
    root = Path(library.__file__).parents[1]
    environment = {"PYTHONPATH": str(root), "PYTHONIOENCODING": "ascii"}
    done = process("show", "h100-sxm", cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert "3.35 TB/s" in done.stdout


def test_json_holds_no_number_that_is_not_finite(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json({"a": float("nan"), "b": [float("inf"), 1.5], "c": {"d": (2, None)}})
    found = json.loads(capsys.readouterr().out)
    assert found == {"a": None, "b": [None, 1.5], "c": {"d": [2, None]}}


def test_a_line_is_one_line_and_steers_no_terminal() -> None:
    assert one_line("a\nb\x1b[31mc\r") == "a b [31mc"


def test_json_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"a": "\x1b[31m \x7f \x9b \u202e \udcff é"}
    print_json(answer)
    printed = capsys.readouterr().out
    assert printed.replace("\n", "").isprintable()
    assert "é" in printed
    assert json.loads(printed) == answer
