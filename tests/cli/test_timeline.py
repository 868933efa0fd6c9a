"""`accelsim estimate --timeline`, `--figure` and `--trace` on the command line."""

import json
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Program = Callable[..., Result]
RUN = (
    *("estimate", "--model", "llama3-8b", "--system", "dgx-h100", "--chips", "16"),
    *("--global-batch", "32", "--tp", "2", "--pp", "4", "--vp", "1"),
    *("--micro-batch", "1"),
)


def test_a_trace_is_read_back(accelsim: Program, tmp_path: Path) -> None:
    path = tmp_path / "step.json"
    told = json.loads(accelsim(*RUN, "--trace", str(path), "--json").stdout)
    trace = json.loads(path.read_text())
    names = {
        event["tid"]: event["args"]["name"]
        for event in trace["traceEvents"]
        if event["name"] == "thread_name"
    }
    spans = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert {names[event["tid"]] for event in spans} == set(names.values())
    assert {"stage 0 compute", "stage 3 exposed tp"} <= set(names.values())
    last = max(event["ts"] + event["dur"] for event in spans)
    assert last / 1e6 == pytest.approx(told["step_time_s"], rel=0.005)
    assert last / 1e6 == pytest.approx(told["timeline"]["end_s"], abs=1e-9)
    tracks: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for event in spans:  # in whole nanoseconds
        start = round(event["ts"] * 1e3)
        tracks[event["tid"]].append((start, start + round(event["dur"] * 1e3)))
    for times in tracks.values():
        times.sort()
        assert all(a[1] <= b[0] for a, b in pairwise(times))


def test_a_timeline_has_a_row_a_stage(accelsim: Program) -> None:
    text = accelsim(*RUN, "--timeline").stdout
    _, lines = text.split("timeline: 1f1b, 4 stages")
    rows = [line.split()[1] for line in lines.splitlines()[1:5]]
    assert all(row.startswith("·" * stage) for stage, row in enumerate(rows))
    assert all(set(row) <= set("FBWDOH·") for row in rows)
    # a backward pass is twice as long as a forward one
    assert rows[3].count("B") == pytest.approx(2 * rows[3].count("F"), rel=0.2)


@pytest.mark.parametrize(
    ("name", "begins"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")]
)
def test_a_timeline_is_drawn(
    accelsim: Program, tmp_path: Path, name: str, begins: bytes
) -> None:
    path = tmp_path / name
    assert accelsim(*RUN, "--figure", str(path)).exit_code == 0
    assert path.read_bytes().startswith(begins)
    assert [one.name for one in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--figure", "a.gif"), "must end in .png, .svg, .pdf"),
        (("--trace", "a.txt"), "--trace: a.txt must end in .json"),
        (("--trace", "no/such/a.json"), "no such folder"),
        (("--trace", ""), "the path is empty"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused(
    accelsim: Program, words: tuple[str, ...], line: str
) -> None:
    answer: Any = accelsim(*RUN, *words)
    assert answer.exit_code == 2
    assert line in answer.stderr


def test_a_timeline_that_differs_says_so(accelsim: Program) -> None:
    words = ("estimate", "megatron-175b-selene", "--timeline")
    told = json.loads(accelsim(*words, "--json").stdout)["timeline"]
    assert 1e-9 < abs(told["difference"]) < 0.005
    assert f"({told['difference']:+.3%})" in accelsim(*words).stdout
