"""How long a chip takes for matrix products: shapes and types in, times out.

This file checks what it is asked and fills the tables of `kernels.matmul`. It knows
which kernels libraries put beside a product of narrow numbers.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.chip.kernel_time import FOUND, KernelTime, told
from accelsim.chip.lower import fill_chip
from accelsim.errors import InputError, nearest
from accelsim.kernels import tables
from accelsim.kernels.matmul import fill_products
from accelsim.kernels.tables import Record, Rows
from accelsim.specs.chip import ChipSpec

LARGEST = 2.0**40  # of a size
ROWS = np.dtype((np.record, tables.GEMM))  # see `kernel_time.FOUND`

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


def known(what: str, name: object, valid: Iterable[str]) -> str:
    """Return a name that is one of the valid ones.

    Raises
    ------
    InputError
        It is none; the nearest one is given.
    """
    if isinstance(name, str) and name in valid:
        return name
    raise InputError(f"{what} {name!r} unknown; {nearest(str(name), valid)}")


def precision_code(chip: ChipSpec, dtype: str) -> int:
    """Return the index of a precision in the chip's row.

    Raises
    ------
    InputError
        If no such type exists, or the chip does not multiply it.
    """
    name = DTYPES[known("dtype", dtype, DTYPES)]
    if name not in chip.matrix.peak:
        has = ", ".join(chip.matrix.peak)
        raise InputError(f"dtype: {chip.name} does not multiply {name}; it has {has}")
    return tables.PRECISIONS.index(name)


def chip_row(chip: ChipSpec) -> Record:
    """Return the CHIP row of the whole package: all its workers together."""
    row = np.zeros(1, tables.CHIP).view(np.recarray)[0]
    fill_chip(row, chip.model_copy(update={"workers_per_chip": 1}), "unfused")
    return row


Sizes = Mapping[str, float | NDArray[np.float64]]


def sizes(**given: ArrayLike) -> tuple[tuple[int, ...], Sizes]:
    """Return the common shape of whole numbers above zero, and each as float64.

    Raises
    ------
    InputError
        With the name and the value of the first that is none, or that does not fit.
    """
    if all(type(value) is int and 0 < value <= LARGEST for value in given.values()):
        return (), {name: float(value) for name, value in given.items()}  # type: ignore[arg-type]
    arrays = {name: _whole(name, value) for name, value in given.items()}
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise InputError(f"shapes do not match: {shapes}") from None
    flat = {
        name: np.broadcast_to(array, shape).ravel() if array.ndim else float(array)
        for name, array in arrays.items()
    }
    return shape, flat


def _whole(name: str, value: ArrayLike) -> NDArray[np.float64]:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name}: {value!r} must be a number or numbers") from None
    except OverflowError:
        raise InputError(f"{name}: must be a whole number from 1 to 2^40") from None
    wrong = ~((array > 0.0) & (array <= LARGEST) & (array == np.rint(array)))
    if wrong.any():
        bad = array[wrong].flat[0]
        raise InputError(f"{name}: {bad:g} must be a whole number from 1 to 2^40")
    return array


def output_bytes(layout: str, width: float, *, accumulate: bool) -> float:
    """Return the bytes that an element of the output moves.

    Forward ("tn") and input gradient ("nn") write 16 bits or the width of fp32. The
    weight gradient ("nt") is added in fp32 where it accumulates.

    Raises
    ------
    InputError
        If the layout is none of these.
    """
    known("layout", layout, LAYOUTS)
    return 8.0 if accumulate else max(2.0, width)


@dataclass(frozen=True, slots=True)
class GemmOptions:
    """How products are multiplied.

    Attributes
    ----------
    dtype : str
        Precision of the factors (`DTYPES`).
    layout : str
        Of forward ("tn"), input gradient ("nn") and weight gradient ("nt").
    accumulate : bool
        Whether the output is added to what is there, in fp32.
    grouped, apart : bool
        Whether a batch holds products of different experts, and whether each of these
        has a kernel of its own.
    scaling : str
        Of activations that are narrowed in front of the product (`SCALINGS`).
    weight_sets, repeats : float
        Right factors used in turn, and products one after the other. By default both
        are endless, as in training: weights always come from memory, and the clock has
        settled under the power cap.
    hot : bool
        Whether the chip has been at work for minutes.
    """

    dtype: str = "bf16"
    layout: str = "tn"
    accumulate: bool = False
    grouped: bool = False
    apart: bool = False
    scaling: str = "none"
    weight_sets: float = math.inf
    repeats: float = math.inf
    hot: bool = True


def template(chip: ChipSpec, how: GemmOptions) -> NDArray[Any]:
    """Return a GEMM row with everything but the sizes.

    Raises
    ------
    InputError
        For a name that is not known, or a count below one.
    """
    scaling = SCALINGS[known("scaling", how.scaling, SCALINGS)]
    for name in ("weight_sets", "repeats"):
        count = getattr(how, name)
        if not (isinstance(count, int | float) and count >= 1.0):
            raise InputError(f"{name}: {count!r} must be a number of 1 or more")
    code = precision_code(chip, how.dtype)
    width = tables.ELEMENT_BYTES[code]
    made = np.zeros(1, ROWS)
    made["precision"] = code
    made["grouped"] = tables.APART if how.apart else how.grouped
    made["block"], made["whole"] = scaling.block, scaling.whole
    made["bytes_in"] = width
    made["bytes_out"] = output_bytes(how.layout, width, accumulate=how.accumulate)
    made["weight_sets"], made["repeats"] = how.weight_sets, how.repeats
    made["hot"] = how.hot
    made["casts"] = scaling.casts
    # of an element of the activations, until the sizes are known
    made["cast_bytes"] = scaling.passes * 2.0
    return made


def sized(made: NDArray[Any], count: int, given: Sizes) -> NDArray[Any]:
    """Return `count` GEMM rows of these sizes, otherwise like the template."""
    rows = np.empty(count, ROWS)
    rows[:] = made
    for name in ("m", "n", "k", "batch"):
        rows[name] = given[name]
    rows["tokens"] = rows["m"]
    if made["cast_bytes"][0] > 0.0:
        rows["cast_bytes"] *= rows["batch"] * rows["m"] * rows["k"]
    return rows


def gemm_rows(
    chip: ChipSpec, m: Any, n: Any, k: Any, batch: Any, how: GemmOptions
) -> Rows:
    """Return the GEMM table of sizes that are checked, flat, and of one length.

    Raises
    ------
    InputError
        For a name in the options that is not known.
    """
    given = {"m": m, "n": n, "k": k, "batch": batch}
    return sized(template(chip, how), np.size(m), given).view(np.recarray)


def fill(chip: ChipSpec, rows: Rows) -> tuple[Rows, Any, Any]:
    """Return KERNEL rows, and what peak rate and datasheet bandwidth would take [s]."""
    row = chip_row(chip)
    found = np.zeros(len(rows), tables.KERNEL).view(np.recarray)
    fill_products(row, rows, found)
    compute = flops_of(rows) / row.peak_rate[rows.precision]
    return found, compute, size_of(rows) / float(chip.hbm.bandwidth)


def flops_of(rows: Rows) -> Any:
    """Return the FLOPs of GEMM rows."""
    return 2.0 * rows["batch"] * rows["m"] * rows["n"] * rows["k"]


def size_of(rows: Rows) -> Any:
    """Return the bytes of operands and output of GEMM rows."""
    m, n, k = rows["m"], rows["n"], rows["k"]
    return rows["batch"] * ((m + n) * k * rows["bytes_in"] + m * n * rows["bytes_out"])


class Products:
    """The matrix products of a whole chip, all its workers together.

    What only chip and options decide is made once: a product takes microseconds.
    """

    def __init__(self, chip: ChipSpec) -> None:
        self.chip = chip
        self.row = chip_row(chip)
        self._templates: dict[GemmOptions, tuple[NDArray[Any], float]] = {}

    def time(
        self, m: ArrayLike, n: ArrayLike, k: ArrayLike, batch: ArrayLike,
        how: GemmOptions,
    ) -> KernelTime:  # fmt: skip
        """Return the time of `batch` products m x k times k x n; sizes broadcast.

        Raises
        ------
        InputError
            For a size that is not above zero, or a name that is not known.
        """
        try:
            made, peak = self._templates[how]
        except (KeyError, TypeError):  # new, or a list where a name should be
            made = template(self.chip, how)
            peak = float(self.row.peak_rate[made["precision"][0]])
            self._templates[how] = made, peak
        shape, given = sizes(m=m, n=n, k=k, batch=batch)
        rows = sized(made, math.prod(shape), given)
        found = np.zeros(len(rows), FOUND)
        fill_products(self.row, rows, found)
        return told(found, shape, flops_of(rows), size_of(rows), peak)
