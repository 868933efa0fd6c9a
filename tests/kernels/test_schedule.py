"""The event-driven scheduler: published bubbles, a slow pipeline, laws of schedules."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.kernels import tables
from accelsim.kernels.orders import slots_of, splits
from accelsim.kernels.schedule import (
    fill_in_flight,
    fill_orders,
    next_chunk,
    run_orders,
)
from tests.pipelines import Orders, last_end

CODES = {name: code for code, name in enumerate(tables.SCHEDULES)}
NAMES = st.sampled_from(tables.SCHEDULES)
SECONDS = st.floats(0.1, 3.0)


def run(
    name: str, pp: int, count: int, seconds: np.ndarray, vp: int = 1,
    hop: float = 0.0, *, hides: bool = False,
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Return makespan, orders, lengths and times of a pipeline."""
    code, slots = CODES[name], slots_of(CODES[name], vp)
    orders = np.zeros((pp, 3 * slots * count), np.int64)
    lengths, times = np.zeros(pp, np.int64), np.zeros((2, *orders.shape))
    fill_orders(code, pp, vp, count, orders, lengths)
    ready = np.zeros((2, pp, slots, count))
    end = run_orders(
        code, pp, vp, seconds, hop, float(hides), orders, lengths, ready, times
    )
    return end, orders, lengths, times


def even(
    name: str, pp: int, vp: int, f: float = 1.0, b: float = 1.0, w: float = 1.0
) -> np.ndarray:
    """Return seconds of equal stages, cut into the chunks of a schedule."""
    slots = slots_of(CODES[name], vp)
    parts = 1 if name == "dualpipe" else slots
    seconds = np.zeros((3, pp, slots))
    seconds[:] = np.array([f, b, w])[:, None, None] / parts
    if not splits(CODES[name]):
        seconds[1] += seconds[2]
    return seconds


@pytest.mark.parametrize(
    ("name", "bubble"),
    [
        ("gpipe", 7 * (1.0 + 1.2 + 0.7)),  # Huang et al. 2019, sec. 2.3
        ("1f1b", 7 * (1.0 + 1.2 + 0.7)),  # Narayanan et al. 2021, sec. 2.2.1
        ("interleaved", 7 * (1.0 + 1.2 + 0.7) / 4),  # ibid., sec. 2.2.2
        ("zb-h1", 7 * (1.0 + 1.2 - 0.7)),  # Qi et al. 2023, table 2
    ],
)
def test_bubbles_of_the_papers(name: str, bubble: float) -> None:
    vp = 4 if name == "interleaved" else 1
    end, *_ = run(name, 8, 32, even(name, 8, vp, 1.0, 1.2, 0.7), vp)
    assert end - 32 * 2.9 == pytest.approx(bubble)


def test_zb_v_never_waits_once_it_has_begun() -> None:
    # Qi et al. 2024, fig. 5: with equal passes no stage is idle between its first and
    # its last pass
    _, _, lengths, times = run("zb-v", 8, 32, even("zb-v", 8, 1))
    for stage, length in enumerate(lengths):
        busy = times[1, stage, length - 1] - times[0, stage, 0]
        assert busy == pytest.approx(32 * 3.0)


def test_dualpipe_waits_less_than_its_paper_says() -> None:
    # DeepSeek-V3, table 2: (PP/2 - 1)(F&B + B - 3 W), B with W, where forward and
    # backward of a pair end together; here the forward pass hands on when it is done
    end, *_ = run("dualpipe", 8, 32, even("dualpipe", 8, 1))
    assert 32 * 3.0 < end <= 32 * 3.0 + 3 * (3.0 + 2.0 - 3.0)


def words(
    name: str, pp: int, vp: int, orders: np.ndarray, lengths: np.ndarray
) -> Orders:
    """Return the orders with the model's own chunks, for the slow pipeline."""
    slots = slots_of(CODES[name], vp)
    chunk = {}
    for stage in range(pp):
        for slot in range(slots):
            depth, at = 0, stage * slots + slot
            while at >= 0:
                at = next_chunk(CODES[name], at // slots, at % slots, pp, slots, -1)
                depth += at >= 0
            chunk[stage, slot] = depth
    return [
        [
            ("FBW"[n % 3], chunk[stage, n // 3 % slots], n // 3 // slots)
            for n in orders[stage, : lengths[stage]].tolist()
        ]
        for stage in range(pp)
    ]


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from([n for n in tables.SCHEDULES if n != "dualpipe"]),
    pp=st.integers(1, 4),
    count=st.integers(1, 8),
    times=st.lists(SECONDS, min_size=12, max_size=12),
    hop=st.sampled_from([0.0, 0.3, 2.0]),
    hides=st.booleans(),
)
def test_equals_the_slow_pipeline(
    name: str, pp: int, count: int, times: list[float], hop: float, *, hides: bool
) -> None:
    vp = 2 if name == "interleaved" else 1
    count = count + 2 * pp if name == "zb-v" else count
    slots = slots_of(CODES[name], vp)
    seconds = np.array([np.roll(times, k) for k in range(3)])[:, : pp * slots]
    seconds = np.ascontiguousarray(seconds).reshape(3, pp, slots)
    end, orders, lengths, _ = run(name, pp, count, seconds, vp, hop, hides=hides)
    lines = words(name, pp, vp, orders, lengths)
    home = {}
    for stage, line in enumerate(lines):
        for n, (_, chunk, _) in zip(orders[stage], line, strict=False):
            home[chunk] = (stage, n // 3 % slots)

    def long(what: str, chunk: int) -> float:
        return float(seconds["FBW".index(what), *home[chunk]])

    slow = last_end(lines, long, hop, pp * slots - 1, hides=hides)
    assert slow == pytest.approx(end)


@given(name=NAMES, half=st.integers(1, 4), rounds=st.integers(2, 5), f=SECONDS,
       b=SECONDS, w=SECONDS)  # fmt: skip
def test_laws(name: str, half: int, rounds: int, f: float, b: float, w: float) -> None:
    pp, vp = 2 * half, 2 if name == "interleaved" else 1
    count = pp * rounds
    seconds = even(name, pp, vp, f, b, w)
    end, orders, lengths, _ = run(name, pp, count, seconds, vp)
    more, *_ = run(name, pp, count + pp, seconds, vp)
    assert end >= count * (f + b + w) * (1 - 1e-12)  # the busiest stage
    assert end >= pp * (f + b) * (0.5 if name == "dualpipe" else 1.0)  # one way
    assert more >= end  # more micro-batches never take less
    one, *_ = run("1f1b", pp, count, even("1f1b", pp, 1, f, b, w))
    if b == f == w:
        assert end <= one * (1 + 1e-12)
    held = np.zeros(pp)
    fill_in_flight(CODES[name], orders, lengths, held)
    assert held.max() / slots_of(CODES[name], vp) <= count


@given(pp=st.integers(2, 6), rounds=st.integers(1, 5), f=SECONDS, b=SECONDS, w=SECONDS)
def test_zero_bubble_and_interleaving_never_wait_longer(
    pp: int, rounds: int, f: float, b: float, w: float
) -> None:
    count = pp * rounds
    one, *_ = run("1f1b", pp, count, even("1f1b", pp, 1, f, b, w))
    split, *_ = run("zb-h1", pp, count, even("zb-h1", pp, 1, f, b, w))
    chunks, *_ = run("interleaved", pp, count, even("interleaved", pp, 2, f, b, w), 2)
    assert split <= one * (1 + 1e-12)
    assert chunks <= one * (1 + 1e-12)
