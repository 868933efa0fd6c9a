"""Collectives as messages: who sends what to whom, round by round, after which step.

This file knows algorithms. It does not know routes or rates: `replay.py` has these.
Sources: Thakur, Rabenseifner and Gropp 2005 (ring, halving and doubling, pairwise);
Sanders, Speck and Träff 2009 (two trees); Jain and Sabharwal 2010, and the torus
collectives of TPUs (jax-ml/scaling-book, sharding.md), for buckets on a torus.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.errors import InputError, nearest
from accelsim.fabric.graph import Graph
from accelsim.fabric.stages import Ints
from accelsim.fabric.wiring import Wiring, torus_ports

KINDS = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send_recv")
UP, DOWN = -1, -2  # in the place of a target or source: the switch of the own domain


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Messages that are sent together, and again every round.

    Attributes
    ----------
    source, target : array of int
        Ranks; `UP` as a target and `DOWN` as a source stand for the switch.
    size : float
        Of each message of a round [B].
    rounds : int
    after : tuple of int
        Steps that end before this one begins, counted from this one: -1 is the one
        before it.
    """

    source: Ints
    target: Ints
    size: float
    rounds: int = 1
    after: tuple[int, ...] = (-1,)


Steps = list[Step]


def chained(steps: Steps) -> Steps:
    """Return steps one after the other, the first after none."""
    return [
        Step(s.source, s.target, s.size, s.rounds, (-1,) if i else ())
        for i, s in enumerate(steps)
    ]


def beside(chains: Sequence[Steps]) -> Steps:
    """Return chains that run at the same time, none waiting for another."""
    return [step for chain in chains for step in chain]


def times(kind: str) -> int:
    """Return how often a ring carries the whole: an all-reduce scatters and gathers."""
    return 2 if kind == "all_reduce" else 1


def ring(kind: str, members: Ints, size: float) -> Steps:
    """Return a ring one way; members : (groups, ranks), all groups side by side."""
    n = members.shape[-1]
    rounds = times(kind) * (n - 1)
    after = np.roll(members, -1, axis=-1)
    return [Step(members.ravel(), after.ravel(), size / n, rounds, ())]


def two_rings(kind: str, members: Ints, size: float) -> Steps:
    """Return rings both ways, each with half of the bytes."""
    back = members[..., ::-1]
    return [*ring(kind, members, size / 2.0), *ring(kind, back, size / 2.0)]


def halving(kind: str, members: Ints, size: float) -> Steps:
    """Return recursive halving, then doubling: partners at every distance."""
    n = members.shape[-1]
    if n & (n - 1):
        raise InputError(f"halving: the ranks must be a power of two, not {n}")
    place = np.arange(n)
    scatter = []
    for level in range(n.bit_length() - 1):
        partner = members[..., place ^ (1 << level)]
        part = size / 2.0 ** (level + 1)
        scatter.append(Step(members.ravel(), partner.ravel(), part))
    return chained(_both_ways(kind, scatter))


def _both_ways(kind: str, scatter: Steps) -> Steps:
    """Return what a kind takes of a reduce-scatter and its mirror, the all-gather."""
    if kind == "reduce_scatter":
        return scatter
    gather = scatter[::-1]
    return gather if kind == "all_gather" else [*scatter, *gather]


def direct(kind: str, members: Ints, size: float) -> Steps:
    """Return messages from each to each, all at once."""
    n = members.shape[-1]
    one, other = np.nonzero(~np.eye(n, dtype=bool))
    step = Step(members[..., one].ravel(), members[..., other].ravel(), size / n)
    return chained([step] * times(kind))


def pairwise(kind: str, members: Ints, size: float) -> Steps:
    """Return an all-to-all in n - 1 steps, each rank with one other at a time."""
    del kind
    n = members.shape[-1]
    shifted = [np.roll(members, -k, axis=-1) for k in range(1, n)]
    return chained([Step(members.ravel(), to.ravel(), size / n) for to in shifted])


