"""`validate nki`: kernels of the NKI library beside the NeuronCore model.

This file knows the columns of such a table and what is compared: the latency of one
kernel on Trainium2. The source of a row is its kernel; rows above the ridge (FLOPs over
bytes beyond the chip's peak over its memory bandwidth) are a subset of their own. A
second time is taken as that of Trainium3 and shown apart.

The naive baseline is a roofline with two constants, the FLOP/s and B/s of a core that
make the mean error of the table's rows least.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accelsim import catalog
from accelsim.chip.neuron import solve
from accelsim.chip.neuron_lower import lower
from accelsim.specs.chip import ChipSpec
from accelsim.validation import table
from accelsim.validation.contract import Pair, Validation, validation
from accelsim.validation.left_out import LeftOutError
from accelsim.validation.nki_rows import Kernel, kernel_of
from accelsim.validation.table import Row

TIME, SECOND = "trn2_time_us", "second_value_time_us"
FLOPS, BYTES = "flops", "weight_or_io_bytes"
REQUIRED = ("kernel", FLOPS, BYTES, TIME, SECOND, "params_json")
CHIP, NEXT_CHIP = "trainium2", "trainium3"
ABOVE, BELOW = "above the ridge", "below the ridge"
UNKNOWN = "FLOPs or bytes not stated"
APART = "second time, taken as that of trainium3"
BAD_NUMBER = "a time, FLOPs or bytes is no number above zero, or out of range"
SMALLEST, LARGEST = 1e-3, 1e24  # ns in µs; beyond any kernel
GRID = 161  # constants tried for the baseline, over four decades


class Scored(NamedTuple):
    """A row of the table: what it says and what was found, and its work a core."""

    pair: Pair
    second: Pair | None
    flops: float
    bytes: float


def validate_nki(path: Path | str) -> Validation:
    """Return how far our kernels are from those of a table.

    Raises
    ------
    InputError
        The file is no such table.
    """
    chip, following = catalog.load("chips", CHIP), catalog.load("chips", NEXT_CHIP)
    left_out: Counter[str] = Counter()
    scored: list[Scored] = []
    details: list[dict[str, Any]] = []
    for number, row in enumerate(table.read(Path(path), REQUIRED), start=1):
        name = row.get("id") or f"{row['kernel']}:{number}"
        try:
            one = _score(name, row, chip, following)
        except LeftOutError as reason:
            left_out[str(reason)] += 1
            details.append({"id": name, "left_out": str(reason)})
        else:
            scored.append(one)
            details.append(_detail(one))
    pairs = _with_naive(scored)
    apart = [one.second for one in scored if one.second is not None]
    return validation("nki", str(path), pairs, left_out, apart=apart, details=details)


def _score(name: str, row: Row, chip: ChipSpec, following: ChipSpec) -> Scored:
    measured = _number(row, TIME)
    flops, moved, second = (_number(row, column) for column in (FLOPS, BYTES, SECOND))
    if measured is None:
        raise LeftOutError(BAD_NUMBER)
    kernel = kernel_of(row, float(chip.matrix.columns))
    subset = UNKNOWN
    if flops is not None and moved is not None:
        ridge = float(chip.matrix.peak["bf16"]) / float(chip.hbm.bandwidth)
        subset = ABOVE if flops / moved > ridge else BELOW
    predicted = _seconds(kernel, chip)
    pair = Pair(
        id=name, source=row["kernel"], chip=CHIP, subset=subset,
        measured=measured * 1e-6, predicted=predicted, naive=predicted,
    )  # fmt: skip
    other = None
    if second is not None:
        found = _seconds(kernel, following)
        other = replace(
            pair, chip=NEXT_CHIP, subset=APART, measured=second * 1e-6, predicted=found,
            naive=measured * 1e-6,
        )  # fmt: skip
    return Scored(
        pair, other, (flops or kernel.flops) / kernel.cores, (moved or 0) / kernel.cores
    )


def _number(row: Row, column: str) -> float | None:
    try:
        value = table.number(row, column)
    except ValueError:
        raise LeftOutError(BAD_NUMBER) from None
    if value is not None and not SMALLEST <= value <= LARGEST:
        raise LeftOutError(BAD_NUMBER)
    return value


def _seconds(kernel: Kernel, chip: ChipSpec) -> float:
    chips = lower(chip, kernel.dtype, kernel.cores, alone=kernel.cores == 1)
    return float(solve(kernel.fill, chips, kernel.cases).seconds[0])


def _with_naive(scored: Sequence[Scored]) -> list[Pair]:
    """Return the pairs with the roofline whose mean error over them is least."""
    if not scored:
        return []
    measured = np.array([one.pair.measured for one in scored])
    flops = np.array([one.flops for one in scored])
    moved = np.array([one.bytes for one in scored])
    best: NDArray[np.float64] = measured
    least = np.inf
    for rate in np.geomspace(1e11, 1e15, GRID):
        for bandwidth in np.geomspace(1e9, 1e13, GRID):
            said = np.maximum(flops / rate, moved / bandwidth)
            error = float(np.mean(np.abs(said / measured - 1.0)))
            if error < least:
                best, least = said, error
    return [
        replace(one.pair, naive=float(said))
        for one, said in zip(scored, best, strict=True)
    ]


def _detail(one: Scored) -> dict[str, Any]:
    pair, second = one.pair, one.second
    return {
        "id": pair.id,
        "left_out": "",
        "kernel": pair.source,
        "subset": pair.subset,
        "measured_s": pair.measured,
        "predicted_s": pair.predicted,
        "ape": pair.ape,
        "second_measured_s": second.measured if second else "",
        "second_predicted_s": second.predicted if second else "",
    }
