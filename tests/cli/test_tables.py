"""What the tables say and how wide they are."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from accelsim import numbers
from accelsim.explore.comparison import Comparison, Row
from accelsim.explore.result import Estimate
from accelsim.report.compare import comparison_tables
from accelsim.report.estimate import estimate_tables
from accelsim.report.soft import rests_on, soft_figures
from accelsim.report.tables import render, width
from accelsim.report.validate import validation_tables


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (numbers.seconds(13.754), "13.75 s"),
        (numbers.seconds(123.45), "123.5 s"),
        (numbers.seconds(12345.0), "12,345 s"),
        (numbers.seconds(0.0123), "12.3 ms"),
        (numbers.seconds(math.nan), "–"),
        (numbers.scaled(340_123.0), "340.1 k"),
        (numbers.scaled(None), "–"),
        (numbers.percent(0.4567), "45.7%"),
        (numbers.percent(None), "–"),
        (numbers.signed_percent(0.05), "+5.0%"),
        (numbers.gib(96 * 2**30), "96.0"),
        (numbers.kilowatts(684_600.0), "684.6"),
        (numbers.kilowatts(1.5e6), "1,500"),
        (numbers.dollars(3056.6), "$3,057"),
        (numbers.dollars(1.6), "$1.60"),
        (numbers.dollars(0.8423), "$0.842"),
        (numbers.dollars(math.inf), "–"),
        (numbers.short(1129.4), "1,129"),
        (numbers.short(0.6671), "0.667"),
        (numbers.ratio(1.0), "×1.00"),
        (numbers.ratio(0.0123), "×0.012"),
        (numbers.ratio(1234.0), "×1,234"),
        (numbers.ratio(None), ""),
    ],
)
def test_numbers(made: str, text: str) -> None:
    assert made == text


@pytest.mark.parametrize(
    ("columns", "expected"),
    [("80", 80), ("20", 60), ("400", 120), ("", 100), ("0", 100), ("wide", 100)],
)
def test_width(monkeypatch: pytest.MonkeyPatch, columns: str, expected: int) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert width() == expected


Make = Callable[[Any], list[Any]]
Printed = Callable[..., str]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Printed:
    """Return the tables of an answer as text of so many columns."""

    def show(make: Make, answer: Any, columns: int = 100) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        return render(make(answer))

    return show


def row(text: str, label: str) -> str:
    """Return the one line that begins with the label."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"{label}  ")]
    return " ".join(line.removeprefix(label).split())


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_an_estimate_fits_the_terminal(
    printed: Printed, small_estimate: Estimate, columns: int
) -> None:
    text = printed(estimate_tables, small_estimate, columns)
    assert max(map(len, text.splitlines())) <= columns


@pytest.mark.parametrize("columns", [80, 100, 120])
@pytest.mark.parametrize("systems", [1, 3, 4, 9])
def test_a_comparison_fits_the_terminal(
    printed: Printed, small_comparison: Comparison, columns: int, systems: int
) -> None:
    first = small_comparison.rows[0]
    rows = [replace(first, system=f"trn9-ultraserver-gen{i}") for i in range(systems)]
    wide = replace(small_comparison, rows=tuple(rows), baseline=rows[-1].system)
    text = printed(comparison_tables, wide, columns)
    assert max(map(len, text.splitlines())) <= columns
    assert "…" not in text  # nothing is cut off


def test_an_estimate_tells_its_totals(
    printed: Printed, small_estimate: Estimate
) -> None:
    text = printed(estimate_tables, small_estimate)
    assert numbers.seconds(small_estimate.step_time) in text
    assert small_estimate.plan.text() in text
    assert "MFU" in text
    assert "fits, free" in text
    assert "64 sequences x 8,192 = 524,288 tokens" in text
    assert f"MFU {numbers.percent(small_estimate.mfu)} full attention" in text


def test_parts_that_are_zero_are_named_once(
    printed: Printed, small_estimate: Estimate
) -> None:
    time = replace(small_estimate.time, ep=0.0, tp=1.0)
    text = printed(estimate_tables, replace(small_estimate, time=time))
    (none,) = [line for line in text.splitlines() if line.startswith("none: ")]
    assert "exposed ep traffic" in none
    assert row(text, "exposed tp traffic").startswith("1.00 s")


def test_a_plan_that_does_not_fit_says_by_how_much(
    printed: Printed, small_estimate: Estimate
) -> None:
    capacity = small_estimate.memory.total - 3 * 2**30
    text = printed(estimate_tables, replace(small_estimate, memory_capacity=capacity))
    assert row(text, "DOES NOT FIT, short").startswith("3.0")


def test_an_unknown_price_is_said(
    printed: Printed, small_estimate: Estimate, small_comparison: Comparison
) -> None:
    unpriced = replace(small_estimate, cost=None)
    assert row(printed(estimate_tables, unpriced), "price") == "not known"
    rows = (Row("a", unpriced),)
    alone = replace(small_comparison, rows=rows, baseline="a")
    text = printed(comparison_tables, alone)
    assert "no price known" in text
    assert row(text, "$/h") == "–"


