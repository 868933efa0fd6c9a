"""How long a chip takes for matrix products: shapes and types in, times out.

This file checks what it is asked and fills the tables of `kernels.matmul`. It knows
which kernels libraries put beside a product of narrow numbers.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from accelsim.chip.kernel_time import KernelTime
from accelsim.chip.lower import fill_chip
from accelsim.errors import InputError, nearest
from accelsim.kernels import tables
from accelsim.kernels.matmul import fill_products
from accelsim.kernels.tables import Record, Rows
from accelsim.specs.chip import ChipSpec

LARGEST = 2.0**40  # of a size

# What users and tables call the precisions.
DTYPES = {
    **{name: name for name in tables.PRECISIONS},
    "bfloat16": "bf16",
    "float16": "fp16",
    "half": "fp16",
    "float32": "fp32",
    "float": "fp32",
    "fp8_e4m3": "fp8",
    "float8_e4m3fn": "fp8",
    "fp4": "nvfp4",
}
LAYOUTS = ("tn", "nn", "nt")


@dataclass(frozen=True, slots=True)
class Scaling:
    """The kernels that narrow 16-bit activations in front of a product.

    Attributes
    ----------
    casts : float
        How many they are.
    passes : float
        Bytes that they move, over those of the 16-bit activations.
    block : bool
        Whether blocks of the factors have scales of their own.
    whole : bool
        Whether the library then has the largest tile only, and no split-K.
    """

    casts: float = 0.0
    passes: float = 0.0
    block: bool = False
    whole: bool = False


# Measured in ai-dynamo/aiconfigurator@095f58a GEMM tables (Apache-2.0), whose narrow
# rows are linear layers of TensorRT-LLM with 16-bit activations: medians over H100,
# B200, GB200 and GB300 of a fit with the products' own constants fixed.
SCALINGS: Mapping[str, Scaling] = {
    "none": Scaling(),
    # a maximum over the whole tensor first, then the cast
    "tensor": Scaling(casts=3.0, passes=3.6),
    # a scale for each 1 x 128 of the activations and 128 x 128 of the weights
    "block": Scaling(casts=1.0, passes=1.6, block=True),
    # a scale for each 16 values; CUTLASS without tuning
    "nvfp4": Scaling(casts=1.0, passes=2.2, whole=True),
}


def precision_code(chip: ChipSpec, dtype: str) -> int:
    """Return the index of a precision in the chip's row.

    Raises
    ------
    InputError
        If no such type exists, or the chip does not multiply it.
    """
    name = DTYPES.get(dtype) if isinstance(dtype, str) else None
    if name is None:
        raise InputError(f"dtype {dtype!r} unknown; {nearest(str(dtype), DTYPES)}")
    if name not in chip.matrix.peak:
        known = ", ".join(chip.matrix.peak)
        raise InputError(f"dtype: {chip.name} does not multiply {name}; it has {known}")
    return tables.PRECISIONS.index(name)


def chip_row(chip: ChipSpec) -> Record:
    """Return the CHIP row of the whole package: all its workers together."""
    row = np.zeros(1, tables.CHIP).view(np.recarray)[0]
    fill_chip(row, chip.model_copy(update={"workers_per_chip": 1}), "unfused")
    return row


def sizes(**given: ArrayLike) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Return the common shape of positive finite sizes, and each as float64.

    Raises
    ------
    InputError
        With the name and the value of the first that is none, or that does not fit.
    """
    arrays = {}
    for name, value in given.items():
        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError(f"{name}: {value!r} must be a number or numbers") from None
        wrong = ~((array > 0.0) & (array <= LARGEST))
        if wrong.any():
            bad = array[wrong].flat[0]
            raise InputError(f"{name}: {bad:g} must be above 0 and at most 2^40")
        arrays[name] = array
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise InputError(f"shapes do not match: {shapes}") from None
    return shape, arrays


def output_bytes(layout: str, accumulate: bool, width: float) -> float:
    """Return the bytes that an element of the output moves.

    Forward ("tn") and input gradient ("nn") write 16 bits or the width of fp32. The
    weight gradient ("nt") is added in fp32 where it accumulates.

    Raises
    ------
    InputError
        If the layout is none of these.
    """
    if layout not in LAYOUTS:
        raise InputError(f"layout {layout!r} unknown; {nearest(str(layout), LAYOUTS)}")
    return 8.0 if accumulate else max(2.0, width)


