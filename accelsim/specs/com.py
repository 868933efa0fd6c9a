"""A parameter sheet of the channel operating margin, as a standard's tables have it.

What the packages, the transmitter, the receiver and its noise are assumed to be when a
channel is judged: IEEE Std 802.3 Annexes 93A and 178A. Names are words for the annex's
symbols, which `docs/link.md` lists beside them.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from accelsim.specs.figure import (
    Figure,
    Frequency,
    NamedSpec,
    Ratio,
    Share,
    Spec,
    Time,
    quantity,
)

Volts = Annotated[Figure, quantity("voltage")]
Ohms = Annotated[Figure, quantity("resistance")]
Farads = Annotated[Figure, quantity("capacitance", low=0.0)]
Henries = Annotated[Figure, quantity("inductance", low=0.0)]
Length = Annotated[Figure, quantity("length", low=0.0)]
SymbolRate = Annotated[Figure, quantity("symbol_rate")]
VoltageDensity = Annotated[Figure, quantity("voltage_density", low=0.0)]
Intervals = Annotated[Figure, quantity("unit_interval", low=0.0)]
Decibels = Annotated[Figure, quantity("decibel", low=-300.0, high=300.0)]
Tap = Annotated[float, Field(ge=-2.0, le=2.0)]
Count = Annotated[int, Field(ge=0, le=4096)]


class Gains(Spec):
    """Gains from `first` to `last` in steps of `step`."""

    first: Decibels
    last: Decibels
    step: Decibels


class TxTap(Spec):
    """A tap of the transmitter's equalizer, `place` intervals after the cursor."""

    place: int = Field(ge=-8, le=8)
    first: Tap
    last: Tap
    step: Annotated[float, Field(gt=0.0, le=1.0)]


class Transmitter(Spec):
    """The transmitter's equalizer: every tap but the cursor, which is what is left."""

    taps: tuple[TxTap, ...] = ()
    cursor_min: Share


class Amplitudes(Spec):
    """Peak differential voltages of the victim's source and of the aggressors'."""

    victim: Volts
    fext: Volts
    next: Volts


class CtleSpec(Spec):
    """The continuous-time equalizer; the second stage has one corner."""

    zero: Frequency
    pole: Frequency
    far_pole: Frequency
    gains: Gains
    low_corner: Frequency | None = None
    low_gains: Gains | None = None


class Floating(Spec):
    """Groups of taps that go where they help most, up to `span` after the cursor."""

    groups: Count
    taps: Annotated[int, Field(gt=0, le=64)]
    span: Annotated[int, Field(gt=0, le=4096)]
    high: Annotated[float, Field(gt=0.0, le=2.0)]
    tail_start: Count = 0
    tail_max: Annotated[float, Field(ge=0.0)] = 0.0


class FeedbackSpec(Spec):
    """The decision feedback equalizer, taps as shares of the cursor."""

    high: tuple[Tap, ...]
    low: tuple[Tap, ...]
    floating: Floating | None = None

    @model_validator(mode="after")
    def _as_many(self) -> Self:
        if len(self.high) != len(self.low):
            raise ValueError(f"high has {len(self.high)} taps, low {len(self.low)}")
        return self


class ForwardSpec(Spec):
    """The receiver's feed-forward equalizer and its quantizer: Annex 178A."""

    pre: Count
    post: Count
    limit: Annotated[float, Field(gt=0.0)]
    floating: Floating | None = None
    quantizer_bits: Annotated[int, Field(ge=0, le=16)] = 0
    clipping: Annotated[float, Field(gt=0.0, lt=0.5)] = 1e-7
    sequence_detector: bool = False
    added_noise: Decibels | None = None


class Stretch(Spec):
    """A transmission line by length: loss and delay, [1] (93A-9) to (93A-11).

    Attributes
    ----------
    gamma0, a1, a2, tau : float
        In 1/m, sqrt(ns)/m, ns/m and ns/m; f in GHz.
    length : length or None
        Of a stretch that every test case has; without it the case says.
    """

    impedance: Ohms
    gamma0: Annotated[float, Field(ge=0.0)]
    a1: Annotated[float, Field(ge=0.0)]
    a2: Annotated[float, Field(ge=0.0)]
    tau: Annotated[float, Field(ge=0.0)]
    length: Length | None = None