def test_a_comparison_tells_question_figures_and_ratios(
    printed: Printed, small_comparison: Comparison
) -> None:
    text = printed(comparison_tables, small_comparison, 120)
    head = " ".join(text.splitlines()[:3])
    for words in (
        "llama3-8b",
        "128 sequences",
        "1,048,576 tokens",
        "length 8,192",
        "bf16",
        "64 chips",
        "ratio to dgx-h100",
    ):
        assert words in head
    first, second, _ = small_comparison.rows
    assert first.estimate is not None
    assert second.estimate is not None
    costs = [r.estimate.cost for r in small_comparison.rows if r.estimate]
    assert min(cost.date for cost in costs if cost) in head
    over = second.estimate.step_time / first.estimate.step_time
    steps = row(text, "step time")
    assert steps.startswith(numbers.seconds(first.estimate.step_time))
    assert f"×{over:.2f}" in steps
    assert steps.count("×") == 2  # none for the baseline
    assert row(text, "memory, GiB").count(" of ") == 3


def test_a_partly_rented_rack_is_said(
    printed: Printed, small_comparison: Comparison
) -> None:
    text = printed(comparison_tables, small_comparison, 120)
    assert "64 of 72 rented" in row(text, "chips")
    assert "- gb200-nvl72: 64 chips are no multiple of 72" in text


def test_soft_figures_are_marked_where_something_rests_on_them(
    printed: Printed, small_estimate: Estimate, small_comparison: Comparison
) -> None:
    q = small_estimate.question
    assert q.price is not None
    cost = small_estimate.cost
    assert cost is not None
    known = replace(small_estimate, cost=replace(cost, kind="documentation"))
    guess = replace(small_estimate, cost=replace(cost, kind="press"))
    assert "price" not in rests_on(known)
    assert "price" in rests_on(guess)
    for estimate, mark in ((known, False), (guess, True)):
        alone = replace(small_comparison, rows=(Row("a", estimate),), baseline="a")
        assert row(printed(comparison_tables, alone), "$/h").endswith("*") == mark


def test_soft_figures_of_other_precisions_do_not_count(
    small_estimate: Estimate,
) -> None:
    q = small_estimate.question
    guess = replace(q.chip.matrix.peak["bf16"], kind="press")
    peak = q.chip.matrix.peak | {"fp8": guess}
    matrix = q.chip.matrix.model_copy(update={"peak": peak})
    chip = q.chip.model_copy(update={"matrix": matrix})
    other = replace(small_estimate, question=replace(q, chip=chip))
    assert "chip.matrix.peak.fp8" not in soft_figures(other)
    fp8 = replace(other, question=replace(other.question, precision="fp8"))
    assert next(iter(soft_figures(fp8))) == "chip.matrix.peak.fp8"
    assert "time" in rests_on(fp8)


METRICS = {
    "median_ape": 0.111,
    "mape": 0.222,
    "bias": -0.033,
    "p90_ape": 0.444,
    "mean_over_sources_median_ape": 0.123,
    "spearman": 0.98,
    "regret_median": None,
    "accuracy": None,
    "max_abs_difference": None,
    "exact_rows": None,
}
VALIDATION = {
    "kind": "training",
    "file": "runs.csv",
    "rows": 30,
    "scored": 25,
    "left_out": {"superseded": 3, "fine-tuning [LoRA]": 2},
    "metrics": METRICS,
    "naive": METRICS | {"mean_over_sources_median_ape": 0.176},
    "groups": {
        "source": {
            "small": METRICS | {"rows": 5},
            "large": METRICS | {"rows": 20, "naive": {"median_ape": 0.191}},
        },
        "chip": {"h100-sxm": METRICS | {"rows": 25}},
        "subset": {
            "stated": METRICS | {"rows": 15},
            "inferred": METRICS | {"rows": 10},
        },
    },
    "worst": [{"id": "T1", "measured": 2.0, "predicted": 5.0, "ape": 1.5}],
}


@pytest.mark.parametrize("columns", [80, 120])
def test_a_validation_tells_all_that_the_contract_holds(
    printed: Printed, columns: int
) -> None:
    text = printed(validation_tables, VALIDATION, columns)
    assert max(map(len, text.splitlines())) <= columns
    flat = " ".join(text.split())
    assert "30 rows, 25 scored, 5 left out" in flat
    assert "median error: 12.3% naive baseline: 17.6%" in flat
    assert row(text, "large") == "20 11.1% 22.2% -3.3% 44.4% 19.1%"
    assert text.index("\nlarge") < text.index("\nsmall")
    assert row(text, "stated").startswith("15")
    assert row(text, "inferred").startswith("10")
    assert row(text, "fine-tuning [LoRA]") == "2"
    assert row(text, "T1") == "2.00 s 5.00 s 150.0%"
