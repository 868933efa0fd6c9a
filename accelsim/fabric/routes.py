"""The edges that a message crosses: arithmetic on how the tiers are numbered.

This file knows dimension order on tori, leaves, rails and hashes in fat trees, and
that a mesh or torus of domains joins equal places, so that a message first goes to its
target's place inside its own domain. It does not know traffic. Rows of a table of hops
have one column an edge, -1 where a message crosses none.
"""

import numpy as np
from numpy.typing import NDArray

from accelsim.fabric.stages import Ints, leaf_of
from accelsim.fabric.wiring import Wiring

Hops = list[Ints]  # columns
_MIX = np.uint64(0x9E3779B97F4A7C15)


def hashed(a: Ints, b: Ints, turn: int) -> NDArray[np.uint64]:
    """Return a number for each pair that looks random (SplitMix64's finalizer)."""
    x = a.astype(np.uint64) * _MIX + b.astype(np.uint64) + np.uint64(turn) * _MIX
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))


def routes(
    wirings: list[Wiring], chips: int, source: Ints, target: Ints, turn: int = 0
) -> tuple[Hops, Ints]:
    """Return the hops between chips, and the outermost tier that each pair crosses.

    turn : another number for the hash of every pair. A pair of one chip has no hop,
    and tier -1.
    """
    hops: Hops = []
    outermost = np.full(len(source), -1, np.int64)
    at = source.copy()
    # inside out: who shares a domain of this tier and has no smaller one in common
    for index in range(len(wirings) - 1, -1, -1):
        one = wirings[index]
        apart = at // one.inner != target // one.inner
        if index + 1 < len(wirings):
            apart &= at // one.chips == target // one.chips
        outermost = np.where(apart & (outermost < 0), index, outermost)
        if one.spec.topology in ("mesh", "torus"):
            place = at // one.inner * one.inner + target % one.inner
            cross = _torus if one.spec.topology == "torus" else _mesh
            hops = cross(one, chips, place, target, apart) + hops
            # what is left: to that place, inside the own domain
            target = np.where(apart, place, target)
        elif one.tree is not None:
            first = at
            if one.spec.routing == "rail":
                first = _same_rail(one, at, target)
                first = np.where(apart, first, at)
            hops = _tree(one, chips, first, target, apart, turn) + hops
            target = np.where(apart, first, target)
        else:
            hops = _switch(one, chips, at, target, apart) + hops
            target = np.where(apart, at, target)
    return hops, outermost


def _only(edge: Ints, which: NDArray[np.bool_]) -> Ints:
    return np.where(which, edge, -1)


def _switch(
    one: Wiring, chips: int, at: Ints, to: Ints, which: NDArray[np.bool_]
) -> Hops:
    return [_only(one.edges + at, which), _only(one.edges + chips + to, which)]


def _mesh(
    one: Wiring, chips: int, at: Ints, to: Ints, which: NDArray[np.bool_]
) -> Hops:
    del chips
    joined = one.chips // one.inner
    mine, other = (c % one.chips // one.inner for c in (at, to))
    slot = other - (other > mine)
    return [_only(one.edges + at * (joined - 1) + slot, which)]


def _torus(
    one: Wiring, chips: int, at: Ints, to: Ints, which: NDArray[np.bool_]
) -> Hops:
    """Dimension after dimension, the shorter way round; halfway round, by turns."""
    hops: Hops = []
    stride, now = one.inner, at.copy()
    for d, extent in enumerate(one.spec.dims):
        place, goal = now // stride % extent, to // stride % extent
        ahead = (goal - place) % extent
        up = 2 * ahead < extent
        up |= (2 * ahead == extent) & ((at // one.inner) % 2 == 0)
        if not one.spec.wrap or extent == 2:
            up = goal > place
        left = np.where(up, ahead, extent - ahead) * (ahead > 0)
        if not one.spec.wrap or extent == 2:
            left = np.abs(goal - place)
        left = np.where(which, left, 0)
        for step in range(int(left.max(initial=0))):
            moving = step < left
            edge = one.edges + (2 * d + np.where(up, 0, 1)) * chips + now
            hops.append(_only(edge, moving))
            place = now // stride % extent
            ahead_of = (place + np.where(up, 1, -1)) % extent
            now = np.where(moving, now + (ahead_of - place) * stride, now)
        stride *= extent
    return hops


def _same_rail(one: Wiring, at: Ints, to: Ints) -> Ints:
    """Return the chip of the sender's domain on the rail of the target."""
    tree = one.tree
    if tree is None:
        return at
    span = min(one.inner, one.spec.rails * tree.share)
    return at // span * span + to % span


def _tree(
    one: Wiring, chips: int, at: Ints, to: Ints, which: NDArray[np.bool_], turn: int
) -> Hops:
    """Up to the first switch that has both below it, and down."""
    tree = one.tree
    if tree is None:
        return []
    base = one.edges
    a, b = at // tree.share, to // tree.share
    across = which & (a != b)
    hops = [_only(base + at, which), _only(base + 2 * chips + a, across)]
    down = [
        _only(base + 2 * chips + tree.nics + b, across),
        _only(base + chips + to, which),
    ]
    if tree.levels > 1:
        base += 2 * chips + 2 * tree.nics
        leaf_a, leaf_b = (leaf_of(n, one.spec.rails, tree.down) for n in (a, b))
        apart = across & (leaf_a != leaf_b)
        mixed = hashed(a, b, turn)
        way = (mixed % np.uint64(tree.ways)).astype(np.int64)
        each = tree.leaves * tree.ways
        hops.append(_only(base + leaf_a * tree.ways + way, apart))
        down.insert(0, _only(base + each + leaf_b * tree.ways + way, apart))
        if tree.levels > 2:
            base += 2 * each
            pod_a, pod_b = leaf_a // tree.pod_leaves, leaf_b // tree.pod_leaves
            far = apart & (pod_a != pod_b)
            core = (mixed // np.uint64(tree.ways)) % np.uint64(tree.core_ways)
            out = core.astype(np.int64)
            spines = tree.pods * tree.ways * tree.core_ways
            rise = (pod_a * tree.ways + way) * tree.core_ways + out
            fall = (pod_b * tree.ways + way) * tree.core_ways + out
            hops.append(_only(base + rise, far))
            down.insert(0, _only(base + spines + fall, far))
    return hops + down
