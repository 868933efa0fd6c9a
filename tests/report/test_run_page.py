"""`accelsim report run`: what the page holds, and that it needs nothing else."""

import json
import re
import tomllib
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from accelsim.cli import main
from accelsim.explore.estimate import estimate
from accelsim.question import read_run

RUN = (
    *("--model", "llama3-8b", "--system", "trn2-ultraserver", "--chips", "32"),
    *("--global-batch", "64", "--pp", "2"),
)
SECTIONS = [
    "summary",
    "time",
    "memory",
    "roofline",
    "links",
    "levers",
    "sources",
    "reproduce",
]
FIGURES = [
    "waterfall",
    "timeline",
    "memory",
    "roofline",
    "margins",
    "busbw",
    "sensitivity",
]


def report(*words: str) -> Result:
    return CliRunner().invoke(main, ("report", *words))


@pytest.fixture(scope="module")
def page(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, dict[str, object], Path]:
    folder = tmp_path_factory.mktemp("report")
    out = folder / "r.html"
    done = report("run", *RUN, "-o", str(out), "--figures", str(folder / "f"), "--json")
    assert done.exit_code == 0, done.output
    return out.read_text("utf-8"), json.loads(done.stdout), folder


def test_every_part_is_there(page: tuple[str, dict[str, object], Path]) -> None:
    text, told, folder = page
    assert told["sections"] == SECTIONS
    assert all(f'<section id="{name}">' in text for name in SECTIONS)
    names = {path.name for path in (folder / "f").iterdir()}
    assert names == {f"{name}{end}" for name in FIGURES for end in (".svg", ".png")}


def test_nothing_is_loaded(page: tuple[str, dict[str, object], Path]) -> None:
    text, _, _ = page
    assert "<script" not in text
    assert "default-src &#x27;none&#x27;" in text or "default-src 'none'" in text
    loaded = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert all(target.startswith(("#", "data:")) for target in loaded)
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(http" not in style
    assert "@import" not in style


def test_the_figures_are_those_of_the_estimate(
    page: tuple[str, dict[str, object], Path],
) -> None:
    text, _, _ = page
    run = {"model": "llama3-8b", "system": "trn2-ultraserver", "chips": 32}
    found = estimate(run | {"global_batch": 64, "plan": {"pp": 2}})
    assert found.plan.text() in text
    assert f"{found.mfu:.1%}" in text


def test_the_run_asks_the_same_again(
    page: tuple[str, dict[str, object], Path], tmp_path: Path
) -> None:
    text, _, _ = page
    (toml,) = re.findall(r"run\.toml: [^<]*</summary><pre>(.*?)</pre>", text, re.DOTALL)
    path = tmp_path / "run.toml"
    path.write_text(unescape(toml), "utf-8")
    assert tomllib.loads(path.read_text("utf-8"))["plan"]["pp"] == 2
    again = estimate(read_run(path))
    assert f"{again.mfu:.1%}" in text
    assert again.plan.text() in text


def test_the_command_is_as_it_was_typed(
    page: tuple[str, dict[str, object], Path],
) -> None:
    text, _, _ = page
    typed = unescape(text)
    assert f"accelsim report run {' '.join(RUN)} -o" in typed
    for name in ("trn2-ultraserver.toml", "trainium2.toml", "neuronlink-v3.toml"):
        assert name in typed


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("run", "-o", "r.html"), "missing --model, --system, --chips"),
        (("run", "megatron-175b-selene", "-o", "r.pdf"), "must end in .html or .htm"),
        (("run", "megatron-175b-selene", "-o", "no/such/r.html"), "no such folder"),
        (("run", "megatron-175b-selene"), "missing option '-o' / '--out'"),
        (("run", "megatron-175b-selen", "-o", "r.html"), "megatron-175b-selene"),
    ],
)
def test_bad_input_is_one_line(
    words: tuple[str, ...], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = report(*words)
    assert done.exit_code == 2
    assert line in done.stderr
    assert not list(tmp_path.iterdir())


def test_names_are_data(
    accelsim_path: Callable[[str, str, str], None], tmp_path: Path
) -> None:
    nasty = "x<b>&"
    accelsim_path("models", nasty, 'base = "llama3-8b"\n')
    out = tmp_path / "r.html"
    run = ("--system", "dgx-h100", "--chips", "8", "--global-batch", "8")
    done = report("run", "--model", nasty, *run, "-o", str(out))
    assert done.exit_code == 0, done.output
    text = out.read_text("utf-8")
    assert "x<b>" not in text
    assert "x&lt;b&gt;&amp;" in text


@pytest.fixture
def accelsim_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str, str], None]:
    """Return a function that writes a config of the user's own."""
    monkeypatch.setenv("ACCELSIM_PATH", str(tmp_path))

    def write(kind: str, name: str, text: str) -> None:
        (tmp_path / kind).mkdir(exist_ok=True)
        (tmp_path / kind / f"{name}.toml").write_text(text, "utf-8")

    return write
