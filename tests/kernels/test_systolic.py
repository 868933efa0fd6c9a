"""The array that never waits: by hand, against an array that is stepped, and laws."""

from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.systolic import (
    IS,
    OS,
    WS,
    fill_sram_words,
    fill_stall_free,
    fold_cycles,
)

DATAFLOWS = pytest.mark.parametrize("dataflow", [WS, IS, OS], ids=["ws", "is", "os"])
SIZE = st.integers(1, 5_000)
SIDE = st.integers(1, 300)


def cycles(dataflow: int, sr: int, sc: int, time: int, rows: int, columns: int) -> int:
    down, across, steps = (np.array([x], np.float64) for x in (sr, sc, time))
    found = np.empty(1)
    fill_stall_free(dataflow, down, across, steps, float(rows), float(columns), found)
    return int(found[0])


def stepped(dataflow: int, time: int, rows: int, columns: int) -> int:
    """Return the cycles of a fold, by following the last operand through the array.

    A vector enters row r one cycle after row r - 1, and each word moves one column on
    in every cycle; weights or inputs that stay come in through the rows before. With
    outputs that stay, the sums then leave down a column, one row a cycle.
    """
    clock = rows if dataflow in (WS, IS) else 0
    for _ in range(time - 1):  # vectors before the last enter the first row
        clock += 1
    for _ in range(rows - 1 if dataflow in (WS, IS) else 0):  # down to the last row
        clock += 1
    for _ in range(columns - 1):  # and over to the last column
        clock += 1
    for _ in range(rows - 1 if dataflow == OS else 0):  # the sums leave
        clock += 1
    return clock + 1  # cycles are counted, not numbered


@DATAFLOWS
@given(time=SIZE, rows=SIDE, columns=SIDE)
def test_fold_is_the_stepped_array(
    dataflow: int, time: int, rows: int, columns: int
) -> None:
    found = fold_cycles(dataflow, float(time), float(rows), float(columns))
    assert found == stepped(dataflow, time, rows, columns)


def test_by_hand() -> None:
    # one fold of 128 x 128: 128 cycles of loading, then 128 vectors through 128 rows
    # and 128 columns: 128 + 128 + 128 + 128 - 2 cycles, the last of them number 509
    assert cycles(WS, 128, 128, 128, 128, 128) == 509
    # outputs stay: no loading, 3 x 128 - 2 cycles
    assert cycles(OS, 128, 128, 128, 128, 128) == 381
    # 300 x 200 on 128 x 128: 3 x 2 folds of 2 x 128 + 128 + 100 - 2
    assert cycles(WS, 300, 200, 100, 128, 128) == 6 * 482 - 1


@DATAFLOWS
@given(sr=SIZE, sc=SIZE, time=SIZE, rows=SIDE, columns=SIDE)
def test_laws(
    dataflow: int, sr: int, sc: int, time: int, rows: int, columns: int
) -> None:
    found = cycles(dataflow, sr, sc, time, rows, columns)
    folds = ceil(sr / rows) * ceil(sc / columns)
    fold = int(fold_cycles(dataflow, float(time), float(rows), float(columns)))
    assert found + 1 == folds * fold  # folds share nothing
    assert (found + 1) * rows * columns >= sr * sc * time  # units do one thing a cycle
    assert cycles(dataflow, sr + 1, sc, time, rows, columns) >= found
    assert cycles(dataflow, sr, sc, time + 1, rows, columns) == found + folds


@DATAFLOWS
def test_large_sizes_are_exact(dataflow: int) -> None:
    # 2^31 - 1 on 3 x 7: no rounding of the quotients, against whole numbers
    size = 2**31 - 1
    folds = -(-size // 3) * 1
    fold = int(fold_cycles(dataflow, 9.0, 3.0, 7.0))
    assert cycles(dataflow, size, 7, 9, 3, 7) == folds * fold - 1


@DATAFLOWS
@given(m=SIZE, n=SIZE, k=SIZE, rows=SIDE, columns=SIDE)
def test_words(dataflow: int, m: int, n: int, k: int, rows: int, columns: int) -> None:
    words = np.empty((1, 3))
    a, b, c = (np.array([x], np.float64) for x in (m, n, k))
    fill_sram_words(dataflow, a, b, c, float(rows), float(columns), words)
    inputs, weights, outputs = words[0]
    down = ceil((m if dataflow == OS else k) / rows)
    across = ceil((m if dataflow == IS else n) / columns)
    assert inputs == m * k * (1 if dataflow == IS else across)
    assert weights == k * n * {WS: 1, IS: across, OS: down}[dataflow]
    assert outputs == m * n * (1 if dataflow == OS else down)
