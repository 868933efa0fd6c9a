"""A number that knows its unit, its source and how far to trust it.

`Figure` is the value of every quantity in a spec. The text is parsed once, here;
the room that uses it takes `float(figure)`, which is SI.
"""

import re
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from accelsim import units
from accelsim.errors import InputError, nearest

Kind = Literal["datasheet", "documentation", "measured", "press", "assumed"]
KINDS: tuple[str, ...] = get_args(Kind)
MAX_SIZE = 2**31 - 1  # far above any count, far below where products overflow
SOFT_KINDS = ("press", "assumed")


@dataclass(frozen=True, slots=True)
class Figure:
    """A quantity with its provenance.

    Attributes
    ----------
    value : float
        In SI units of `dimension` (see `accelsim.units.UNITS`).
    text : str
        The quantity as it was written.
    dimension : str
        Key of `accelsim.units.UNITS`.
    source, kind : str
        Where the figure comes from, and what kind of source that is.
    spread : tuple of float, optional
        Lowest and highest plausible value in SI, where the source gives a range.
    shape : str
        Of the distribution: triangular around the value (a spread), uniform (written as
        ``19_900..27_000 USD``) or normal (``0.71 ~ 0.05``; the spread is 2 deviations).
    origin : str
        Of a scaled figure: what it comes from, whose draws it shares.
    """

    value: float
    text: str
    dimension: str
    source: str = ""
    kind: str = "assumed"
    spread: tuple[float, float] | None = None
    shape: str = "triangular"
    origin: str = ""

    @property
    def stream(self) -> str:
        """Return what names the draws of an uncertain figure beside its path."""
        return self.origin or f"{self.text}|{self.source}"

    def __float__(self) -> float:
        """Return the value in SI units."""
        return self.value

    def scaled(self, factor: float, why: str) -> "Figure":
        """Return the figure times `factor`: a figure derived from a changed one."""
        unit = units.UNITS[self.dimension][0]
        text = units.show(self.value * factor, unit, digits=6)
        source = f"{why}; from {self.text} ({self.source})"
        spread = self.spread and (self.spread[0] * factor, self.spread[1] * factor)
        return replace(
            self,
            value=self.value * factor,
            text=text,
            source=source,
            kind="assumed",
            spread=spread,
            origin=self.stream,
        )


class Cited(str):
    """A text from a file that remembers the file's source and kind.

    Inheritance (`base = …`) mixes figures of two files; each keeps its own source.
    """

    source: str
    kind: str


class CitedInt(int):
    """A whole number that remembers its source and kind."""

    source: str
    kind: str


class CitedFloat(float):
    """A number that remembers its source and kind."""

    source: str
    kind: str


def cite(value: Any, source: str, kind: str) -> Any:
    """Return a text or number with its provenance attached; anything else as it is."""
    tagged: Any
    if isinstance(value, str):
        tagged = Cited(value)
    elif isinstance(value, bool):
        return value
    elif isinstance(value, int):
        tagged = CitedInt(value)
    elif isinstance(value, float):
        tagged = CitedFloat(value)
    else:
        return value
    tagged.source, tagged.kind = source, kind
    return tagged


def read_figure(raw: Any, dimension: str) -> Figure:
    """Return a figure from `"2.9 TB/s"` or `{value = …, source = …, kind = …}`.

    Raises
    ------
    ValueError
        With a line that says what is wrong and what is expected.
    """
    if isinstance(raw, Figure):
        return raw
    if isinstance(raw, dict):
        return _from_table(raw, dimension)
    return _from_plain(raw, dimension)


def _read(raw: Any, dimension: str, low: float, high: float) -> Figure:
    figure = read_figure(raw, dimension)
    if not low <= figure.value <= high:
        raise ValueError(_range_message(figure, low, high))
    return figure


# Beyond these no figure is real, and sums of such figures stop being numbers.
SMALLEST, LARGEST = 1e-30, 1e30


def _range_message(figure: Figure, low: float, high: float) -> str:
    if figure.value > LARGEST or 0.0 < figure.value < SMALLEST:
        return f"{figure.text!r} is no size of this world"
    if high == LARGEST:
        allowed = {0.0: "zero or more", 1.0: "1 or more"}.get(low, "more than zero")
    else:
        allowed = f"between {low:g} and {high:g}"
    return f"{figure.text!r} must be {allowed}"


def _from_plain(raw: Any, dimension: str) -> Figure:
    source = getattr(raw, "source", "")
    kind = getattr(raw, "kind", "assumed")
    bare = isinstance(raw, int | float) and not isinstance(raw, bool)
    if bare and dimension in ("fraction", "count"):
        return Figure(float(raw), f"{raw:g}", dimension, source, kind)
    if not isinstance(raw, str) and not bare:
        raise ValueError(f"{raw!r} is not a quantity; {units.expected(dimension)}")
    ranged = _RANGED.fullmatch(str(raw))
    if ranged is not None:
        return _distribution(ranged, str(raw), dimension, source, kind)
    try:
        return Figure(
            units.parse(str(raw), dimension), str(raw), dimension, source, kind
        )
    except InputError as error:
        raise ValueError(str(error)) from None


# `19_900..27_000 USD`, uniform between both; `0.71 ~ 0.05`, normal with a deviation.
_NUMBER = r"[+-]?[0-9][0-9_]*(?:\.[0-9_]+)?(?:[eE][+-]?[0-9]+)?"
_RANGED = re.compile(rf"\s*({_NUMBER})\s*(\.\.|~)\s*({_NUMBER})\s*(.*?)\s*")


