"""A segment of a wire in closed form: trace, cable, connector, via or package."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from accelsim.specs.com import Farads, Henries, Length, Stretch
from accelsim.specs.figure import (
    FailureRate,
    Money,
    MoneyByLength,
    NamedSpec,
    Spec,
)


class Part(Spec):
    """One part of a segment: a capacitor to ground, a coil in line, or a line.

    Attributes
    ----------
    capacitor, coil : capacitance, inductance
        Of each leg of the pair.
    line : Stretch
        With its length.
    """

    capacitor: Farads | None = None
    coil: Henries | None = None
    line: Stretch | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        given = [p for p in (self.capacitor, self.coil, self.line) if p is not None]
        if len(given) != 1:
            raise ValueError("a part is one of capacitor, coil, line")
        if self.line is not None and self.line.length is None:
            raise ValueError("the line of a part needs a length")
        return self


class SegmentSpec(NamedSpec):
    """A segment.

    Attributes
    ----------
    what : str
        trace and cable go by length; connector, via and package are what they are.
    line : Stretch or None
        Of what goes by length.
    parts : tuple of Part
        Of what does not, from left to right.
    longest : length or None
        That it is sold or laid out in.
    price, price_by_length : money or None
        Of a lane both ways, once and by length; none where it comes with a board.
    failures : failure rate or None
        Of a lane both ways, ends included.
    """

    what: Literal["trace", "cable", "connector", "via", "package"]
    line: Stretch | None = None
    parts: Annotated[tuple[Part, ...], Field(max_length=64)] = ()
    longest: Length | None = None
    price: Money | None = None
    price_by_length: MoneyByLength | None = None
    failures: FailureRate | None = None

    @property
    def by_length(self) -> bool:
        """Return whether a length belongs to it."""
        return self.line is not None

    @model_validator(mode="after")
    def _line_or_parts(self) -> Self:
        goes = self.what in ("trace", "cable")
        if goes != (self.line is not None) or goes == bool(self.parts):
            raise ValueError(
                "a trace or cable has a [line], a connector, via or package [[parts]]"
            )
        return self
