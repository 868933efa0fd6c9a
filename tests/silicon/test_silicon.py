"""Yield, cost, area and other processes, against what is published."""

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import accelsim
from accelsim import catalog
from accelsim.errors import InputError, NoAnswerError
from accelsim.silicon import budget, power
from accelsim.silicon.answer import examine
from accelsim.silicon.cost import chip_cost, yield_of
from accelsim.silicon.nodes import at_date, gains, nominal, process
from accelsim.silicon.scale import ratios
from accelsim.silicon.wafer import (
    MODELS,
    die_yield,
    dies_per_wafer,
    fits_reticle,
    mixing,
)
from accelsim.specs.chip import ChipSpec
from accelsim.specs.figure import figures

MADE = ("a100-80gb", "h100-sxm", "b200", "mi300x", "trainium2", "trainium3")
PROCESSES = ("n7", "n5", "n4", "n4p", "n3e", "n3p", "n2", "n2p", "a16")


def chip(name: str) -> ChipSpec:
    found: ChipSpec = catalog.load("chips", name)
    return found


# A reticle-size die of 8.14 cm2 at 0.12 defects a cm2: e^-AD, ((1-e^-AD)/AD)^2,
# 1/(1+AD) and (1+AD/a)^-a with AD = 0.9768.
@pytest.mark.parametrize(
    ("model", "clustering", "expected"),
    [
        ("poisson", 2.0, 0.3765),
        ("murphy", 2.0, 0.4074),
        ("seeds", 2.0, 0.5059),
        ("negative-binomial", 2.0, 0.4514),
        ("negative-binomial", 10.0, 0.3938),
    ],
)
def test_yield_of_a_reticle(model: str, clustering: float, expected: float) -> None:
    found = die_yield(8.14 * 0.12, model, clustering=clustering)
    assert found == pytest.approx(expected, abs=1e-4)


def closed(model: str, mean: float, alpha: float) -> float:
    if model == "murphy":
        return 1.0 if mean == 0 else (-math.expm1(-mean) / mean) ** 2
    forms = {"poisson": math.exp(-mean), "seeds": 1 / (1 + mean)}
    return float(forms.get(model, (1 + mean / alpha) ** -alpha))


@given(
    st.sampled_from(MODELS), st.one_of(st.just(0.0), st.floats(1e-6, 6.0)),
    st.floats(0.5, 50.0),
)  # fmt: skip
def test_quadrature_gives_the_closed_forms(
    model: str, mean: float, alpha: float
) -> None:
    found = die_yield(mean, model, clustering=alpha)
    assert found == pytest.approx(closed(model, mean, alpha), rel=1e-6)


@given(st.sampled_from(MODELS), st.floats(0.0, 4.0), st.floats(0.0, 1.0))
def test_yield_falls_with_defects(model: str, mean: float, more: float) -> None:
    assert die_yield(mean + more, model) <= die_yield(mean, model) + 1e-12


def test_weights_of_a_density_sum_to_one_with_mean_one() -> None:
    for model in MODELS:
        nodes, weights = mixing(model, 2.0)
        assert weights.sum() == pytest.approx(1.0)
        assert (nodes * weights).sum() == pytest.approx(1.0)


def test_dies_of_a_wafer_are_near_the_usual_formula() -> None:
    # pi r^2 / A - pi d / sqrt(2 A) with 290 mm usable gives 58 for 814 mm2 and
    # 0.2 mm scribe lines; the count of whole dies on the best grid is a few more.
    area = (math.sqrt(814.0) + 0.2) ** 2
    formula = math.pi * 145**2 / area - math.pi * 290 / math.sqrt(2 * area)
    assert round(formula) == 58
    assert 0 <= dies_per_wafer(814e-6) - formula < 0.12 * formula
    small = math.pi * 145**2 / 104.04 - math.pi * 290 / math.sqrt(208.08)
    assert dies_per_wafer(100e-6) == pytest.approx(small, rel=0.05)


def test_many_areas_lie_on_the_line_between_counts() -> None:
    areas = np.array([400e-6, 500e-6, 600e-6])
    found = dies_per_wafer(areas)
    assert found[0] == dies_per_wafer(400e-6)
    assert all(np.diff(found) < 0)


def test_the_reticle_is_26_by_33_mm() -> None:
    assert fits_reticle(858e-6)
    assert not fits_reticle(860e-6)


# Cost bridge of siliconanalysts.com (2026, after Epoch AI): H100 3,320 USD, held to
# 10 %; B200 6,400 with Epoch's range 5,700 to 7,300 and its parts.
def test_h100_costs_what_is_published() -> None:
    cost = chip_cost(chip("h100-sxm"))
    assert cost.total == pytest.approx(3320, rel=0.10)
    assert cost.logic == pytest.approx(300, rel=0.15)
    assert cost.hbm == pytest.approx(1350, rel=0.05)
    assert cost.packaging == pytest.approx(750, rel=0.05)


