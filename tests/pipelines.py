"""Pipelines step by step, slowly: what the kernels of schedules are compared with.

Shares no code with them: an order is a list of words, and a pass ends when everything
that it waits for has ended, found by recursion.
"""

from collections.abc import Callable
from functools import cache
from itertools import pairwise

Pass = tuple[str, int, int]  # "F", "B" or "W", chunk of the model, micro-batch
Orders = list[list[Pass]]


def one_f_one_b(stages: int, count: int) -> Orders:
    """Return 1F1B: stage s does stages - s forward passes, then one of each in turn."""
    orders = []
    for stage in range(stages):
        ahead = min(stages - stage, count)
        line: list[Pass] = [("F", stage, i) for i in range(ahead)]
        for i in range(count):
            line.append(("B", stage, i))
            if ahead + i < count:
                line.append(("F", stage, ahead + i))
        orders.append(line)
    return orders


def last_end(
    orders: Orders,
    seconds: Callable[[str, int], float],
    hop: float = 0.0,
    last: int | None = None,
    *,
    hides: bool = False,
) -> float:
    """Return when the last pass ends.

    Chunk c hands on to c + 1, and backward to c - 1; `last` is the last chunk. Two
    neighbours in the model on one stage hand over for nothing.
    """
    final = len(orders) - 1 if last is None else last
    home = {chunk: s for s, line in enumerate(orders) for _, chunk, _ in line}
    before = {b: a for line in orders for a, b in pairwise(line)}

    def remote(one: Pass) -> bool:
        to = one[1] + {"F": 1, "B": -1, "W": 0}[one[0]]
        return one[0] != "W" and 0 <= to <= final and home[to] != home[one[1]]

    @cache
    def arrives(one: Pass) -> float:
        if not remote(one):
            return end(one)
        previous = before.get(one)
        while previous is not None and not remote(previous):
            previous = before.get(previous)
        wire = arrives(previous) if hides and previous is not None else 0.0
        return max(end(one), wire) + hop

    @cache
    def end(one: Pass) -> float:
        what, chunk, i = one
        start = 0.0
        if one in before:
            start = end(before[one]) if hides else arrives(before[one])
        if what == "F" and chunk > 0:
            start = max(start, arrives(("F", chunk - 1, i)))
        elif what == "B":
            source = ("F", chunk, i) if chunk == final else ("B", chunk + 1, i)
            start = max(start, arrives(source))
        elif what == "W":
            start = max(start, end(("B", chunk, i)))
        return start + seconds(what, chunk)

    ends = [arrives(one) if not hides else end(one) for line in orders for one in line]
    return max(ends)