def trees(kind: str, members: Ints, size: float, chunks: int = 64) -> Steps:
    """Return two trees, each with half of the bytes, in `chunks` up and down at once.

    The second has every rank one place further, so that most that are leaves of one
    are none of the other. A chunk moves a level a round; all levels are busy.
    """
    if kind != "all_reduce":
        raise InputError(f"tree: an all_reduce only, not {kind}")
    n = members.shape[-1]
    found: Steps = []
    child = np.arange(1, n)
    depth = n.bit_length() - 1
    for shift in (0, n // 2):
        names = np.roll(members, -shift, axis=-1)
        low, high = names[..., child].ravel(), names[..., (child - 1) // 2].ravel()
        part, rounds = size / 2.0 / chunks, chunks + 2 * depth - 1
        source = np.concatenate([low, high])
        target = np.concatenate([high, low])
        sent = part * chunks / rounds  # edges idle while the pipeline fills and drains
        found.append(Step(source, target, sent, rounds, ()))
    return found


def added(kind: str, members: Ints, size: float) -> Steps:
    """Return an all-reduce in the switch: each sends all of it up and gets the sum."""
    if kind != "all_reduce":
        raise InputError(f"nvls: an all_reduce only, not {kind}")
    ranks = members.ravel()
    up, down = np.full_like(ranks, UP), np.full_like(ranks, DOWN)
    source, target = np.concatenate([ranks, down]), np.concatenate([up, ranks])
    return [Step(source, target, size, 1, ())]


def along(kind: str, members: Ints, size: float, shares: Sequence[float]) -> Steps:
    """Return buckets on a torus: each part begins with another dimension and way.

    members : (groups, extents…); shares : of the bytes that begin with each dimension.
    """
    dims = members.ndim - 1
    chains = []
    source = members.ravel()
    targets = {  # the same arrays for all chains: their routes are found once
        (d, way): np.roll(members, -way, axis=1 + d).ravel()
        for d in range(dims)
        for way in (1, -1)
    }
    for begin in range(dims):
        for way in (1, -1):
            part, scatter = size * shares[begin] / 2.0, []
            for d in (*range(begin, dims), *range(begin)):
                n = members.shape[1 + d]
                if n > 1:
                    part /= n
                    scatter.append(Step(source, targets[d, way], part, n - 1))
            if part > 0.0 and scatter:
                chains.append(chained(_both_ways(kind, scatter)))
    return beside(chains)


def send(kind: str, members: Ints, size: float) -> Steps:
    """Return a message from each rank of a chain to the next."""
    del kind
    return [Step(members[..., :-1].ravel(), members[..., 1:].ravel(), size, 1, ())]


PLAIN: dict[str, Callable[[str, Ints, float], Steps]] = {
    "ring": ring,
    "rings": two_rings,
    "halving": halving,
    "direct": direct,
    "pairwise": pairwise,
    "tree": trees,
    "nvls": added,
}
PAIRS = "direct, pairwise"
MOST_PAIRS = 2_000_000  # messages of a collective from each to each
ALGORITHMS = ("auto", "hierarchy", "torus", *PLAIN)


def steps_of(
    graph: Graph, kind: str, members: Sequence[int] | Ints, size: float,
    algorithm: str = "auto",
) -> Steps:  # fmt: skip
    """Return the steps of one collective.

    members : ranks in the order of the group; size : as nccl-tests count it [B].
    `auto` is direct for an all-to-all, and else the hierarchy of the system's tiers, or
    a ring where these hold unequal parts of the group.

    Raises
    ------
    InputError
        An unknown kind or algorithm, or one that cannot do this.
    """
    ranks = np.asarray(members, np.int64)
    if kind not in KINDS:
        raise InputError(f"collective {kind!r} is unknown; {nearest(kind, KINDS)}")
    if algorithm not in ALGORITHMS:
        hint = nearest(algorithm, ALGORITHMS)
        raise InputError(f"algorithm {algorithm!r} is unknown; {hint}")
    if len(ranks) < 2 or size <= 0.0:
        return []
    if kind == "send_recv":
        return send(kind, ranks, size)
    pairs = len(ranks) * (len(ranks) - 1)
    if pairs > MOST_PAIRS and (kind == "all_to_all" or algorithm == "direct"):
        raise InputError(
            f"{kind} of {len(ranks)} ranks: {pairs:,} messages are too many"
        )
    if kind == "all_to_all":
        algorithm = "direct" if algorithm == "auto" else algorithm
    if (algorithm == "pairwise") != (kind == "all_to_all") and algorithm != "direct":
        raise InputError(
            f"{algorithm}: cannot do {kind}; valid for all_to_all: {PAIRS}"
        )
    if algorithm in PLAIN:
        return PLAIN[algorithm](kind, ranks, size)
    return _by_levels(graph, kind, ranks, size, algorithm)


def _by_levels(
    graph: Graph, kind: str, ranks: Ints, size: float, algorithm: str
) -> Steps:
    try:
        levels = levels_of(graph, ranks)
    except InputError:
        if algorithm == "auto":
            return ring(kind, ranks, size)
        raise
    if algorithm == "torus" and (len(levels) != 1 or not levels[0].shares):
        raise InputError("torus: the ranks must fill one torus and no other tier")
    return hierarchy(kind, levels, size)


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """Members of a group at one tier.

    Attributes
    ----------
    members : array of int
        (groups, ranks), or (groups, extents…) on a torus; they have equal places in
        their inner domains.
    wiring : Wiring or None
        The tier; None for the package.
    shares : tuple of float
        Torus: of the bytes that begin with each dimension.
    """

    members: Ints
    wiring: Wiring | None
    shares: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """Return the members of each group."""
        return math.prod(self.members.shape[1:])


def levels_of(graph: Graph, ranks: Ints) -> list[Level]:
    """Return the tiers that a group spans, inside out, with who meets whom there.

    Raises
    ------
    InputError
        Domains that hold unequal numbers of the group.
    """
    found: list[Level] = []
    domains: list[tuple[int, int, Wiring | None]] = []
    if graph.per_chip > 1:
        domains.append((1, graph.per_chip, None))
    domains += [
        (w.inner * graph.per_chip, w.chips * graph.per_chip, w) for w in graph.wirings
    ]
    held = 1
    for index, (inner, domain, wiring) in enumerate(domains):
        outer = index + 1 == len(domains)
        home = ranks * 0 if outer else ranks // domain
        counts = np.unique(home, return_counts=True)[1]
        if len(np.unique(counts)) > 1:
            raise InputError(
                f"hierarchy: domains of {domain} ranks hold {counts.min()} to "
                f"{counts.max()} members; use ring"
            )
        reach = int(counts[0])
        if reach == held:
            continue
        inside = reach // held
        ordered = ranks.reshape(-1, inside, held).transpose(0, 2, 1)
        if not np.all(home.reshape(-1, reach) == home.reshape(-1, reach)[:, :1]):
            raise InputError("hierarchy: the ranks must stand domain by domain")
        found.append(_level(ordered.reshape(-1, inside), wiring, inner))
        held = reach
    return found


def _level(members: Ints, wiring: Wiring | None, inner: int) -> Level:
    if wiring is None or wiring.spec.topology != "torus":
        return Level(members, wiring)
    dims = wiring.spec.dims
    place = members[0] // inner
    extents, stride, left = [], 1, members.shape[1]
    for extent in dims:  # members fill lines of the torus, the first dimension first
        line = place // stride % extent
        here = len(np.unique(line)) if left > 1 else 1
        extents.append(here)
        left //= max(1, here)
        stride *= extent
    if math.prod(extents) != members.shape[1]:
        return Level(members, wiring)  # no block: a ring through all of them
    wide = [torus_ports(wiring.spec, d) * (n > 1) for d, n in enumerate(extents)]
    shaped = members.reshape(len(members), *extents[::-1])
    axes = (0, *range(len(dims), 0, -1))  # the first dimension first
    shares = tuple(w / sum(wide) for w in wide)
    return Level(shaped.transpose(axes), wiring, shares)


def hierarchy(kind: str, levels: Sequence[Level], size: float) -> Steps:
    """Return level after level: scatter inside out, then gather outside in.

    What a level scatters is shared out among its members; the next has that part. An
    all-reduce turns round at the outermost level.
    """
    parts = [size]
    for level in levels:
        parts.append(parts[-1] / level.size)
    scatter = [
        _at("reduce_scatter", *pair) for pair in zip(levels, parts, strict=False)
    ]
    gather = [_at("all_gather", *pair) for pair in zip(levels, parts, strict=False)]
    order = {
        "reduce_scatter": scatter,
        "all_gather": gather[::-1],
        "all_reduce": [*scatter, *gather[::-1]],
    }[kind]
    found: Steps = []
    waits: list[int] = []  # the ends of the chains of the level before
    for steps in order:
        base, heads = len(found), waits
        waits = []
        for i, step in enumerate(steps):
            after = step.after or tuple(h - (base + i) for h in heads)
            found.append(Step(step.source, step.target, step.size, step.rounds, after))
            if i + 1 == len(steps) or not steps[i + 1].after:
                waits.append(base + i)
    return found


def _at(kind: str, level: Level, size: float) -> Steps:
    wiring = level.wiring
    if level.shares:
        return along(kind, level.members, size, level.shares)
    if wiring is not None and wiring.spec.topology == "mesh":
        return direct(kind, level.members, size)
    return ring(kind, level.members, size)
