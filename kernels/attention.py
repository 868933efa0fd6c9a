"""Time of fused attention on one worker, and the size of its score matrix."""

from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import GPU, Record

QUERY_BLOCK = 128.0  # rows of queries of one thread block (FlashAttention-2, sec. 3.3)
# Filling and draining a block of queries takes as long as this many keys. Fit to the
# FlashAttention-2, -3 and cuDNN benchmarks at 512 to 16k tokens (Dao-AILab/
# flash-attention assets; arXiv:2407.08608 fig. 5): 140-180 without a mask, and with one
# 370-465 for twice this and the half blocks on the diagonal.
BLOCK_OVERHEAD = 160.0
LENGTH = 16384.0  # at which the rates in the chip files were measured, with a mask
# Exponentials take time that does not shrink with the head: a score costs
# head_dim + EXP_EQUIVALENT multiply-adds. 64 makes head size 64 reach 3/4 of the rate
# of 128, the middle of what FlashAttention-2/3 print (Dao 2023 fig. 5, Shah et al.
# 2024 fig. 5: 60-80 %).
EXP_EQUIVALENT = 64.0


@kernel
def score_share(seq: float, window: float, causal: float) -> float:
    """Return the share of the seq x seq score matrix that is computed.

    A causal mask keeps (seq + 1) / (2 seq); a window w keeps at most w of each row.
    """
    full = 0.5 * (1.0 + 1.0 / seq) if causal else 1.0
    if window == 0.0 or window >= seq:
        return full
    inside = window / seq
    return inside * (1.0 - 0.5 * inside) if causal else min(1.0, 2.0 * inside)


@kernel
def fused_seconds(chip: Record, rate: float, flops: float, op: Record) -> float:
    """Return the time [s] of a fused attention kernel.

    rate : FLOP/s that the kernel reaches at length with head size 128.
    flops : useful FLOPs (masked part left out). op : OPERATOR with m queries of
    `batch` heads, n keys, head size k. Blocks of queries run in waves over the units,
    each with its fill and drain; short heads pay for the exponentials.
    """
    width = op.k / (op.k + EXP_EQUIVALENT)
    reference = QUERY_BLOCK / (QUERY_BLOCK + EXP_EQUIVALENT)
    reached = rate * min(1.0, width / reference)
    keys = op.n * score_share(op.n, op.window, op.causal)
    # a masked edge is cut in whole blocks: half a block a row is computed in vain
    edges = op.causal + (0.0 < op.window < op.n)
    waste = 1.0 + (BLOCK_OVERHEAD + edges * 0.5 * QUERY_BLOCK) / keys
    waste /= 1.0 + 2.0 * (BLOCK_OVERHEAD + 0.5 * QUERY_BLOCK) / LENGTH
    seconds = flops * waste / reached
    if chip.family == GPU:
        blocks = op.batch * -(-op.m // QUERY_BLOCK)
        seconds *= max(1.0, chip.units / blocks)
    return float(seconds + chip.kernel_latency)
