"""What the explorer's knobs do is what overrides of the same figures do."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from accelsim.explore.estimate import estimate
from accelsim.explorer.answers import answer_of, as_it_is, names_of
from accelsim.explorer.design import Design
from accelsim.explorer.export import design_html, design_toml, designs_csv
from accelsim.explorer.knobs import base_of, knobs_of, nodes_of, run_of
from accelsim.explorer.shown import Seen, headline, pictures, side_by_side, times
from accelsim.question import read_run
from accelsim.silicon.scale import port

TRN = Design(model="llama3-8b", system="trn2-ultraserver", chips=16)
DGX = Design(model="llama3-8b", system="dgx-h100", chips=16)


def tokens(design: Design) -> float:
    found = answer_of(design)
    assert found.estimate is not None, found.failure
    return found.estimate.tokens_per_s


def test_a_knob_is_an_override() -> None:
    run = {"model": "llama3-8b", "system": "trn2-ultraserver", "chips": 16}
    for knob, value, path, text in (
        ("hbm", 2.0, "chip.hbm.bandwidth", "5.8 TB/s"),
        ("rate", 0.5, "link.neuronlink-v3.lane_rate", "16 Gb/s"),
        ("reach", 1.0, "link.neuronlink-v3.length", "1 m"),
        ("price", 2.0, "price.offers.0.usd", "71.5216 USD/h"),
    ):
        mine = answer_of(TRN.turned(knob, value)).estimate
        theirs = estimate(run, {path: text})
        assert mine is not None
        assert mine.step_time == pytest.approx(theirs.step_time, rel=1e-9), knob
        assert mine.usd_per_hour == pytest.approx(theirs.usd_per_hour), knob


def test_an_array_brings_its_area_of_peak() -> None:
    question = base_of(TRN).question
    made = run_of(TRN.turned("array", 2.0)).set
    assert made["chip.matrix.rows"] == made["chip.matrix.columns"] == 256
    peak = float(question.chip.matrix.peak["bf16"])
    assert made["chip.matrix.peak.bf16"] == f"{4.0 * peak / 1e15:.6g} PFLOP/s"


def test_another_process_is_that_of_the_silicon_room() -> None:
    node = "n2"
    assert node in nodes_of(base_of(DGX).question)
    ported = port("h100-sxm", to=node).chip
    found = answer_of(replace(DGX, node=node)).estimate
    assert found is not None
    assert float(found.question.chip.clock) == pytest.approx(float(ported.clock))
    assert tokens(DGX) < found.tokens_per_s


@pytest.mark.parametrize("design", [TRN, DGX], ids=["trn", "dgx"])
def test_knobs_stand_where_the_design_does(design: Design) -> None:
    for knob in knobs_of(design, base_of(design).question):
        assert knob.low <= knob.place(knob.start) <= knob.high
        assert knob.value(knob.place(knob.start)) == pytest.approx(knob.start)
        assert knob.told(knob.start)
        again = answer_of(design.turned(knob.name, knob.start))
        assert again.estimate is not None
        assert again.estimate.tokens_per_s == pytest.approx(tokens(design))


def test_a_design_without_an_answer_says_why() -> None:
    lost = answer_of(Design(model="llama3-405b", system="dgx-h100", chips=8))
    assert lost.estimate is None
    assert "no plan fits in memory" in lost.failure
    assert "no plan fits" in headline(lost, lost)
    assert pictures(Seen(lost, lost)) == ""
    many = answer_of(Design(model="llama3-8b", system="dgx-h100", chips=9_999_999))
    assert "exceeds" in many.failure


def test_designs_stand_side_by_side() -> None:
    now, pin = answer_of(TRN.turned("hbm", 1.5)), answer_of(DGX)
    seen = Seen(now, answer_of(as_it_is(now.design)), (pin,))
    assert [name for name, _ in seen.named] == ["this design", "dgx-h100", "as it is"]
    for made in (side_by_side(seen), times(seen), pictures(seen)):
        assert "dgx-h100" in made
    assert "×" in headline(seen.now, seen.before)
    assert names_of([TRN, TRN, DGX.turned("hbm", 2.0)]) == [
        *("trn2-ultraserver (1)", "trn2-ultraserver (2)", "dgx-h100, hbm ×2.00"),
    ]


def test_a_design_as_a_run_asks_the_same(tmp_path: Path) -> None:
    design = replace(TRN, node="n3e").turned("hbm", 1.5)
    path = tmp_path / "run.toml"
    path.write_text(design_toml(design), "utf-8")
    assert estimate(read_run(path)).tokens_per_s == pytest.approx(tokens(design))


def test_designs_as_a_table() -> None:
    lost = Design(model="llama3-405b", system="dgx-h100", chips=8)
    text = designs_csv([answer_of(TRN), answer_of(lost)])
    first, second = csv.DictReader(io.StringIO(text))
    assert float(first["tokens_per_s"]) == pytest.approx(tokens(TRN))
    assert "no plan fits" in second["failure"]


def test_a_design_as_a_report() -> None:
    found = answer_of(TRN).estimate
    assert 'id="reproduce"' in design_html(found, TRN)