def test_b200_costs_what_is_published() -> None:
    cost = chip_cost(chip("b200"))
    assert 5700 <= cost.total <= 7300
    assert 2800 <= cost.hbm <= 3100
    assert 1000 <= cost.packaging <= 1200
    assert 800 <= cost.loss <= 1200
    assert cost.hbm / cost.total == pytest.approx(0.45, abs=0.05)


@pytest.mark.parametrize("name", MADE)
def test_a_cost_is_the_sum_of_its_parts(name: str) -> None:
    cost = chip_cost(chip(name))
    parts = (cost.logic, cost.hbm, cost.packaging, cost.test, cost.loss)
    assert cost.total == pytest.approx(sum(parts))
    assert min(parts) > 0
    # what fails takes the memory with it
    lost = (cost.logic + cost.hbm + cost.packaging) * (1 / cost.package_yield - 1)
    assert cost.loss == pytest.approx(lost)


def test_harvesting_saves_a_third_of_h100s_dies() -> None:
    spec = chip("h100-sxm")
    assert yield_of(spec, harvest=False) < 0.55 < 0.75 < yield_of(spec)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_is_sourced(name: str) -> None:
    spec = process(name)
    assert all(len(figure.source) > 3 for figure in figures(spec).values())
    if spec.after:
        assert spec.speed.value >= 1 >= spec.power.value


def test_n2_over_n3p_is_chained_through_n3e() -> None:
    # TSMC: N2 over N3E 1.125 and 0.725, N3P over N3E 1.05 and 0.925
    found = gains("n2", "n3p")
    assert found.speed == pytest.approx(1.125 / 1.05)
    assert found.power == pytest.approx(0.725 / 0.925)
    assert gains("n3p", "n2").times(found).speed == pytest.approx(1.0)


@given(st.sampled_from(PROCESSES), st.sampled_from(PROCESSES))
def test_there_and_back_is_nothing(a: str, b: str) -> None:
    both = gains(a, b).times(gains(b, a))
    assert all(getattr(both, f) == pytest.approx(1.0) for f in type(both).__slots__)


