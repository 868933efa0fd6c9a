"""From the rows of a table of measured products to what the model is asked.

This file knows the columns of such tables and how each source measured: what it found
in the caches, how long it kept the chip busy. A table of training products has no
column for the chip: a name is given, or stands in the name of the file.
"""

import math
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from accelsim import catalog
from accelsim.chip.gemm import DTYPES, GemmOptions
from accelsim.errors import InputError
from accelsim.kernels import tables
from accelsim.specs.chip import ChipSpec
from accelsim.validation import table
from accelsim.validation.chips import chip_named
from accelsim.validation.left_out import BAD_VALUE, PRECISION, LeftOutError
from accelsim.validation.table import Row

REQUIRED = ("chip", "dtype", "M", "N", "K", "latency_us")
TRAINING = ("m", "n", "k", "layout", "accumulate", "efficiency", "peak_tflops")
HELD_OUT = 4  # of so many pairs (N, K), one is kept from every fit
BIG = 1024  # rows of a product that fills a chip

# ai-dynamo/aiconfigurator, collector: up to five copies of the weights, enough to
# exceed the L2 cache, in turn; three rounds to warm up and six that are timed.
AIC = "AIC:"
AIC_COPIES, AIC_ROUNDS = 5, 9
# Sources that time one product again and again: rounds, and sets of weights.
ROUNDS = {"stas00/": (150.0, 1.0), "deepseek-ai/": (30.0, math.inf)}
OTHER_ROUNDS = (100.0, 1.0)
# Tables of training products are SimuMax's: where its machine is not like the others.
MACHINES = {"b200": "b200-simumax"}
# SimuMax times 75 of 100 rounds of a product, product after product: the chip is hot
# and comes loaded from the product before, as if each had gone on for 500 (fitted on
# B200).
TRAINING_ROUNDS = (500.0, 1.0)


@dataclass(frozen=True, slots=True)
class Product:
    """One measured product.

    Attributes
    ----------
    seconds : float
        What it took.
    also : tuple of (group, member)
        Further groups of the report.
    """

    id: str
    source: str
    chip: ChipSpec
    m: int
    n: int
    k: int
    batch: int
    how: GemmOptions
    seconds: float
    subset: str
    also: tuple[tuple[str, str], ...]

    @property
    def held_out(self) -> bool:
        """Return whether no constant was fitted on this pair (N, K)."""
        return held_out(self.n, self.k)


def held_out(n: int, k: int) -> bool:
    """Return whether a pair (N, K) is kept from fits: one in HELD_OUT, well mixed."""
    return (n * 0x9E3779B1 ^ k * 0x85EBCA77) % 1000003 % HELD_OUT == 0


def read_products(
    path: Path, chip: str | None = None
) -> tuple[list[Product], Counter[str]]:
    """Return the rows of a table that can be asked, the others counted by reason.

    The header says whether it is a table of training products.

    Raises
    ------
    InputError
        The file is no such table, or the chip is not known.
    """
    if kind_of(path) == "gemm-training":
        rows = table.read(path, TRAINING)
        read = partial(_training, chip=_chip_of(path, chip))
    else:
        rows = table.read(path, REQUIRED if chip is None else REQUIRED[1:])
        spec = None if chip is None else catalog.load("chips", chip)
        read = partial(_inference, given=spec)
    found: list[Product] = []
    left_out: Counter[str] = Counter()
    for row in rows:
        try:
            found.append(read(row))
        except LeftOutError as reason:
            left_out[str(reason)] += 1
    return found, left_out


def kind_of(path: Path) -> str:
    """Return whether a table is one of training products or of other ones."""
    header = table.read(path, ())[0]
    training = "efficiency" in header and "latency_us" not in header
    return "gemm-training" if training else "gemm"


def _chip_of(path: Path, name: str | None) -> ChipSpec:
    if name is None:
        stem = path.stem.lower().replace("_", "-")
        known = [c for c in catalog.names("chips") if f"-{c}" in f"-{stem}"]
        words = [
            c for c in catalog.names("chips") if c.split("-")[0] in stem.split("-")
        ]
        known = known or [c for c in words if c.endswith(("-sxm", "-80gb"))]
        if not known:
            raise InputError(
                f"{path}: has no column chip, and its name names none: give --chip"
            )
        name = max(known, key=len)
    spec: ChipSpec = catalog.load("chips", MACHINES.get(name, name))
    return spec