def _distribution(
    found: re.Match[str], text: str, dimension: str, source: str, kind: str
) -> Figure:
    """Return the figure of a range or of a value with a deviation."""
    first, word, second, unit = found.groups()
    try:
        a, b = (units.parse(f"{n} {unit}".strip(), dimension) for n in (first, second))
    except InputError as error:
        raise ValueError(str(error)) from None
    if word == "~":
        if b < 0.0:
            raise ValueError(f"{text!r}: a deviation must not be negative")
        return Figure(
            a, text, dimension, source, kind, (a - 2 * b, a + 2 * b), "normal"
        )
    if a > b:
        raise ValueError(f"{text!r}: the range must rise")
    return Figure((a + b) / 2.0, text, dimension, source, kind, (a, b), "uniform")


_TABLE_KEYS = ("value", "source", "kind", "spread")


def _from_table(raw: dict[str, Any], dimension: str) -> Figure:
    for key in raw:
        if key not in _TABLE_KEYS:
            raise ValueError(f"unknown field {key!r}; {nearest(key, _TABLE_KEYS)}")
    if "value" not in raw:
        raise ValueError("a figure needs a 'value'")
    figure = _from_plain(raw["value"], dimension)
    kind = str(raw.get("kind", figure.kind))
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; valid: {', '.join(KINDS)}")
    source = raw.get("source", figure.source)
    if not isinstance(source, str):
        raise ValueError(f"source: {source!r} must be text")
    if "spread" in raw:
        figure = replace(
            figure, spread=_spread(raw["spread"], figure), shape="triangular"
        )
    return replace(figure, kind=kind, source=source)


def _spread(raw: Any, figure: Figure) -> tuple[float, float]:
    bounds = raw if isinstance(raw, list | tuple) else []
    values = [_from_plain(bound, figure.dimension).value for bound in bounds]
    if len(values) != 2 or not values[0] <= figure.value <= values[1]:
        raise ValueError(f"spread: {raw!r} must be [low, high] around the value")
    return values[0], values[1]


def quantity(
    dimension: str, low: float = SMALLEST, high: float = LARGEST
) -> BeforeValidator:
    """Return the validator of a quantity of a dimension, within bounds in SI."""

    def read(raw: Any, _info: ValidationInfo) -> Figure:
        return _read(raw, dimension, low, high)

    return BeforeValidator(read)


# The quantities that specs are made of; positive unless the name says otherwise.
Bytes = Annotated[Figure, quantity("bytes")]
Bandwidth = Annotated[Figure, quantity("bandwidth")]
LinkBandwidth = Annotated[Figure, quantity("link_bandwidth")]
BitRate = Annotated[Figure, quantity("bit_rate")]
Time = Annotated[Figure, quantity("time", low=0.0)]
PositiveTime = Annotated[Figure, quantity("time")]
Frequency = Annotated[Figure, quantity("frequency")]
ComputeRate = Annotated[Figure, quantity("compute_rate")]
Power = Annotated[Figure, quantity("power", low=0.0)]
Energy = Annotated[Figure, quantity("energy", low=0.0)]
EnergyPerBit = Annotated[Figure, quantity("energy_per_bit", low=0.0)]
EnergyPerFlop = Annotated[Figure, quantity("energy_per_flop", low=0.0)]
MoneyRate = Annotated[Figure, quantity("money_rate", low=0.0)]
Money = Annotated[Figure, quantity("money", low=0.0)]
MoneyByLength = Annotated[Figure, quantity("price_per_length", low=0.0)]
EdgeRate = Annotated[Figure, quantity("edge_rate")]
FailureRate = Annotated[Figure, quantity("failure_rate", low=0.0)]
DefectDensity = Annotated[Figure, quantity("defect_density", low=0.0)]
MoneyByArea = Annotated[Figure, quantity("price_per_area", low=0.0)]
MoneyByByte = Annotated[Figure, quantity("price_per_byte", low=0.0)]
EnergyPrice = Annotated[Figure, quantity("energy_price", low=0.0)]
CarbonIntensity = Annotated[Figure, quantity("carbon_intensity", low=0.0)]
Voltage = Annotated[Figure, quantity("voltage")]
Span = Annotated[Figure, quantity("length", low=0.0)]
Area = Annotated[Figure, quantity("area")]
Fraction = Annotated[Figure, quantity("fraction", low=0.0, high=1.0)]
Share = Annotated[Figure, quantity("fraction", low=1e-6, high=1.0)]  # never nothing
Ratio = Annotated[Figure, quantity("fraction", low=0.0)]
Overhead = Annotated[Figure, quantity("fraction", low=1.0)]  # of the whole over a part
Count = Annotated[Figure, quantity("count", low=0.0)]
PositiveCount = Annotated[Figure, quantity("count")]


class Spec(BaseModel):
    """Base of all specs: frozen; unknown fields and converted types are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, strict=True
    )


class NamedSpec(Spec):
    """A spec that is a file of its own in the catalog.

    Attributes
    ----------
    name : str
        The file's name without its ending.
    source, kind : str
        Cover every figure of the file that does not say otherwise.
    note : str
        What a reader should know: conflicts between sources, what was chosen.
    """

    name: str
    source: str = ""
    kind: Kind = "assumed"
    note: str = ""


def figures(spec: BaseModel, prefix: str = "") -> dict[str, Figure]:
    """Return every figure of a spec by its dotted path."""
    found: dict[str, Figure] = {}
    for field in type(spec).model_fields:
        _collect(getattr(spec, field), f"{prefix}{field}", found)
    return found


def _collect(value: Any, path: str, found: dict[str, Figure]) -> None:
    if isinstance(value, Figure):
        found[path] = value
    elif isinstance(value, BaseModel):
        found.update(figures(value, f"{path}."))
    elif isinstance(value, dict):
        for key, item in value.items():
            _collect(item, f"{path}.{key}", found)
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            _collect(item, f"{path}.{index}", found)
