"""What figures do to answers one by one: elasticities, and the ends of a tornado.

The plan is held and everything is asked of the kernels: an elasticity is a difference
of two estimates, an end of a tornado is an estimate at that end. This file knows
questions and outputs; it knows no physics.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from accelsim.errors import AccelsimError, InputError, nearest
from accelsim.explore.estimate import answer
from accelsim.explore.figures import FIGURES, WHOLE, Reader, figure_named
from accelsim.explore.held import at, counts, held, moved, named_figures
from accelsim.explore.result import Estimate
from accelsim.explore.uncertain import UNUSED
from accelsim.question import Question
from accelsim.specs.figure import Figure

STEP = 0.01  # either way, for an elasticity
SHARE = 0.1  # either way, for the ends of what has no spread
FELT = 5e-5  # an output that moves by less in its logarithm is not moved

Value = Figure | int
OUTPUTS: Mapping[str, Reader] = FIGURES | WHOLE


@dataclass(frozen=True, slots=True)
class Sway:
    """What one figure does to every output.

    Attributes
    ----------
    path, text : str
        The figure, as an override names it and as it stands.
    ends : tuple of str
        Where it is put for `low` and `high`: its spread, or a share either way.
    spread : bool
        Whether the ends are those of the figure's own spread.
    slope : dict of str to float
        Percent of an output for each percent more of the figure.
    low, high : dict of str to float
        Outputs at the ends; an end that is impossible has none.
    """

    path: str
    text: str
    ends: tuple[str, str]
    spread: bool
    slope: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The figures that an output rests on, the strongest first.

    share : either way, the ends of figures without a spread.
    """

    estimate: Estimate
    output: str
    share: float
    rows: tuple[Sway, ...]

    @property
    def base(self) -> float:
        """Return the output as the figures stand."""
        return float(OUTPUTS[self.output](self.estimate) or math.nan)

    def to_dict(self) -> dict[str, Any]:
        """Return the rows as plain data."""
        rows = [
            {
                "path": row.path,
                "value": row.text,
                "low": row.ends[0],
                "high": row.ends[1],
                "spread": row.spread,
                "percent_per_percent": row.slope,
                "at_low": row.low,
                "at_high": row.high,
            }
            for row in self.rows
        ]
        return {"of": self.output, "base": self.base, "rows": rows}


def sensitivity(
    found: Estimate, of: str = "tokens_per_s",
    paths: Sequence[str] = (), share: float = SHARE,
) -> Sensitivity:  # fmt: skip
    """Return what figures do to an output, all of them or those that match `paths`.

    Parameters
    ----------
    of : str
        One of `OUTPUTS`, by which the rows are ordered; the rows tell every output.
    paths : sequence of str
        Dotted paths, in which `*` stands for anything: numbers with a unit, shares,
        counts. Without any, those with no effect are left out.
    share : float
        Either way, for the ends of a figure without a spread.

    Raises
    ------
    InputError
        No such output or path.
    """
    reader_of(found, of)
    if not 0.0 < share < 1.0:
        raise InputError(f"sensitivity: share {share:g} must be between 0 and 1")
    q = held(found)
    rows = sways(found, _chosen(q, paths), share)
    felt = [row for row in rows if paths or strength(row, of) >= FELT]
    return Sensitivity(
        found, of, share, tuple(sorted(felt, key=lambda r: -strength(r, of)))
    )


def reader_of(found: Estimate, of: str) -> Reader:
    """Return what reads an output.

    Raises
    ------
    InputError
        No such output, or the run has none (a price, the whole run).
    """
    read = figure_named(of, "sensitivity", OUTPUTS)
    if not read(found):
        raise InputError(f"sensitivity: this run has no {of}")
    return read


def strength(row: Sway, of: str) -> float:
    """Return how far an output moves between the ends of a figure, as a share."""
    ends = [end.get(of, math.nan) for end in (row.low, row.high)]
    width = abs(ends[1] - ends[0]) / max(map(abs, ends))
    return abs(row.slope.get(of, 0.0)) * STEP if math.isnan(width) else width


