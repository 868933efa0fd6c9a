"""Joules by phase, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.economics.energy import PhaseTimes, draw_of, energy_parts
from tests.examples import question

SECONDS = st.floats(0.0, 1e4)


def test_energy_by_hand() -> None:
    # 16 chips of 500 W (idle 100 W), two nodes of 4 kW beside them, PUE 1.25
    parts = energy_parts(draw_of(question(16)), PhaseTimes(10.0, 2.0, 1.0), 1000.0)
    assert parts["compute"] == 16 * 500 * 10
    assert parts["communication"] == 16 * 100 * 2 + 1000
    assert parts["idle"] == 16 * 100 * 1
    assert parts["node"] == 2 * 4000 * 13
    meter = 80_000 + 4_200 + 1_600 + 104_000
    assert parts["facility"] == pytest.approx(0.25 * meter)
    assert sum(parts.values()) == pytest.approx(1.25 * meter)


def test_a_partly_used_node_draws_as_a_whole() -> None:
    parts = energy_parts(draw_of(question(9)), PhaseTimes(1.0, 0.0, 0.0), 0.0)
    assert parts["node"] == 2 * 4000
    assert parts["compute"] == 9 * 500


def test_an_ideal_hall_adds_nothing() -> None:
    q = question(16, system={"pue": 1.0})
    assert energy_parts(draw_of(q), PhaseTimes(1.0, 1.0, 1.0), 0.0)["facility"] == 0.0


@given(SECONDS, SECONDS, SECONDS, st.integers(1, 64))
def test_mean_power_is_between_idle_and_all_on(
    compute: float, communication: float, idle: float, chips: int
) -> None:
    q, phases = question(chips), PhaseTimes(compute, communication, idle)
    total = sum(energy_parts(draw_of(q), phases, 0.0).values())
    nodes = -(-chips // 8)
    low, high = (1.25 * (chips * w + nodes * 4000) for w in (100, 500))
    assert low * phases.total * (1 - 1e-9) <= total <= high * phases.total * (1 + 1e-9)


@given(SECONDS, SECONDS, SECONDS)
def test_energy_is_the_sum_of_its_phases(a: float, b: float, c: float) -> None:
    q = question(16)

    def joules(*times: float) -> float:
        return float(sum(energy_parts(draw_of(q), PhaseTimes(*times), 0.0).values()))

    apart = joules(a, 0.0, 0.0) + joules(0.0, b, 0.0) + joules(0.0, 0.0, c)
    assert joules(a, b, c) == pytest.approx(apart)