class BoardSpec(Spec):
    """A host's board between package and channel: capacitor, line, capacitor."""

    line: Stretch
    device: Farads
    far: Farads

    @model_validator(mode="after")
    def _has_length(self) -> Self:
        if self.line.length is None:
            raise ValueError("line needs a length")
        return self


class WindowSpec(Spec):
    """Where a module's eye is measured: T_O to both sides, Annex 120G.

    Attributes
    ----------
    reach, sigma : interval
        To either side; of a Gaussian weight.
    samples : int
        Of a unit interval.
    closure : decibel
        Largest vertical eye closure that passes.
    """

    reach: Intervals
    samples: Annotated[int, Field(ge=8, le=1024)] = 100
    shape: Literal["rectangle", "gaussian", "triangle", "dual_rayleigh"] = "gaussian"
    sigma: Intervals
    closure: Decibels


class PackageSpec(Spec):
    """From the die to the board: pads with coils, bump, lines, ball, and a board."""

    resistance: Ohms
    pads: tuple[Farads, ...]
    coils: tuple[Henries, ...] = ()
    bump: Farads | None = None
    lines: tuple[Stretch, ...] = ()
    ball: Farads | None = None
    board: Stretch | None = None


class Case(Spec):
    """One test case: a package, and the lengths of those of its lines without one.

    The receiver has the transmitters' package unless `receiver_package` says another.
    """

    name: str
    package: str
    receiver_package: str | None = None
    transmitter: tuple[Length, ...]
    receiver: tuple[Length, ...]
    fext: tuple[Length, ...] | None = None
    next: tuple[Length, ...] | None = None


class Crosstalk(Spec):
    """How crosstalk is weighed by frequency, [1] (92-44)."""

    band: Frequency
    fext: Volts
    next: Volts
    fext_corner: Ratio
    next_corner: Ratio


class ErlSpec(Spec):
    """The effective return loss, [1] 93A.5."""

    transition_time: Time
    intervals: Annotated[int, Field(gt=0, le=100_000)]
    feedback: Count
    rho: Annotated[float, Field(gt=0.0)]
    beta: float = 0.0
    window: bool = True
    least: Decibels | None = None


class ComSpec(NamedSpec):
    """A parameter sheet.

    Attributes
    ----------
    annex : str
        93A, or 178A with a feed-forward equalizer.
    version : str
        Of the standard or draft.
    loss_mask : tuple of (frequency, loss)
        Largest insertion loss of a channel, where the standard gives one.
    boards : board or None
        Of both hosts, where a cable alone is judged.
    window : window or None
        Of a module's eye.
    """

    annex: Literal["93A", "178A"]
    version: str
    symbol_rate: SymbolRate
    levels: Annotated[int, Field(ge=2, le=16)]
    samples: Annotated[int, Field(ge=8, le=256)] = 32
    reference: Ohms
    transition_time: Time
    receiver_corner: Share
    level_ratio: Share
    snr_tx: Decibels
    noise_density: VoltageDensity
    random_jitter: Intervals
    dual_dirac: Intervals
    error_ratio: Annotated[float, Field(gt=0.0, lt=0.5)]
    margin: Decibels
    amplitude: Amplitudes
    transmitter: Transmitter
    ctle: CtleSpec
    feedback: FeedbackSpec
    forward: ForwardSpec | None = None
    packages: dict[str, PackageSpec]
    cases: Annotated[tuple[Case, ...], Field(min_length=1)]
    crosstalk: Crosstalk
    erl: ErlSpec | None = None
    loss_mask: tuple[tuple[Frequency, Decibels], ...] = ()
    boards: BoardSpec | None = None
    window: WindowSpec | None = None

    @model_validator(mode="after")
    def _cases_have_packages(self) -> Self:
        for case in self.cases:
            for end in ("transmitter", "receiver", "fext", "next"):
                name = case.package
                if end == "receiver" and case.receiver_package is not None:
                    name = case.receiver_package
                if name not in self.packages:
                    raise ValueError(f"case {case.name}: no package {name!r}")
                open_ = [p for p in self.packages[name].lines if p.length is None]
                lengths = getattr(case, end)
                if lengths is not None and len(lengths) != len(open_):
                    raise ValueError(
                        f"case {case.name}: {end} has {len(lengths)} lengths, the "
                        f"package {len(open_)} lines without one"
                    )
        if (self.forward is not None) != (self.annex == "178A"):
            raise ValueError("annex 178A has a [forward] equalizer, 93A has none")
        return self
