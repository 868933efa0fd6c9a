"""Where the groups of floating taps go.

This file knows the choice that the IEEE reference tool makes, release 4.30: the groups
that take the most power off the pulse, one after the other, without overlap.
"""

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.jit import kernel


@kernel
def fill_banks(
    post: NDArray[np.float64],
    cursor: float,
    rules: np.record,
    places: NDArray[np.int64],
) -> None:
    """Fill the floating taps' places, counted from 1 after the cursor.

    Parameters
    ----------
    post : (span,)
        The pulse one, two, … intervals after the cursor.
    cursor : float
    rules : record of `com_tables.FEEDBACK`
    places : (groups * group_taps,)
    """
    width, first = rules.group_taps, rules.fixed
    count = rules.span - first - width + 1
    gain = np.empty(count)
    for s in range(count):
        total = 0.0
        for t in range(s, s + width):
            size = abs(post[first + t])
            left = max(0.0, size - rules.floating_max * cursor)
            total += size * size - left * left
        gain[s] = total
    choose_groups(gain, width, rules.groups, places)
    for i in range(len(places)):
        places[i] += first + 1


@kernel
def ranked(gain: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the indices by falling gain, equal ones in their own order."""
    return np.argsort(-gain, kind="mergesort")


@kernel
def choose_groups(
    gain: NDArray[np.float64], width: int, groups: int, places: NDArray[np.int64]
) -> None:
    """Fill the taps of the groups chosen, counted from 0; `gain` is spent.

    Parameters
    ----------
    gain : (S,)
        Power that a group takes which starts at each tap.
    width, groups : int
    places : (groups * width,)
    """
    order = ranked(gain)
    head = (groups - 1) * width + 1
    if np.max(order[:head]) == head - 1:  # the best starts are the first ones
        for i in range(groups * width):
            places[i] = i
        return
    places[:] = -1
    below = -1  # a group that is already known to follow, right below the last
    for group in range(groups):
        order = ranked(gain)
        start = below
        if below < 0:
            start = order[0]
            if group < groups - 1:
                start, below = settle(gain, order, width, places)
        else:
            below = -1
        for t in range(width):
            places[group * width + t] = start + t
        gain[max(0, start - width + 1) : start + width] = 0.0


@kernel
def settle(
    gain: NDArray[np.float64],
    order: NDArray[np.int64],
    width: int,
    places: NDArray[np.int64],
) -> tuple[int, int]:
    """Return the group to take, and the one to take next if it is known (else -1).

    A group is passed over if one that overlaps it from below is better than any that
    does not, unless the one right below it comes before.
    """
    start = order[0]
    while True:
        known, best_overlap, first_free = scan(order, start, width, places)
        if known:
            return start, start - width
        if best_overlap < 0 or best_overlap >= first_free:
            return start, -1
        gain[start] = 0.0
        start = order[1]
        order = ranked(gain)


@kernel
def scan(
    order: NDArray[np.int64], start: int, width: int, places: NDArray[np.int64]
) -> tuple[bool, int, int]:
    """Return what competes with a group, walking down the ranking.

    Returns
    -------
    known : bool
        The group right below comes before every other that does not overlap.
    best_overlap : int
        Rank of the best group that overlaps from below, -1 if there is none.
    first_free : int
        Rank of the first that is neither in the group nor overlaps it.
    """
    best_overlap, any_overlap = len(order), False
    for rank in range(len(order)):
        at = order[rank]
        if start - width < at < start and not np.any(places == at):
            any_overlap = True
            best_overlap = min(best_overlap, rank)
    if not any_overlap:
        return False, -1, 0
    for rank in range(len(order)):
        at = order[rank]
        if at == start - width:
            return True, best_overlap, rank
        overlaps = start - width < at < start and not np.any(places == at)
        if not overlaps and not start <= at < start + width:
            return False, best_overlap, rank
    return False, best_overlap, len(order) - 1
