"""The array behind scratchpads: SCALE-Sim's cycles, a slow copy of its rules, laws.

`walk` below walks through every cycle and every word, as the kernels do not.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.scratchpad import PROBLEM, RUN, fill_runs
from accelsim.kernels.scratchpad_reads import before_diagonal, triangle
from accelsim.kernels.scratchpad_writes import HEAD, N_STATE, TAIL, with_room
from accelsim.kernels.systolic import IS, OS, WS

Line = list[int]
CODES = {"ws": WS, "is": IS, "os": OS}


def simulate(
    dataflow: str, m: int, n: int, k: int, rows: int, columns: int,
    sram: tuple[int, int, int], bandwidth: int, fill: int = 10,
) -> tuple[int, ...]:  # fmt: skip
    problems = np.zeros(1, PROBLEM).view(np.recarray)
    runs = np.zeros(1, RUN).view(np.recarray)
    problems[0] = (m, n, k, rows, columns, *sram, bandwidth, fill)
    fill_runs(CODES[dataflow], problems, runs)
    return tuple(int(x) for x in runs[0])


# ---- the slow version: matrices of addresses, one line a cycle ----------------------


def matrix(length: int, width: int) -> np.ndarray:
    return np.arange(length * width).reshape(length, width)


def padded(block: np.ndarray, length: int, width: int) -> np.ndarray:
    full = np.full((length, width), -1)
    full[: block.shape[0], : block.shape[1]] = block
    return full


def skewed(block: np.ndarray) -> np.ndarray:
    length, width = block.shape
    out = np.full((length + width - 1, width), -1)
    for column in range(width):
        out[column : column + length, column] = block[:, column]
    return out


def by_diagonals(stack: np.ndarray) -> Line:
    length, width = stack.shape
    order = [
        (column, diagonal - column)
        for diagonal in range(length + width)
        for column in range(width)
        if 0 <= diagonal - column < length
    ]
    return [int(stack[row, column]) for column, row in order]


def empty(lines: int, width: int) -> np.ndarray:
    return np.full((lines, width), -1)


@dataclass
class Reader:
    """Prefetch order, scratchpad and port of one operand."""

    order: Line
    capacity: int
    port: int
    start: int = 0
    ends: int = -1
    moves: int = 0
    place: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        words = [word for word in self.order if word >= 0]
        grain = ceil(self.capacity / 100)
        self.place = {word: i // grain for i, word in enumerate(words)}
        front, back = ceil(self.capacity / 2), self.capacity // 2
        self.sets = len(words) // grain + 1
        self.window = min(self.sets, ceil(front / grain))
        self.step = min(self.sets - self.window, ceil(back / grain))
        self.fetch = ceil(back / self.port)
        self.before = min(ceil(front / self.port), ceil(len(self.order) / self.port))

    def wait(self, line: Line, cycle: int) -> int:
        offset = 1
        for word in line:
            while (
                word >= 0 and (self.place[word] - self.start) % self.sets >= self.window
            ):
                self.start = (self.start + self.step) % self.sets
                self.ends += self.fetch + 1
                self.moves += 1
                late = self.ends - (cycle + offset)
                offset += max(late, 2 * late)
        return offset - 1


@dataclass
class Writer:
    """Scratchpad of outputs: every word and every line of the port by itself."""

    capacity: int
    port: int
    free: int = 0
    busy: int = 0
    last: int = -1
    writes: int = 0
    lines: list[int] = field(default_factory=lambda: [0])  # words in each, open last

    def __post_init__(self) -> None:
        self.free, self.half = self.capacity, self.capacity // 2

    def drain(self, cycle: int) -> int:
        taken = self.lines[: min(ceil(self.half / self.port), len(self.lines))]
        self.lines = self.lines[len(taken) :]
        words = (len(taken) - 1) * self.port + taken[-1]
        self.writes, self.free = self.writes + words, self.free + words
        self.last = max(self.last, cycle + len(taken) - 1)
        return cycle + len(taken) - 1

    def close(self) -> None:
        if self.lines and self.lines[-1] == 0:
            self.lines.pop()

    def wait(self, line: Line, cycle: int) -> int:
        now = cycle
        for word in line:
            if word < 0:
                continue
            if not self.lines or self.lines[-1] == self.port:
                self.lines.append(0)
            self.lines[-1] += 1
            self.free -= 1
            if now < self.busy:
                if self.free <= 0:
                    now = self.busy
            elif self.free < self.capacity - self.half:
                self.busy = self.drain(now)
                self.lines.append(0)  # the next word opens a new line
                self.lines = [n for n in self.lines[:-1] if n] + [0]
        return now - cycle

    def finish(self, cycle: int) -> int:
        self.close()
        while self.lines:
            cycle = self.drain(cycle) + 1
        return self.last


def demands(
    dataflow: str, m: int, n: int, k: int, rows: int, columns: int
) -> tuple[Line, Line, Iterator[tuple[Line, Line, Line]]]:
    """Return prefetch orders of inputs and weights, and what each cycle asks for."""
    inputs, weights, outputs = matrix(m, k), matrix(k, n), matrix(m, n)
    if dataflow == "is":  # the same dataflow with the operands' parts swapped
        one, two, walk_is = demands("ws", n, m, k, rows, columns)
        return two, one, ((b, a, c) for a, b, c in walk_is)
    streams = inputs if dataflow == "ws" else inputs.T
    across = k if dataflow == "ws" else m
    order_a: list[np.ndarray] = [
        padded(streams[:, at : at + rows], len(streams), rows)
        for at in range(0, across, rows)
    ]
    blocks = [weights[:, at : at + columns] for at in range(0, n, columns)]
    order_b = [padded(block, k, columns) for block in blocks]
    first = by_diagonals(np.vstack(order_a))
    stack = np.vstack(order_b)
    second = stack.reshape(-1).tolist() if dataflow == "ws" else by_diagonals(stack)

    def walk() -> Iterator[tuple[Line, Line, Line]]:
        for j, i in product(range(len(order_b)), range(len(order_a))):
            out = outputs[:, j * columns : (j + 1) * columns]
            if dataflow == "ws":
                a = np.vstack([empty(rows, rows), order_a[i], empty(columns - 1, rows)])
                held = padded(blocks[j][i * rows : (i + 1) * rows], rows, columns)[::-1]
                b = np.vstack([held, empty(rows + columns + m - 2, columns)])
                out = padded(out, m, columns)
                c = np.vstack([empty(2 * rows - 1, columns), out])
                lines = zip(skewed(a), b, skewed(c), strict=True)
            else:
                a = np.vstack([order_a[i], empty(columns - 1, rows)])
                b = np.vstack([order_b[j], empty(rows - 1, columns)])
                out = padded(out[i * rows : (i + 1) * rows], rows, columns)[::-1]
                c = np.vstack([empty(k - 1, columns), out])
                lines = zip(skewed(a), skewed(b), skewed(c), strict=True)
            yield from ((x.tolist(), y.tolist(), z.tolist()) for x, y, z in lines)

    return first, second, walk()


def walk(
    dataflow: str, m: int, n: int, k: int, rows: int, columns: int,
    sram: tuple[int, int, int], bandwidth: int,
) -> tuple[int, ...]:  # fmt: skip
    """Return what `simulate` returns, cycle by cycle and word by word."""
    first, second, lines = demands(dataflow, m, n, k, rows, columns)
    a, b = Reader(first, sram[0], bandwidth), Reader(second, sram[1], bandwidth)
    c = Writer(sram[2], bandwidth)
    stall = total = 0
    for number, (ask_a, ask_b, ask_c) in enumerate(lines):
        cycle = number + stall
        wait = c.wait(ask_c, cycle)
        total = cycle + wait
        stall += max(a.wait(ask_a, cycle), b.wait(ask_b, cycle), wait)
    overall = c.finish(total) + max(a.before, b.before)
    read = [(x.before + x.moves * x.fetch) * bandwidth for x in (a, b)]
    return total, stall, overall, *read, c.writes


SIZE, SIDE = st.integers(1, 40), st.integers(1, 8)
ROOM = st.tuples(*[st.integers(100, 500)] * 3)


@pytest.mark.parametrize("dataflow", CODES)
@given(
    m=SIZE,
    n=SIZE,
    k=SIZE,
    rows=SIDE,
    columns=SIDE,
    sram=ROOM,
    bandwidth=st.integers(1, 90),
)
def test_recurrence_is_the_walk(
    dataflow: str, m: int, n: int, k: int, rows: int, columns: int,
    sram: tuple[int, int, int], bandwidth: int,
) -> None:  # fmt: skip
    case = (dataflow, m, n, k, rows, columns, sram, bandwidth)
    assert simulate(*case) == walk(*case)
