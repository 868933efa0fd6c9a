"""Margins of thousands of analytic links at once: the fast mode of Annex 178A.

This file knows a link as a row of sections between two packages. Its pulse is computed
at a few phases of the symbol alone, on as many frequencies as it has intervals, and the
error is that of the fixed taps without their limits (`com_coarse`); distributions,
floating taps and sequences are left to the full computation.
"""

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.channel import section_at
from accelsim.kernels.channel_tables import LINE
from accelsim.kernels.com_coarse import clipping_level, error_at
from accelsim.kernels.jit import inlined, kernel

PHASES = 8  # of a symbol at which the pulse is known
AHEAD = 16  # intervals that the pulse's flight is placed after the start


@kernel
def transform(
    real: NDArray[np.float64],
    imaginary: NDArray[np.float64],
    cosines: NDArray[np.float64],
    sines: NDArray[np.float64],
) -> None:
    """Transform 2^n samples in place, sum of x_k e^(2 pi j k n / N), unscaled.

    `cosines` and `sines` are of 2 pi k / N, (N / 2,).
    """
    size = len(real)
    k = 0
    for i in range(1, size):  # bit reversal
        bit = size >> 1
        while k & bit:
            k ^= bit
            bit >>= 1
        k |= bit
        if i < k:
            real[i], real[k] = real[k], real[i]
            imaginary[i], imaginary[k] = imaginary[k], imaginary[i]
    length = 2
    while length <= size:
        half, stride = length // 2, size // length
        for start in range(0, size, length):
            for n in range(half):
                c, s = cosines[n * stride], sines[n * stride]
                a, b = start + n, start + n + half
                x = real[b] * c - imaginary[b] * s
                y = real[b] * s + imaginary[b] * c
                real[b], imaginary[b] = real[a] - x, imaginary[a] - y
                real[a], imaginary[a] = real[a] + x, imaginary[a] + y
        length *= 2


@inlined
def line_at(
    part: np.record, ghz: float, root: float, logarithm: float, reference: float
) -> tuple[complex, complex]:
    """Return s11 and s21 of a line with its flight taken off, as `section_at`."""
    length = part.value
    loss = part.gamma0 + part.a1 * root + part.a2 * ghz
    lag = part.a1 * root - part.a2 * 2.0 / np.pi * logarithm * ghz
    size, angle = np.exp(-length * loss), -length * lag
    slow = complex(size * np.cos(angle), size * np.sin(angle))
    rho = (part.impedance - reference) / (part.impedance + reference)
    if rho == 0.0:
        return 0.0j, slow
    turn = -4.0 * np.pi * part.tau * ghz * length
    twice = slow * slow * complex(np.cos(turn), np.sin(turn))
    below = 1.0 / (1.0 - rho * rho * twice)
    return rho * (1.0 - twice) * below, (1.0 - rho * rho) * slow * below


@kernel
def fill_link(
    frequency: NDArray[np.float64],
    parts: NDArray[np.void],
    reference: float,
    ends: tuple[NDArray[np.complex128], NDArray[np.complex128]],
    reflection: float,
    out: NDArray[np.complex128],
) -> None:
    """Fill the transfer of a link, its lines' flight taken off, (F,).

    Parameters
    ----------
    frequency : (F,)
    parts : (N,) of `channel_tables.SECTION`
    reference : float
        Differential [ohm].
    ends : two of (F, 2, 2)
        Packages, the left port of each its die.
    reflection : float
        Of both dice, as in `channel.fill_transfer`.

    From left to right only s22 and s21 of what is behind matter: with the die's
    reflection the left end is a source. Flight is taken off s21, where it adds up, and
    not off what comes back.
    """
    left, right = ends
    drive = (1.0 - reflection) * (1.0 + reflection)
    for i in range(len(frequency)):
        ghz = frequency[i] / 1e9
        root = np.sqrt(ghz)
        logarithm = np.log(ghz) if ghz > 0.0 else 0.0
        below = 1.0 / (1.0 - left[i, 0, 0] * reflection)
        forth = left[i, 1, 0] * below
        back = left[i, 1, 1] + left[i, 1, 0] * left[i, 0, 1] * reflection * below
        for n in range(len(parts)):
            part = parts[n]
            if part.kind == LINE:
                turn = -4.0 * np.pi * part.tau * ghz * part.value
                s11, s21 = line_at(part, ghz, root, logarithm, reference)
                around = complex(np.cos(turn), np.sin(turn))
                loop = 1.0 / (1.0 - back * s11)
                forth = forth * s21 * loop
                back = s11 + s21 * s21 * around * back * loop
            else:
                s11, s12, s21, s22 = section_at(part, frequency[i], reference)
                loop = 1.0 / (1.0 - back * s11)
                forth = forth * s21 * loop
                back = s22 + s21 * s12 * back * loop
        end22 = right[i, 0, 0]
        loop = 1.0 / (1.0 - back * right[i, 1, 1])
        seen = end22 + right[i, 0, 1] * right[i, 1, 0] * back * loop
        forth = forth * right[i, 0, 1] * loop
        out[i] = forth * drive / (1.0 - seen * reflection)


