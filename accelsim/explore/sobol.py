"""Which uncertain figures an answer's spread comes from: Sobol indices.

Indices of first and total order are those of estimates at Saltelli's points (Saltelli
et al., Comput. Phys. Commun. 181 (2010) 259, by SciPy), with intervals from a
bootstrap. The plan is held, figures are drawn as for intervals (`silicon.draws`), and
every point is asked of the kernels. This file knows questions and one output; it knows
no physics.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, NoAnswerError
from accelsim.explore.estimate import answer
from accelsim.explore.figures import Reader
from accelsim.explore.held import at, held, moved, named_figures
from accelsim.explore.result import Estimate
from accelsim.explore.sensitivity import FELT, reader_of, strength, sways
from accelsim.explore.uncertain import UNUSED, spreads
from accelsim.question import Question
from accelsim.silicon.draws import shaped
from accelsim.specs.figure import SOFT_KINDS, Figure

MOST_INPUTS = 64
MOST_SAMPLES = 2**16
RESAMPLES = 200  # of the bootstrap
LEVEL = 0.9  # of its intervals
AT_ONCE = 1024  # estimates that are held together
Floats = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Index:
    """How much of an output's variance a figure brings.

    Attributes
    ----------
    path, text, range : str
        The figure as it stands, and between what it lies.
    first, total : float
        Alone, and together with all others.
    first_interval, total_interval : tuple of float
        In which 90 % of the bootstrap's samples lie.
    """

    path: str
    text: str
    range: str
    first: float
    total: float
    first_interval: Interval
    total_interval: Interval


@dataclass(frozen=True, slots=True)
class Sobol:
    """Indices of an output, the largest total first.

    Attributes
    ----------
    estimates : int
        That were asked for.
    mean, deviation : float
        Of the output.
    left_out : int
        Uncertain figures that do not move it between their ends.
    """

    output: str
    samples: int
    seed: int
    estimates: int
    mean: float
    deviation: float
    left_out: int
    indices: tuple[Index, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the indices as plain data."""
        rows = [
            {
                "path": one.path,
                "value": one.text,
                "range": one.range,
                "first_order": one.first,
                "first_order_interval": list(one.first_interval),
                "total_order": one.total,
                "total_order_interval": list(one.total_interval),
            }
            for one in self.indices
        ]
        return {
            "of": self.output,
            "samples": self.samples,
            "seed": self.seed,
            "estimates": self.estimates,
            "mean": self.mean,
            "deviation": self.deviation,
            "left_out": self.left_out,
            "level": LEVEL,
            "indices": rows,
        }


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A figure as SciPy asks for a distribution."""

    figure: Figure

    def ppf(self, u: Floats) -> Floats:
        """Return values at shares of the distribution [SI]."""
        return shaped(self.figure, u)


def sobol(
    found: Estimate, samples: int, seed: int = 1, *,
    of: str = "usd_per_million_tokens", assumed: float = 0.0,
) -> Sobol:  # fmt: skip
    """Return Sobol indices of first and total order over the uncertain figures.

    Parameters
    ----------
    samples : int
        A power of two; samples x (figures + 2) estimates are asked for.
    assumed : float
        Share either way by which press reports and assumptions without a spread are
        uncertain, too; 0 leaves them as they are.

    Raises
    ------
    InputError
        Samples that are no power of two, too many figures, no such output.
    NoAnswerError
        A point has no answer.
    """
    read = reader_of(found, of)
    if not 2 <= samples <= MOST_SAMPLES or samples & (samples - 1):
        raise InputError(
            f"sobol: {samples} samples; a power of two, up to {MOST_SAMPLES:,}, is"
        )
    q = held(found)
    ranged = spreads(q) | _assumed(q, assumed)
    moving = [row.path for row in sways(found, ranged) if strength(row, of) >= FELT]
    if len(moving) > MOST_INPUTS:
        raise InputError(f"sobol: {len(moving)} figures move it; {MOST_INPUTS} may")
    inputs = {path: ranged[path] for path in moving}
    begun = Sobol(of, samples, seed, 0, read(found) or math.nan, 0.0,
                  len(ranged) - len(inputs), ())  # fmt: skip
    return _indices(q, inputs, read, begun) if inputs else begun


def _assumed(q: Question, share: float) -> dict[str, Figure]:
    """Return soft figures without a spread, made uniform a share either way."""
    if not 0.0 <= share < 1.0:
        raise InputError(f"sobol: assumed: {share:g} must be from 0 to below 1")
    known, made = spreads(q), {}
    for path, one in named_figures(q).items() if share else ():
        unused = any(fnmatchcase(path, other) for other in UNUSED)
        if one.kind not in SOFT_KINDS or one.value <= 0.0 or path in known or unused:
            continue
        low, high = one.value * (1.0 - share), one.value * (1.0 + share)
        if one.dimension == "fraction" and one.value <= 1.0:
            high = min(high, 1.0)
        made[path] = replace(one, spread=(low, high), shape="uniform")
    return made


def _indices(
    q: Question, inputs: Mapping[str, Figure], read: Reader, begun: Sobol
) -> Sobol:
    """Return the indices of an output over figures that move it."""
    from scipy.stats import sobol_indices

    seen: list[Floats] = []

    def outputs(points: Floats) -> Floats:
        seen.append(_outputs(q, inputs, points, read))
        return seen[-1].copy()  # SciPy takes the mean off what it is given

    drawn = [_Drawn(figure) for figure in inputs.values()]
    rng = np.random.default_rng(begun.seed)
    found = sobol_indices(func=outputs, n=begun.samples, dists=drawn, rng=rng)
    first, total = _intervals(seen, begun.samples, rng)
    rows = [
        Index(
            path,
            figure.text,
            _range(figure),
            float(found.first_order[k]),
            float(found.total_order[k]),
            first[k],
            total[k],
        )
        for k, (path, figure) in enumerate(inputs.items())
    ]
    plain = np.concatenate(seen[:2])  # SciPy's matrices A and B: independent draws
    return replace(
        begun,
        estimates=sum(map(len, seen)),
        mean=float(plain.mean()),
        deviation=float(plain.std()),
        indices=tuple(sorted(rows, key=lambda row: -row.total)),
    )


def _range(figure: Figure) -> str:
    low, high = (at(figure, end).text for end in figure.spread or ())
    return f"{low} to {high}"


def _intervals(
    seen: list[Floats], samples: int, rng: np.random.Generator
) -> tuple[list[Interval], list[Interval]]:
    """Return intervals of the first and the total indices by a seeded bootstrap.

    seen : outputs at SciPy's matrices A, B and AB, the last with (N, figures) flat.
    """
    from scipy.stats import sobol_indices

    a, b, ab = seen
    mixed = ab.reshape(samples, -1).T
    drawn = []
    for _ in range(RESAMPLES):
        rows = rng.integers(0, samples, samples)
        told = {
            "f_A": a[None, rows],
            "f_B": b[None, rows],
            "f_AB": mixed[:, None, rows],
        }
        one = sobol_indices(func=told, n=samples)
        drawn.append(np.atleast_2d([one.first_order, one.total_order]).reshape(2, -1))
    ends = np.quantile(drawn, ((1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0), axis=0)
    low, high = ends.tolist()
    first, total = (list(zip(low[k], high[k], strict=True)) for k in (0, 1))
    return first, total


def _outputs(
    q: Question, inputs: Mapping[str, Figure], points: Floats, read: Reader
) -> Floats:
    """Return an output where figures have the values of `points` (figures, N)."""
    made: list[float] = []
    for start in range(0, points.shape[1], AT_ONCE):
        asked = []
        for column in points[:, start : start + AT_ONCE].T:
            one = q
            for (path, figure), value in zip(inputs.items(), column, strict=True):
                one = moved(one, path, at(figure, float(value)))
            asked.append(one)
        for found in answer(asked, must_fit=False):
            if not isinstance(found, Estimate):
                raise NoAnswerError(f"sobol: a point has no answer: {found}")
            made.append(float(read(found) or math.nan))
    return np.array(made)
