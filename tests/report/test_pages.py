"""Reports of comparisons, sweeps and links: their parts, and bad questions."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from accelsim.cli import main
from accelsim.explore.estimate import estimate
from accelsim.link.com import Setting, com_at
from accelsim.question import read_run
from accelsim.report.front_figure import Candidate, front


def accelsim(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def written(folder: Path, *words: str) -> tuple[str, dict[str, Any]]:
    out = folder / "r.html"
    done = accelsim("report", *words, "-o", str(out), "--json")
    assert done.exit_code == 0, done.output
    return out.read_text("utf-8"), json.loads(done.stdout)


def test_a_comparison(tmp_path: Path) -> None:
    systems = "dgx-h100,trn2-ultraserver"
    job = ("--systems", systems, "--chips", "16", "--global-batch", "64")
    text, told = written(tmp_path, "compare", "llama3-8b", *job)
    sections = "summary time front memory roofline links sources reproduce"
    assert told["sections"] == sections.split()
    asked = json.loads(accelsim("compare", "llama3-8b", *job, "--json").stdout)
    for row in asked["rows"]:
        assert f"{row['estimate']['mfu']:.1%}" in text
    assert "chip.<wbr>hbm.<wbr>bandwidth" in text


def test_each_run_of_a_page_holds_its_changes(tmp_path: Path) -> None:
    job = ("--systems", "dgx-h100", "--chips", "8", "--global-batch", "8")
    change = ("--set", "chip.hbm.bandwidth=5 TB/s", "--set", "plan.micro_batch=1")
    text, _ = written(tmp_path, "compare", "llama3-8b", *job, *change)
    (toml,) = re.findall(r"run\.toml: [^<]*</summary><pre>(.*?)</pre>", text, re.DOTALL)
    path = tmp_path / "run.toml"
    path.write_text(unescape(toml), "utf-8")
    asked = json.loads(accelsim("compare", "llama3-8b", *job, *change, "--json").stdout)
    again = estimate(read_run(path)).to_dict()
    assert again["step_time_s"] == asked["rows"][0]["estimate"]["step_time_s"]


def test_a_comparison_without_an_answer(tmp_path: Path) -> None:
    job = ("--systems", "dgx-h100", "--chips", "8", "-o", str(tmp_path / "r.html"))
    done = accelsim("report", "compare", "llama3-405b", *job)
    assert done.exit_code == 1
    assert not list(tmp_path.iterdir())


SWEEP = """
question = "What does <more> memory bandwidth buy?"
[run]
model = "llama3-8b"
system = "dgx-h100"
chips = 8
global_batch = 8
[[axes]]
path = "chip.hbm.bandwidth"
values = ["2 TB/s", "3 TB/s", "4 TB/s"]
[[axes]]
path = "precision"
values = ["bf16", "fp8"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    file = tmp_path / "own.toml"
    file.write_text(SWEEP, "utf-8")
    out = tmp_path / "rows"
    done = accelsim("sweep", "run", str(file), "--out", str(out), "--workers", "1")
    assert done.exit_code == 0, done.output
    return out


def test_a_sweep(folder: Path, tmp_path: Path) -> None:
    text, told = written(tmp_path, "sweep", str(folder))
    sections = "summary figures front best sources reproduce"
    assert told["sections"] == sections.split()
    assert "What does &lt;more&gt; memory" in text
    assert text.count("<figure>") == 7
    assert "bandwidth (TB/s)" in text
    done = accelsim("report", "sweep", str(folder), "--y", "mf", "-o", "r.html")
    assert done.exit_code == 2
    assert "'mf'" in done.stderr
    assert "mfu" in done.stderr


def test_a_link_of_the_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # one setting of the equalizer: all of them take ten seconds, and are others' tests
    one = Setting(-4.0, -1.0, (1.0,), 0)
    monkeypatch.setattr(
        "accelsim.report.link_figure.best_com",
        lambda paths, sheet: com_at(paths, sheet, one),
    )
    text, told = written(tmp_path, "link", "neuronlink-v3", "--set", "length=0.3 m")
    sections = "summary margin eye parts sources reproduce"
    assert told["sections"] == sections.split()
    assert "data:image/png;base64," in text
    for name in ("neuronlink-v3.toml", "pcb-megtron8.toml", "pcie5.toml"):
        assert name in text


def test_a_path_with_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelsim.report.page.link.sight_of_span", lambda *_: None)
    path = "pcb-megtron8 200 mm, retimer-dsp-224g, twinax-28awg 1 m"
    text, told = written(tmp_path, "link", path, "--crosstalk", "0.1 mV")
    assert {"margin", "parts"} <= set(told["sections"])
    assert "retimer-dsp-224g" in text


def test_a_channel(tmp_path: Path) -> None:
    words = ("twinax-26awg 2 m", "--sheet", "8023ck-kr", "--case", "short")
    text, told = written(tmp_path, "link", *words)
    assert told["sections"] == ["cases", "eye", "sources", "reproduce"]
    asked = json.loads(accelsim("link", *words, "--json").stdout)
    assert f"{asked['cases'][0]['com_db']:.3f}" in text


def test_a_chain(tmp_path: Path) -> None:
    job = ("--model", "llama3-8b", "--system", "trn2-ultraserver", "--chips", "16")
    vary = ("--vary", "length=0.2m..1.8m", "--points", "3")
    text, told = written(tmp_path, "chain", "neuronlink-v3", *vary, *job)
    assert told["sections"] == ["figure", "points", "sources", "reproduce"]
    asked = accelsim("chain", "neuronlink-v3", *vary, *job, "--json").stdout
    for point in json.loads(asked)["points"]:
        assert f"{point['tokens_per_s']:,.0f}" in text
        assert f'class="regime-{point["regime"]}"' in text


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("link",), "give a CHANNEL"),
        (("link", "nvlink9"), "no link, file or segment"),
        (("link", "neuronlink-v4", "--set", "lenght=1 m"), "length"),
        (("link", "pcb-megtron8 1 m", "--budget", "--crosstalk", "9 V"), "0 to 1 V"),
        (("sweep", "no-such-folder"), "is no folder of a sweep"),
        (("compare", "llama3-8b", "--systems", ",", "--chips", "8"), "names no system"),
    ],
)
def test_bad_input_is_one_line(
    words: tuple[str, ...], line: str, tmp_path: Path
) -> None:
    done = accelsim("report", *words, "-o", str(tmp_path / "r.html"))
    assert done.exit_code == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_front_is_what_no_other_beats() -> None:
    places = [(1.0, 1.0), (2.0, 3.0), (3.0, 2.0), (4.0, 4.0), (2.0, 2.0)]
    points = [Candidate(str(n), *place) for n, place in enumerate(places)]
    slow = [
        a
        for a in points
        if not any(b.x <= a.x and b.y >= a.y and b != a for b in points)
    ]
    assert front(points) == sorted(slow, key=lambda one: one.x)
