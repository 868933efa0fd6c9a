"""What a changed chip draws: by hand, laws, and the design of the catalog."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim import catalog
from accelsim.chip import chip as chip_named
from accelsim.errors import NoAnswerError
from accelsim.explore.optimise import optimise
from accelsim.silicon.design import DesignPoint, design_point

MADE = ("a100-80gb", "h100-sxm", "b200", "trainium2", "trainium3")


def point(*changes: str, name: str = "trainium3") -> DesignPoint:
    return design_point(chip_named(name, catalog.parse_overrides(changes)).spec)


@pytest.mark.parametrize("name", MADE)
def test_a_chip_as_it_is_draws_its_tdp_at_its_clock(name: str) -> None:
    found = point(name=name)
    tdp = float(catalog.load("chips", name).power.tdp)
    assert found.full == pytest.approx(tdp)
    assert found.clock == pytest.approx(1.0)


def test_parts_by_hand() -> None:
    # Trainium3: 1 kW, 25 % SRAM, 6 % links, 10 % memory, 12 % leakage, 47 % logic
    found = point(
        "chip.matrix.peak.bf16=1342 TFLOP/s",
        "chip.matrix.peak.fp8=5034 TFLOP/s",
        "chip.matrix.rows=256",
        "chip.sram.capacity=1024 MiB",
        "chip.die.serdes_lanes=208",
        "chip.hbm.bandwidth=9.8 TB/s",
        "chip.die_area=1500 mm2",
    )
    assert found.logic == pytest.approx(2 * 470)
    # rows + columns 384 over 256, wires twice as long
    assert found.sram == pytest.approx(1.5 * 2 * 250)
    assert found.links == pytest.approx(2 * 60)
    assert found.memory == pytest.approx(2 * 100)
    assert found.leakage == pytest.approx(1.5 * 120)
    assert found.clock < 1.0


@given(st.floats(1.0, 4.0), st.floats(1.0, 3.0))
def test_more_arrays_are_slower_and_yet_do_more(wide: float, more: float) -> None:
    def made(factor: float) -> float:
        return point(
            f"chip.matrix.peak.bf16={671 * factor} TFLOP/s",
            f"chip.matrix.peak.fp8={2517 * factor} TFLOP/s",
        ).clock

    old, new = made(wide), made(wide * more)
    assert new <= old * (1 + 1e-9)
    assert new * more >= old * (1 - 1e-9)


def test_a_chip_that_the_catalog_does_not_have_is_compared_with_none() -> None:
    spec = catalog.load("chips", "trainium3").model_copy(update={"name": "mine"})
    with pytest.raises(NoAnswerError, match="none of this name"):
        design_point(spec)


def test_wide_arrays_at_a_low_clock_give_more_tokens_a_dollar() -> None:
    found = optimise("die-at-1kw", trials=16)
    assert found.base is not None
    best, base = found.best[0], found.base.usd_per_million_tokens
    assert base is not None
    assert best["usd_per_million_tokens"] < base
    assert best["chip.matrix.rows"] > 128
    assert best["chip.clock"] < 2.56
    # the budget held it
    assert best["silicon.budget.fits_area"] == 1.0
    rest, dies = (best[f"silicon.budget.{k}"] for k in ("area_mm2.rest", "dies_mm2"))
    assert rest >= 0.55 * dies
