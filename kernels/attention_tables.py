"""The tables of fused attention: what a kernel is on a chip, and what a call costs."""

import numpy as np

# One pass of a fused kernel on one worker's chip. Times are those of one multiprocessor
# at the highest clock.
FUSED = np.dtype(
    [
        ("block", "f8"),  # rows of queries of a thread block, 0 = no fused kernel
        ("wide_head", "f8"),  # head size from which a block is another one, inf = none
        ("wide_block", "f8"),  # its rows
        ("wide_softmax", "f8"),  # how much longer the softmax of a score takes there
        ("width", "f8"),  # columns of an array, which a head fills in part; 1 = any
        ("key_products", "f8"),  # of the products of a block, those over the head size
        ("value_products", "f8"),  # and those over the size of the values
        ("matrix", "f8"),  # share of the peak at the highest clock, inner loop alone
        ("matrix_narrow", "f8"),  # the same for operands of one byte
        ("operand_rows", "f8"),  # rows that one read of keys or values serves, inf
        ("softmax", "f8"),  # s a score
        ("exposed", "f8"),  # share of the shorter of the two that is not hidden
        ("ramp", "f8"),  # s that a block takes to start and drain
        ("tail", "f8"),  # 1 if blocks start in any order, 0 if the longest come first
        ("full_power", "f8"),  # W with all matrix units busy, 0 = in the shares already
        ("kernels", "f8"),  # that a call starts, each in the chip's kernel latency
        ("row_bytes", "f8"),  # B that its other kernels move for an element of a query
        ("append_bandwidth", "f8"),  # B/s of the kernel that rotates and keeps keys
        ("append_keys", "f8"),  # what a byte of keys and values costs it, of a query's
        ("append_start", "f8"),  # s in which both kernels start, 0 = there is none
    ]
)

# What a call costs. The first seven are parts of its time; the others say how long
# each resource alone would take, and overlap.
FUSED_TIME = np.dtype(
    [
        (name, "f8")
        for name in (
            "inner",  # blocks of queries x keys, shared evenly by the multiprocessors
            "ramp",  # start and drain of the blocks
            "idle",  # multiprocessors without a block
            "throttle",  # the clock under the power cap
            "waiting",  # for memory
            "append",  # rotating, and writing keys and values to the cache
            "start",  # of the kernels
            "matrix",
            "exponentials",
            "shared",
            "memory",
            "flops",  # that the result needs, masked part left out
        )
    ]
)
