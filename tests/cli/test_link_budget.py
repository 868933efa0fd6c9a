"""`accelsim link` on budgets, distances and sweeps."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numba
import pytest
from click.testing import Result

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="thousands of links of plain Python",
)
Run = Callable[..., Result]
PATH = "pcb-megtron8 100 mm, connector, retimer-dsp-224g, twinax-28awg 1 m"


def test_a_device_asks_for_a_budget(accelsim: Run) -> None:
    done = accelsim("link", PATH, "--population", "500", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["regime"] == "inside"
    assert len(found["spans"]) == 2
    assert found["code"] == "kp4-4way"
    assert 0.0 <= found["lanes_below_margin"] < 0.5
    assert any("retimer-dsp-224g.energy" in line for line in found["soft_figures"])
    shown = accelsim("link", PATH)
    assert shown.exit_code == 0, shown.output
    for words in (
        "inside its budget",
        "reach left",
        "retimer-dsp-224g",
        "by rate",
    ):
        assert words in " ".join(shown.output.split())  # wherever lines are broken


def test_a_population_is_spread_and_drawn(accelsim: Run, tmp_path: Path) -> None:
    figure = tmp_path / "lanes.png"
    ask = ("link", "twinax-28awg 2.2 m", "--budget", "--population", "400", "--json")
    shares = []
    for spread in ("20..30 C", "80..90 C"):
        done = accelsim(*ask, "--temperature", spread, "--figure", str(figure))
        assert done.exit_code == 0, done.output
        shares.append(json.loads(done.output)["lanes_below_margin"])
    assert shares[0] < shares[1]
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_a_wire_that_is_not_sold_so_long_is_said(accelsim: Run) -> None:
    ask = ("link", "twinax-28awg 3.5 m", "--budget", "--rate", "106.25 Gb/s")
    told = " ".join(accelsim(*ask).output.split())
    assert "inside its budget, and longer than sold" in told
    assert "at most twinax-28awg 3 m" in told
    found = json.loads(accelsim(*ask, "--json").output)
    assert found["beyond_length_limit"] == ["twinax-28awg 3 m"]


def test_jitter_that_passes_is_said(accelsim: Run) -> None:
    path = "twinax-28awg 1 m, retimer-mixed-224g, twinax-28awg 1 m"
    assert "of random jitter passes" in accelsim("link", path).output
    spans = json.loads(accelsim("link", path, "--json").output)["spans"]
    assert [span["passed_jitter_ui"] > 0.0 for span in spans] == [False, True]


def test_a_long_wire_falls_back(accelsim: Run) -> None:
    done = accelsim("link", "twinax-28awg 4 m", "--budget")
    assert done.exit_code == 0, done.output
    told = " ".join(done.output.split())
    assert "over its budget" in told
    assert "fall back to" in told
    alone = accelsim("link", "optics-cpo-200g 10 m", "--serdes", "serdes-224g-xsr")
    assert alone.exit_code == 0, alone.output


def test_a_distance_is_bridged(accelsim: Run) -> None:
    done = accelsim("link", "--distance", "3 m", "--by", "power")
    assert done.exit_code == 0, done.output
    assert "least power first" in done.output
    found = json.loads(accelsim("link", "--distance", "3 m", "--json").output)
    prices = [way["price_usd"] for way in found["ways"]]
    assert prices == sorted(prices)


def test_a_sweep_is_written_and_drawn(accelsim: Run, tmp_path: Path) -> None:
    out, figure = tmp_path / "links.csv", tmp_path / "links.png"
    done = accelsim("link", "--sweep", str(out), "--figure", str(figure))
    assert done.exit_code == 0, done.output
    assert "where copper ends" in done.output
    with out.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 10_000
    assert {row["lane_rate_bit_per_s"] for row in rows} == {
        "106250000000.0",
        "212500000000.0",
        "425000000000.0",
    }
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["links.csv", "links.png"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give a CHANNEL, --distance or --sweep"),
        ((PATH, "--crosstalk", "3 A"), "--crosstalk: '3 A'"),
        ((PATH, "--crosstalk", "-1 mV"), "must be 0 to 1 V"),
        ((PATH, "--rate", "9 Tb/s"), "must be 1 to 1,000 Gb/s"),
        ((PATH, "--code", "kp4"), "unknown code 'kp4'"),
        ((PATH, "--figure", "x.png"), "--figure says nothing of a budget"),
        ((PATH, "--voltage", "2 %"), "--voltage says nothing of a budget"),
        ((PATH, "--population", "9", "--temperature", "9"), "temperature '9'"),
        ((PATH, "--case", "A2"), "--case says nothing of a budget"),
        (("connector", "--rate", "1 Gb/s"), "--rate says nothing of a channel"),
        (("connector", "--distance", "1 m"), "a CHANNEL says nothing of a distance"),
        (("--sweep", "x.csv", "--lanes", "2"), "--lanes says nothing of a sweep"),
        ((PATH, "--population", "-1"), "must be 1 to 1,000,000"),
        (("--distance", "-1 m"), "must be more than 0"),
        (("--sweep", "/no/such/folder/x.csv"), "cannot be written"),
    ],
)
def test_bad_questions_are_one_line(
    accelsim: Run, words: tuple[str, ...], message: str
) -> None:
    done = accelsim("link", *words)
    assert done.exit_code == 2, done.output
    assert message in done.output + done.stderr
    assert "Traceback" not in done.output + done.stderr
