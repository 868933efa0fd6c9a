"""Toeplitz systems, clipping levels and floating groups of Annex 178A, by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from accelsim.kernels import com_coarse, com_mmse, com_pdf

SIZE = 5
Floats = NDArray[np.float64]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_products_are_those_of_the_inverse(size: int) -> None:
    lags = np.array([2.0, 0.8, -0.3, 0.1, 0.05])[:size]
    rows = np.array([[1.0, 0.0, 0.5, -1.0, 0.3], [0.2, 0.3, 0.4, 0.5, -0.1]])
    rows = np.ascontiguousarray(rows[:, :size])
    found = com_coarse.inverse_products(lags, rows, np.empty(size))
    matrix = lags[np.abs(np.arange(size)[:, None] - np.arange(size))]
    slow = rows @ np.linalg.solve(matrix, rows.T)
    np.testing.assert_allclose(found, [slow[0, 0], slow[0, 1], slow[1, 1]])


@pytest.mark.parametrize("sigma", [1e-3, 5e-3])
def test_a_clipping_level_is_near_that_of_the_distribution(sigma: float) -> None:
    samples = np.array([0.1, 0.06, -0.04, 0.03, 0.02, 0.01, 0.005])
    width, share = 1e-4, 5e-8
    sizes = np.sort(np.abs(samples))
    bounded = np.empty(2 * com_pdf.reach_of(sizes, width) + 1)
    com_pdf.fill_distribution(sizes, 4, width, bounded)
    normal = np.empty(2 * int(10 * sigma / width) + 1)
    com_pdf.fill_gaussian(sigma, width, normal)
    at = com_pdf.quantile_of_sum(bounded, normal, share)
    exact = ((len(bounded) + len(normal)) // 2 - 1 - at) * width
    level, saddle = com_coarse.clipping_level(samples, sigma**2, share, 200.0)
    for _ in range(3):
        level, saddle = com_coarse.clipping_level(samples, sigma**2, share, saddle)
    assert level == pytest.approx(exact, rel=0.03)


def equations() -> tuple[Floats, Floats]:
    h = np.array([0.0, 0.1, 0.35, 1.0, 0.6, 0.2, 0.05, 0.0, 0.0, 0.0, 0.0])
    lags = np.empty(SIZE)
    com_mmse.fill_autocorrelation(h, lags)
    lags[0] += 0.02
    rows = np.ascontiguousarray(h[5 + np.arange(2)[:, None] - np.arange(SIZE)])
    return lags, rows


@pytest.mark.parametrize("high", [0.85, 0.1])
def test_an_error_is_that_of_the_taps(high: float) -> None:
    lags, rows = equations()
    found = com_coarse.error_at(lags, rows, 0.0, high, np.empty(SIZE))
    matrix = lags[np.abs(np.arange(SIZE)[:, None] - np.arange(SIZE))]
    wide = np.array([np.full(SIZE, -9.0), np.full(SIZE, 9.0)])
    taps, back = np.empty(SIZE), np.empty(1)
    feedback = np.array([[0.0], [high]])
    full = com_mmse.fill_taps(matrix, rows, feedback, wide, 2, 0, taps, back)
    assert found == pytest.approx(full, rel=1e-9)


def test_a_floating_group_goes_where_the_error_is_least() -> None:
    h = np.zeros(40)
    h[3:8] = [0.1, 1.0, 0.5, 0.2, 0.05]
    h[16] = 0.2  # an echo twelve intervals late
    lags = np.empty(20)
    com_mmse.fill_autocorrelation(h, lags)
    lags[0] += 1e-3
    index = 5 + np.arange(2)[:, None] - np.arange(20)
    rows = np.where(index >= 0, h[index % 40], 0.0)
    limits = np.array([np.full(20, -0.5), np.full(20, 0.5)])
    limits[:, 1] = 1.0
    feedback = np.array([[0.0], [0.85]])
    columns = np.empty(6, np.int64)
    used = com_mmse.place_groups(lags, rows, feedback, limits, 1, (4, 1, 2), columns)
    assert used == 6
    errors = {}
    for start in range(4, 19):
        chosen = np.array([0, 1, 2, 3, start, start + 1])
        taps, back = np.empty(6), np.empty(1)
        errors[start] = com_mmse.error_with(
            lags, rows, feedback, limits, 1, chosen, taps, back
        )
    assert columns[4] == min(errors, key=lambda start: errors[start])
    assert 12 <= columns[4] <= 14


def test_groups_stop_where_there_is_no_room() -> None:
    lags, rows = equations()
    limits = np.array([np.full(SIZE, -0.5), np.full(SIZE, 0.5)])
    feedback = np.array([[0.0], [0.85]])
    columns = np.empty(3 + 3 * 2, np.int64)
    used = com_mmse.place_groups(lags, rows, feedback, limits, 2, (3, 3, 2), columns)
    assert used == 5


def test_spreading_is_convolving_with_a_level_density() -> None:
    density = np.array([1e-20, 0.2, 0.5, 0.3 - 1e-20, 1e-300])
    for half in (1, 3, 9):
        out = np.empty(len(density) + 2 * half)
        com_pdf.fill_spread(density, half, out)
        slow = np.convolve(density, np.ones(2 * half + 1)) / (2 * half + 1)
        np.testing.assert_allclose(out, slow, rtol=1e-12)
