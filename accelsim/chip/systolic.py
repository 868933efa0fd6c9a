"""One systolic array on its own: how many cycles a matrix product takes, and why.

This file knows an array, its dataflow and the scratchpads in front of it, and checks
what it is asked. It counts cycles and words: it knows neither a clock nor a word's
bytes. The weights of a NeuronCore load behind the last product; here, as in SCALE-Sim,
they do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.errors import InputError, nearest
from accelsim.kernels import scratchpad, systolic
from accelsim.kernels.scratchpad_reads import SETS_OF_BUFFER

Dataflow = Literal["ws", "is", "os"]
Counts = int | NDArray[np.int64]
Shares = float | NDArray[np.float64]

DATAFLOWS: tuple[Dataflow, ...] = get_args(Dataflow)
_CODES = dict(zip(DATAFLOWS, (systolic.WS, systolic.IS, systolic.OS), strict=True))
MOST_FOLDS = 10**8  # that one product may go through: minutes
LARGEST = 2**31 - 1  # of a size; a diagonal's words are its square
SMALLEST_SCRATCHPAD = SETS_OF_BUFFER  # words: a set holds one or more


@dataclass(frozen=True, slots=True)
class Scratchpads:
    """Double-buffered memories between an array and its memory.

    Attributes
    ----------
    ifmap, filter, ofmap : int
        Room for inputs, weights and outputs [words]; one half serves the array while
        the other one serves the memory.
    bandwidth : int or None
        What each of the three ports to the memory carries [words/cycle]; None for
        reads that are always in time and outputs that leave `columns` words a cycle.
    fill : int
        What is read before the start of a run of unlimited bandwidth [words/cycle];
        10 in SCALE-Sim 3.0.0 (`InterfaceBandwidth: CALC`).
    """

    ifmap: int
    filter: int
    ofmap: int
    bandwidth: int | None = None
    fill: int = 10

    def __post_init__(self) -> None:
        for name in ("ifmap", "filter", "ofmap"):
            _whole(name, getattr(self, name), SMALLEST_SCRATCHPAD)
        _whole("fill", self.fill)
        if self.bandwidth is not None:
            _whole("bandwidth", self.bandwidth)


@dataclass(frozen=True, slots=True)
class SystolicArray:
    """An array of multiply-add units with one dataflow.

    Attributes
    ----------
    rows, columns : int
        Units in each direction.
    dataflow : str
        What stays in the array: ``ws`` weights, ``is`` inputs, ``os`` outputs.
    scratchpads : Scratchpads or None
        None if operands are always at hand.
    """

    rows: int
    columns: int
    dataflow: Dataflow = "ws"
    scratchpads: Scratchpads | None = None

    def __post_init__(self) -> None:
        _whole("rows", self.rows)
        _whole("columns", self.columns)
        if self.dataflow not in DATAFLOWS:
            hint = nearest(str(self.dataflow), DATAFLOWS)
            raise InputError(f"dataflow: {self.dataflow!r} is unknown; {hint}")

    def gemm(self, m: ArrayLike, n: ArrayLike, k: ArrayLike) -> "SystolicGemm":
        """Return what (m x k) by (k x n) products cost; m, n, k broadcast.

        Raises
        ------
        InputError
            A size is no whole number above zero, or too large.
        """
        sizes = np.broadcast_arrays(_sizes("m", m), _sizes("n", n), _sizes("k", k))
        free = _stall_free(self, *sizes)
        made = SystolicGemm(self, *map(_plain, (*sizes, free)))
        if self.scratchpads is None:
            return made
        return _behind(made, self.scratchpads, sizes)

    @property
    def shape(self) -> tuple[float, float]:
        """Return (rows, columns), as kernels take them."""
        return float(self.rows), float(self.columns)

    def split(self, m: Any, n: Any, k: Any) -> tuple[Any, Any, Any]:
        """Return what lies along rows, along columns and in time (S_r, S_c, T)."""
        if self.dataflow == "ws":
            return k, n, m
        return (k, m, n) if self.dataflow == "is" else (m, n, k)


@dataclass(frozen=True, slots=True)
class SystolicGemm:
    """What products cost on an array: numbers, or arrays in the shape that was asked.

    Attributes
    ----------
    total_cycles : int
        The array's cycles, waits among them [cycles]: the number of the last one,
        counted from 0.
    stall_cycles : int
        Those of them in which it waits for its scratchpads.
    overall_cycles : int or None
        From the first word read before the start to the last word written; None
        without scratchpads, like the words over the memory ports:
    ifmap_dram_reads, filter_dram_reads, ofmap_dram_writes : int or None
        Inputs, weights, outputs [words], as lines of the port's width. What a half
        read again and what lines lack counts.
    """

    array: SystolicArray
    m: Counts
    n: Counts
    k: Counts
    total_cycles: Counts
    stall_cycles: Counts = 0
    overall_cycles: Counts | None = field(default=None, kw_only=True)
    ifmap_dram_reads: Counts | None = field(default=None, kw_only=True)
    filter_dram_reads: Counts | None = field(default=None, kw_only=True)
    ofmap_dram_writes: Counts | None = field(default=None, kw_only=True)

    @property
    def folds(self) -> Counts:
        """Return the blocks that the array works through one after the other."""
        along_rows, along_columns, _ = self.array.split(self.m, self.n, self.k)
        across = -(-along_columns // self.array.columns)
        folds: Counts = -(-along_rows // self.array.rows) * across
        return folds

    @property
    def utilisation(self) -> Shares:
        """Return multiply-adds over what the units could do in `total_cycles`."""
        units = float(self.array.rows * self.array.columns)
        work = np.multiply(self.m, self.n, dtype=np.float64) * self.k
        share: Shares = _plain(work / (self.total_cycles * units))
        return share

    @property
    def mapping_efficiency(self) -> Shares:
        """Return the share of the units that a fold has work for, mean over folds."""
        along_rows, along_columns, _ = self.array.split(self.m, self.n, self.k)
        used = np.multiply(along_rows, along_columns, dtype=np.float64)
        units = float(self.array.rows * self.array.columns)
        share: Shares = _plain(used / (self.folds * units))
        return share

    @property
    def ifmap_sram_reads(self) -> Counts:
        """Return the inputs that the array reads [words]."""
        return self._sram_words()[0]

    @property
    def filter_sram_reads(self) -> Counts:
        """Return the weights that the array reads [words]."""
        return self._sram_words()[1]

    @property
    def ofmap_sram_writes(self) -> Counts:
        """Return the outputs, and partial sums, that the array writes [words]."""
        return self._sram_words()[2]

    def _sram_words(self) -> tuple[Counts, Counts, Counts]:
        m, n, k = (np.ravel(x).astype(np.float64) for x in (self.m, self.n, self.k))
        words = np.empty((m.size, 3))
        rows, columns = self.array.shape
        systolic.fill_sram_words(
            _CODES[self.array.dataflow], m, n, k, rows, columns, words
        )
        by_size = words.astype(np.int64).reshape(*np.shape(self.m), 3)
        inputs, weights, outputs = (_plain(by_size[..., i]) for i in range(3))
        return inputs, weights, outputs


def _stall_free(array: SystolicArray, *sizes: NDArray[Any]) -> NDArray[np.int64]:
    split = array.split(*sizes)
    along_rows, along_columns, time = (np.ravel(x).astype(np.float64) for x in split)
    cycles = np.empty(time.size)
    systolic.fill_stall_free(
        _CODES[array.dataflow],
        along_rows,
        along_columns,
        time,
        array.shape[0],
        array.shape[1],
        cycles,
    )
    return cycles.reshape(sizes[0].shape).astype(np.int64)


def _behind(
    made: SystolicGemm, pads: Scratchpads, sizes: Sequence[NDArray[np.int64]]
) -> SystolicGemm:
    """Return the products with what waiting for the scratchpads adds."""
    array, shape = made.array, sizes[0].shape
    _refuse_too_long(array, *sizes)
    problems = np.zeros(sizes[0].size, scratchpad.PROBLEM).view(np.recarray)
    for name, size in zip(("m", "n", "k"), sizes, strict=True):
        problems[name] = np.ravel(size)
    problems.rows, problems.columns = array.rows, array.columns
    for name in ("ifmap", "filter", "ofmap"):
        problems[name] = getattr(pads, name)
    problems.bandwidth, problems.fill_rate = pads.bandwidth or 0, pads.fill
    runs = np.zeros(problems.size, scratchpad.RUN).view(np.recarray)
    scratchpad.fill_runs(_CODES[array.dataflow], problems, runs)
    names = ("total", "stall", "overall", *scratchpad.WORDS)
    total, stall, overall, inputs, weights, outputs = (
        _plain(runs[name].reshape(shape)) for name in names
    )
    return replace(
        made,
        total_cycles=total,
        stall_cycles=stall,
        overall_cycles=overall,
        ifmap_dram_reads=inputs,
        filter_dram_reads=weights,
        ofmap_dram_writes=outputs,
    )


def _refuse_too_long(
    array: SystolicArray, m: NDArray[np.int64], n: NDArray[np.int64], k: NDArray[Any]
) -> None:
    if not m.size:
        return
    along_rows, along_columns, time = array.split(m, n, k)
    down = np.ceil(along_rows / array.rows)
    across = np.ceil(along_columns / array.columns)
    # the rows of a stack of slabs, and so of its diagonals, whose square is counted
    slabs = np.maximum(down, across) if array.dataflow == "os" else down
    if np.max(slabs * time) > LARGEST or np.max(down * across) > MOST_FOLDS:
        raise InputError(
            f"m, n, k: too large for {array.rows} x {array.columns} units behind "
            f"scratchpads: more than {MOST_FOLDS:,} folds, or more than {LARGEST:,} "
            "vectors of one operand"
        )


def _whole(name: str, value: object, least: int = 1) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not least <= value <= LARGEST:  # type: ignore[operator]
        allowed = f"a whole number from {least} to {LARGEST}"
        raise InputError(f"{name}: {value!r} is not allowed; give {allowed}")


def _sizes(name: str, value: ArrayLike) -> NDArray[np.int64]:
    given = np.asarray(value)
    if given.dtype.kind not in "iu":
        raise InputError(f"{name}: {value!r} is no whole number, or array of them")
    if given.size and (given.min() < 1 or given.max() > LARGEST):
        raise InputError(f"{name}: sizes go from 1 to {LARGEST}")
    return given.astype(np.int64, copy=False)


def _plain(values: Any) -> Any:
    """Return a Python number for an array without dimensions, else the array."""
    return values.item() if np.ndim(values) == 0 else values