@kernel
def fill_phases(
    spectrum: NDArray[np.complex128],
    waves: NDArray[np.complex128],
    tables: tuple[NDArray[np.float64], NDArray[np.float64]],
    out: NDArray[np.float64],
) -> None:
    """Fill a pulse at `PHASES` instants of every interval, (PHASES, N).

    Parameters
    ----------
    spectrum : (N + 1,)
        At multiples of the symbol rate over N, up to the symbol rate.
    waves : (PHASES, N + 1)
        e^(2 pi j i m / (N PHASES)).
    tables : (cosines, sines), each (N / 2,)

    Twice the real part of the sum over positive frequencies: bin N folds onto 0.
    """
    size = out.shape[1]
    imaginary = np.empty(size)
    for phase in range(PHASES):
        row = out[phase]
        for i in range(size):
            value = 2.0 * spectrum[i] * waves[phase, i]
            row[i], imaginary[i] = value.real, value.imag
        row[0] = spectrum[0].real + 2.0 * (spectrum[size] * waves[phase, size]).real
        imaginary[0] = 0.0
        transform(row, imaginary, tables[0], tables[1])


@kernel
def merit_of(
    pulse: NDArray[np.float64],
    noise_lags: NDArray[np.float64],
    rules: np.record,
    work: NDArray[np.float64],
) -> float:
    """Return the least error of a pulse over the phases about its peak.

    Parameters
    ----------
    pulse : (PHASES, N)
    noise_lags : (W,)
        Of the receiver's noise and crosstalk, over the symbols' mean square [V^2].
    rules : record of `com_tables.FAST`
    work : (4, W)
    """
    size, taps = pulse.shape[1], len(noise_lags)
    peak, where = -np.inf, 0
    for i in range(AHEAD - 4, AHEAD + 12):
        for phase in range(PHASES):
            if pulse[phase, i] > peak:
                peak, where = pulse[phase, i], i * PHASES + phase
    step = 0.0
    if rules.step_share > 0.0:
        middle = where // PHASES
        near = pulse[where % PHASES, middle - 8 : middle + 16]
        level, _ = clipping_level(near, rules.noise, rules.clipping, 10.0 / peak)
        step = (level * rules.step_share) ** 2 / 12.0 / rules.symbol_power
    lags, rows = work[0], work[1:3]
    best = np.inf
    for offset in range(3):
        at = where + offset
        phase, middle = at % PHASES, at // PHASES
        samples = pulse[phase]
        lags[:] = 0.0
        for i in range(size):  # by lag inside: sums side by side, not one after another
            for lag in range(min(taps, size - i)):
                lags[lag] += samples[i] * samples[i + lag]
        for lag in range(taps):
            lags[lag] = noise_lags[lag] + lags[lag] * (1.0 + rules.tx_noise)
        lags[0] += step + rules.jitter * slope_power(pulse, phase)
        for i in range(taps):
            there = middle + rules.pre - i
            rows[0, i] = samples[there] if there >= 0 else 0.0
            rows[1, i] = samples[there + 1] if there >= -1 else 0.0
        found = error_at(lags, rows, rules.low, rules.high, work[3])
        best = min(best, found)
    return best


@kernel
def slope_power(pulse: NDArray[np.float64], phase: int) -> float:
    """Return the sum of the squares of a pulse's slopes at a phase [V^2/UI^2].

    Taken as white: what jitter makes of them is not told by lag.
    """
    early, late = (phase - 1) % PHASES, (phase + 1) % PHASES
    before = 1 if phase == 0 else 0
    after = 1 if phase == PHASES - 1 else 0
    total = 0.0
    for i in range(1, pulse.shape[1] - 1):
        slope = pulse[late, i + after] - pulse[early, i - before]
        total += slope * slope
    return total * PHASES * PHASES / 4.0


@kernel
def fill_merits(
    frequency: NDArray[np.float64],
    parts: NDArray[np.void],
    starts: NDArray[np.int64],
    reference: float,
    ends: tuple[NDArray[np.complex128], NDArray[np.complex128]],
    reflection: float,
    equalizers: NDArray[np.complex128],
    noise_lags: NDArray[np.float64],
    waves: NDArray[np.complex128],
    tables: tuple[NDArray[np.float64], NDArray[np.float64]],
    rules: np.recarray,
    errors: NDArray[np.float64],
    choices: NDArray[np.int64],
) -> None:
    """Fill the least error of every link over the equalizers, and which it was, (L,).

    Parameters
    ----------
    frequency : (N + 1,)
        Multiples of the symbol rate over N, a power of two, up to the symbol rate [Hz].
    parts, starts : (P,) of `channel_tables.SECTION`, (L + 1,)
        Sections of all links, and where each link's begin.
    equalizers : (G, N + 1)
        Source, receiver and continuous-time equalizer of each choice, times the pulse
        and AHEAD intervals of delay [V].
    noise_lags : (G, W)
    waves, tables
        As in `fill_phases`.
    rules : (G,) of `com_tables.FAST`
    """
    size = len(frequency) - 1
    link = np.empty(size + 1, np.complex128)
    spectrum = np.empty(size + 1, np.complex128)
    pulse = np.empty((PHASES, size))
    work = np.empty((4, noise_lags.shape[1]))
    start = len(equalizers) // 2
    for n in range(len(starts) - 1):
        own = parts[starts[n] : starts[n + 1]]
        fill_link(frequency, own, reference, ends, reflection, link)
        errors[n], choices[n] = np.inf, start
        # up or down from the last link's choice, for as long as that helps
        way, g = 1, start
        while 0 <= g < len(equalizers):
            for i in range(size + 1):
                spectrum[i] = link[i] * equalizers[g, i]
            fill_phases(spectrum, waves, tables, pulse)
            found = merit_of(pulse, noise_lags[g], rules[g], work)
            if found < errors[n]:
                errors[n], choices[n] = found, g
                g += way
            elif way == 1:
                way, g = -1, start - 1
                if choices[n] != start:
                    break
            else:
                break
            if g == len(equalizers) and way == 1 and choices[n] == start:
                way, g = -1, start - 1
        start = choices[n]