def _inference(row: Row, given: ChipSpec | None) -> Product:
    m, n, k, batch = (_count(row, name) for name in ("M", "N", "K", "batch"))
    dtype, _, words = row["dtype"].lower().partition(" ")
    name, scaling = _type_of(dtype)
    chip = given or chip_named(row["chip"].partition(" (")[0])
    if name not in chip.matrix.peak:
        raise LeftOutError(PRECISION)
    source = row.get("source") or "not named"
    rounds, sets = _rounds(source, chip, n * k * tables.ELEMENT_BYTES[_index(name)])
    if not source.startswith(AIC):
        scaling = "none"
    how = GemmOptions(
        dtype=name,
        scaling=scaling,
        grouped="grouped" in words or "grouped" in row.get("kernel", ""),
        weight_sets=sets,
        repeats=rounds,
        hot=False,
    )
    big = name == "bf16" and m >= BIG
    return Product(
        id=f"{row['chip'] if given is None else given.name} {dtype} {m}x{n}x{k}"
        + (f" x{batch}" if batch > 1 else ""),
        source=source.partition(":")[0] if source.startswith("NS") else source,
        chip=chip,
        m=m,
        n=n,
        k=k,
        batch=batch,
        how=how,
        seconds=_seconds(row),
        subset=f"bf16, M >= {BIG}" if big else "other",
        also=(("dtype", dtype), ("chip and dtype", f"{chip.name} {dtype}")),
    )


def _rounds(source: str, chip: ChipSpec, weights: float) -> tuple[float, float]:
    """Return how often a source repeats a product, and over how many weights."""
    if source.startswith(AIC):
        fit = math.ceil(float(chip.sram.capacity) / weights)
        copies = min(AIC_COPIES, max(1, fit))
        return float(AIC_ROUNDS * copies), float(copies)
    for prefix, known in ROUNDS.items():
        if source.startswith(prefix):
            return known
    return OTHER_ROUNDS


def _training(row: Row, chip: ChipSpec) -> Product:
    m, n, k, batch = (_count(row, name) for name in ("m", "n", "k", "b"))
    layout = row["layout"].lower()
    if layout not in ("tn", "nn", "nt"):
        raise LeftOutError(BAD_VALUE)
    accumulate = row["accumulate"].lower() in ("true", "1")
    try:
        share, peak = table.number(row, "efficiency"), table.number(row, "peak_tflops")
    except ValueError:
        share = peak = None
    if share is None or peak is None:
        raise LeftOutError(BAD_VALUE)
    experts = row.get("experts", "").lower()
    if experts not in ("", "kernel", "apart"):
        raise LeftOutError(BAD_VALUE)
    flops = 2.0 * m * n * k * batch
    kind = f"{layout.upper()}{', accumulated' if accumulate else ''}"
    kind += f", experts ({experts})" if experts else ""
    return Product(
        id=f"{chip.name} {kind} {m}x{n}x{k}" + (f" x{batch}" if batch > 1 else ""),
        source="SimuMax",
        chip=chip,
        m=m,
        n=n,
        k=k,
        batch=batch,
        how=GemmOptions(
            layout=layout,
            accumulate=accumulate,
            grouped=experts == "kernel",
            apart=experts == "apart",
            repeats=TRAINING_ROUNDS[0],
            weight_sets=TRAINING_ROUNDS[1],
        ),
        seconds=flops / (share * peak * 1e12),
        subset=kind,
        also=(),
    )


def _type_of(dtype: str) -> tuple[str, str]:
    """Return the precision of a table's word, and how activations are narrowed."""
    scaling = {"fp8": "tensor", "fp8_block": "block", "nvfp4": "nvfp4"}
    name = DTYPES.get("fp8" if dtype == "fp8_block" else dtype)
    if name is None:
        raise LeftOutError(PRECISION)
    return name, scaling.get(dtype, "none")


def _index(name: str) -> int:
    return tables.PRECISIONS.index(name)


def _count(row: Row, name: str) -> int:
    try:
        value = table.count(row, name)
    except ValueError:
        raise LeftOutError(BAD_VALUE) from None
    if value is None and name not in ("batch", "b"):
        raise LeftOutError(BAD_VALUE)
    return value or 1


def _seconds(row: Row) -> float:
    try:
        value = table.number(row, "latency_us")
    except ValueError:
        value = None
    if value is None:
        raise LeftOutError(BAD_VALUE)
    return value * 1e-6