def test_a_price_between_dates_lies_on_the_line() -> None:
    rows = process("n3e").wafers
    first, second = rows[0], rows[1]
    middle = date.fromordinal((first.date.toordinal() + second.date.toordinal()) // 2)
    found = at_date(rows, middle, "", nominal)
    low, high = float(second.usd), float(first.usd)
    assert min(low, high) < found < max(low, high)
    assert at_date(rows, date(2000, 1, 1), "", nominal) == float(first.usd)
    assert at_date(rows, None, "", nominal) == float(rows[-1].usd)


@pytest.mark.parametrize("name", MADE)
def test_known_chips_fit_on_their_dies(name: str) -> None:
    found = budget.budget_of(chip(name))
    assert found.fits_area
    assert found.fits_edge
    assert found.fits_reticle


def test_a_design_splits_a_die() -> None:
    parts = budget.Parts({"bf16": 262144.0}, 256 * 2**20, lanes=88, ports=6)
    small = budget.budget(parts, "n3p", 300e-6)
    large = budget.budget(parts, "n3p", 800e-6)
    assert not small.fits_edge
    assert large.fits_area
    assert large.rest - small.rest == pytest.approx(500e-6)
    # memory macros and SerDes hardly shrink, multiply-adds do
    old, new = budget.area_of(parts, "n5"), budget.area_of(parts, "n3e")
    assert new[0] == pytest.approx(old[0] / 1.6)
    assert new[1:] == pytest.approx(old[1:])


@pytest.mark.parametrize("name", MADE)
@given(st.sampled_from(PROCESSES))
def test_iso_power_keeps_power_and_iso_speed_the_clock(name: str, to: str) -> None:
    fast, cool = (ratios(chip(name), to, at) for at in ("iso-power", "iso-speed"))
    assert (fast.power, cool.clock) == (1.0, 1.0)
    assert (fast.clock >= 1 - 1e-9) == (cool.power <= 1 + 1e-9)


def test_trainium3_on_n2_gains_less_than_the_headline() -> None:
    fast = accelsim.port("trainium3", to="n2")
    assert 1.0 < fast.ratios.clock < 1.125 / 1.05
    cool = accelsim.port("trainium3", to="n2", at="iso-speed")
    assert 0.725 / 0.925 < cool.ratios.power < 1.0
    assert cool.chip.power.tdp.value == pytest.approx(
        cool.ratios.power * cool.before.power.tdp.value
    )
    # the announced Trainium4 is three times as fast: a node alone is not that
    four = chip("trainium4-projected").matrix.peak["fp8"].value
    assert four > 2.5 * fast.chip.matrix.peak["fp8"].value


def test_a_moved_chip_moves_back() -> None:
    there = accelsim.port("h100-sxm", to="n3e").chip
    back = accelsim.port(there, to="n4").chip
    old = chip("h100-sxm")
    assert back.clock.value == pytest.approx(old.clock.value, rel=0.02)
    assert float(back.die_area or 0) == pytest.approx(814e-6, rel=0.05)


# Largest bf16 products [TFLOP/s] under the power cap: stas00/ml-engineering@744d01e
# compute/accelerator/README.md (MAMF). Fitted: A100 and H100. Not fitted: the others.
MAMF = {"a100-80gb": 271.2, "h100-sxm": 794.5, "b200": 1745.0, "gb200": 1822.0}


@pytest.mark.parametrize("name", ["b200", "gb200"])
def test_energies_of_a100_and_h100_give_blackwells_clock(name: str) -> None:
    chips = {n: chip(n) for n in MAMF}
    reached = {
        n: v * 1e12 / float(chips[n].matrix.peak["bf16"]) for n, v in MAMF.items()
    }
    fitted = {n: reached[n] for n in ("a100-80gb", "h100-sxm")}
    energies = power.fit_energies(fitted, chips)
    assert 0.3e-12 < energies.flop < 1.2e-12
    assert 0.5e-9 < energies.cycle < 4e-9
    told = power.energies_of()  # what the catalog has is this fit
    assert (told.process, told.clock) == (energies.process, energies.clock)
    assert told.cycle == pytest.approx(energies.cycle, rel=1e-3)
    assert told.flop == pytest.approx(energies.flop, rel=1e-3)
    # B200: 0.776 of 1.86 GHz is 1.44 GHz, if all of the shortfall is the clock's
    clock = power.predict(chips[name], told) * float(chips[name].clock)
    assert clock == pytest.approx(reached[name] * float(chips[name].clock), rel=0.05)
    assert power.predict(chips[name], energies) == pytest.approx(
        reached[name], rel=0.05
    )
    for known, share in fitted.items():  # what it was fitted to comes back
        assert power.predict(chips[known], energies) == pytest.approx(share, rel=0.02)


# TDP over the largest measured products of each precision [pJ]: the same tables. The
# clocks are fitted to other measurements (GEMM tables), so 15 %.
@pytest.mark.parametrize(
    ("name", "kind", "measured"),
    [
        ("a100-80gb", "bf16", 1.475), ("h100-sxm", "bf16", 0.881),
        ("h100-sxm", "fp8", 0.499), ("b200", "bf16", 0.573), ("b200", "fp8", 0.291),
        ("gb200", "bf16", 0.659), ("gb200", "fp8", 0.332),
    ],
)  # fmt: skip
def test_energy_of_a_flop_by_precision(name: str, kind: str, measured: float) -> None:
    told = examine(chip(name))["power"]["pj_per_flop"]
    assert told[kind] == pytest.approx(measured, rel=0.15)


def test_less_power_is_less_clock() -> None:
    points = [power.operating_point(chip("b200"), cap=w) for w in (500, 700, 1000)]
    assert [p.clock for p in points] == sorted(p.clock for p in points)
    assert all(
        p.power <= w * (1 + 1e-6) for p, w in zip(points, (500, 700, 1000), strict=True)
    )
    light = power.operating_point(chip("b200"), power.Load(0.2, 0.1, 0.0))
    assert light.clock == 1.0


@pytest.mark.parametrize("name", MADE)
def test_only_products_reach_the_cap(name: str) -> None:
    found = {n: power.operating_point(chip(name), w) for n, w in power.WORK.items()}
    tdp, idle = float(chip(name).power.tdp), float(chip(name).power.idle)
    assert found["products"].power == pytest.approx(tdp, rel=0.01)
    assert found["products"].clock <= found["streams"].clock
    assert 0.5 * idle < found["collectives"].power < found["streams"].power < tdp


def test_bad_questions_are_refused() -> None:
    with pytest.raises(NoAnswerError, match=r"chip tpu-v4 has no \[die\]"):
        accelsim.port("tpu-v4", to="n2")
    with pytest.raises(InputError, match="unknown process 'n1'"):
        accelsim.port("trainium3", to="n1")
    with pytest.raises(InputError, match="port: at: 'iso-clock'"):
        accelsim.port("trainium3", to="n2", at="iso-clock")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="yield: 'moore' unknown"):
        die_yield(1.0, "moore")
    with pytest.raises(InputError, match=r"die\.cores: 4 are fewer"):
        catalog.load("chips", "trainium3", catalog.parse_overrides(["die.cores=4"]))
    with pytest.raises(InputError, match="is no share"):
        power.operating_point(chip("b200"), power.Load(compute=2.0))
