"""Which point of a sweep is the i-th, without listing them.

This file knows axes and counting. Groups of axes that are zipped count as one; groups
are crossed, the last varies fastest, and the samples, if there are any, vary slowest.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError
from accelsim.specs.sweep import (
    MAX_LIST,
    MAX_POINTS,
    AxisSpec,
    PointsSpec,
    RangeSpec,
    SampleSpec,
    SpanSpec,
    SweepSpec,
)

Codes = NDArray[np.int64]
Value = str | int | float | bool

_NUMBER = re.compile(r"\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*")


@dataclass(frozen=True, slots=True)
class Coded:
    """A column by its distinct values: row i holds `values[codes[i]]`."""

    values: tuple[Value, ...]
    codes: Codes

    def __getitem__(self, row: int) -> Value:
        return self.values[int(self.codes[row])]

    @property
    def unit(self) -> str:
        """Return the unit that all values share, or nothing."""
        units = {_split(v)[1] if isinstance(v, str) else "" for v in self.values}
        unit = units.pop() if len(units) == 1 else None
        return unit or ""

    def objects(self) -> NDArray[Any]:
        """Return the column's values as they are."""
        values = np.empty(len(self.values), dtype=object)
        values[:] = self.values
        return values[self.codes]

    def array(self) -> NDArray[Any]:
        """Return the column as numbers (quantities: in their `unit`) or as texts."""
        values = self.values
        if self.unit:
            values = tuple(_split(str(value))[0] for value in values)
        elif any(isinstance(value, str) for value in values):
            values = tuple(_text(value) for value in values)
        return np.asarray(values)[self.codes]


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value}"


def _split(value: str) -> tuple[float, str | None]:
    """Return the number and the unit of a quantity; no unit of what is none."""
    match = _NUMBER.fullmatch(value)
    if match is None or not match[2]:
        return math.nan, None
    return float(match[1].replace("_", "")), match[2]


@dataclass(frozen=True, slots=True)
class Group:
    """Axes that move together: for each its path and all of its values."""

    paths: tuple[str, ...]
    values: tuple[tuple[Value, ...], ...]

    @property
    def count(self) -> int:
        """Return the positions of the group."""
        return len(self.values[0])


@dataclass(frozen=True, slots=True)
class Points:
    """All points of a sweep.

    Attributes
    ----------
    groups : tuple of Group
        The grid, slowest first.
    spans : tuple of (path, SpanSpec)
        Sampled axes.
    sample : SampleSpec, optional
    """

    groups: tuple[Group, ...]
    spans: tuple[tuple[str, SpanSpec], ...]
    sample: SampleSpec | None

    @property
    def grid(self) -> int:
        """Return the points of the grid, samples apart."""
        return math.prod(group.count for group in self.groups)

    @property
    def count(self) -> int:
        """Return the number of points."""
        return self.grid * (self.sample.points if self.sample else 1)

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the swept paths, sampled ones last."""
        listed = tuple(path for group in self.groups for path in group.paths)
        return (*listed, *(path for path, _ in self.spans))

    @property
    def units(self) -> dict[str, str]:
        """Return the unit of each path's values, or nothing."""
        none = np.zeros(0, dtype=np.int64)
        found = {
            path: Coded(values, none).unit
            for group in self.groups
            for path, values in zip(group.paths, group.values, strict=True)
        }
        found |= {path: span_ends(span, path)[2] for path, span in self.spans}
        return {path: found[path] for path in self.paths}

    def chunk(self, start: int, stop: int) -> dict[str, Coded]:
        """Return the columns of points `start` to `stop`, by path."""
        index = np.arange(start, stop, dtype=np.int64)
        rest, sample = index % self.grid, index // self.grid
        columns: dict[str, Coded] = {}
        for group in reversed(self.groups):
            codes, rest = rest % group.count, rest // group.count
            for path, values in zip(group.paths, group.values, strict=True):
                columns[path] = Coded(values, codes)
        if self.sample is not None:
            columns |= _drawn(self.spans, self.sample, sample)
        return {path: columns[path] for path in self.paths}


