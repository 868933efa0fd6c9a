"""A systolic array behind finite double-buffered scratchpads: how long a product takes.

This file knows what SCALE-Sim 3.0.0 does between a memory and the array, as a
recurrence over folds and over the few lines of a fold at which half a scratchpad runs
out: each of the two operands is prefetched in a fixed order into one half while the
array reads the other (`scratchpad_reads`), and outputs drain from one half while the
other fills (`scratchpad_writes`). It walks through neither cycles nor addresses. The
array that never waits is in `systolic`.
"""

import numpy as np

from accelsim.kernels.jit import kernel
from accelsim.kernels.scratchpad_reads import (
    BY_COLUMN,
    BY_ROW,
    ENDS,
    HIT,
    MOVES,
    N_WINDOW,
    NEXT,
    SETS_OF_BUFFER,
    START,
    STAYS,
    STREAMS,
    Ints,
    Operand,
    before_diagonal,
    next_miss,
    read_line,
)
from accelsim.kernels.scratchpad_writes import (
    FREE,
    N_STATE,
    STOP,
    WRITES,
    Output,
    next_write_event,
    outputs_before,
    with_room,
    write_line,
    write_rest,
)
from accelsim.kernels.systolic import IS, OS, WS, fold_cycles
from accelsim.kernels.tables import Record, Rows

# One product: sizes, the array, scratchpads [words] and memory ports [words/cycle].
# A `bandwidth` of 0 is unlimited: reads are in time, outputs drain `columns` words a
# cycle, and what is read before the start comes at `fill_rate` words a cycle.
PROBLEM = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("m", "n", "k", "rows", "columns"),
            *("ifmap", "filter", "ofmap", "bandwidth", "fill_rate"),
        )
    ]
)
# What came of it: cycles, then words over the memory ports.
WORDS = ("ifmap_reads", "filter_reads", "ofmap_writes")
RUN = np.dtype([(name, np.int64) for name in ("total", "stall", "overall", *WORDS)])


# What a fold knows: its column and row, the number of its first line, its lines; cycles
# waited since the start, and those that its last line waits for reads alone.
COLUMN, ROW, FIRST, N_LINES, WAITED, LAST_READ = range(6)


