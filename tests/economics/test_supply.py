"""Chips by month: limits, scenarios and laws."""

from datetime import date

import numpy as np
import pytest

from accelsim import catalog
from accelsim.economics.supply import Scenario, answer, month_after, supply
from accelsim.errors import InputError
from accelsim.specs.supply import SupplySpec

UNTIL = date(2027, 12, 1)


def spec(*changes: str) -> SupplySpec:
    found: SupplySpec = catalog.load(
        "supply", "trainium3", catalog.parse_overrides(changes)
    )
    return found


def test_memory_limits_by_hand() -> None:
    # 1 PB a month over 144 GiB, ramped to 1 - e^-1 after a month of one month's ramp
    scarce = spec('memory.0.bytes_per_month="1 PB"', 'ramp="1 month"')
    found = supply(scarce, scarce.start, samples=10)
    assert found.limits == ("memory",)
    chip = catalog.load("chips", "trainium3")
    package = catalog.load("packages", "cowos-r")
    most = 1e15 / float(chip.hbm.capacity) * (1 - np.exp(-1.0))
    assert (found.chips[0] < most * float(package.package_yield.spread[1])).all()
    assert (found.chips[0] > 0.8 * most).all()


def test_a_lost_fab_makes_nothing_and_later_months_as_many() -> None:
    plan = supply(spec(), UNTIL, samples=50)
    lost = supply(spec(), UNTIL, Scenario(date(2027, 1, 1), 3), samples=50)
    gone = [m for m, row in zip(lost.months, lost.chips, strict=True) if not row.any()]
    assert gone == [date(2027, 1, 1), date(2027, 2, 1), date(2027, 3, 1)]
    kept = [i for i, m in enumerate(plan.months) if m not in gone]
    assert np.allclose(plan.chips[kept], lost.chips[kept])


@pytest.mark.parametrize(
    "wrong",
    [
        Scenario(date(2026, 6, 1), 6, 0.5),
        Scenario(packaging_late=12),
        Scenario(slow_learning=3.0),
    ],
)
def test_nothing_that_goes_wrong_helps(wrong: Scenario) -> None:
    plan = supply(spec(), UNTIL, samples=50).fleet
    assert (supply(spec(), UNTIL, wrong, samples=50).fleet <= plan * (1 + 1e-12)).all()


def test_intervals_rise_and_seeds_repeat() -> None:
    first = answer(spec(), UNTIL, Scenario(), 200, 1)
    assert first == answer(spec(), UNTIL, Scenario(), 200, 1)
    for row in first["months"]:
        assert row["chips"]["p5"] <= row["chips"]["p50"] <= row["chips"]["p95"]
    assert first["fleet_share_kept"]["p50"] == 1.0


def test_months_go_on_over_the_year() -> None:
    assert month_after(date(2025, 11, 3), 3) == date(2026, 2, 1)
    assert month_after(date(2026, 1, 31), -2) == date(2025, 11, 1)


def test_bad_questions_are_refused() -> None:
    with pytest.raises(InputError, match="until"):
        supply(spec(), date(2020, 1, 1))
    with pytest.raises(InputError, match="lost: 2"):
        supply(spec(), UNTIL, Scenario(lost=2.0))
    with pytest.raises(InputError, match="slow_learning"):
        supply(spec(), UNTIL, Scenario(slow_learning=0.5))
    with pytest.raises(InputError, match="samples: 0"):
        supply(spec(), UNTIL, samples=0)