def points_of(spec: PointsSpec) -> Points:
    """Return the points of a sweep, or the choices of a design.

    Raises
    ------
    InputError
        Zipped axes of different lengths, quantities of different units, a range that
        goes nowhere, more points than can be counted.
    """
    listed: dict[str, list[tuple[str, tuple[Value, ...]]]] = {}
    spans = []
    for number, axis in enumerate(spec.axes):
        where = f"sweep {spec.name}: axis {axis.path}"
        if axis.sample is not None:
            span_ends(axis.sample, where)
            spans.append((axis.path, axis.sample))
            continue
        name = f"zip {axis.zip}" if axis.zip is not None else f"axis {number}"
        listed.setdefault(name, []).append((axis.path, _values(axis, where)))
    groups = tuple(_group(spec.name, name, axes) for name, axes in listed.items())
    sample = spec.sample if isinstance(spec, SweepSpec) else None
    found = Points(groups, tuple(spans), sample)
    if found.count > MAX_POINTS:
        raise InputError(
            f"sweep {spec.name}: {found.count:.2e} points are more than "
            f"{MAX_POINTS:.0e}"
        )
    return found


def _group(sweep: str, name: str, axes: list[tuple[str, tuple[Value, ...]]]) -> Group:
    lengths = {path: len(values) for path, values in axes}
    if len(set(lengths.values())) > 1:
        words = ", ".join(f"{path} {count}" for path, count in lengths.items())
        raise InputError(
            f"sweep {sweep}: {name}: zipped axes need as many values each, not {words}"
        )
    return Group(tuple(p for p, _ in axes), tuple(v for _, v in axes))


def _values(axis: AxisSpec, where: str) -> tuple[Value, ...]:
    if axis.values is not None:
        values = tuple(_builtin(value) for value in axis.values)
        twice = [v for v in dict.fromkeys(values) if values.count(v) > 1]
        if twice and axis.zip is None:
            raise InputError(f"{where}: {twice[0]!r} is listed twice")
        return values
    if axis.range is not None:
        return _stepped(axis.range, where)
    spec = axis.log
    if spec is None:
        raise InputError(f"{where}: takes no values")
    start, stop, unit = _ends(spec.start, spec.stop, where)
    if start <= 0.0 or stop <= 0.0:
        raise InputError(f"{where}: log: start and stop must be more than zero")
    count = spec.count or 2
    found = [start * (stop / start) ** (i / (count - 1)) for i in range(count)]
    return tuple(with_unit(v, unit) for v in [*found[:-1], stop])


