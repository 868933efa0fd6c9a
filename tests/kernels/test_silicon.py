"""Dies, yields and clocks, against closed forms and counting by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels import silicon

CURVE = (0.37, 0.7, 1.3)


def counted(radius: float, width: float, height: float, left: float, low: float) -> int:
    """Return the dies of one grid whose corners all lie in the disc."""
    count = 0
    for i in range(-9, 9):
        for j in range(-7, 7):
            x, y = left + i * width, low + j * height
            corners = [(x + a, y + b) for a in (0.0, width) for b in (0.0, height)]
            count += all(math.hypot(*c) <= radius for c in corners)
    return count


def test_dies_are_those_of_the_best_grid() -> None:
    width, height = 20e-3, 30e-3
    grids = [
        counted(0.145, width, height, a * width / 16, b * height / 16)
        for a in range(16)
        for b in range(16)
    ]
    assert silicon.dies_per_wafer(0.145, width, height, 0.0) == max(grids)


def test_a_die_larger_than_the_wafer_is_none() -> None:
    assert silicon.dies_per_wafer(0.145, 0.3, 0.3, 0.0) == 0


def yields(mean: float, share: float, dead: float, cores: int, needed: int) -> float:
    out = np.empty(1)
    one = np.ones(1)
    shares = np.array([[share, dead]])
    silicon.fill_yields(np.array([mean]), shares, cores, needed, one, one, out)
    return float(out[0])


def test_spare_cores_by_hand() -> None:
    # 1.2 defects in the mean, 0.9 of them in three cores of which two must work
    good = math.exp(-1.2 * 0.9 / 3)
    two = 3 * good**2 * (1 - good) + good**3
    expected = two * math.exp(-1.2 * 0.1)
    assert yields(1.2, 0.9, 0.1, 3, 2) == pytest.approx(expected, rel=1e-12)


@given(st.floats(0.0, 5.0), st.floats(0.0, 1.0), st.integers(1, 60), st.data())
def test_spare_cores_never_hurt(
    mean: float, share: float, cores: int, data: st.DataObject
) -> None:
    needed = data.draw(st.integers(1, cores))
    all_needed = yields(mean, share, 1.0 - share, cores, cores)
    found = yields(mean, share, 1.0 - share, cores, needed)
    assert all_needed - 1e-12 <= found <= 1.0
    assert all_needed == pytest.approx(math.exp(-mean), rel=1e-9)


@given(st.floats(0.4, 2.0))
def test_clock_and_voltage_are_inverse(voltage: float) -> None:
    clock = silicon.clock_at(voltage, CURVE[0], CURVE[2])
    assert silicon.voltage_at(clock, CURVE[0], CURVE[2]) == pytest.approx(voltage)


def test_power_goes_with_about_the_cube_of_the_clock_near_the_nominal_point() -> None:
    low, high = (silicon.power_at(c, CURVE, 100.0, 0.0) for c in (0.99, 1.01))
    slope = math.log(high / low) / math.log(1.01 / 0.99)
    assert 2.6 < slope < 3.0


@given(st.floats(1.0, 2000.0), st.floats(0.0, 100.0), st.floats(10.0, 2000.0))
def test_the_clock_stays_below_the_cap(dynamic: float, leak: float, cap: float) -> None:
    clock = silicon.capped_clock(CURVE, dynamic, leak, cap)
    assert 0.0 <= clock <= 1.0
    if clock > 0.0:
        drawn = silicon.power_at(clock, CURVE, dynamic, leak)
        assert drawn <= cap * (1 + 1e-9)
        assert clock == 1.0 or drawn == pytest.approx(cap, rel=1e-6)
    assert silicon.capped_clock(CURVE, dynamic, leak, 1.1 * cap) >= clock
