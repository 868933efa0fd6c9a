"""PyTorch's caching allocator: segments by hand, a slow version, and laws."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.allocator import (
    ALLOCATED,
    DEVICE,
    FAILED,
    FREE,
    FREES,
    HOST,
    LIMIT,
    MIB,
    MOST,
    NONE,
    PEAK,
    QUEUE,
    RESERVED,
    SIZE,
    Heap,
    give,
    lend,
    take,
    wait,
    work,
)
from tests.kernels.tensor_stage import heap as any_heap

KIB = 1024


def heap(expands: int = 0) -> Heap:
    return any_heap(400, expands)


# get_allocation_size and should_split in c10/cuda/CUDACachingAllocator.cpp
@pytest.mark.parametrize(
    ("size", "allocated", "reserved"),
    [
        (1, 512, 2 * MIB),
        (513, 1024, 2 * MIB),
        (MIB, MIB, 2 * MIB),
        (MIB + 1, MIB + 512, 20 * MIB),
        (10 * MIB - 512, 10 * MIB - 512, 20 * MIB),
        (10 * MIB, 10 * MIB, 10 * MIB),
        # a rest of up to 1 MiB is not split off: it counts as allocated
        (11 * MIB, 12 * MIB, 12 * MIB),
        (11 * MIB - 512, 11 * MIB - 512, 12 * MIB),
        (33 * MIB + 5, 34 * MIB, 34 * MIB),
    ],
)
def test_the_segment_of_one_tensor(size: int, allocated: int, reserved: int) -> None:
    made = heap()
    block = take(made, float(size))
    assert made.state[ALLOCATED] == allocated
    assert made.state[RESERVED] == reserved
    give(made, block)
    assert made.state[ALLOCATED] == 0
    assert made.state[RESERVED] == reserved


def test_small_tensors_share_a_segment_and_large_ones_another() -> None:
    made = heap()
    for _ in range(4):
        take(made, 512.0 * KIB)
    assert made.state[RESERVED] == 2 * MIB
    for _ in range(10):
        take(made, 2.0 * MIB)
    assert made.state[RESERVED] == 22 * MIB
    take(made, 2.0 * MIB)
    assert made.state[RESERVED] == 42 * MIB


def test_a_small_guest_keeps_a_large_block_from_its_like() -> None:
    # the moments of an optimizer in the holes of the first backward pass
    made = heap()
    first = take(made, 100.0 * MIB)
    give(made, first)
    take(made, 30.0 * MIB)
    take(made, 100.0 * MIB)
    assert made.state[RESERVED] == 200 * MIB
    assert made.state[PEAK] == 130 * MIB
    # an expandable segment grows by what is missing, in pages of 20 MiB
    made = heap(expands=1)
    first = take(made, 100.0 * MIB)
    give(made, first)
    take(made, 30.0 * MIB)
    take(made, 100.0 * MIB)
    assert made.state[RESERVED] == 140 * MIB


def test_neighbours_become_one() -> None:
    made = heap()
    blocks = [take(made, 4.0 * MIB) for _ in range(5)]
    for i in (1, 3, 2, 0, 4):
        give(made, blocks[i])
    assert made.state[FREE + 1] == 1
    assert take(made, 20.0 * MIB) != NONE
    assert made.state[RESERVED] == 20 * MIB


def test_nothing_is_no_block() -> None:
    made = heap()
    assert take(made, 0.0) == NONE
    give(made, NONE)
    assert made.state[RESERVED] == 0


def test_a_lent_block_is_free_when_the_device_is_done() -> None:
    # ProcessGroupNCCL's recordStream: ten launches of 1 us, on the device 10 s
    made = heap()
    first = take(made, 30.0 * MIB)
    lend(made, first)
    work(made, 10.0, 1e-6, 10.0)
    give(made, first)
    assert made.state[ALLOCATED] == 0
    take(made, 30.0 * MIB)
    assert made.state[RESERVED] == 60 * MIB
    wait(made)
    take(made, 30.0 * MIB)
    assert made.state[RESERVED] == 60 * MIB


@pytest.mark.parametrize(("launches", "behind"), [(500, 499), (5000, QUEUE)])
def test_the_host_runs_ahead_as_far_as_the_driver_queues(
    launches: int, behind: int
) -> None:
    # launches of 1 us, 1 ms each on the device
    made = heap()
    work(made, float(launches), 1e-6, launches * 1e-3)
    ahead = made.clock[DEVICE] - made.clock[HOST]
    assert ahead == pytest.approx(behind * 1e-3, rel=0.01)


def test_a_short_device_gets_back_whole_segments_alone() -> None:
    made = heap()
    made.state[LIMIT] = 100 * MIB
    whole, cut = take(made, 30.0 * MIB), take(made, 40.0 * MIB)
    give(made, whole)
    give(made, cut)
    take(made, 12.0 * MIB)  # of the first: it stays
    take(made, 60.0 * MIB)  # the second makes room
    assert made.state[RESERVED] == 90 * MIB
    assert made.state[MOST] == 90 * MIB
    assert made.state[FAILED] == 0
    take(made, 20.0 * MIB)
    assert made.state[FAILED] == 1


@dataclass
class Slow:
    """Segments as lists of [size, tensor or 0], in the order of their making."""

    small: list[list[list[int]]] = field(default_factory=list)
    large: list[list[list[int]]] = field(default_factory=list)

    def take(self, size: int, tensor: int) -> None:
        asked = max(512, (size + 511) // 512 * 512)
        is_small = asked <= MIB
        pool = self.small if is_small else self.large
        fits = [
            (block[0], s, b)
            for s, segment in enumerate(pool)
            for b, block in enumerate(segment)
            if block[1] == 0 and block[0] >= asked
        ]
        if fits:
            _, s, b = min(fits)
        else:
            whole = 2 * MIB if is_small else 20 * MIB
            if asked >= 10 * MIB:
                whole = (asked + 2 * MIB - 1) // (2 * MIB) * 2 * MIB
            pool.append([[whole, 0]])
            s, b = len(pool) - 1, 0
        block = pool[s][b]
        rest = block[0] - asked
        if rest >= 512 if is_small else rest > MIB:
            block[0] = asked
            pool[s].insert(b + 1, [rest, 0])
        block[1] = tensor

    def give(self, tensor: int) -> None:
        for segment in self.small + self.large:
            for block in segment:
                if block[1] == tensor:
                    block[1] = 0
            b = 1
            while b < len(segment):
                if segment[b][1] == segment[b - 1][1] == 0:
                    segment[b - 1][0] += segment.pop(b)[0]
                else:
                    b += 1

    def total(self, *, used: bool) -> int:
        return sum(
            block[0]
            for segment in self.small + self.large
            for block in segment
            if block[1] != 0 or not used
        )


SIZES = st.one_of(
    st.integers(1, 3 * KIB), st.integers(1, 3 * MIB), st.integers(1, 60 * MIB)
)
STEPS = st.lists(st.one_of(SIZES, st.integers(-40, -1)), min_size=1, max_size=80)


def events_of(steps: list[int]) -> tuple[list[int], list[float]]:
    """Return a sequence: a size is a new tensor, -k frees the k-th that is alive."""
    alive: list[int] = []
    events, sizes, count = [], [], 0
    for step in steps:
        if step > 0:
            count += 1
            alive.append(count)
            events.append(count)
            sizes.append(float(step))
        elif alive:
            events.append(-alive.pop(-step % len(alive)))
            sizes.append(0.0)
    return events, sizes


def follow(made: Heap, blocks: dict[int, int], event: int, size: float) -> None:
    """Allocate a tensor, or free it."""
    if event > 0:
        blocks[event] = take(made, size)
    else:
        give(made, blocks.pop(-event))


@given(STEPS)
def test_the_slow_allocator_agrees(steps: list[int]) -> None:
    made, slow = heap(), Slow()
    blocks: dict[int, int] = {}
    for event, size in zip(*events_of(steps), strict=True):
        follow(made, blocks, event, size)
        if event > 0:
            slow.take(int(size), event)
        else:
            slow.give(-event)
        assert made.state[ALLOCATED] == slow.total(used=True)
        assert made.state[RESERVED] == slow.total(used=False)


@given(STEPS, st.sampled_from([0, 1]))
def test_it_holds_its_tensors_and_gives_nothing_back(
    steps: list[int], expands: int
) -> None:
    made = heap(expands=expands)
    blocks: dict[int, int] = {}
    for event, size in zip(*events_of(steps), strict=True):
        follow(made, blocks, event, size)
    held = made.state[RESERVED]
    assert held >= made.state[PEAK] >= made.state[ALLOCATED]
    for block in blocks.values():
        give(made, block)
    assert made.state[ALLOCATED] == 0
    assert made.state[RESERVED] == held
    free = [made.blocks[: made.state[FREE + pool], FREES + pool] for pool in (0, 1)]
    assert sum(made.blocks[numbers, SIZE].sum() for numbers in free) == held
