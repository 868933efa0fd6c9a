"""PyTorch's caching allocator: blocks cut from segments that it never gives back.

c10/cuda/CUDACachingAllocator.cpp of pytorch/pytorch@001074d (`round_size`, `get_pool`,
`get_free_block`, `get_allocation_size`, `should_split`, `try_merge_blocks`,
`insert_events`, `process_events`, `release_cached_blocks`). Known: the documented
sizes, best fit, expandable segments, blocks that a collective's stream holds up, and
the return of cached segments when memory runs short. Not known: where the device places
segments (addresses rise here), and garbage collection.
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
# allocated, reserved, and allocated at most; reserved at most; what the device has
# (0 = enough), and whether it ran out; blocks ever held up, and those of them given
# back; launches; free blocks and last block of either pool
MADE, SPARE, TOP, EXPANDS, ALLOCATED, RESERVED, PEAK, MOST = range(8)
LIMIT, FAILED, HELD, BACK, LAUNCHED = range(8, 13)
FREE, LAST = 13, 15
STATE = 17
# columns of the blocks
SIZE, ADDRESS, BEFORE, AFTER, PLACE, LARGE, LENT, SPARES, HELDS, FREES = range(10)
WIDTH = 11
HOST, DEVICE = range(2)  # times [s]: of the next launch, of the last one's end
# Launches that the driver queues before the host waits: "more than 1000" are seen in
# forums.developer.nvidia.com/t/68937.
QUEUE = 1024


class Heap(NamedTuple):
    """Blocks by number, and what is said of all of them.

    blocks : n x WIDTH, int64. Size [B] and address, neighbours in the segment or NONE,
    place among the free ones or NONE, 1 in the pool of large blocks, 1 if lent to a
    collective; and lists: numbers that can be used again, blocks that are held up, in
    order (a ring), free blocks of either pool.
    state : STATE, int64.
    until : n, when a block that is held up is free [s]. clock : HOST, DEVICE [s].
    done : QUEUE, when the launches end [s], by their number.
    """

    blocks: Rows
    state: Rows
    until: Rows
    clock: Rows
    done: Rows


@kernel
def clear(heap: Heap, expands: int) -> None:
    """Forget all blocks and segments."""
    heap.state[:] = 0
    heap.clock[:] = 0.0
    heap.done[:] = 0.0
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
    row[SIZE], row[ADDRESS], row[LARGE], row[LENT] = size, address, pool, 0
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
    limit = heap.state[LIMIT]
    if block != NONE:
        take_free(heap, block)
    elif limit > 0 and heap.state[RESERVED] + segment_size(pool, asked) > limit:
        block = make_room(heap, pool, asked)
    else:
        block = grow(heap, pool, asked)
    heap.state[MOST] = max(heap.state[MOST], heap.state[RESERVED])
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
def lend(heap: Heap, block: int) -> None:
    """Mark a block as used by the stream of a collective (`record_stream`)."""
    if block != NONE:
        heap.blocks[block, LENT] = 1


@kernel
def give(heap: Heap, block: int) -> None:
    """Free a block, at once or, if it was lent, when the device is done with it.

    What the host has launched by now must end before: it marks the collective's stream
    with an event. NONE is no block.
    """
    if block == NONE:
        return
    heap.state[ALLOCATED] -= heap.blocks[block, SIZE]
    if heap.blocks[block, LENT] == 0 or heap.clock[DEVICE] <= heap.clock[HOST]:
        put_back(heap, block)
        return
    place = heap.state[HELD] % len(heap.until)
    heap.blocks[place, HELDS], heap.until[place] = block, heap.clock[DEVICE]
    heap.state[HELD] += 1


@kernel
def put_back(heap: Heap, block: int) -> None:
    """Free a block; it becomes one with free neighbours."""
    heap.blocks[block, LENT] = 0
    before, after = int(heap.blocks[block, BEFORE]), int(heap.blocks[block, AFTER])
    if after != NONE and heap.blocks[after, PLACE] != NONE:
        take_free(heap, after)
        join(heap, block, after)
    if before != NONE and heap.blocks[before, PLACE] != NONE:
        take_free(heap, before)
        join(heap, before, block)
        block = before
    put_free(heap, block)


@kernel
def look(heap: Heap) -> None:
    """Free the blocks whose events are over by the host's time."""
    state = heap.state
    while state[BACK] < state[HELD]:
        place = state[BACK] % len(heap.until)
        if heap.until[place] > heap.clock[HOST]:
            return
        put_back(heap, int(heap.blocks[place, HELDS]))
        state[BACK] += 1


@kernel
def work(heap: Heap, launches: float, launch: float, seconds: float) -> None:
    """Pass the time of some launches: the host's for each, the device's for all [s].

    The host runs ahead of the device by no more than the driver queues.
    """
    clock, count = heap.clock, max(1, int(launches))
    each = seconds / count
    for _ in range(count):
        place = heap.state[LAUNCHED] % QUEUE
        clock[HOST] = max(clock[HOST] + launch, heap.done[place])
        clock[DEVICE] = max(clock[DEVICE], clock[HOST]) + each
        heap.done[place] = clock[DEVICE]
        heap.state[LAUNCHED] += 1
    look(heap)


@kernel
def wait(heap: Heap) -> None:
    """Let the host wait for the device."""
    heap.clock[HOST] = max(heap.clock[HOST], heap.clock[DEVICE])
    look(heap)


@kernel
def return_segments(heap: Heap) -> None:
    """Wait for the device and give it back all segments that nothing uses."""
    wait(heap)
    if heap.state[EXPANDS] == 1:
        return
    for pool in range(2):
        i = 0
        while i < heap.state[FREE + pool]:
            block = int(heap.blocks[i, FREES + pool])
            row = heap.blocks[block]
            if row[BEFORE] != NONE or row[AFTER] != NONE:
                i += 1
                continue
            take_free(heap, block)
            heap.state[RESERVED] -= row[SIZE]
            heap.blocks[heap.state[SPARE], SPARES] = block
            heap.state[SPARE] += 1


@kernel
def make_room(heap: Heap, pool: int, size: int) -> int:
    """Return a block for which the device had no room, after a look for some."""
    return_segments(heap)
    block = best_fit(heap, pool, size)
    if block != NONE:
        take_free(heap, block)
        return block
    more = segment_size(pool, size)
    if heap.state[RESERVED] + more > heap.state[LIMIT]:
        heap.state[FAILED] = 1
    return grow(heap, pool, size)
