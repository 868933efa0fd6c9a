"""PyTorch's caching allocator: blocks cut from segments that it never gives back.

c10/cuda/CUDACachingAllocator.cpp of pytorch/pytorch@001074d (`round_size`, `get_pool`,
`get_free_block`, `get_allocation_size`, `should_split`, `try_merge_blocks`). Known:
one stream, the documented sizes, best fit, expandable segments. Not known: blocks that
another stream holds up, where the device places segments (addresses rise here), garbage
collection, and the return of cached segments when memory runs short.
"""

from typing import NamedTuple

from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import Rows

NONE = -1
MIB = 2**20
LEAST = 512  # B; kMinBlockSize, and what sizes are rounded to
SMALL = MIB  # largest block of the pool of small ones; kSmallSize
SMALL_SEGMENT = 2 * MIB  # kSmallBuffer
LARGE_SEGMENT = 20 * MIB  # kLargeBuffer, for less than
OWN_SEGMENT = 10 * MIB  # kMinLargeAlloc; from here on a segment of its own, rounded to
ROUNDED = 2 * MIB  # kRoundLarge
# STATE: blocks ever made, spare ones, the next address, whether segments expand; bytes
# allocated, reserved, and allocated at most; free blocks and last block of either pool
MADE, SPARE, TOP, EXPANDS, ALLOCATED, RESERVED, PEAK = range(7)
FREE, LAST = 7, 9
STATE = 11


class Heap(NamedTuple):
    """Blocks by number, and what is said of all of them. All arrays are int64.

    size, address : of n blocks [B].
    before, after : neighbours in their segment, or NONE.
    place : where in `free`, or NONE if in use.
    large : 1 in the pool of large blocks.
    free : numbers of the free blocks of either pool, 2 x n, without order.
    spare : numbers that can be used again, n.
    state : STATE.
    """

    size: Rows
    address: Rows
    before: Rows
    after: Rows
    place: Rows
    large: Rows
    free: Rows
    spare: Rows
    state: Rows


@kernel
def clear(heap: Heap, expands: int) -> None:
    """Forget all blocks and segments."""
    heap.state[:] = 0
    heap.state[EXPANDS] = expands
    heap.state[LAST], heap.state[LAST + 1] = NONE, NONE


@kernel
def put_free(heap: Heap, block: int) -> None:
    """Put a block among the free ones."""
    pool = heap.large[block]
    count = heap.state[FREE + pool]
    heap.free[pool, count], heap.place[block] = block, count
    heap.state[FREE + pool] = count + 1


@kernel
def take_free(heap: Heap, block: int) -> None:
    """Take a block from among the free ones."""
    pool, place = heap.large[block], heap.place[block]
    count = heap.state[FREE + pool] - 1
    moved = heap.free[pool, count]
    heap.free[pool, place], heap.place[moved] = moved, place
    heap.place[block], heap.state[FREE + pool] = NONE, count


@kernel
def new_block(heap: Heap, pool: int, size: int, address: int) -> int:
    """Return the number of a block that is in use and has no neighbours."""
    state = heap.state
    if state[SPARE] > 0:
        state[SPARE] -= 1
        block = int(heap.spare[state[SPARE]])
    else:
        block = int(state[MADE])
        state[MADE] += 1
    heap.size[block], heap.address[block], heap.large[block] = size, address, pool
    heap.before[block], heap.after[block], heap.place[block] = NONE, NONE, NONE
    return block


@kernel
def best_fit(heap: Heap, pool: int, size: int) -> int:
    """Return the smallest free block that is large enough, the lowest of equals."""
    best = NONE
    for i in range(heap.state[FREE + pool]):
        block = heap.free[pool, i]
        have = heap.size[block]
        if have < size:
            continue
        if (
            best == NONE
            or have < heap.size[best]
            or (have == heap.size[best] and heap.address[block] < heap.address[best])
        ):
            best = block
    return int(best)


@kernel
def segment_size(pool: int, size: int) -> int:
    """Return the bytes of the segment that is asked for a block [B]."""
    if pool == 0:
        return SMALL_SEGMENT
    if size < OWN_SEGMENT:
        return LARGE_SEGMENT
    return -(-size // ROUNDED) * ROUNDED


@kernel
def grow(heap: Heap, pool: int, size: int) -> int:
    """Return a block in use that is large enough, from the device's memory.

    An expandable segment gets pages at its end, where what is free there is not enough.
    """
    state = heap.state
    last = int(state[LAST + pool])
    if state[EXPANDS] == 0:
        more = segment_size(pool, size)
    else:
        page = LARGE_SEGMENT if pool == 1 else SMALL_SEGMENT
        free = last != NONE and heap.place[last] != NONE
        more = size - heap.size[last] if free else size
        more = -(-more // page) * page
        if free:
            take_free(heap, last)
            heap.size[last] += more
            state[RESERVED] += more
            return last
    block = new_block(heap, pool, more, int(state[TOP]))
    state[TOP] += more if state[EXPANDS] == 0 else 0
    state[RESERVED] += more
    if state[EXPANDS] == 1:
        if last != NONE:
            heap.before[block], heap.after[last] = last, block
            heap.address[block] = heap.address[last] + heap.size[last]
        state[LAST + pool] = block
    return block


@kernel
def split(heap: Heap, block: int, size: int) -> None:
    """Free the end of a block that is larger than asked for, where that is worth it."""
    pool, state = int(heap.large[block]), heap.state
    rest = heap.size[block] - size
    least = LEAST if pool == 0 or state[EXPANDS] == 1 else SMALL + 1
    if rest < least:
        return
    end = new_block(heap, pool, int(rest), int(heap.address[block] + size))
    next_one = heap.after[block]
    heap.before[end], heap.after[end] = block, next_one
    if next_one != NONE:
        heap.before[next_one] = end
    elif state[EXPANDS] == 1:
        state[LAST + pool] = end
    heap.after[block], heap.size[block] = end, size
    put_free(heap, end)


@kernel
def take(heap: Heap, size: float) -> int:
    """Return a block of at least so many bytes [B], NONE for none."""
    if size < 1.0:
        return NONE
    asked = -(-int(size) // LEAST) * LEAST
    pool = 1 if asked > SMALL else 0
    block = best_fit(heap, pool, asked)
    if block == NONE:
        block = grow(heap, pool, asked)
    else:
        take_free(heap, block)
    split(heap, block, asked)
    heap.state[ALLOCATED] += heap.size[block]
    heap.state[PEAK] = max(heap.state[PEAK], heap.state[ALLOCATED])
    return block


@kernel
def join(heap: Heap, first: int, second: int) -> None:
    """Add a block to the neighbour before it; both are in no list."""
    heap.size[first] += heap.size[second]
    after = heap.after[second]
    heap.after[first] = after
    if after != NONE:
        heap.before[after] = first
    elif heap.state[EXPANDS] == 1:
        heap.state[LAST + heap.large[first]] = first
    heap.spare[heap.state[SPARE]] = second
    heap.state[SPARE] += 1


@kernel
def give(heap: Heap, block: int) -> None:
    """Free a block; it becomes one with free neighbours. NONE is no block."""
    if block == NONE:
        return
    heap.state[ALLOCATED] -= heap.size[block]
    before, after = int(heap.before[block]), int(heap.after[block])
    if after != NONE and heap.place[after] != NONE:
        take_free(heap, after)
        join(heap, block, after)
    if before != NONE and heap.place[before] != NONE:
        take_free(heap, before)
        join(heap, before, block)
        block = before
    put_free(heap, block)
