"""From a wire to a training run: length, material, retimers, and tokens a second.

The walk: a link spec's field is varied -> its wire's budget (`link.port`) -> the tiers
that use the link -> one plan's step -> tokens, joules and what link failures cost. The
plan is that of the link as it stands, so that nothing but the wire moves.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from accelsim import catalog, units
from accelsim.errors import AccelsimError, InputError, NoAnswerError, nearest
from accelsim.explore.estimate import answer
from accelsim.explore.held import held
from accelsim.explore.result import Estimate
from accelsim.link.path import too_long
from accelsim.link.remedy import AS_IT_IS, Way, remedies, way
from accelsim.link.wire import link_of
from accelsim.overrides import Overrides, read_overrides
from accelsim.question import Question, resolve, run_from
from accelsim.specs.link import LinkSpec
from accelsim.specs.run import RunSpec

POINTS = 9
RESTART = 600.0  # s that a failure of a link costs the job, our guess
SHARED = ("mesh", "torus")  # both ends of a wire are ports of chips


@dataclass(frozen=True, slots=True)
class Point:
    """One value of what is varied.

    Attributes
    ----------
    value : str
        As it was set.
    way : Way or None
        The wire as it is; None where it works at no rate, and `failure` says why.
    estimate : Estimate or None
        Of the run over it.
    remedy : Way or None
        The best change that brings the wire inside its budget, where it is not.
    remedied : Estimate or None
        Of the run over that.
    beyond : tuple of str
        Wires that are longer than they are sold.
    """

    value: str
    way: Way | None
    failure: str
    estimate: Estimate | None
    remedy: Way | None
    remedied: Estimate | None
    beyond: tuple[str, ...]

    @property
    def regime(self) -> str:
        """Return inside, marginal, over, or none where no rate works."""
        return "none" if self.way is None else self.way.port.regime


@dataclass(frozen=True, slots=True)
class Chain:
    """A link varied under a run.

    Attributes
    ----------
    link, field : str
        What is varied.
    tiers : tuple of str
        That use the link.
    base : Estimate
        Of the run over the link as it stands, whose plan all points have.
    ports : float
        Links of this name that the job uses.
    restart : float
        That a failure of a link costs the job [s].
    """

    link: str
    field: str
    tiers: tuple[str, ...]
    ports: float
    base: Estimate
    points: tuple[Point, ...]
    restart: float

    def failures(self, one: Way) -> float:
        """Return how often a link of this kind stops the job [1/s]."""
        return self.ports * one.port.failures

    def goodput(self, one: Way) -> float:
        """Return the share of time that failures of links leave to the job."""
        return 1.0 / (1.0 + self.failures(one) * self.restart)


def chain(
    run: RunSpec | Mapping[str, Any],
    link: str,
    vary: str = "",
    *,
    points: int = POINTS,
    by: str = "cost",
    restart: str | float = RESTART,
    overrides: Overrides = (),
) -> Chain:
    """Return what a field of a link does to a training run.

    Parameters
    ----------
    run : RunSpec or mapping
        As `estimate` takes it.
    link : str
        A link of the run's system that names a path.
    vary : str
        ``length=0.5m..4m``, ``retimers=0..3``, ``length=1 m, 2 m`` or, values with
        commas inside, ``path=twinax-28awg 1 m; twinax-26awg 1 m``; nothing for the
        link as it stands.
    points : int
        Of a range.
    by : str
        cost, power or latency: what the choice of a remedy keeps small.
    restart : str or float
        That a failure of a link costs the job.

    Raises
    ------
    InputError
        Something in the question is wrong.
    NoAnswerError
        The run over the link as it stands has no answer.
    """
    asked = run if isinstance(run, RunSpec) else run_from(run)
    q = resolve(asked, read_overrides(overrides))
    if link not in q.links:
        hint = nearest(link, q.links)
        raise InputError(f"link {link!r}: system {q.system.name} has none; {hint}")
    if not q.links[link].path:
        raise InputError(f"link {link}: names no path, so nothing is known of its wire")
    lost = units.parse(restart, "time") if isinstance(restart, str) else restart
    if not 0.0 <= lost < math.inf:
        raise InputError(f"chain: restart: {lost:g} s must be zero or more")
    field, values = read_vary(vary, points)
    base = answer([q])[0]
    if isinstance(base, AccelsimError):
        raise base
    fixed = _with_plan(q, base)
    made = [_specs(q.links[link], field, value) for value in values]
    found = _points(fixed, link, values, made, by)
    tiers = tuple(n for n, tier in q.system.tiers.items() if tier.link == link)
    return Chain(link, field, tiers, _ports(q, link), base, found, lost)


def read_vary(text: str, points: int = POINTS) -> tuple[str, list[str]]:
    """Return the field that is varied and its values as texts.

    Raises
    ------
    InputError
        It is no field with values, or a range of nothing.
    """
    if not text:
        return "", [""]
    field, equals, rest = (part.strip() for part in text.partition("="))
    if not equals or not rest:
        raise InputError(f"--vary {text!r}: write length=0.5m..4m or retimers=0,1,2")
    if field not in LinkSpec.model_fields:
        hint = nearest(field, LinkSpec.model_fields)
        raise InputError(f"--vary {text!r}: a link has no {field!r}; {hint}")
    if ".." in rest:
        return field, _range(field, rest, points)
    separator = ";" if ";" in rest or field == "path" else ","
    return field, [value.strip() for value in rest.split(separator)]


def _range(field: str, text: str, points: int) -> list[str]:
    first, _, last = (part.strip() for part in text.partition(".."))
    if not 2 <= points <= 1000:
        raise InputError(f"--points {points}: must be 2 to 1,000")
    if first.isdigit() and last.isdigit():
        numbers = range(int(first), int(last) + 1)[:points]
        values = [str(number) for number in numbers]
    else:
        dimension = {"length": "length", "lane_rate": "bit_rate"}.get(field)
        if dimension is None:
            raise InputError(f"--vary {field}={text}: a range is of length or numbers")
        low, high = (units.parse(end, dimension) for end in (first, last))
        unit = units.UNITS[dimension][0]
        step = (high - low) / (points - 1)
        values = [f"{low + n * step:.6g} {unit}" for n in range(points)] * (step > 0.0)
    if not values:
        raise InputError(f"--vary {field}={text}: the last is less than the first")
    return values


def _specs(spec: LinkSpec, field: str, value: str) -> LinkSpec:
    if not field:
        return spec
    changes = catalog.parse_overrides([f"{field}={value}"])
    return catalog.override(spec, changes, f"link {spec.name}")


def _with_plan(q: Question, base: Estimate) -> Question:
    return replace(q, run=q.run.model_copy(update={"plan": held(base).plan}))


def _points(
    q: Question, link: str, values: Sequence[str], made: Sequence[LinkSpec], by: str
) -> tuple[Point, ...]:
    ways = [_way(spec) for spec in made]
    best = [
        None if isinstance(one, Way) and one.works else _first(remedies(spec, by))
        for spec, one in zip(made, ways, strict=True)
    ]
    asked = [spec for spec, one in zip(made, ways, strict=True) if isinstance(one, Way)]
    asked += [one.spec for one in best if one is not None]
    over = [replace(q, links={**q.links, link: spec}) for spec in asked]
    found = iter(answer(over))
    first = [next(found) if isinstance(one, Way) else None for one in ways]
    second = [None if one is None else next(found) for one in best]
    return tuple(
        Point(
            value=value,
            way=one if isinstance(one, Way) else None,
            failure="" if isinstance(one, Way) else str(one),
            estimate=_answered(plain),
            remedy=remedy,
            remedied=_answered(fixed),
            beyond=tuple(too_long(link_of(spec).path)),
        )
        for value, spec, one, plain, remedy, fixed in zip(
            values, made, ways, first, best, second, strict=True
        )
    )


def _way(spec: LinkSpec) -> Way | NoAnswerError:
    try:
        return way(AS_IT_IS, spec)
    except NoAnswerError as failure:
        return failure


def _first(ways: Sequence[Way]) -> Way | None:
    return ways[0] if ways else None


def _answered(found: Estimate | AccelsimError | None) -> Estimate | None:
    if isinstance(found, AccelsimError):
        raise found
    return found


def _ports(q: Question, link: str) -> float:
    """Return the links of a name that the job uses."""
    ports, inner = 0.0, 1
    for tier in q.system.tiers.values():
        if tier.link == link and inner < q.run.chips:
            ends = 0.5 if tier.topology in SHARED else 1.0
            ports += q.run.chips * sum(tier.links_per_chip) * ends
        inner = tier.chips
    return ports
