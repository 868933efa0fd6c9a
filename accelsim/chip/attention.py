"""Fused attention on one chip: how long it takes, and why.

This file checks what it is asked, and says what limits the answer; the physics is in
`kernels/attention.py`. One shape and arrays of shapes go the same way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.chip.fused import Pass
from accelsim.chip.kernel_time import KernelTime
from accelsim.chip.lower import attention_kernel, fill_chip, fill_kernel
from accelsim.errors import InputError, nearest
from accelsim.kernels import tables
from accelsim.kernels.attention import fill_fused
from accelsim.kernels.attention_tables import FUSED_TIME
from accelsim.kernels.tables import Record, Rows
from accelsim.specs.chip import ChipSpec

Passes = Literal["forward", "backward", "both"]
Times = float | NDArray[np.float64]
Words = str | NDArray[np.str_]

PASSES: dict[str, tuple[Pass, ...]] = {
    "forward": ("forward",),
    "backward": ("backward",),
    "both": ("forward", "backward"),
}
TYPES = ("bf16", "fp16", "fp8")  # of the products
LARGEST = 2**31 - 1  # of a size
PARTS = ("inner", "ramp", "idle", "throttle", "waiting", "append", "start")
RESOURCES = ("matrix", "exponentials", "shared", "memory")
# What a call is said to be bound by, in words.
BOUNDS = {
    "matrix": "matrix unit",
    "exponentials": "exponentials",
    "shared": "shared memory",
    "memory": "memory",
    "idle": "idle units",
    "append": "cache write",
    "start": "launch",
}


SIZES = (
    *("batch", "heads", "kv_heads", "seq_q", "seq_kv", "head_dim", "v_dim"),
    *("causal", "window"),
)
# Columns of OPERATOR that are one size each.
_FIELDS = {
    "m": "seq_q",
    "n": "seq_kv",
    "k": "head_dim",
    "v": "v_dim",
    "causal": "causal",
    "window": "window",
}


@dataclass(frozen=True, slots=True)
class Attention:
    """What fused attention costs: numbers, or arrays in the shape that was asked.

    Attributes
    ----------
    chip, kernel : str
        The chip, and which of its fused kernels.
    time : float
        Of the call [s], the sum of the seven parts:
    inner, ramp, idle, throttle, waiting, append, start : float
        Blocks of queries and keys, their start and drain, multiprocessors without a
        block, the clock under the power cap, waiting for memory, rotation and cache
        before the kernel, and launch [s].
    matrix, exponentials, shared, memory : float
        How long each resource alone would take for what the mask leaves [s]: they
        overlap.
    flops : float
        What the mask leaves, two a multiply-add [FLOP].
    peak : float
        Of the chip at this type, from its datasheet [FLOP/s].
    """

    chip: str
    kernel: str
    inner: Times
    ramp: Times
    idle: Times
    throttle: Times
    waiting: Times
    append: Times
    start: Times
    matrix: Times
    exponentials: Times
    shared: Times
    memory: Times
    flops: Times
    peak: float

    @property
    def time(self) -> Times:
        """Return the time of the call [s]."""
        total: Times = sum(getattr(self, name) for name in PARTS)
        return total

    @property
    def rate(self) -> Times:
        """Return useful FLOP/s."""
        return self.flops / self.time

    @property
    def utilization(self) -> Times:
        """Return the useful rate as a share of the datasheet's peak."""
        share: Times = self.rate / self.peak
        return share

    @property
    def bound(self) -> Words:
        """Return what takes most: a resource, idle units, cache write or launch."""
        longest = np.argmax([np.asarray(getattr(self, n)) for n in BOUNDS], axis=0)
        words: Words = _plain(np.array(list(BOUNDS.values()))[longest])
        return words

    def kernel_time(self, bandwidth: float) -> KernelTime:
        """Return the answer in the words of every operator.

        The blocks count for the resource that takes longest, as far as it takes longer
        than the matrix unit. What slows the clock is the matrix unit's.

        Parameters
        ----------
        bandwidth : float
            Of the chip's memory [B/s].
        """
        operands = np.maximum(self.matrix, self.shared)
        longest = np.maximum(operands, self.exponentials)
        each = self.inner / longest
        matrix = np.multiply(each, self.matrix) + self.throttle
        clocked = self.time - self.waiting - self.append - self.start
        parts = (
            self.time, matrix, each * (operands - self.matrix),
            each * (longest - operands), self.waiting + self.append,
            self.ramp + self.idle, self.start, 1.0 - self.throttle / clocked,
        )  # fmt: skip
        size = np.multiply(self.memory, bandwidth)
        return KernelTime(
            *(_plain(part) for part in (*parts, self.flops, self.peak, size))
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain data; units are in the keys."""
        names = (*PARTS, *RESOURCES)
        return {
            "chip": self.chip,
            "kernel": self.kernel,
            "time_s": _listed(self.time),
            **{f"{name}_s": _listed(getattr(self, name)) for name in names},
            "flops": _listed(self.flops),
            "rate_flops_per_s": _listed(self.rate),
            "utilization": _listed(self.utilization),
            "bound": _listed(self.bound),
        }


def attention(
    chip: ChipSpec,
    batch: ArrayLike,
    heads: ArrayLike,
    seq_q: ArrayLike,
    head_dim: ArrayLike,
    *,
    kv_heads: ArrayLike | None = None,
    seq_kv: ArrayLike | None = None,
    v_dim: ArrayLike | None = None,
    causal: ArrayLike = True,
    window: ArrayLike = 0,
    dtype: str = "bf16",
    passes: Passes = "forward",
    kernel: str | None = None,
    steady: bool = False,
) -> Attention:
    """Return what fused attention costs; sizes broadcast.

    Parameters
    ----------
    batch, heads, seq_q, head_dim : int
        Sequences, heads of the queries, their tokens and the size of a head.
    kv_heads, seq_kv, v_dim : int, optional
        Heads that query heads share, keys, and the size of a head's values, where they
        are others: the queries are the last of the keys, behind a cached prefix.
    causal, window : bool, int
        Whether a query sees no later key; how many it sees, its own among them, 0 for
        all.
    dtype : str
        Of the products: bf16, fp16 or fp8.
    passes : str
        ``forward``, ``backward`` or ``both``.
    kernel : str, optional
        One of the chip's fused kernels; the one of its library if not given.
    steady : bool
        Whether the clock has settled under the power cap, as in a long run; else a
        benchmark repeats the call a few times.

    Raises
    ------
    InputError
        A size is no whole number in its range, heads do not divide, or the chip has no
        such kernel, type or pass.
    """
    name = _kernel(chip, kernel, passes)
    precision = _precision(chip, dtype)
    kv_heads = heads if kv_heads is None else kv_heads
    seq_kv = seq_q if seq_kv is None else seq_kv
    v_dim = head_dim if v_dim is None else v_dim
    given = (batch, heads, kv_heads, seq_q, seq_kv, head_dim, v_dim, causal, window)
    ops, shape = _operators(_sizes(dict(zip(SIZES, given, strict=True))))
    ops["precision"] = precision
    times = fused_times(chip, name, ops, passes, steady=steady)
    found = _columns(times, shape)
    peak = float(chip.matrix.peak[dtype])  # type: ignore[index]
    return Attention(chip.name, name, peak=peak, **found)


def fused_times(
    chip: ChipSpec, kernel: str, ops: Rows, passes: Passes, *, steady: bool
) -> Rows:
    """Return FUSED_TIME rows for rows of OPERATOR, passes added up."""
    row, parts = _chip_row(_Same(chip), kernel)
    found = []
    for which in PASSES[passes]:
        times = np.empty(len(ops), FUSED_TIME)
        fill_fused(row, parts[which], ops, float(steady), times.view(np.recarray))
        found.append(times)
    for name in (FUSED_TIME.names or ()) if len(found) == 2 else ():
        found[0][name] += found[1][name]
    return found[0]


def _columns(times: Rows, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the columns of a table as arrays of a shape, or numbers."""
    names = FUSED_TIME.names or ()
    if shape == ():
        return dict(zip(names, times[0].item(), strict=True))
    return {name: times[name].reshape(shape) for name in names}


class _Same:
    """A chip that equals itself alone: specs hold tables, which have no hash."""

    __slots__ = ("chip",)

    def __init__(self, chip: ChipSpec) -> None:
        self.chip = chip

    def __hash__(self) -> int:
        return id(self.chip)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.chip is other.chip


@lru_cache(maxsize=128)
def _chip_row(same: _Same, kernel: str) -> tuple[Record, dict[str, Record]]:
    """Return the whole chip as a row of CHIP, and the two passes of a kernel of it."""
    chip = same.chip
    row = np.zeros(1, tables.CHIP).view(np.recarray)[0]
    fill_chip(row, chip, "unfused")
    fill_kernel(row, chip, kernel)
    workers = float(chip.workers_per_chip)
    for name in ("units", "memory_bandwidth", "shared_bandwidth", "busy_power"):
        row[name] *= workers
    row.peak_rate *= workers
    parts = {"forward": row.attention_forward, "backward": row.attention_backward}
    for part in parts.values():
        part.full_power *= workers
        part.append_bandwidth *= workers
    return row, parts


def _kernel(chip: ChipSpec, kernel: str | None, passes: str) -> str:
    if passes not in PASSES:
        hint = nearest(str(passes), PASSES)
        raise InputError(f"passes: {passes!r} is unknown; {hint}")
    if not chip.attention:
        raise InputError(f"kernel: {chip.name} has no fused attention kernel")
    if kernel is None:
        kernel = attention_kernel(chip, "") or next(iter(chip.attention))
    if kernel not in chip.attention:
        hint = nearest(str(kernel), chip.attention)
        raise InputError(f"kernel: {chip.name} has no {kernel!r}; {hint}")
    if passes != "forward" and not chip.attention[kernel].has_backward:
        raise InputError(f"passes: {kernel} of {chip.name} has no backward pass")
    return kernel


def _precision(chip: ChipSpec, dtype: str) -> int:
    known = [p for p in TYPES if p in chip.matrix.peak]
    if dtype not in known:
        hint = nearest(str(dtype), known)
        raise InputError(
            f"dtype: {dtype!r} is not for attention on {chip.name}; {hint}"
        )
    return tables.PRECISIONS.index(dtype)


def _sizes(given: Mapping[str, ArrayLike]) -> Mapping[str, NDArray[np.float64]]:
    """Return the sizes as float64 in one shape."""
    checked = {name: _size(name, value) for name, value in given.items()}
    sizes = checked
    if any(array.ndim for array in checked.values()):
        try:
            arrays = np.broadcast_arrays(*checked.values())
        except ValueError:
            shapes = ", ".join(f"{name} {a.shape}" for name, a in checked.items())
            raise InputError(f"shapes do not broadcast: {shapes}") from None
        sizes = dict(zip(checked, arrays, strict=True))
    keys, queries = sizes["seq_kv"], sizes["seq_q"]
    _refuse(
        "seq_kv", keys < queries, "{} keys are fewer than {} queries", keys, queries
    )
    heads, shared = sizes["heads"], sizes["kv_heads"]
    words = "{} query heads share no whole number of {}"
    _refuse("kv_heads", heads % shared != 0.0, words, heads, shared)
    return sizes


def _refuse(
    name: str, wrong: NDArray[np.bool_], words: str, *sizes: NDArray[np.float64]
) -> None:
    if np.any(wrong):
        first = np.flatnonzero(wrong)[0]
        raise InputError(
            f"{name}: {words.format(*(int(s.flat[first]) for s in sizes))}"
        )


def _size(name: str, value: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(value)
    flag = name == "causal"
    least, most = int(not flag and name != "window"), 1 if flag else LARGEST
    if array.dtype.kind not in "iub" or (array.dtype.kind == "b") > flag:
        raise InputError(f"{name}: {value!r} is no whole number, or array of them")
    if array.ndim == 0:
        low = high = array.item()
    else:
        low, high = (array.min(), array.max()) if array.size else (least, least)
    if low < least or high > most:
        raise InputError(f"{name}: goes from {least} to {most}")
    return array.astype(np.float64)


def _operators(
    sizes: Mapping[str, NDArray[np.float64]],
) -> tuple[Rows, tuple[int, ...]]:
    shape = sizes["batch"].shape
    ops = np.zeros(shape, tables.OPERATOR)
    ops["batch"] = sizes["batch"] * sizes["heads"]
    ops["kv_batch"] = sizes["batch"] * sizes["kv_heads"]
    for field, name in _FIELDS.items():
        ops[field] = sizes[name]
    return ops.reshape(-1).view(np.recarray), shape


def _plain(values: Any) -> Any:
    """Return a Python number or text for an array without dimensions."""
    return values.item() if np.ndim(values) == 0 and hasattr(values, "item") else values


def _listed(values: Any) -> Any:
    return values.tolist() if hasattr(values, "tolist") else values