def _builtin(value: Value) -> Value:
    """Return a value of a file as Python's own type."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _stepped(spec: RangeSpec, where: str) -> tuple[Value, ...]:
    start, stop, unit = _ends(spec.start, spec.stop, where)
    if spec.step is None:
        count = spec.count or 2
        step = (stop - start) / (count - 1)
    else:
        step, step_unit = _number(spec.step, f"{where}: step")
        if step_unit != unit:
            raise InputError(
                f"{where}: step {spec.step!r} is not in the unit of {spec.start!r}"
            )
        if step == 0.0 or (stop - start) / step < 0.0:
            raise InputError(
                f"{where}: steps of {spec.step!r} never lead from {spec.start!r} to "
                f"{spec.stop!r}"
            )
        count = math.floor((stop - start) / step * (1.0 + 1e-12) + 1e-9) + 1
    if count > MAX_LIST:
        raise InputError(f"{where}: {count:,} values are more than {MAX_LIST:,}")
    whole = all(isinstance(v, int) for v in (spec.start, spec.stop, spec.step or 0))
    found = [start + i * step for i in range(count)]
    if whole and all(v == round(v) for v in found):
        return tuple(round(v) for v in found)
    return tuple(with_unit(_round(v), unit) for v in found)


def _round(value: float) -> float:
    """Return a sum of steps without the noise of its last digits."""
    return float(f"{value:.12g}")


def _ends(
    start: str | float, stop: str | float, where: str
) -> tuple[float, float, str]:
    low, unit = _number(start, f"{where}: start")
    high, other = _number(stop, f"{where}: stop")
    if unit != other:
        raise InputError(f"{where}: {start!r} and {stop!r} must be of one unit")
    if low == high:
        raise InputError(f"{where}: it starts and stops at {start!r}")
    return low, high, unit


def _number(value: str | float, where: str) -> tuple[float, str]:
    """Return a number and its unit, which may be nothing."""
    if not isinstance(value, str):
        return float(value), ""
    match = _NUMBER.fullmatch(value)
    if match is None or not math.isfinite(float(match[1].replace("_", ""))):
        raise InputError(f"{where}: {value!r} is no number with a unit")
    return float(match[1].replace("_", "")), match[2]


def with_unit(value: float, unit: str) -> Value:
    """Return a number, or the text of a quantity."""
    return f"{value!r} {unit}" if unit else value


def span_ends(span: SpanSpec, where: str) -> tuple[float, float, str]:
    """Return the ends of a span and their unit."""
    low, high, unit = _ends(span.low, span.high, where)
    if low > high:
        raise InputError(f"{where}: low {span.low!r} is above high {span.high!r}")
    if span.scale == "log" and low <= 0.0:
        raise InputError(f"{where}: a log scale starts above zero")
    return low, high, unit


def _drawn(
    spans: Sequence[tuple[str, SpanSpec]], sample: SampleSpec, index: Codes
) -> dict[str, Coded]:
    """Return the sampled columns at sample numbers `index`, which rise."""
    distinct, codes = np.unique(index, return_inverse=True)
    draw = _sobol if sample.method == "sobol" else _latin
    unit = draw(len(spans), sample, distinct)
    columns = {}
    for d, (path, span) in enumerate(spans):
        low, high, word = span_ends(span, path)
        if span.scale == "log":
            found = low * (high / low) ** unit[:, d]
        else:
            found = low + (high - low) * unit[:, d]
        plain = [float(v) for v in found]
        values = tuple(
            round(v) if span.whole and not word else with_unit(v, word) for v in plain
        )
        columns[path] = Coded(values, codes.reshape(-1).astype(np.int64))
    return columns


def _sobol(dims: int, sample: SampleSpec, index: Codes) -> NDArray[np.float64]:
    """Return points of a scrambled Sobol sequence (Owen 1998, by SciPy)."""
    from scipy.stats import qmc

    engine = qmc.Sobol(dims, scramble=True, rng=sample.seed)
    first, last = int(index[0]), int(index[-1])
    if first:
        engine.fast_forward(first)
    # drawn in two goes: SciPy warns of a first draw that is no power of two
    found = np.concatenate([engine.random(1), engine.random(last - first)])
    return np.asarray(found, dtype=np.float64)[index - first]


def _latin(dims: int, sample: SampleSpec, index: Codes) -> NDArray[np.float64]:
    """Return points of a Latin hypercube: one in each of `points` strata of an axis.

    The strata are shuffled by a keyed permutation (a Feistel network, walked until it
    stays inside; Black and Rogaway 2002), so that no table of all points is needed.
    """
    found = np.empty((len(index), dims))
    for d in range(dims):
        key = np.uint64(sample.seed * 1_000_003 + d)
        stratum = _shuffled(index.astype(np.uint64), sample.points, key)
        inside = _mixed(index.astype(np.uint64) ^ _mixed(key + np.uint64(77)))
        found[:, d] = (stratum + (inside >> np.uint64(11)) / 2.0**53) / sample.points
    return found


def _shuffled(index: Any, count: int, key: Any) -> Any:
    half = max(1, (max(1, count - 1).bit_length() + 1) // 2)
    mask = np.uint64(2**half - 1)
    found = index.copy()
    outside = np.ones(len(found), dtype=bool)
    while outside.any():
        left, right = found[outside] >> np.uint64(half), found[outside] & mask
        for turn in range(4):
            mixed = _mixed(right ^ _mixed(key + np.uint64(turn))) & mask
            left, right = right, left ^ mixed
        found[outside] = (left << np.uint64(half)) | right
        outside[outside] = found[outside] >= np.uint64(count)
    return found


def _mixed(value: Any) -> Any:
    """Return a 64-bit hash of each value (splitmix64; Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        z = np.asarray(value, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))
