"""Shortest ways: on graphs small enough to see, and beside every way there is."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.paths import detours, farthest, search


def compressed(edges: list[tuple[int, int]], nodes: int) -> tuple[np.ndarray, ...]:
    source = np.array([a for a, _ in edges], np.int64)
    target = np.array([b for _, b in edges], np.int64)
    order = np.argsort(source, kind="stable")
    start = np.searchsorted(source[order], np.arange(nodes + 1)).astype(np.int64)
    return start, order, source, target


def test_a_ring_with_an_edge_down_is_walked_the_other_way() -> None:
    edges = [(i, (i + 1) % 5) for i in range(5)] + [((i + 1) % 5, i) for i in range(5)]
    start, order, source, target = compressed(edges, 5)
    alive = np.ones(10)
    alive[0] = 0.0  # 0 -> 1
    scratch, found = np.empty((3, 5), np.int64), np.empty((2, 6), np.int64)
    pairs = np.array([0, 0]), np.array([1, 4])
    detours(start, order, source, target, alive, *pairs, scratch, found)
    assert list(found[0]) == [9, 8, 7, 6, -1, -1]
    assert list(found[1]) == [9, -1, -1, -1, -1, -1]
    nodes = np.arange(5)
    assert farthest(start, order, target, np.ones(10), nodes, nodes, scratch) == 2


@given(st.integers(2, 7), st.data())
def test_hops_are_the_fewest(nodes: int, data: st.DataObject) -> None:
    node = st.integers(0, nodes - 1)
    edges = data.draw(st.lists(st.tuples(node, node), max_size=20))
    start, order, _, target = compressed(edges, nodes)
    came, hops, queue = np.empty((3, nodes), np.int64)
    search(start, order, target, np.ones(len(edges)), 0, 1, came, hops, queue)
    want = {0: 0}
    for distance in range(nodes):
        for a, b in edges:
            if want.get(a) == distance:
                want.setdefault(b, distance + 1)
    assert list(hops) == [want.get(n, -1) for n in range(nodes)]
