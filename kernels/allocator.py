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
# columns of the blocks
SIZE, ADDRESS, BEFORE, AFTER, PLACE, LARGE, SPARES, FREES = range(8)
WIDTH = 9


class Heap(NamedTuple):
    """Blocks by number, and what is said of all of them; int64.

    blocks : n x WIDTH. Size [B] and address, neighbours in the segment or NONE, place
    among the free ones or NONE, 1 in the pool of large blocks; and three lists without
    order: free blocks of either pool, numbers that can be used again.
    state : STATE.
    """

    blocks: Rows
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
    pool = heap.blocks[block, LARGE]
    count = heap.state[FREE + pool]
    heap.blocks[count, FREES + pool], heap.blocks[block, PLACE] = block, count
    heap.state[FREE + pool] = count + 1


@kernel
def take_free(heap: Heap, block: int) -> None:
    """Take a block from among the free ones."""
    pool, place = heap.blocks[block, LARGE], heap.blocks[block, PLACE]
    count = heap.state[FREE + pool] - 1
    moved = heap.blocks[count, FREES + pool]
    heap.blocks[place, FREES + pool], heap.blocks[moved, PLACE] = moved, place
    heap.blocks[block, PLACE], heap.state[FREE + pool] = NONE, count


@kernel
def new_block(heap: Heap, pool: int, size: int, address: int) -> int:
    """Return the number of a block that is in use and has no neighbours."""
    state = heap.state
    if state[SPARE] > 0:
        state[SPARE] -= 1
        block = int(heap.blocks[state[SPARE], SPARES])
    else:
        block = int(state[MADE])
        state[MADE] += 1
    row = heap.blocks[block]
    row[SIZE], row[ADDRESS], row[LARGE] = size, address, pool
    row[BEFORE], row[AFTER], row[PLACE] = NONE, NONE, NONE
    return block


@kernel
def best_fit(heap: Heap, pool: int, size: int) -> int:
    """Return the smallest free block that is large enough, the lowest of equals."""
    best, least, lowest = NONE, 0, 0
    for i in range(heap.state[FREE + pool]):
        block = heap.blocks[i, FREES + pool]
        have, address = heap.blocks[block, SIZE], heap.blocks[block, ADDRESS]
        better = have < least or (have == least and address < lowest)
        if have >= size and (best == NONE or better):
            best, least, lowest = block, have, address
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
        free = last != NONE and heap.blocks[last, PLACE] != NONE
        more = size - heap.blocks[last, SIZE] if free else size
        more = -(-more // page) * page
        if free:
            take_free(heap, last)
            heap.blocks[last, SIZE] += more
            state[RESERVED] += more
            return last
    block = new_block(heap, pool, more, int(state[TOP]))
    state[TOP] += more if state[EXPANDS] == 0 else 0
    state[RESERVED] += more
    if state[EXPANDS] == 1:
        if last != NONE:
            heap.blocks[block, BEFORE], heap.blocks[last, AFTER] = last, block
            heap.blocks[block, ADDRESS] = (
                heap.blocks[last, ADDRESS] + heap.blocks[last, SIZE]
            )
        state[LAST + pool] = block
    return block


@kernel
def split(heap: Heap, block: int, size: int) -> None:
    """Free the end of a block that is larger than asked for, where that is worth it."""
    pool, state = int(heap.blocks[block, LARGE]), heap.state
    rest = heap.blocks[block, SIZE] - size
    least = LEAST if pool == 0 or state[EXPANDS] == 1 else SMALL + 1
    if rest < least:
        return
    end = new_block(heap, pool, int(rest), int(heap.blocks[block, ADDRESS] + size))
    next_one = heap.blocks[block, AFTER]
    heap.blocks[end, BEFORE], heap.blocks[end, AFTER] = block, next_one
    if next_one != NONE:
        heap.blocks[next_one, BEFORE] = end
    elif state[EXPANDS] == 1:
        state[LAST + pool] = end
    heap.blocks[block, AFTER], heap.blocks[block, SIZE] = end, size
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
    heap.state[ALLOCATED] += heap.blocks[block, SIZE]
    heap.state[PEAK] = max(heap.state[PEAK], heap.state[ALLOCATED])
    return block


@kernel
def join(heap: Heap, first: int, second: int) -> None:
    """Add a block to the neighbour before it; both are in no list."""
    heap.blocks[first, SIZE] += heap.blocks[second, SIZE]
    after = heap.blocks[second, AFTER]
    heap.blocks[first, AFTER] = after
    if after != NONE:
        heap.blocks[after, BEFORE] = first
    elif heap.state[EXPANDS] == 1:
        heap.state[LAST + heap.blocks[first, LARGE]] = first
    heap.blocks[heap.state[SPARE], SPARES] = second
    heap.state[SPARE] += 1


@kernel
def give(heap: Heap, block: int) -> None:
    """Free a block; it becomes one with free neighbours. NONE is no block."""
    if block == NONE:
        return
    heap.state[ALLOCATED] -= heap.blocks[block, SIZE]
    before, after = int(heap.blocks[block, BEFORE]), int(heap.blocks[block, AFTER])
    if after != NONE and heap.blocks[after, PLACE] != NONE:
        take_free(heap, after)
        join(heap, block, after)
    if before != NONE and heap.blocks[before, PLACE] != NONE:
        take_free(heap, before)
        join(heap, before, block)
        block = before
    put_free(heap, block)
