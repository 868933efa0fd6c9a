"""Channels made of segments, in closed form.

This file knows how a path is written and how its segments become one table of
sections, which a kernel cascades frequency by frequency; no S-parameter file is needed,
and no interpolation.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim import catalog, units
from accelsim.errors import InputError
from accelsim.kernels.channel import fill_cascade
from accelsim.kernels.channel_tables import (
    LINE,
    SECTION,
    SERIES_INDUCTOR,
    SHUNT_CAPACITOR,
)
from accelsim.link.channel import Floats, TwoPort
from accelsim.specs.com import Stretch
from accelsim.specs.segment import Part, SegmentSpec

STEP, TOP = 10e6, 110e9  # Hz, of the frequencies that a path is computed at
LONGEST = 100.0  # m
_PATH = re.compile(r"\s*(\S+)(?:\s+(.+?))?\s*")


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of a path; `length` in m, of a trace or cable."""

    spec: SegmentSpec
    length: float = 0.0


def read_path(text: str) -> list[Segment]:
    """Return the segments of a path such as ``pcb-megtron8 100 mm, connector``.

    Raises
    ------
    InputError
        A name or length is wrong, or a length is missing or does not belong.
    """
    found = []
    for words in text.split(","):
        match = _PATH.fullmatch(words)
        if match is None:
            raise InputError(f"path {text!r}: a segment between commas is empty")
        spec: SegmentSpec = catalog.load("segments", match[1])
        found.append(Segment(spec, _length(spec, match[2])))
    return found


def _length(spec: SegmentSpec, text: str | None) -> float:
    if not spec.by_length:
        if text:
            raise InputError(
                f"{spec.name}: a {spec.what} has no length, {text!r} given"
            )
        return 0.0
    if not text:
        raise InputError(f"{spec.name}: a {spec.what} needs a length such as '100 mm'")
    length = units.parse(text, "length")
    if not 0.0 <= length <= LONGEST:
        raise InputError(
            f"{spec.name}: length {text!r} must be from 0 to {LONGEST:g} m"
        )
    return length


def sections(path: Iterable[Segment]) -> NDArray[np.void]:
    """Return the sections of a path from left to right, `channel_tables.SECTION`."""
    rows: list[tuple[float, ...]] = []
    for segment in path:
        if segment.spec.line is not None:
            rows.append(_line(segment.spec.line, segment.length))
        rows += [_part(part) for part in segment.spec.parts]
    return np.array(rows, SECTION)


def _line(line: Stretch, length: float) -> tuple[float, ...]:
    impedance = float(line.impedance)
    return (LINE, length, impedance, line.gamma0, line.a1, line.a2, line.tau)


def _part(part: Part) -> tuple[float, ...]:
    if part.capacitor is not None:
        return (SHUNT_CAPACITOR, float(part.capacitor), 0, 0, 0, 0, 0)
    if part.coil is not None:
        return (SERIES_INDUCTOR, float(part.coil), 0, 0, 0, 0, 0)
    line = part.line
    if line is None or line.length is None:
        raise InputError("a part of a segment is empty")
    return _line(line, float(line.length))


def frequencies(top: float = TOP, step: float = STEP) -> Floats:
    """Return 0, step, 2 step, … top [Hz]."""
    return np.asarray(np.arange(round(top / step) + 1) * step)


def two_port(
    path: Sequence[Segment],
    frequency: Floats | None = None,
    impedance: float = 100.0,
) -> TwoPort:
    """Return the S-parameters of a path, referred to a differential impedance [ohm]."""
    f = frequencies() if frequency is None else frequency
    out = np.empty((len(f), 2, 2), np.complex128)
    fill_cascade(f, sections(path).view(np.recarray), impedance, out)
    name = ", ".join(segment.spec.name for segment in path)
    return TwoPort(f, out, impedance, name)


def delay(path: Sequence[Segment]) -> float:
    """Return the time of flight of the lines of a path [s]."""
    table = sections(path)
    lines = table[table["kind"] == LINE]
    return float(np.sum(lines["value"] * lines["tau"])) * 1e-9
