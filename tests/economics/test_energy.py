"""Joules by phase and part, by hand, and what stands outside of the boxes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim import catalog
from accelsim.economics.energy import (
    PhaseTimes,
    draw_of,
    energy_by_phase,
    energy_parts,
)
from accelsim.economics.power import steady
from accelsim.explore.estimate import estimate
from accelsim.question import Question, resolve, run_from
from tests.examples import question

SECONDS = st.floats(0.0, 1e4)


def parts_of(q: Question, phases: PhaseTimes, links: float) -> dict[str, float]:
    draw = draw_of(q)
    return energy_parts(draw, energy_by_phase(draw, phases, links))


def test_energy_by_hand() -> None:
    # 16 chips of 500 W (idle 100 W), two nodes of 4 kW beside them, PUE 1.25; half way
    # between idle and busy while only memory moves
    parts = parts_of(question(16), PhaseTimes(10.0, 4.0, 2.0, 1.0), 1000.0)
    assert parts["compute"] == 16 * (500 * 10 + 300 * 4)
    assert parts["communication"] == 16 * 100 * 2 + 1000
    assert parts["idle"] == 16 * 100 * 1
    assert parts["node"] == pytest.approx(2 * 4000 * 17)
    still = steady(question(16))
    assert parts["network"] == pytest.approx(still.network * 17)
    meter = sum(v for k, v in parts.items() if k != "facility")
    assert parts["facility"] == pytest.approx(0.25 * meter)


def test_a_partly_used_node_draws_as_a_whole() -> None:
    parts = parts_of(question(9), PhaseTimes(1.0, 0.0, 0.0, 0.0), 0.0)
    assert parts["node"] == pytest.approx(2 * 4000)
    assert parts["compute"] == 9 * 500


def test_an_ideal_hall_adds_nothing() -> None:
    q = question(16, system={"pue": 1.0})
    assert parts_of(q, PhaseTimes(1.0, 1.0, 1.0, 1.0), 0.0)["facility"] == 0.0


@given(SECONDS, SECONDS, SECONDS, st.integers(1, 64))
def test_mean_power_is_between_idle_and_all_on(
    compute: float, communication: float, idle: float, chips: int
) -> None:
    q = question(chips)
    phases = PhaseTimes(compute, 0.0, communication, idle)
    total = sum(parts_of(q, phases, 0.0).values())
    still = steady(q)
    beside = still.node + still.network
    low, high = (1.25 * (chips * w + beside) for w in (100, 500))
    assert low * phases.total * (1 - 1e-9) <= total <= high * phases.total * (1 + 1e-9)


@given(SECONDS, SECONDS, SECONDS, SECONDS)
def test_energy_is_the_sum_of_its_phases_and_parts(
    a: float, b: float, c: float, d: float
) -> None:
    q = question(16)

    def joules(*times: float) -> float:
        draw = draw_of(q)
        by_phase = energy_by_phase(draw, PhaseTimes(*times), 0.0)
        whole = sum(sum(parts.values()) for parts in by_phase.values())
        assert sum(energy_parts(draw, by_phase).values()) == pytest.approx(whole)
        return float(whole)

    apart = joules(a, 0, 0, 0) + joules(0, b, 0, 0) + joules(0, 0, c, 0)
    assert joules(a, b, c, d) == pytest.approx(apart + joules(0, 0, 0, d))


def of_system(name: str, chips: int, **fields: object) -> Question:
    return resolve(
        run_from({"model": "llama3-8b", "system": name, "chips": chips, **fields})
    )


def test_a_network_by_hand() -> None:
    # 512 H100: two levels of Quantum-2 (64 ports, 750 W), 512 links and 512 trunks,
    # each of 425 Gb/s both ways at 18.75 pJ/b; four NVSwitches of 120 W and eight
    # adapters of 25 W a box of 4.6 kW
    found = steady(of_system("dgx-h100", 512))
    assert found.network_switch == pytest.approx(512 * 3 * 750 / 64)
    assert found.optics == pytest.approx(1024 * 2 * 425e9 * 18.75e-12)
    assert found.nic == 64 * 8 * 25
    switch = catalog.load("switches", "nvswitch-3")
    assert found.node_switch == pytest.approx(64 * 4 * float(switch.power))
    assert found.node == pytest.approx(64 * 4600)


def test_a_job_in_one_box_needs_no_network() -> None:
    found = steady(of_system("dgx-h100", 8))
    assert found.network == 0.0
    assert found.node == pytest.approx(4600)


@given(st.sampled_from(["dgx-h100", "trn2-ultraserver", "gb200-nvl72", "tpu-v4-pod"]),
       st.integers(1, 40))  # fmt: skip
def test_boxes_hold_what_they_draw(name: str, nodes: int) -> None:
    q = of_system(name, nodes * 16)
    found = steady(q)
    boxes = -(-q.run.chips // q.system.node.chips)
    assert found.node == pytest.approx(boxes * float(q.system.node.overhead_power))
    assert min(found.host, found.nic, found.node_switch, found.network) >= 0.0


# A full rack that computes. GB200 NVL72: 120 to 132 kW (its box is what is left of the
# middle); DGX H100: four systems of 10.2 kW at most, by its datasheet.
@pytest.mark.parametrize(
    ("system", "chips", "low", "high"),
    [("gb200-nvl72", 72, 120e3, 132e3), ("dgx-h100", 32, 40.7e3, 40.9e3)],
)
def test_a_rack_draws_what_is_published(
    system: str, chips: int, low: float, high: float
) -> None:
    found = estimate({"model": "llama3-8b", "system": system, "chips": chips}).rack
    assert found is not None
    assert low <= found["highest_power_w"] <= high
    assert sum(found["power_parts_w"].values()) == pytest.approx(found["power_w"])
    assert found["power_w"] < found["highest_power_w"]


def test_trainium2_at_the_meter_is_what_the_hall_was_told_to_draw() -> None:
    # 250 to 300 MW for 256k chips; half of them here, all busy
    q = of_system("trn2-ultraserver", 131072)
    found = steady(q)
    each = 500.0 + (found.node + found.network) / 131072
    assert 250e6 / 256e3 <= each * 1.15 <= 300e6 / 256e3
