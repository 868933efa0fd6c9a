"""The largest of many normal numbers, by its integral and by its law of growth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from accelsim.kernels.extremes import LAST, largest


def moment(count: int, power: int) -> float:
    """Return E[max^power] of `count` standard normal numbers."""

    def density(x: float) -> float:
        below = np.exp((count - 1) * stats.norm.logcdf(x))
        return float(x**power * count * stats.norm.pdf(x) * below)

    return float(integrate.quad(density, -9, 9, limit=200, points=[0.0, 3.0])[0])


@pytest.mark.parametrize("count", [2, 8, 64, 1024, 2**LAST])
def test_powers_of_two_are_exact(count: int) -> None:
    mean, deviation = largest(float(count))
    assert mean == pytest.approx(moment(count, 1), abs=2e-5)
    assert deviation**2 == pytest.approx(moment(count, 2) - mean**2, abs=1e-4)


@pytest.mark.parametrize("count", [3, 6, 12, 72, 96, 1536])
def test_between_powers_of_two_within_a_percent_and_a_half(count: int) -> None:
    mean, deviation = largest(float(count))
    exact = moment(count, 1)
    assert mean == pytest.approx(exact, rel=0.015)
    assert deviation == pytest.approx(np.sqrt(moment(count, 2) - exact**2), rel=0.015)


@given(a=st.floats(1.0, 1e6), factor=st.floats(1.0, 100.0))
def test_more_numbers_have_a_larger_largest_that_varies_less(
    a: float, factor: float
) -> None:
    few, many = largest(a), largest(a * factor)
    assert many[0] >= few[0]
    assert many[1] <= few[1]


def test_one_alone_is_its_mean() -> None:
    assert largest(1.0) == (0.0, 1.0)
    assert largest(0.5) == (0.0, 1.0)
