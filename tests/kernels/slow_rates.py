"""The obvious slow versions: max-min fair rates, and flows event by event.

Plain Python on lists. All rates rise together until an edge is full; its flows stop
there and the rest goes on. Flows are replayed with every rate worked out anew after
every event.
"""

from collections.abc import Sequence


def fair_rates(ways: Sequence[Sequence[int]], capacity: Sequence[float]) -> list[float]:
    """Return the max-min fair rate of each flow; every flow crosses an edge."""
    rates = [0.0] * len(ways)
    rising = set(range(len(ways)))
    while rising:
        steps = []
        for edge, most in enumerate(capacity):
            mine = [f for f in rising if edge in ways[f]]
            if mine:
                used = sum(rates[f] for f in range(len(ways)) if edge in ways[f])
                steps.append(((most - used) / len(mine), edge))
        step = min(steps)[0]
        for flow in rising:
            rates[flow] += step
        full = {edge for s, edge in steps if s <= step * (1 + 1e-9) + 1e-15}
        rising -= {f for f in rising if full.intersection(ways[f])}
    return rates


def ends(
    ways: Sequence[Sequence[int]], capacity: Sequence[float], sizes: Sequence[float]
) -> list[float]:
    """Return when each flow ends if all begin at zero."""
    left, done, now = list(sizes), [0.0] * len(sizes), 0.0
    live = [f for f, size in enumerate(sizes) if size > 0.0]
    while live:
        rates = fair_rates([ways[f] for f in live], capacity)
        wait = min(left[f] / r for f, r in zip(live, rates, strict=True))
        now += wait
        for f, rate in zip(live, rates, strict=True):
            left[f] -= rate * wait
        for f in live:
            if left[f] <= 1e-9 * sizes[f]:
                done[f] = now
        live = [f for f in live if left[f] > 1e-9 * sizes[f]]
    return done
