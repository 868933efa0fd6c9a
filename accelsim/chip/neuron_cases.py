"""Operators as rows of cases, split over the cores that share a kernel.

This file knows how the Neuron libraries split an operator over a pair of cores
(aws-neuron/nki-library@d2ad3a5: mlp_cte_sharding.py, attention_cte.py, mlp_tkg.py).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.neuron_attention import ATTENTION
from accelsim.kernels.neuron_decode import DECODE
from accelsim.kernels.neuron_mlp import MLP
from accelsim.kernels.neuron_rows import ROWS
from accelsim.kernels.neuron_run import fill_shares
from accelsim.kernels.neuron_tables import GEMM
from accelsim.kernels.tables import Rows

Sizes = Mapping[str, NDArray[Any]]

UNEQUAL = 0.65  # of a causal head that the first core of a pair takes
SHARED_FROM = 1024  # queries of a head that a pair shares
STEP = 512  # tokens of a core's share of up to 16k
SHARES = 16  # beyond, a share leaves at least as many of them
NEVER = 2.0**40  # tokens: a share without end


def table(dtype: Any, count: int) -> Rows:
    """Return `count` empty rows."""
    return np.zeros(count, dtype).view(np.recarray)


def fill(rows: Rows, values: Mapping[str, Any]) -> Rows:
    """Return the rows with fields filled by name."""
    for name, value in values.items():
        rows[name] = value
    return rows


def gemm_cases(sizes: Sizes, chip: Any, cores: int, **more: Any) -> Rows:
    """Return GEMM rows of one core; a pair halves M or N, whichever is faster.

    A is stationary, or B where that needs fewer cycles (few rows of A) and no blocks
    are given.
    """
    m, n, k = (sizes[name].astype(np.float64) for name in ("m", "n", "k"))
    made = fill(table(GEMM, m.size), more)
    made.m, made.n, made.k = m, n, k
    fill_shares(chip, made, float(cores))
    return made


def mlp_cases(sizes: Sizes, cores: int, **more: Any) -> Rows:
    """Return MLP rows of one core: half of the tokens, or of the inner dimension."""
    made = fill(table(MLP, sizes["tokens"].size), {**sizes, **more})
    made.weight = np.where(made.weight > 0.0, made.weight, made.element)
    made.shard = NEVER
    if cores == 1:
        return made
    biased = made.gate_bias + made.up_bias + made.down_bias > 0.0
    small = (made.tokens <= 256.0) & ~biased
    halved = small | ((made.inner > 2048.0) & (made.inner % 256.0 == 0.0))
    halved &= (made.hidden >= 7168.0) & (made.inner >= 1024.0)
    halved |= made.inner > 4096.0
    shards = [_shard(int(tokens)) for tokens in made.tokens]
    made.shard = np.where(halved, NEVER, shards)
    made.halved = halved
    made.inner = np.where(halved, np.ceil(made.inner / 2.0), made.inner)
    made.tokens = np.where(halved, made.tokens, np.ceil(made.tokens / 2.0))
    return made


def _shard(tokens: int) -> float:
    """Return the tokens after which a core of a pair begins a new share."""
    if tokens <= 2 * STEP:
        return float(-(-tokens // 2))
    if tokens <= SHARES * 1024:
        return float(STEP)
    for exponent in range(15, 7, -1):
        size = 2**exponent
        if tokens / size >= SHARES and (tokens % 256 or tokens % size == 0):
            return float(size)
    return float(STEP)


def decode_cases(sizes: Sizes, cores: int, **more: Any) -> Rows:
    """Return DECODE rows: weights that are not quantised, and every layout the best."""
    made = table(DECODE, sizes["tokens"].size)
    made.up_columns = made.down_columns = made.down_layout = 1.0
    made.cores = cores
    fill(made, {**sizes, **more})
    made.weight = np.where(made.quantised > 0.0, 1.0, made.element)
    return made


def attention_cases(sizes: Sizes, cores: int, side: float, **more: Any) -> list[Rows]:
    """Return ATTENTION rows, a table for each core.

    A pair shares the heads out; the last of an odd number is cut along its queries,
    unequally if causal, or left to the first core if it is short.
    """
    heads = sizes["heads"]
    rest = {name: size for name, size in sizes.items() if name != "heads"}
    made = fill(table(ATTENTION, heads.size), {**rest, **more})
    made.group = side
    if cores == 1:
        made.batches = heads
        return [made]
    groups = np.ceil(made.queries / side)
    share = np.full(heads.size, 0.5)
    uneven = (made.causal > 0.0) & (made.window == 0.0)
    seen = made.keys + made.prior
    causal = (UNEQUAL * made.keys + 0.5 * made.prior) / seen
    share = np.where(uneven, causal, share)
    cut = np.where(made.queries >= SHARED_FROM, np.floor(groups * share), groups)
    both = []
    for core in range(2):
        mine = made.copy()
        mine.batches = np.floor(heads / 2.0)
        odd = heads % 2 == 1
        mine.first = np.where(odd, core * cut, 0.0)
        mine.groups = np.where(odd, groups - cut if core else cut, 0.0)
        both.append(mine)
    return both


def rows_cases(rows: NDArray[Any], cores: int, **more: Any) -> Rows:
    """Return ROWS rows of one core: half of the rows each."""
    made = fill(table(ROWS, rows.size), more)
    made.rows = np.ceil(rows / cores)
    return made