def _chosen(q: Question, patterns: Sequence[str]) -> dict[str, Value]:
    """Return figures and counts by path.

    Raises
    ------
    InputError
        A pattern that nothing matches.
    """
    figures: dict[str, Value] = {
        path: figure
        for path, figure in named_figures(q).items()
        if figure.value > 0.0 and not any(fnmatchcase(path, other) for other in UNUSED)
    }
    if not patterns:
        return figures
    known = figures | counts(q)
    found: dict[str, Value] = {}
    for pattern in patterns:
        mine = {p: v for p, v in known.items() if fnmatchcase(p, pattern)}
        if not mine:
            hint = nearest(pattern, known)
            raise InputError(f"sensitivity: {pattern!r} is no number; {hint}")
        found |= mine
    return found


def sways(
    found: Estimate, chosen: Mapping[str, Value], share: float = SHARE,
    *, ends: bool = True,
) -> list[Sway]:  # fmt: skip
    """Return what each figure does to every output, all asked at once.

    ends : ask at the ends too; without, `low` and `high` are empty.
    """
    q = held(found)
    asked: list[Question] = []
    places: list[tuple[str, Value, list[tuple[Value, int]]]] = []
    for path, value in chosen.items():
        mine: list[tuple[Value, int]] = []
        for k, changed in enumerate(_steps(value, share)):
            if k >= 2 and not ends:
                mine.append((changed, -1))
                continue
            try:
                asked.append(moved(q, path, changed))
                mine.append((changed, len(asked) - 1))
            except InputError:  # a share of one has nothing above it
                mine.append((changed, -1))
        places.append((path, value, mine))
    answers: list[Estimate | AccelsimError | None] = [
        *answer(asked, must_fit=False), None
    ]  # fmt: skip
    return [
        _sway(found, path, value, [(v, answers[i]) for v, i in mine])
        for path, value, mine in places
    ]


def _steps(value: Value, share: float) -> list[Value]:
    """Return a figure a little down and up, and at its ends."""
    if isinstance(value, int):
        wide = max(1, round(share * value))
        return [max(1, value - 1), value + 1, max(1, value - wide), value + wide]
    ends = [value.value * (1.0 + s) for s in (-STEP, STEP, -share, share)]
    if _spread(value) and value.spread is not None:
        ends[2:] = value.spread
    return [at(value, end) for end in ends]


def _spread(value: Value) -> bool:
    if isinstance(value, int) or value.spread is None:
        return False
    return value.spread[0] < value.spread[1]


def _sway(
    base: Estimate, path: str, value: Value,
    ends: Sequence[tuple[Value, Estimate | AccelsimError | None]],
) -> Sway:  # fmt: skip
    told = [one if isinstance(one, Estimate) else None for _, one in ends]
    near = [(0.0, base)] + [
        (math.log(float(v) / float(value)), one)
        for (v, _), one in zip(ends[:2], told[:2], strict=True)
        if one is not None and float(v) != float(value)
    ]
    slope = {name: slope_of(read, near) for name, read in OUTPUTS.items()}
    low, high = (_outputs(one) for one in told[2:])
    texts = tuple(v.text if isinstance(v, Figure) else str(v) for v, _ in ends[2:])
    text = value.text if isinstance(value, Figure) else str(value)
    felt = {name: found for name, found in slope.items() if found is not None}
    return Sway(path, text, (texts[0], texts[1]), _spread(value), felt, low, high)


def slope_of(read: Reader, points: Sequence[tuple[float, Estimate]]) -> float | None:
    """Return d ln output / d ln figure between the outermost points known.

    points : (logarithm of the figure over what it is, the estimate there).
    """
    told = [(x, read(one)) for x, one in points]
    known = sorted((x, math.log(y)) for x, y in told if y)
    if not known:
        return None
    (low, before), (high, after) = known[0], known[-1]
    return (after - before) / (high - low) if high > low else 0.0


def _outputs(found: Estimate | None) -> dict[str, float]:
    values = {} if found is None else {n: read(found) for n, read in OUTPUTS.items()}
    return {name: float(value) for name, value in values.items() if value is not None}
