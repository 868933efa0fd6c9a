"""Cycles of a matrix product on a systolic array whose operands are always at hand.

This file knows folds: which block of the product the array holds, for how long, and
how many words it takes from its scratchpads meanwhile. It does not know how large the
scratchpads are, nor the memory behind them (`scratchpad`).

An array of R rows and C columns computes an (M x K) by (K x N) product. Its rows take
one dimension of the problem, its columns a second, and time the third [1]:

====================  ==========  =============  ========
dataflow              rows (S_r)  columns (S_c)  time (T)
====================  ==========  =============  ========
weight-stationary     K           N              M
input-stationary      K           M              N
output-stationary     M           N              K
====================  ==========  =============  ========

The ceil(S_r/R) ceil(S_c/C) blocks come one after the other, rows first, and share
nothing: a block loads (R cycles, unless the outputs are what stays), streams T skewed
vectors and drains before the next begins.

[1] A. Samajdar et al., "A Systematic Methodology for Characterizing Scalability of DNN
Accelerators using SCALE-Sim", ISPASS 2020, the analytical model of runtime; cycles are
counted as SCALE-Sim 3.0.0 does (github.com/scalesim-project/SCALE-Sim).
"""

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import codes

WS, IS, OS = codes(3)  # which operand stays: weights, inputs, outputs

Floats = NDArray[np.float64]


@kernel
def fold_cycles(dataflow: int, time: float, rows: float, columns: float) -> float:
    """Return the cycles of one fold [1].

    time : T, the vectors that stream through. rows, columns : of the array.
    R + C + T - 2, and R more where a block of operands is loaded first.
    """
    load = 0.0 if dataflow == OS else rows
    return load + rows + columns + time - 2.0


@kernel
def fill_stall_free(
    dataflow: int, spatial_rows: Floats, spatial_columns: Floats, time: Floats,
    rows: float, columns: float, cycles: Floats,
) -> None:  # fmt: skip
    """Fill in the cycles of products whose operands never come late.

    spatial_rows, spatial_columns, time : float64[n]; S_r, S_c and T of each product.
    rows, columns : of the array. cycles : float64[n], filled with
    ceil(S_r/R) ceil(S_c/C) (cycles of a fold) - 1, the number of the last
    cycle if the first has number 0 [1]. Whole numbers below 2^52 are exact.
    """
    idle = fold_cycles(dataflow, 0.0, rows, columns)
    for i in range(cycles.size):
        folds = np.ceil(spatial_rows[i] / rows) * np.ceil(spatial_columns[i] / columns)
        cycles[i] = folds * (idle + time[i]) - 1.0


@kernel
def fill_sram_words(
    dataflow: int, m: Floats, n: Floats, k: Floats, rows: float, columns: float,
    words: Floats,
) -> None:  # fmt: skip
    """Fill in the words that cross between the array and its scratchpads.

    m, n, k : float64[n]; rows, columns : of the array. words : float64[n, 3], filled
    with inputs read, weights read, and outputs written. What stays is moved once; what
    streams, once for each fold across it. Sums of a K that is cut into folds are
    written anew by each of them (SCALE-Sim 3.0.0 adds them up outside).
    """
    for i in range(m.size):
        inputs, weights, outputs = m[i] * k[i], k[i] * n[i], m[i] * n[i]
        if dataflow == WS:
            inputs *= np.ceil(n[i] / columns)
            outputs *= np.ceil(k[i] / rows)
        elif dataflow == IS:
            weights *= np.ceil(m[i] / columns)
            outputs *= np.ceil(k[i] / rows)
        else:
            inputs *= np.ceil(n[i] / columns)
            weights *= np.ceil(m[i] / rows)
        words[i, 0], words[i, 1], words[i, 2] = inputs, weights, outputs
