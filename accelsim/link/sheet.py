"""A parameter sheet of the channel operating margin as plain numbers in SI units.

This file knows what a sheet holds; not where it comes from (`specs.com`, or the
keywords of the IEEE reference tool, `link.keywords`), nor what is computed with it.
"""

from dataclasses import dataclass, replace
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.com_tables import BALANCE

Floats = NDArray[np.float64]
BINS_OF_SIGNAL = 1000


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
    via: float = 0.0  # capacitor behind the third line [F]


@dataclass(frozen=True, slots=True)
class PackageCase:
    """The packages of one test case."""

    transmitter: Package
    fext: Package
    next: Package
    receiver: Package


@dataclass(frozen=True, slots=True)
class Corners:
    """The continuous-time equalizer at one pair of gains [Hz]; 0: no second stage."""

    zero: float
    pole: float
    far_pole: float
    low_zero: float
    low_pole: float


@dataclass(frozen=True, slots=True)
class Ctle:
    """The continuous-time equalizer: corners in Hz, gains at 0 Hz in dB.

    Attributes
    ----------
    of_gain : tuple of Corners
        Corners that differ by the first stage's gain; empty: they do not.
    low_corners : tuple of float
        The second stage's by its gain; empty: they do not differ.
    refused : set of (gain, second gain)
        Pairs that are not to be tried.
    """

    zero: float
    pole: float
    far_pole: float
    gains_db: tuple[float, ...]
    low_corner: float = 0.0  # 0: no second stage
    low_gains_db: tuple[float, ...] = (0.0,)
    of_gain: tuple[Corners, ...] = ()
    low_corners: tuple[float, ...] = ()
    refused: frozenset[tuple[float, float]] = frozenset()

    def at(self, gain_db: float, low_gain_db: float) -> Corners:
        """Return the corners at a pair of gains."""
        low = self.low_corner
        if self.low_corners:
            low = self.low_corners[_nearest(low_gain_db, self.low_gains_db)]
        found = Corners(self.zero, self.pole, self.far_pole, low, low)
        if self.of_gain:
            found = self.of_gain[_nearest(gain_db, self.gains_db)]
            if low:
                found = replace(found, low_zero=low, low_pole=low)
        return found


def _nearest(value: float, values: tuple[float, ...]) -> int:
    return min(range(len(values)), key=lambda n: abs(values[n] - value))


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
    step: float = 0.0  # that taps are rounded down to; 0: none

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
    filtered: bool = True  # by the receiver's filter
    weighing: int = 1  # G_rr: how much of what feedback can take counts
    bin: float = 1e-4  # of the distribution, of the pulse
    transits: float = 5.0  # of the channel that are looked at where N is 0
    package: PackageCase | None = None  # its transmitter stands before the channel


@dataclass(frozen=True, slots=True)
class Filters:
    """What filters a receiver has, corners of the symbol rate."""

    butterworth: bool = True
    bessel: int = 0  # order of a Bessel-Thomson filter; 0: none
    cosine: tuple[float, float] | None = None  # a raised cosine, Hz from and to


@dataclass(frozen=True, slots=True)
class Board:
    """A host's board: capacitor, line, capacitor, from the device outwards."""

    line: Line
    device: float  # F
    far: float  # F


@dataclass(frozen=True, slots=True)
class Boards:
    """The boards that stand between packages and channel, by the kind of path.

    Attributes
    ----------
    transmitter, receiver : (victim, FEXT, NEXT)
    """

    transmitter: tuple[Board, Board, Board] | None
    receiver: tuple[Board, Board, Board]


@dataclass(frozen=True, slots=True)
class Window:
    """Where an eye is measured: a histogram about the sampling instant.

    Attributes
    ----------
    reach : float
        T_O, to either side [UI].
    samples : int
        Of a unit interval, finer than the sheet's.
    shape : str
        "rectangle", "gaussian", "triangle" or "dual_rayleigh".
    sigma : float
        Of a Gaussian or Rayleigh weight [UI].
    """

    reach: float
    samples: int = 100
    shape: str = "rectangle"
    sigma: float = 0.02


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
    anchor: int = BALANCE  # where phases count from, of `kernels.com_tables`
    sequence_detector: int = 0  # 0 none; of release 4.30, 1 by distances, 2 by scaling
    # crosstalk by frequency
    crosstalk_band: float = 0.0  # f_2 [Hz]
    icn_far: float = 0.0  # A_ft [V]
    icn_near: float = 0.0  # A_nt [V]
    icn_far_corner: float = 0.0  # f_f, of the symbol rate
    icn_near_corner: float = 0.0  # f_n
    lowest_frequency: float = 0.0  # Hz
    erl: ReturnLoss | None = None
    margin_db: float = 3.0
    # what the tool's keywords can ask for and no standard does
    as_measured: bool = False  # waves are not referred to R_0
    kept: float = 1e-3  # of the peak: an impulse response ends after its last above
    largest_bin: float = 1e-5  # of a distribution [V]
    forced_bin: bool = False
    crest: float = 0.0  # deviations that noise reaches to; 0: those of the error ratio
    jitter_span: bool = False  # jitter counts next to the taps alone
    noise_of_all_taps: bool = False  # the transmitter's noise is that without its taps
    kappa: tuple[float, float] = (1.0, 1.0)  # of the channel's reflections that count
    filters: Filters = Filters()
    boards: Boards | None = None
    window: Window | None = None

    @property
    def symbol_sigma(self) -> float:
        """Return the root mean square of the symbols, [1] (93A-29)."""
        levels = self.levels
        return sqrt((levels**2 - 1) / (3.0 * (levels - 1) ** 2))

    @property
    def rate(self) -> float:
        """Return the samples a second."""
        return self.symbol_rate * self.samples

    @property
    def deviations(self) -> float:
        """Return how many deviations normal noise exceeds as often as DER_0."""
        return self.crest or -NormalDist().inv_cdf(self.error_ratio)

    def bin(self, signal: float) -> float:
        """Return the width of a distribution's bins [V]."""
        if self.forced_bin:
            return self.largest_bin
        return min(signal / BINS_OF_SIGNAL, self.largest_bin)
