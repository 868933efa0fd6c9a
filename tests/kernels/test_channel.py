"""Cascades and pulses against their textbook forms."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from accelsim.kernels import channel, pulse
from accelsim.kernels.channel_tables import (
    LINE,
    SECTION,
    SERIES_INDUCTOR,
    SHUNT_CAPACITOR,
)

PLAIN = bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]
FEW = settings(max_examples=5 if PLAIN else 40)
FREQUENCY = np.linspace(0.0, 60e9, 31)
LOSSY = (LINE, 0.03, 92.0, 0.0, 0.99, 0.277, 6.141)
PARTS = st.lists(
    st.one_of(
        st.tuples(st.just(SHUNT_CAPACITOR), st.floats(1e-15, 3e-13)),
        st.tuples(st.just(SERIES_INDUCTOR), st.floats(1e-12, 3e-10)),
        st.tuples(st.just(LINE), st.floats(0.0, 0.3)),
    ),
    min_size=1,
    max_size=6,
)


def cascade(*parts: tuple[float, ...]) -> NDArray[np.complex128]:
    table = np.array(list(parts), SECTION).view(np.recarray)
    out = np.empty((len(FREQUENCY), 2, 2), np.complex128)
    channel.fill_cascade(FREQUENCY, table, 100.0, out)
    return out


def whole(kind: int, value: float) -> tuple[float, ...]:
    return (kind, value, *LOSSY[2:]) if kind == LINE else (kind, value, 0, 0, 0, 0, 0)


def test_a_capacitor_is_a_shunt_admittance() -> None:
    # y = jwC R_0 of one leg: s11 = -y/(2+y), s21 = 2/(2+y), IEEE 802.3 (93A-8)
    y = 2j * np.pi * FREQUENCY * 120e-15 * 50.0
    found = cascade((SHUNT_CAPACITOR, 120e-15, 0, 0, 0, 0, 0))
    np.testing.assert_allclose(found[:, 0, 0], -y / (2 + y))
    np.testing.assert_allclose(found[:, 1, 0], 2 / (2 + y))


def test_an_inductor_is_its_dual() -> None:
    z = 2j * np.pi * FREQUENCY * 120e-12 / 50.0
    found = cascade((SERIES_INDUCTOR, 120e-12, 0, 0, 0, 0, 0))
    np.testing.assert_allclose(found[:, 0, 0], z / (2 + z))
    np.testing.assert_allclose(found[:, 1, 0], 2 / (2 + z))


def test_a_package_loses_what_the_annex_says() -> None:
    # 802.3dj package class A: 0.153 dB/mm at 53.125 GHz, matched
    line = (LINE, 1e-3, 100.0, 0.5, 0.89, 0.2, 6.141)
    out = np.empty((1, 2, 2), np.complex128)
    table = np.array([line], SECTION).view(np.recarray)
    channel.fill_cascade(np.array([53.125e9]), table, 100.0, out)
    assert -20 * np.log10(abs(out[0, 1, 0])) == pytest.approx(0.1530, abs=2e-4)


def test_two_halves_are_the_whole_line() -> None:
    half = (LINE, LOSSY[1] / 2, *LOSSY[2:])
    np.testing.assert_allclose(cascade(half, half), cascade(LOSSY), atol=1e-12)


@FEW
@given(PARTS)
def test_cascades_stay_passive_and_reciprocal(parts: list[tuple[int, float]]) -> None:
    found = cascade(*(whole(*part) for part in parts))
    np.testing.assert_allclose(found[:, 0, 1], found[:, 1, 0], atol=1e-12)
    assert np.linalg.norm(found, 2, axis=(1, 2)).max() <= 1 + 1e-9


@FEW
@given(PARTS, PARTS)
def test_joining_is_cascading(
    left: list[tuple[int, float]], right: list[tuple[int, float]]
) -> None:
    a, b = ([whole(*part) for part in side] for side in (left, right))
    out = np.empty((len(FREQUENCY), 2, 2), np.complex128)
    channel.fill_joined(cascade(*a), cascade(*b), out)
    np.testing.assert_allclose(out, cascade(*a, *b), atol=1e-10)


def test_transfer_between_matched_dice_is_the_cascade() -> None:
    package, link = cascade(LOSSY), cascade((LINE, 0.1, *LOSSY[2:]))
    edges, out = np.ones((2, len(FREQUENCY)), np.complex128)
    channel.fill_transfer(package, link, package, (0.0, 0.0), edges, out)
    expected = cascade(LOSSY, (LINE, 0.1, *LOSSY[2:]), LOSSY)
    np.testing.assert_allclose(out, expected[:, 1, 0], atol=1e-12)


def test_a_receiver_halves_power_at_its_corner() -> None:
    out = np.empty(1, np.complex128)
    channel.fill_edges(np.array([40e9]), 0.0, 40e9, out)
    assert abs(out[0]) ** 2 == pytest.approx(0.5, rel=1e-6)


def test_an_edge_is_three_transition_times_late() -> None:
    out = np.empty(1, np.complex128)
    channel.fill_edges(np.array([10e9]), 8e-12, 1e15, out)
    assert np.angle(out[0]) == pytest.approx(-2 * np.pi * 10e9 * 24e-12, abs=1e-3)


def spectrum(start: int, step: float = 1.0) -> NDArray[np.complex128]:
    f: NDArray[np.float64] = 10e6 * np.arange(start, 301, dtype=np.float64)
    delay, loss = 2e-9, 1e-10
    transfer = np.exp(-loss * f - 2j * np.pi * f * delay)
    magnitude, phase = np.empty((2, len(f)))
    pulse.fill_magnitude_phase(transfer, magnitude, phase)
    np.testing.assert_allclose(phase, np.unwrap(np.angle(transfer)), atol=1e-12)
    out = np.empty(1001, np.complex128)
    slope = -2.0 * np.pi * delay
    pulse.fill_spectrum(f, magnitude, phase, step * 10e6, slope, out)
    return out


@pytest.mark.parametrize("start", [0, 1])
def test_a_band_is_kept_and_extended(start: int) -> None:
    f = 10e6 * np.arange(1001)
    found = spectrum(start)
    expected = np.exp(-1e-10 * f - 2j * np.pi * f * 2e-9)
    inside = slice(start, 301)
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-9)
    np.testing.assert_allclose(np.angle(found / expected), 0.0, atol=1e-6)
    above = np.abs(found[301:])
    assert np.all(np.diff(above) <= 1e-15)
    assert above[-1] >= 0.0


def test_a_grid_between_the_points_is_linear() -> None:
    found = spectrum(0, 0.5)
    whole_ = spectrum(0)
    assert abs(found[7]) == pytest.approx((abs(whole_[3]) + abs(whole_[4])) / 2)


def test_an_impulse_ends_with_its_last_large_sample() -> None:
    response = np.array([0.0, 1.0, -0.5, 2e-3, 5e-4])
    assert pulse.last_above(response, 1e-3) == 4
    assert pulse.last_above(np.zeros(3), 1e-3) == 0


def test_the_equalizer_has_its_gain_at_zero() -> None:
    step, out = np.ones(4000), np.empty(4000)
    pulse.fill_filtered(step, 20e9, 20e9, 50e9, 0.25, 32 * 53e9, out)
    assert out[-1] == pytest.approx(0.25, rel=1e-9)


def test_a_pulse_is_a_sum_of_the_last_samples() -> None:
    response, out = np.arange(6.0), np.empty(6)
    pulse.fill_pulse(response, 3, out)
    np.testing.assert_allclose(out, [0, 1, 3, 6, 9, 12])


def test_shifts_go_round_the_end() -> None:
    response, out = np.arange(6.0), np.empty(6)
    pulse.fill_shifted(response, np.array([0.5, 1.0, -1.0]), 1, 2, out)
    early, late = np.roll(response, -2), np.roll(response, 2)
    np.testing.assert_allclose(out, 0.5 * early + response - late)