@kernel
def operand(
    streams: int, follows: int, across: int, length: int, width: int,
    prefix: int, block: int, capacity: int, port: int,
) -> Operand:  # fmt: skip
    """Return how an operand is asked for and prefetched.

    streams, follows, length, prefix, block : as in `Operand`. across : words of the
    operand across its slabs, `width` of which are in each. capacity : words of the
    scratchpad. port : words/cycle from memory; 0 for operands that are always there.
    """
    slabs = -(-across // width)
    last_width = across - (slabs - 1) * width
    front = capacity - capacity // 2
    set_words = -(-capacity // SETS_OF_BUFFER)
    sets = length * across // set_words + 1
    window = min(sets, -(-front // set_words))
    step = min(sets - window, -(-(capacity - front) // set_words))
    wait = start = 0
    if port == 0:
        window = sets
    else:
        wait = -(-(capacity - front) // port) + HIT
        start = min(-(-front // port), -(-length * slabs * width // port))
    return Operand(
        streams, follows, slabs, length, width, last_width, prefix, block,
        set_words, sets, window, step, wait, start,
    )  # fmt: skip


@kernel
def operands(dataflow: int, problem: Record) -> tuple[Operand, Operand]:
    """Return (inputs, weights) of a product, as the dataflow asks for them."""
    p = problem
    length = p.m if dataflow == WS else p.k
    width = p.columns if dataflow == IS else p.rows
    across = p.k if dataflow == WS else p.m
    streams, follows = STREAMS, BY_ROW
    if dataflow == IS:
        streams, follows = STAYS, BY_COLUMN
    block = prefix = 0 if dataflow == OS else p.rows
    inputs = operand(
        streams, follows, across, length, width, prefix, block, p.ifmap, p.bandwidth
    )
    length, width, across = p.k, p.columns, p.n
    streams, follows = STAYS if dataflow == WS else STREAMS, BY_COLUMN
    if dataflow == IS:
        length, width, across, follows = p.n, p.rows, p.k, BY_ROW
    weights = operand(
        streams, follows, across, length, width, prefix, block, p.filter, p.bandwidth
    )
    return inputs, weights


@kernel
def output(dataflow: int, problem: Record) -> Output:
    """Return how the outputs of a product are written."""
    p = problem
    half = p.ofmap // 2
    port = p.bandwidth if p.bandwidth > 0 else p.columns
    if dataflow == OS:
        folds = -(-p.m // p.rows)
        return Output(
            STAYS, p.m, p.n, folds, p.rows, p.columns, p.k - 1, p.ofmap, half, port
        )
    length, columns = (p.m, p.n) if dataflow == WS else (p.n, p.m)
    folds, prefix = -(-p.k // p.rows), 2 * p.rows - 1
    return Output(
        STREAMS, length, columns, folds, 0, p.columns, prefix, p.ofmap, half, port
    )


@kernel
def read_lines(
    reads: tuple[Operand, Operand], windows: Ints, column: int, row: int, line: int,
    cycle: int,
) -> int:  # fmt: skip
    """Move the windows that a line leaves; return the cycles that it waits for them."""
    wait = 0
    for i in range(2):
        if windows[i, NEXT] == line:
            late = read_line(reads[i], windows[i], column, row, line, cycle)
            wait = max(wait, late)
    return wait


@kernel
def run_fold(
    reads: tuple[Operand, Operand], y: Output, windows: Ints, state: Ints,
    holes: Ints, fold: Ints,
) -> Ints:  # fmt: skip
    """Go through one fold; return the ring of holes, which may have grown.

    windows : int64[2, 4], of inputs and weights (`read_line`). state, holes : of the
    outputs (`write_line`). fold : int64[6], by the names above; waits add up there.
    The three scratchpads work side by side: a line waits for the slowest of them.
    """
    column, row, first, lines = fold[COLUMN], fold[ROW], fold[FIRST], fold[N_LINES]
    before, prefix, rows, width = outputs_before(y, column, row)
    line = -1
    windows[0, NEXT] = windows[1, NEXT] = line
    fold[LAST_READ] = 0
    while True:
        for i in range(2):
            if windows[i, NEXT] == line:
                start = windows[i, START]
                windows[i, NEXT] = next_miss(reads[i], start, column, row, line + 1)
        write = next_write_event(y, state, column, row, line + 1, first + fold[WAITED])
        line = lines
        for event in (windows[0, NEXT], windows[1, NEXT], write):
            if 0 <= event < line:
                line = event
        if line == lines:
            return holes
        cycle, wait_y = first + line + fold[WAITED], 0
        wait = read_lines(reads, windows, column, row, line, cycle)
        if line == write:
            holes = with_room(holes, state, width + 1)
            done = before + before_diagonal(rows, width, line - prefix)
            more = before + before_diagonal(rows, width, line + 1 - prefix)
            wait_y = write_line(y, state, holes, done, more, cycle)
        fold[WAITED] += max(wait, wait_y)
        if line == lines - 1:
            fold[LAST_READ] = max(wait, wait_y) - wait_y


@kernel
def read_unlimited(
    x: Operand, capacity: int, first: int, folds: int, fill: int
) -> tuple[int, int]:
    """Return (words read, cycle of the first) where the memory is never late.

    capacity : words of the scratchpad, whose half holds whole sets. first : line that
    asks for the first word. folds : that come back to the same slab one after the
    other, or to the whole operand if `x` follows the folds' rows. fill : words/cycle.
    SCALE-Sim 3.0.0 forgets the whole half when it is full and the next word is new.
    """
    set_words = capacity // SETS_OF_BUFFER
    half = SETS_OF_BUFFER // 2 * set_words
    last = x.length * x.last_width
    total = last + (x.slabs - 1) * x.length * x.width
    start = first + -half // fill
    if total < half:
        whole_sets = -(-total // set_words) * set_words
        start = -whole_sets // fill  # of a negative number: rounds away from zero
    words = held = 0
    for slab in range(x.slabs if x.follows == BY_COLUMN else 1):
        size = x.length * x.width if slab < x.slabs - 1 else last
        size = size if x.follows == BY_COLUMN else total
        asked = size * (folds if x.streams == STREAMS else 1)
        room = half - held
        if size < room:
            words, held = words + size, held + size
        elif size < half:
            again = min(asked - room, size)
            words, held = words + room + again, again
        else:
            words, held = words + asked, (asked - room) % half
    return words, start


@kernel
def count_reads(
    dataflow: int, reads: tuple[Operand, Operand], problem: Record, windows: Ints,
    words: Ints,
) -> int:  # fmt: skip
    """Fill in the words read from memory; return the cycle at which reads begin.

    words : int64[2], of inputs and weights.
    """
    begin = 0
    for i in range(2):
        x = reads[i]
        if problem.bandwidth > 0:
            lines = x.start_lines + windows[i, MOVES] * (x.wait - HIT)
            words[i], start = lines * problem.bandwidth, -x.start_lines
        else:
            first = x.prefix
            if x.streams == STAYS:
                first = x.block - min(x.block, x.length)
            across = problem.m if dataflow == IS else problem.n
            folds = -(-across // problem.columns)
            if x.follows == BY_COLUMN:
                folds = -(-problem.m // problem.rows)
            capacity = problem.ifmap if i == 0 else problem.filter
            words[i], start = read_unlimited(
                x, capacity, first, folds, problem.fill_rate
            )
        begin = start if i == 0 else min(begin, start)
    return begin


@kernel
def run_product(dataflow: int, problem: Record, run: Record) -> None:
    """Fill in the cycles and the memory words of one product.

    The array starts at cycle 0; `overall` counts from the first word read before that
    to the last word written.
    """
    reads, y = operands(dataflow, problem), output(dataflow, problem)
    windows, state = np.zeros((2, N_WINDOW), np.int64), np.zeros(N_STATE, np.int64)
    windows[0, ENDS] = windows[1, ENDS] = -1
    state[FREE] = y.capacity
    holes = np.empty((16, 2), np.int64)
    time = problem.m if dataflow == WS else problem.n if dataflow == IS else problem.k
    fold = np.zeros(6, np.int64)
    fold[N_LINES] = fold_cycles(dataflow, time, problem.rows, problem.columns)
    for column in range(-(-y.columns // y.width)):
        for row in range(y.row_folds):
            fold[COLUMN], fold[ROW] = column, row
            holes = run_fold(reads, y, windows, state, holes, fold)
            fold[FIRST] += fold[N_LINES]
    run.stall = fold[WAITED]
    run.total = fold[FIRST] - 1 + fold[WAITED] - fold[LAST_READ]
    outputs = y.length * y.columns * (1 if y.streams == STAYS else y.row_folds)
    write_rest(y, state, holes, outputs, run.total)
    words = np.zeros(2, np.int64)
    run.overall = state[STOP] - count_reads(dataflow, reads, problem, windows, words)
    run.ifmap_reads, run.filter_reads = words[0], words[1]
    run.ofmap_writes = state[WRITES]


@kernel
def fill_runs(dataflow: int, problems: Rows, runs: Rows) -> None:
    """Fill in a RUN row for each PROBLEM row; all have the same dataflow."""
    for i in range(len(problems)):
        run_product(dataflow, problems[i], runs[i])
