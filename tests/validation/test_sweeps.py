"""Sweeps: which rows make one, how their order is compared, what a choice costs."""

import pytest

from accelsim.validation.sweeps import summary, sweeps

MEASURED = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 2.0]


def swept(measured: list[float], predicted: list[float]) -> list[float | None]:
    rows = range(len(measured))
    times = dict(enumerate(zip(measured, predicted, strict=True)))
    found = sweeps(dict.fromkeys(rows, "one"), times)
    return [] if not found else [found[0].spearman, found[0].regret]


def test_a_perfect_order_regrets_nothing() -> None:
    assert swept(MEASURED, [10 * t for t in MEASURED]) == [pytest.approx(1.0), 0.0]


def test_regret_is_what_the_choice_costs() -> None:
    # the third is taken for the fastest: 1.2 against 1.0
    predicted = [2.0, 2.1, 1.0, 2.3, 2.4, 2.5, 2.6, 2.7]
    assert swept(MEASURED, predicted)[1] == pytest.approx(0.2)


@pytest.mark.parametrize("measured", [MEASURED[:7], [1.0 + i / 20 for i in range(8)]])
def test_few_plans_and_narrow_ones_are_no_sweep(measured: list[float]) -> None:
    assert swept(measured, measured) == []


def test_summary_is_of_medians() -> None:
    names = {i: str(i // 8) for i in range(24)}
    worse = [2.0, 1.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    orders = [MEASURED, MEASURED, worse]
    times = {i: (MEASURED[i % 8], orders[i // 8][i % 8]) for i in range(24)}
    found = summary(sweeps(names, times))
    assert found["spearman"] == pytest.approx(1.0)
    assert found["regret_median"] == 0.0
    assert found["regret_p90"] == pytest.approx(0.08)  # 0, 0, 0.1 at 1.8 of 2
    assert summary([]) == {"spearman": None, "regret_median": None, "regret_p90": None}
