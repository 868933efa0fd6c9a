"""What runs at the same time, beside a simulation that shares every instant anew."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from accelsim.kernels.overlap import add_moment, beside, bucketed, hide, speeds
from accelsim.kernels.tables import Record, Rows
from accelsim.kernels.use_tables import (
    ACROSS,
    BESIDE,
    INSIDE,
    MOMENT,
    MOMENTS,
    PRODUCTS,
    RESOURCES,
    STREAMS,
    USE,
)
from accelsim.training.lower import table
from tests.examples import row

Array = NDArray[np.float64]
Needs = tuple[float, float, float]
SHARES = st.floats(0.0, 1.0)
SECONDS = st.floats(0.01, 10.0)
EQUAL = 1e-6


def use(**values: float) -> Record:
    return row(USE, **values)[0]


@functools.cache
def fair(users: tuple[tuple[float, ...], ...], most: tuple[float, ...]) -> Array:
    """Return the speeds of many users, by filling up each resource again and again.

    users : what each takes of each resource at full speed; none is faster than `most`.
    A resource gives each what it wants if that is less than an even part, and parts the
    rest evenly; a user takes what its scarcest resource gives. Repeated, a tenth of the
    way at a time, until nothing changes.
    """
    needs, speed = np.array(users), np.array(most, dtype=np.float64)
    for _ in range(3000):
        target = np.array([_deserved(i, needs, speed, most) for i in range(len(speed))])
        speed = 0.9 * speed + 0.1 * target
    full = (needs * speed[:, None]).sum(0)
    return np.asarray(speed / max(1.0, full.max()))


def _deserved(i: int, needs: Array, speed: Array, most: Sequence[float]) -> float:
    """Return the speed of a user if all others keep theirs but for their fair parts."""
    best = float(most[i])
    for need in needs.T:
        if need[i] == 0.0:
            continue
        others = sorted(np.delete(need * speed, i))
        room, left = 1.0, len(others) + 1
        for other in others:  # who wants less than an even part gets it
            if other >= room / left:
                break
            room, left = room - other, left - 1
        best = min(best, max(room / left, 1.0 - sum(others)) / need[i])
    return best


def simulated(
    phases: Sequence[tuple[float, Sequence[float], float]], time: float, other: Record
) -> tuple[float, float]:
    """Return (end of the pass, traffic done by then) [s], event by event.

    phases : (seconds alone, needs, speed that multiprocessors leave beside traffic).
    """
    clock, done = 0.0, 0.0
    theirs = tuple(float(other[name]) for name in RESOURCES)
    for seconds, needs, most in phases:
        left = seconds
        while left > 1e-12:
            if done >= time - 1e-12:
                clock, left = clock + left, 0.0
                continue
            a, b = fair((tuple(needs), theirs), (most, 1.0))
            step = min(left / a, (time - done) / b)
            clock, left, done = clock + step, left - a * step, done + b * step
    return clock, done


@given(
    most=st.floats(0.1, 1.0),
    mine=st.tuples(SHARES, SHARES, SHARES),
    other=st.tuples(SHARES, SHARES, SHARES),
)
def test_speeds_are_max_min_fair(most: float, mine: Needs, other: Needs) -> None:
    second = use(**dict(zip(RESOURCES, other, strict=True)))
    a, b = speeds(most, *mine, second)
    first, rest = np.array(mine) * a, np.array(other) * b
    assert 0.0 < a <= most
    assert 0.0 < b <= 1.0
    # no resource gives more than it has
    assert np.all(first + rest <= 1.0 + EQUAL)
    # who is slowed has an even part or more of one that is full
    full = first + rest >= 1.0 - EQUAL
    assert a >= most - EQUAL or np.any(full & (first >= rest - EQUAL))
    assert b >= 1.0 - EQUAL or np.any(full & (rest >= first - EQUAL))


@pytest.mark.parametrize(
    ("most", "mine", "other", "a", "b"),
    [
        (0.9, (0.3, 0.0, 0.0), (0.2, 1.0, 0.0), 0.9, 1.0),  # multiprocessors alone
        (1.0, (1.0, 0.0, 0.0), (0.25, 1.0, 0.0), 0.75, 1.0),  # a stream and a ring
        (1.0, (0.2, 0.0, 1.0), (0.1, 0.2, 1.0), 0.5, 0.5),  # two on one network
        (1.0, (0.2, 1.0, 0.0), (0.2, 0.4, 1.0), 0.6, 1.0),  # the lesser one is served
        (1.0, (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), 1.0, 1.0),  # links of their own
    ],
)
def test_speeds_by_hand(
    most: float, mine: Needs, other: Needs, a: float, b: float
) -> None:
    second = use(**dict(zip(RESOURCES, other, strict=True)))
    assert speeds(most, *mine, second) == pytest.approx((a, b))


@pytest.mark.parametrize(
    ("most", "mine", "other"),
    [
        (0.8, (0.9, 0.0, 0.0), (0.6, 0.0, 0.0)),
        (1.0, (0.7, 0.8, 0.0), (0.4, 0.9, 0.0)),
        (0.9, (0.9, 0.2, 0.9), (0.2, 0.9, 0.9)),
    ],
)
def test_speeds_as_progressive_filling_finds_them(
    most: float, mine: Needs, other: Needs
) -> None:
    second = use(**dict(zip(RESOURCES, other, strict=True)))
    a, b = fair((mine, other), (most, 1.0))
    assert speeds(most, *mine, second) == pytest.approx((a, b), rel=2e-3)


def made(shares: Sequence[tuple[float, float, float, float]]) -> Rows:
    """Return moments of (seconds, memory, inner, outer), the first ones computing."""
    moments = table(MOMENT, MOMENTS)
    places = (PRODUCTS, STREAMS, BESIDE, INSIDE, ACROSS)
    for place, (seconds, *needs) in zip(places, shares, strict=False):
        moments[place].seconds = seconds
        moments[place].computing = seconds if place < INSIDE else 0.0
        for name, need in zip(RESOURCES, needs, strict=True):
            moments[place][name] = need * seconds
    return moments


PASSES = st.lists(st.tuples(SECONDS, SHARES, SHARES, SHARES), min_size=1, max_size=4)
USES = st.fixed_dictionaries(
    {"units": st.floats(0.0, 0.5), "memory": SHARES, "inner": SHARES, "outer": SHARES}
)


def test_a_pass_as_the_simulation_runs_it() -> None:
    # products, streams that fill the memory, an all-to-all on the traffic's own network
    shares = [(3.0, 0.2, 0.0, 0.0), (1.0, 0.95, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0),
              (0.0, 0.0, 0.0, 0.0), (2.0, 0.1, 0.3, 1.0)]  # fmt: skip
    other = use(units=0.15, memory=0.2, inner=0.4, outer=0.8)
    longer, done = beside(made(shares), other)
    many = 50  # layers, each of which passes all moments
    phases = [
        (seconds / many, needs, 0.85 if at < 3 else 1.0)
        for at, (seconds, *needs) in enumerate(shares)
    ] * many
    for time in (2.0, 4.0, 9.0):
        end, hidden = simulated(phases, time, other)
        seen, lost, _ = bucketed(1.0, time, 6.0, 1e9, longer, done)
        assert time - hidden == pytest.approx(seen, abs=0.02 * time)
        assert end - 6.0 == pytest.approx(lost, abs=0.12)  # one layer


@given(shares=PASSES, other=USES, time=SECONDS)
def test_never_faster_than_the_longest_nor_slower_than_one_after_the_other(
    shares: list[tuple[float, float, float, float]], other: dict[str, float],
    time: float,
) -> None:  # fmt: skip
    whole = sum(one[0] for one in shares)
    longer, done = beside(made(shares), use(**other))
    seen, lost, used = bucketed(1.0, time, whole, 1e9, longer, done)
    total = whole + lost + seen
    assert max(whole, time) * (1 - EQUAL) <= total <= (whole + time) * (1 + EQUAL)
    assert 0.0 <= used <= whole
    assert -EQUAL <= seen <= time


@given(
    shares=PASSES, other=USES, time=SECONDS, what=st.sampled_from(RESOURCES),
    factor=st.floats(1.0, 4.0),
)  # fmt: skip
def test_more_of_a_resource_never_slows_a_pass(
    shares: list[tuple[float, float, float, float]], other: dict[str, float],
    time: float, what: str, factor: float,
) -> None:  # fmt: skip
    at = 1 + RESOURCES.index(what)
    wide = [tuple(n / factor if i == at else n for i, n in enumerate(one))
            for one in shares]  # fmt: skip
    totals = []
    for passes, one in ((shares, other), (wide, other | {what: other[what] / factor})):
        longer, done = beside(made(passes), use(**one))  # type: ignore[arg-type]
        seen, lost, _ = bucketed(
            1.0, time, sum(p[0] for p in passes), 1e9, longer, done
        )
        totals.append(lost + seen)
    assert totals[1] <= totals[0] + EQUAL * (time + sum(one[0] for one in shares))


@given(time=SECONDS, behind=SECONDS, memory=SHARES, other=USES)
def test_a_pair_is_done_when_the_simulation_says(
    time: float, behind: float, memory: float, other: dict[str, float]
) -> None:
    one = use(**other)
    hidden, together, computed = hide(time, one, behind, memory)
    end = together + (time - hidden) + (behind - computed)
    assume(memory + other["memory"] <= 1.0)  # else the simulation is slow
    most = 1.0 - other["units"]
    clock = min(time, behind / most)
    assert end == pytest.approx(clock + (time - clock) + (behind - most * clock))


def test_what_is_longer_than_its_cover_is_seen() -> None:
    # 3 s beside 2 s of products that keep nine tenths of the multiprocessors
    hidden, together, computed = hide(3.0, use(units=0.1), 2.0, 0.0)
    assert computed == pytest.approx(2.0)
    assert hidden == together == pytest.approx(2.0 / 0.9)
    assert hide(0.0, use(units=0.1), 2.0, 0.0) == (0.0, 0.0, 0.0)


def test_the_last_bucket_is_seen() -> None:
    assert bucketed(1.0, 4.0, 100.0, 4.0, 0.0, 1.0) == pytest.approx((1.0, 0.0, 3.0))
    assert bucketed(1.0, 4.0, 100.0, 1.0, 0.0, 1.0) == (4.0, 0.0, 0.0)
    assert bucketed(0.0, 4.0, 100.0, 4.0, 0.0, 1.0) == (4.0, 0.0, 0.0)


def test_moments_add_up() -> None:
    moment: Any = table(MOMENT, 1)[0]
    add_moment(moment, 2.0, 1.0, 0.5, use(units=0.1, memory=0.8, inner=1.0), 0.5)
    add_moment(moment, 1.0, 1.0, 0.25, use(), 0.0)
    assert moment.seconds == moment.computing == 3.0
    assert moment.memory == pytest.approx(2 * 0.9 + 0.25)
    assert (moment.units, moment.inner) == pytest.approx((0.2, 1.0))
