"""Shortest ways through a graph, by breadth-first search.

This file knows hops and which edges are there; it does not know what a hop costs. The
caller gives the edges sorted by where they begin.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import Rows


@kernel
def search(
    start: Rows, order: Rows, target: Rows, alive: Rows, source: int, turn: int,
    came: Rows, hops: Rows, queue: Rows,
) -> int:  # fmt: skip
    """Fill hops and the edge that each node was reached by; return the most hops.

    start : (nodes + 1), of the edges of each node in `order`, the edges by source;
    target : node of each edge; alive : 1 where an edge carries anything; turn : with
    which of its edges a node begins, so that equal ways are shared out. came, hops :
    (nodes), -1 where nothing leads; queue : (nodes), scratch.
    """
    came[:] = -1
    hops[:] = -1
    hops[source] = 0
    queue[0] = source
    head, tail, most = 0, 1, 0
    while head < tail:
        node = queue[head]
        head += 1
        count = start[node + 1] - start[node]
        for i in range(count):
            edge = order[start[node] + (i + turn) % count]
            to = target[edge]
            if alive[edge] > 0.0 and hops[to] < 0:
                hops[to] = hops[node] + 1
                most = max(most, hops[to])
                came[to] = edge
                queue[tail] = to
                tail += 1
    return int(most)


@kernel
def detours(
    start: Rows, order: Rows, origin: Rows, target: Rows, alive: Rows, sources: Rows,
    targets: Rows, scratch: Rows, found: Rows,
) -> None:  # fmt: skip
    """Fill the edges of a shortest way for each pair, in order, then -1.

    origin, target : nodes of each edge; scratch : (3, nodes); found : (pairs, most
    hops). A pair that nothing joins has -1 throughout.
    """
    came, hops, queue = scratch[0], scratch[1], scratch[2]
    for i in range(len(sources)):
        found[i, :] = -1
        search(start, order, target, alive, sources[i], i, came, hops, queue)
        node = targets[i]
        for place in range(hops[node] - 1, -1, -1):
            if place < found.shape[1]:
                found[i, place] = came[node]
            node = origin[came[node]]


@kernel
def farthest(
    start: Rows, order: Rows, target: Rows, alive: Rows, sources: Rows, ends: Rows,
    scratch: Rows,
) -> int:  # fmt: skip
    """Return the most hops from any of the sources to any of the ends.

    A pair that nothing joins does not count. scratch : (3, nodes).
    """
    most = 0
    for i in range(len(sources)):
        came, hops, queue = scratch[0], scratch[1], scratch[2]
        search(start, order, target, alive, sources[i], 0, came, hops, queue)
        for j in range(len(ends)):
            most = max(most, hops[ends[j]])
    return int(most)
