"""Two-ports of a differential pair: sections, cascades, and the transfer between dice.

This file knows closed forms over frequency, not what the parts are called.
[1] is IEEE Std 802.3, Annex 93A.
"""

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.channel_tables import LINE, SHUNT_CAPACITOR
from accelsim.kernels.jit import inlined, kernel

TINY = np.finfo(np.float64).eps
GAUSSIAN_EDGE = 1.6832  # 20 to 80 % of a Gaussian edge times its bandwidth [1]
# 1 + 2.61 x + 3.41 x^2 + 2.61 x^3 + x^4 as the reference tool rounds it
BUTTERWORTH = 2.613126
BUTTERWORTH_MIDDLE = 3.414214


@inlined
def join(
    s: tuple[complex, complex, complex, complex],
    t: tuple[complex, complex, complex, complex],
) -> tuple[complex, complex, complex, complex]:
    """Return two two-ports in series, (s11, s12, s21, s22): [1] (93A-4) to (93A-7)."""
    s11, s12, s21, s22 = s
    t11, t12, t21, t22 = t
    loop = 1.0 - s22 * t11
    return (
        s11 + s12 * s21 * t11 / loop,
        s12 * t12 / loop,
        s21 * t21 / loop,
        t22 + t12 * t21 * s22 / loop,
    )


@inlined
def section_at(
    part: np.record, frequency: float, reference: float
) -> tuple[complex, complex, complex, complex]:
    """Return one section at one frequency.

    Parameters
    ----------
    part : record of `channel_tables.SECTION`
    frequency, reference : float
        In Hz; ohm, differential.

    Shunt capacitor and series inductor of one leg: [1] (93A-8) and its dual. Line:
    gamma = gamma0 + a1 (1 + j) sqrt(f) + (a2 (1 - 2j/pi ln f) + 2j pi tau) f with f in
    GHz, [1] (93A-9) to (93A-14).
    """
    if part.kind == LINE:
        length, ghz = part.value, frequency / 1e9
        gamma = complex(part.gamma0, 0.0)
        if ghz > 0.0:
            root = part.a1 * np.sqrt(ghz)
            turn = 2.0 * np.pi * part.tau - part.a2 * 2.0 / np.pi * np.log(ghz)
            gamma = complex(part.gamma0 + root + part.a2 * ghz, root + turn * ghz)
        rho = (part.impedance - reference) / (part.impedance + reference)
        if length == 0.0:
            rho = 0.0
        pass_ = np.exp(-length * gamma)
        below = 1.0 - rho * rho * pass_ * pass_
        s11 = rho * (1.0 - pass_ * pass_) / below
        s21 = (1.0 - rho * rho) * pass_ / below
        return s11, s21, s21, s11
    omega = 2.0 * np.pi * frequency
    if part.kind == SHUNT_CAPACITOR:
        x = complex(0.0, omega * part.value * reference / 2.0)
        s11 = -x / (2.0 + x)
    else:
        x = complex(0.0, omega * part.value / (reference / 2.0))
        s11 = x / (2.0 + x)
    s21 = 2.0 / (2.0 + x)
    return s11, s21, s21, s11


@kernel
def fill_cascade(
    frequency: NDArray[np.float64],
    parts: NDArray[np.void],
    reference: float,
    out: NDArray[np.complex128],
) -> None:
    """Fill the two-port of sections in series.

    Parameters
    ----------
    frequency : (F,)
        Hz.
    parts : (N,) of `channel_tables.SECTION`
    reference : float
        Differential impedance that the result is referred to [ohm].
    out : (F, 2, 2)
    """
    for i in range(len(frequency)):
        s = (0.0j, 1.0 + 0.0j, 1.0 + 0.0j, 0.0j)
        for n in range(len(parts)):
            s = join(s, section_at(parts[n], frequency[i], reference))
        out[i, 0, 0], out[i, 0, 1], out[i, 1, 0], out[i, 1, 1] = s


@kernel
def fill_joined(
    left: NDArray[np.complex128],
    right: NDArray[np.complex128],
    out: NDArray[np.complex128],
) -> None:
    """Fill two two-ports in series; all of shape (F, 2, 2)."""
    for i in range(len(left)):
        a, b = left[i], right[i]
        out[i, 0, 0], out[i, 0, 1], out[i, 1, 0], out[i, 1, 1] = join(
            (a[0, 0], a[0, 1], a[1, 0], a[1, 1]), (b[0, 0], b[0, 1], b[1, 0], b[1, 1])
        )


@kernel
def fill_transfer(
    transmitter: NDArray[np.complex128],
    channel: NDArray[np.complex128],
    receiver: NDArray[np.complex128],
    reflections: tuple[float, float],
    edges: NDArray[np.complex128],
    out: NDArray[np.complex128],
) -> None:
    """Fill the voltage transfer from the source in one die to the pads of the other.

    Parameters
    ----------
    transmitter, channel, receiver : (F, 2, 2)
        Package, channel and package; a package's left port is its die.
    reflections : (transmitter, receiver)
        (R_d - R_0) / (R_d + R_0) of the two dice, [1] (93A-17).
    edges : (F,)
        What is multiplied on: the source's edge and the receiver's filter.
    out : (F,)
        [1] (93A-18).
    """
    gamma_tx, gamma_rx = reflections
    drive = (1.0 - gamma_tx) * (1.0 + gamma_rx)
    for i in range(len(channel)):
        a, b, c = transmitter[i], channel[i], receiver[i]
        s = join(
            (a[0, 0], a[0, 1], a[1, 0], a[1, 1]), (b[0, 0], b[0, 1], b[1, 0], b[1, 1])
        )
        s11, s12, s21, s22 = join(s, (c[1, 1], c[1, 0], c[0, 1], c[0, 0]))
        below = (
            1.0
            - s11 * gamma_tx
            - s22 * gamma_rx
            - s21 * s12 * gamma_tx * gamma_rx
            + s11 * s22 * gamma_tx * gamma_rx
        )
        out[i] = edges[i] * s21 * drive / below


@kernel
def fill_edges(
    frequency: NDArray[np.float64],
    transition_time: float,
    corner: float,
    out: NDArray[np.complex128],
) -> None:
    """Fill a Gaussian source edge, three transition times late, times the receiver.

    Parameters
    ----------
    frequency : (F,)
        Hz.
    transition_time : float
        20 to 80 % [s]; 0 for no edge.
    corner : float
        3 dB corner of the fourth-order Butterworth receiver, [1] (93A-20) [Hz].
    out : (F,)
    """
    for i in range(len(frequency)):
        f = frequency[i]
        swing = np.pi * f * transition_time / GAUSSIAN_EDGE
        edge = np.exp(complex(-2.0 * swing * swing, -6.0 * np.pi * f * transition_time))
        out[i] = edge / receiver_at(f / corner)


@inlined
def receiver_at(x: float) -> complex:
    """Return the denominator of the receiver's filter, x of its corner."""
    square = x * x
    return complex(
        1.0 - BUTTERWORTH_MIDDLE * square + square * square,
        BUTTERWORTH * x * (1.0 - square),
    )