@dataclass(frozen=True, slots=True)
class GemmOptions:
    """How products are multiplied; see `gemm`."""

    dtype: str = "bf16"
    layout: str = "tn"
    accumulate: bool = False
    grouped: bool = False
    scaling: str = "none"
    weight_sets: float = math.inf
    repeats: float = math.inf
    hot: bool = True


def gemm_rows(
    chip: ChipSpec, m: Any, n: Any, k: Any, batch: Any, how: GemmOptions
) -> Rows:
    """Return the GEMM table of sizes that are checked, flat, and of one length.

    Raises
    ------
    InputError
        For a name in the options that is not known.
    """
    if how.scaling not in SCALINGS:
        word = nearest(str(how.scaling), SCALINGS)
        raise InputError(f"scaling {how.scaling!r} unknown; {word}")
    scaling = SCALINGS[how.scaling]
    code = precision_code(chip, how.dtype)
    width = tables.ELEMENT_BYTES[code]
    out = output_bytes(how.layout, how.accumulate, width)
    rows = np.zeros(np.size(m), tables.GEMM).view(np.recarray)
    rows.m, rows.n, rows.k, rows.batch = m, n, k, batch
    rows.precision, rows.grouped = code, how.grouped
    rows.block, rows.whole = scaling.block, scaling.whole
    rows.bytes_in, rows.bytes_out = width, out
    rows.weight_sets, rows.repeats, rows.hot = how.weight_sets, how.repeats, how.hot
    rows.casts = scaling.casts
    rows.cast_bytes = scaling.passes * 2.0 * rows.batch * rows.m * rows.k
    return rows


def fill(chip: ChipSpec, rows: Rows) -> tuple[Rows, Any, Any]:
    """Return KERNEL rows, and what peak rate and datasheet bandwidth would take [s]."""
    row = chip_row(chip)
    found = np.zeros(len(rows), tables.KERNEL).view(np.recarray)
    fill_products(row, rows, found)
    compute = flops_of(rows) / row.peak_rate[rows.precision]
    return found, compute, size_of(rows) / float(chip.hbm.bandwidth)


def flops_of(rows: Rows) -> Any:
    """Return the FLOPs of GEMM rows."""
    return 2.0 * rows.batch * rows.m * rows.n * rows.k


def size_of(rows: Rows) -> Any:
    """Return the bytes of operands and output of GEMM rows."""
    operands = (rows.m * rows.k + rows.k * rows.n) * rows.bytes_in
    return rows.batch * (operands + rows.m * rows.n * rows.bytes_out)


def gemm(
    chip: ChipSpec, m: ArrayLike, n: ArrayLike, k: ArrayLike, batch: ArrayLike = 1.0,
    how: GemmOptions | None = None,
) -> KernelTime:  # fmt: skip
    """Return the time of `batch` products m x k times k x n on a whole chip.

    Parameters
    ----------
    m, n, k, batch : int or array of int
        Rows, columns and sum length of the output, and how many such products; arrays
        broadcast.
    how : GemmOptions
        `dtype`; `layout` of forward ("tn"), input gradient ("nn") and weight gradient
        ("nt"); `accumulate` into fp32; `grouped` for products of different experts;
        `scaling` of the activations in front of it (`SCALINGS`); `weight_sets` used
        in turn and `repeats` one after the other, by default as in training: weights
        always come from memory, the clock has settled under the power cap, and the
        chip is `hot`.

    Raises
    ------
    InputError
        For a size that is not positive, or a name that is not known.
    """
    how = how or GemmOptions()
    shape, given = sizes(m=m, n=n, k=k, batch=batch)
    flat = {name: np.broadcast_to(x, shape).ravel() for name, x in given.items()}
    rows = gemm_rows(chip, **flat, how=how)
    found, _, _ = fill(chip, rows)
    peak = float(chip.matrix.peak[DTYPES[how.dtype]])  # type: ignore[index]
    return answer(found, shape, flops_of(rows), size_of(rows), peak)


def answer(
    found: Rows, shape: tuple[int, ...], flops: Any, size: Any, peak: float
) -> KernelTime:
    """Return KERNEL rows as an answer of this shape; one without axes as floats."""

    def give(values: Any) -> Any:
        return values.reshape(shape) if shape else float(values[0])

    parts = {name: give(found[name]) for name in tables.KERNEL.names or ()}
    return KernelTime(**parts, flops=give(flops), size=give(size), peak=peak)
