"""The fast mode's steps against NumPy and the full cascade."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from accelsim.kernels import channel, com_fast
from accelsim.kernels.channel_tables import (
    LINE,
    SECTION,
    SERIES_INDUCTOR,
    SHUNT_CAPACITOR,
)
from accelsim.kernels.com_tables import FAST

N = 64
F = np.linspace(0.0, 106.25e9, N + 1)
ANGLES = 2.0 * np.pi * np.arange(N // 2) / N
TABLES = (np.cos(ANGLES), np.sin(ANGLES))
WAVES = np.exp(2j * np.pi * np.arange(N + 1) / N * np.arange(8)[:, None] / 8)
PACKAGE = [
    (SHUNT_CAPACITOR, 40e-15, 0, 0, 0, 0, 0),
    (SERIES_INDUCTOR, 130e-12, 0, 0, 0, 0, 0),
    (LINE, 0.012, 87.5, 0.5, 0.89, 0.2, 6.141),
]
LINK = [
    (LINE, 0.05, 92.5, 0.0, 0.6, 0.04, 6.0),
    (SHUNT_CAPACITOR, 12e-15, 0, 0, 0, 0, 0),
    (LINE, 0.3, 100.0, 0.0, 0.15, 0.005, 4.3),
]


def test_a_transform_is_numpys() -> None:
    generator = np.random.default_rng(1)
    x = generator.normal(size=N) + 1j * generator.normal(size=N)
    real, imaginary = x.real.copy(), x.imag.copy()
    com_fast.transform(real, imaginary, *TABLES)
    np.testing.assert_allclose(real + 1j * imaginary, np.fft.ifft(x) * N, atol=1e-12)


def made(rows: Sequence[tuple[float, ...]]) -> np.ndarray:
    out = np.empty((len(F), 2, 2), np.complex128)
    channel.fill_cascade(F, np.array(rows, SECTION).view(np.recarray), 92.5, out)
    return out


@pytest.mark.parametrize("reflection", [0.0, 0.1])
def test_a_link_is_the_cascade_without_its_flight(reflection: float) -> None:
    package, found = made(PACKAGE), np.empty(len(F), np.complex128)
    parts = np.array(LINK, SECTION).view(np.recarray)
    com_fast.fill_link(F, parts, 92.5, (package, package), reflection, found)
    expected, edges = np.empty(len(F), np.complex128), np.ones(len(F), np.complex128)
    ends = (reflection, reflection)
    channel.fill_transfer(package, made(LINK), package, ends, edges, expected)
    flight = (0.05 * 6.0 + 0.3 * 4.3) * 1e-9
    np.testing.assert_allclose(
        found, expected * np.exp(2j * np.pi * F * flight), atol=1e-12
    )


def test_phases_are_the_pulse_between_symbols() -> None:
    turns = -((F / 40e9) ** 2) - 2j * np.pi * F * 12.3 / 106.25e9
    spectrum: Any = np.exp(turns) / N
    out = np.empty((8, N))
    com_fast.fill_phases(spectrum, WAVES, TABLES, out)
    for phase, interval in ((0, 12), (3, 13), (7, 20)):
        t = (interval + phase / 8) / 106.25e9
        waves = np.exp(2j * np.pi * F * t)
        direct = spectrum[0].real + 2 * np.sum((spectrum[1:] * waves[1:]).real)
        assert out[phase, interval] == pytest.approx(direct, abs=1e-12)


def test_a_longer_cable_and_more_noise_cost_error() -> None:
    row = (6, 0.0, 0.85, 5 / 9, 2 / 63, 5e-8, 1e-7, 8e-4, 5e-4)
    table: Any = np.array([row, row], FAST).view(np.recarray)
    package = made(PACKAGE)
    lines = [[(LINE, m, 100.0, 0.0, 0.15, 0.005, 4.3)] for m in (0.2, 0.8, 1.6)]
    parts = np.array([row for line in lines for row in line], SECTION).view(np.recarray)
    starts = np.arange(4)
    early = 0.024 * 6.141e-9
    shape = np.exp(-((F / 50e9) ** 2)) * np.sinc(F / 106.25e9) * 0.4 / N
    shape = shape * np.exp(2j * np.pi * F * (early - com_fast.AHEAD / 106.25e9))
    boost = shape * (0.3 + 1j * F / 42.5e9) / (1 + 1j * F / 42.5e9)
    found = []
    for noise in (1e-7, 1e-5):
        lags = np.zeros((2, 15))
        lags[:, 0] = noise
        errors, choices = np.empty(3), np.empty(3, np.int64)
        com_fast.fill_merits(
            F,
            parts,
            starts,
            92.5,
            (package, package),
            0.0,
            np.array([boost, shape]),
            lags,
            WAVES,
            TABLES,
            table,
            errors,
            choices,
        )
        found.append(errors)
        assert np.all(np.diff(errors) > 0.0)
    assert np.all(found[1] > found[0])
