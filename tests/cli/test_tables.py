"""What the tables say and how wide they are."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from accelsim.explore.result import Comparison, Estimate, Row
from accelsim.report import numbers
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


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    def show(parts: list[Any], columns: int = 100) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        return render(parts)

    return show


Printed = Callable[..., str]


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_tables_fit_the_terminal(
    printed: Printed,
    small_estimate: Estimate,
    small_comparison: Comparison,
    columns: int,
) -> None:
    monkey = small_comparison.rows[0]
    many = replace(
        small_comparison,
        rows=tuple(replace(monkey, system=f"some-long-system-{i}") for i in range(9)),
        baseline="some-long-system-3",
    )
    for parts in (
        estimate_tables,
        comparison_tables,
    ):
        answers = [small_estimate] if parts is estimate_tables else [small_comparison, many]
        for answer in answers:
            monkeypatch_width = columns
            text = printed(_call(parts, answer, columns, printed), monkeypatch_width)
            assert max(map(len, text.splitlines())) <= columns
            assert "…" not in text


def _call(make: Any, answer: Any, columns: int, printed: Printed) -> list[Any]:
    printed([], columns)  # sets the width that the tables are made for
    made: list[Any] = make(answer)
    return made
