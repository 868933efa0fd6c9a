"""A parameter sheet of the channel operating margin as plain numbers in SI units.

This file knows what a sheet holds; not where it comes from (`specs.com`, or the
keywords of the IEEE reference tool, `link.keywords`), nor what is computed with it.
"""

from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """A transmission line of a package, [1] (93A-9) to (93A-14), by length."""

    length: float  # m
    impedance: float  # ohm, differential
    gamma0: float  # 1/m
    a1: float  # sqrt(ns)/m
    a2: float  # ns/m
    tau: float  # ns/m


@dataclass(frozen=True, slots=True)
class Package:
    """What lies between a die and the balls, from the die outwards.

    Attributes
    ----------
    pads : tuple of float
        Capacitors at the die, each followed by the inductor of the same place [F].
    coils : tuple of float
        Inductors between them [H]; as many, or none.
    bump : float
        Capacitor behind the last of them [F].
    lines : tuple of Line
    ball : float
        Capacitor at the board [F].
    resistance : float
        Of the die's termination, one leg [ohm].
    """

    pads: tuple[float, ...]
    coils: tuple[float, ...]
    bump: float
    lines: tuple[Line, ...]
    ball: float
    resistance: float
    board: Line | None = None  # a host's trace behind the ball, [1] 178A.1.4


@dataclass(frozen=True, slots=True)
class PackageCase:
    """The packages of one test case."""

    transmitter: Package
    fext: Package
    next: Package
    receiver: Package


@dataclass(frozen=True, slots=True)
class Ctle:
    """The continuous-time equalizer: corners in Hz, gains at 0 Hz in dB."""

    zero: float
    pole: float
    far_pole: float
    gains_db: tuple[float, ...]
    low_corner: float = 0.0  # 0: no second stage
    low_gains_db: tuple[float, ...] = (0.0,)


@dataclass(frozen=True, slots=True)
class Feedback:
    """The decision feedback equalizer; taps are shares of the cursor."""

    high: tuple[float, ...]  # of the fixed taps
    low: tuple[float, ...]
    span: int = 0  # taps in all where some float, else that of the fixed ones
    groups: int = 0
    group_taps: int = 0
    floating_max: float = 0.0
    tail_start: int = 0
    tail_max: float = 0.0

    @property
    def taps(self) -> int:
        """Return how many taps there are, floating span included."""
        return max(self.span, len(self.high)) if self.groups else len(self.high)


@dataclass(frozen=True, slots=True)
class Forward:
    """The receiver's feed-forward equalizer of Annex 178A; limits of the cursor."""

    pre: int
    post: int
    limit: float
    first_pre_limit: float
    first_post_limit: float
    span: int = 0  # taps after the cursor, the floating ones' reach
    groups: int = 0
    group_taps: int = 0
    floating_max: float = 0.0
    floating_start: int = 0
    intervals: int = 1024  # length of the responses that noise is taken over
    draft: bool = False  # as P802.3dj Annex 178A words it, else as the tool's 4.30
    quantizer_bits: int = 0  # 0: none
    clipping: float = 1e-7  # P_qc, of the samples
    added_noise_db: float = 3.0  # dCOM_an, what noise is added before sequences count


@dataclass(frozen=True, slots=True)
class ReturnLoss:
    """How the effective return loss looks at a channel: [1] 93A.5."""

    transition_time: float  # s
    intervals: int  # N
    feedback: int  # N_bx
    rho: float
    beta: float  # dB/s
    fixture_delay: tuple[float, float]  # s
    window: bool  # a raised cosine from f_r f_b to f_b
    impedance: float  # ohm, one leg


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that a channel operating margin needs beside the channel and the setting.

    Attributes
    ----------
    symbol_rate : float
        Bd.
    levels, samples : int
        Of a symbol; of a unit interval.
    reference : float
        R_0, one leg [ohm].
    transition_time : float
        Of the source, 20 to 80 % [s].
    receiver_corner : float
        f_r, of the symbol rate.
    victim, far, near : float
        Amplitudes of victim, FEXT and NEXT [V].
    noise_density : float
        eta_0 [V^2/GHz], one-sided.
    random_jitter, dual_dirac : float
        sigma_RJ and A_DD [UI].
    """

    name: str
    symbol_rate: float
    levels: int
    samples: int
    reference: float
    transition_time: float
    receiver_corner: float
    victim: float
    far: float
    near: float
    level_ratio: float
    snr_tx_db: float
    noise_density: float
    random_jitter: float
    dual_dirac: float
    error_ratio: float
    cases: tuple[PackageCase, ...]
    ctle: Ctle
    tx_taps: tuple[tuple[float, ...], ...]  # allowed values, earliest first, no cursor
    tx_cursor: int  # taps before the cursor
    tx_cursor_min: float
    feedback: Feedback
    forward: Forward | None = None
    phases: tuple[int, int] = (0, 0)  # samples about the anchor that are tried
    at_peak: bool = False  # the anchor is the peak, else the Mueller-Mueller instant
    sequence_detector: bool = False
    # crosstalk by frequency
    crosstalk_band: float = 0.0  # f_2 [Hz]
    icn_far: float = 0.0  # A_ft [V]
    icn_near: float = 0.0  # A_nt [V]
    icn_far_corner: float = 0.0  # f_f, of the symbol rate
    icn_near_corner: float = 0.0  # f_n
    lowest_frequency: float = 0.0  # Hz
    erl: ReturnLoss | None = None
    margin_db: float = 3.0
    threshold: dict[str, float] = field(default_factory=dict)

    @property
    def symbol_sigma(self) -> float:
        """Return the root mean square of the symbols, [1] (93A-29)."""
        levels = self.levels
        return sqrt((levels**2 - 1) / (3.0 * (levels - 1) ** 2))

    @property
    def rate(self) -> float:
        """Return the samples a second."""
        return self.symbol_rate * self.samples
