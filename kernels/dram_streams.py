"""Memory requests of several streams that take turns, as operators make them.

This file knows how streams walk and take turns. It knows no operator: which streams a
product or an optimizer step makes is `accelsim.chip.streams`' business. Random numbers
are those of `dram_traffic`.
"""

from accelsim.kernels.dram_traffic import draw, place
from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import Rows


@kernel
def fill_turns(
    block: int, chunk: int, share: float, bits: int, state: Rows, at: Rows,
    left: Rows, kind: Rows, address: Rows, write: Rows,
) -> None:  # fmt: skip
    """Fill addresses [transactions] of streams that move block after block.

    A stream reads or writes `block` transactions on end and then another block, which
    begins at a random multiple of the power of two that holds one, as tiles and
    allocations do. In a turn it sends `chunk` of them; streams take turns.
    share : of blocks that are read, spread evenly; at, left, kind : of each stream, the
    next address, what is left of its block, and 1 if it writes (work space).
    """
    mask = (1 << bits) - 1
    credit, i, stream, whole = 0.5, 0, 0, 1
    while whole < block:
        whole *= 2
    for k in range(len(left)):
        left[k] = 0
    # streams start in the midst of their blocks, or all would end at once
    first = True
    while i < len(address):
        for j in range(chunk):
            if left[stream] == 0:
                credit += share
                kind[stream] = 1
                if credit >= 1.0:
                    credit -= 1.0
                    kind[stream] = 0
                at[stream] = (place(state, bits) // whole) * whole
                left[stream] = block
                if first and j == 0:
                    left[stream] = 1 + draw(state) % block
            if i == len(address):
                return
            address[i] = at[stream] & mask
            write[i] = kind[stream]
            at[stream] += 1
            left[stream] -= 1
            i += 1
        stream += 1
        if stream == len(left):
            stream, first = 0, False


@kernel
def with_check_bits(
    covered: int, last: int, address: Rows, write: Rows, recent: Rows, out: Rows,
    out_write: Rows, origin: Rows,
) -> int:  # fmt: skip
    """Add the requests of check bits that lie in the memory; return how many there are.

    covered : transactions whose check bits share one; last : first address of them;
    recent : the check transactions at hand, direct-mapped, and -1 where none is.
    They are fetched if they are not at hand; writing also stores them. origin : the
    request that each one of the output stems from, or -1 for check bits.
    """
    n = 0
    for i in range(len(address)):
        data = address[i] % last
        check = last + data // covered
        slot = check % len(recent)
        if recent[slot] != check:
            recent[slot] = check
            for kind in range(1 + write[i]):
                out[n], out_write[n], origin[n] = check, kind, -1
                n += 1
        out[n], out_write[n], origin[n] = data, write[i], i
        n += 1
    return n
