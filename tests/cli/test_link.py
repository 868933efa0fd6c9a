"""`accelsim link`: a wire in words, as JSON and as a picture."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from click.testing import Result

from accelsim import catalog
from accelsim.link.channel import Channel
from accelsim.link.eye import statistical_eye
from accelsim.link.judge import judge
from accelsim.link.segments import frequencies, read_path, two_port

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="10^5 frequencies of plain Python",
)
Run = Callable[..., Result]
LINK = Path(__file__).parents[2] / "benchmarks" / "measured" / "link" / "channels"
QUICK = (
    "--set",
    'ctle.gains={first="-12 dB", last="-8 dB", step="4 dB"}',
    "--set",
    'ctle.low_gains={first="-2 dB", last="-2 dB", step="1 dB"}',
    "--set",
    "transmitter.taps=[]",
)
PATH = "pcb-megtron8 100 mm, connector, twinax-28awg 0.5 m"


def answer(accelsim: Run, *arguments: str) -> dict[str, Any]:
    done = accelsim("link", *arguments, *QUICK, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.output)
    return found


def test_segments_are_judged(accelsim: Run) -> None:
    found = answer(accelsim, PATH, "--case", "A2")
    assert found["sheet"] == "8023dj-kr"
    assert found["passes"] is True
    assert [case["name"] for case in found["cases"]] == ["A2"]
    case = found["cases"][0]
    assert case["com_db"] > case["before_sequence_db"] > 3.0
    assert found["loss_db"] == pytest.approx(11.0, abs=0.5)
    assert found["warnings"] == []
    longer = answer(accelsim, PATH.replace("0.5 m", "1.5 m"), "--case", "A2")
    assert longer["cases"][0]["com_db"] < case["com_db"]


def test_files_with_aggressors_are_judged(accelsim: Run) -> None:
    words = [str(LINK / "synthB_cr_sdd.npz"), "--case", "A2"]
    quiet = answer(accelsim, *words)
    words += ["--fext", str(LINK / "synth_fext1_sdd.npz")]
    words += ["--next", str(LINK / "synth_next1_sdd.npz")]
    loud = answer(accelsim, *words)
    assert (quiet["aggressors"], loud["aggressors"]) == (0, 2)
    assert loud["icn_v"] > 0.0
    assert loud["cases"][0]["com_db"] < quiet["cases"][0]["com_db"]
    assert loud["warnings"][0].startswith("band: ")
    shown = accelsim("link", *words, *QUICK)
    assert shown.exit_code == 0, shown.output
    assert "passes 8023dj-kr" in shown.output
    assert "Doubts" in shown.output
    assert "2 aggressors" in shown.output


def test_a_picture_is_drawn_and_written_whole(accelsim: Run, tmp_path: Path) -> None:
    path = tmp_path / "link.png"
    done = accelsim("link", PATH, "--case", "A2", *QUICK, "--figure", str(path))
    assert done.exit_code == 0, done.output
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in tmp_path.iterdir()] == ["link.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pcb-megtron9 1 in",), "did you mean"),
        (("missing.s4p",), "missing.s4p: cannot be read"),
        ((PATH, "--sheet", "8023dj-kx"), "unknown com '8023dj-kx'"),
        ((PATH, "--case", "A3"), "unknown case 'A3'"),
        ((PATH, "--ports", "a,b"), "write 1,3,2,4"),
        ((PATH, "--case", "A2", *QUICK, "--figure", "a.bmp"), "must end in .png"),
        ((PATH, "--case", "A2", *QUICK, "--figure", "no/a.png"), "no such folder"),
        ((PATH, "--set", "symbol_rate=300"), "has no unit"),
    ],
)
def test_bad_input_is_one_line(
    accelsim: Run, arguments: tuple[str, ...], message: str
) -> None:
    done = accelsim("link", *arguments)
    assert done.exit_code == 2
    assert message in done.output
    assert len(done.output.strip().splitlines()) == 1


def test_an_eye_holds_all_probability_and_opens_at_its_middle() -> None:
    spec = catalog.load(
        "com", "8023dj-kr", catalog.parse_overrides([QUICK[1], QUICK[3], QUICK[5]])
    )
    port = two_port(read_path(PATH), frequencies())
    found = judge(Channel(port), spec, ["A2"])
    case = found.worst
    eye = statistical_eye(case.com, case.paths, found.sheet)
    middle = len(eye.time) // 2
    assert eye.density[:, middle].sum() == pytest.approx(1.0, abs=1e-6)
    assert eye.errors[middle] < 1e-4
    assert eye.errors[middle] < eye.errors[0]
    np.testing.assert_allclose(
        eye.density[:, middle], eye.density[::-1, middle], atol=1e-12
    )


def test_symbols_are_counted(accelsim: Run) -> None:
    found = answer(accelsim, PATH, "--case", "A2", "--bits", "200000")
    plain, raised = found["bits"]
    assert plain["noise_scale"] == 1.0
    assert plain["feedback"]["symbols"] == 200_000
    assert plain["feedback"]["errors"] == 0
    low, high = raised["feedback"]["interval_95"]
    assert low < raised["predicted"] < high
    assert raised["sequence"]["errors"] < raised["feedback"]["errors"]
    done = accelsim("link", PATH, "--case", "A2", "--bits", "200000", *QUICK)
    assert "200,000" in done.output
    assert "MLSD" in done.output


def test_a_bad_number_of_symbols(accelsim: Run) -> None:
    done = accelsim("link", PATH, "--case", "A2", "--bits", "-5", *QUICK)
    assert done.exit_code == 2
    assert "-5 symbols: must be 1 to" in done.output


def test_contours_lie_inside_one_another() -> None:
    spec = catalog.override(
        catalog.load("com", "8023dj-kr"), catalog.parse_overrides(QUICK[1::2]), "com"
    )
    found = judge(Channel(two_port(read_path(PATH))), spec, ["A2"])
    case = found.cases[0]
    eye = statistical_eye(case.com, case.paths, found.sheet)
    middle = len(eye.time) // 2
    heights = []
    for ratio in range(4):
        edges = [eye.opening(n, 4, ratio) for n in range(3)]
        heights.append([high[middle] - low[middle] for low, high in edges])
    for wider, narrower in pairwise(heights):
        assert all(a > b for a, b in zip(wider, narrower, strict=True))
    # all three eyes open alike, and 1e-4 lies within the signal's step
    assert heights[0] == pytest.approx([heights[0][0]] * 3, rel=0.02)
    assert heights[0][0] < 2.0 * case.com.signal
