"""`validate systolic`: our cycles beside those of a cycle-by-cycle simulator.

This file knows the columns of such a table and what is compared: all cycles of the
array, those in which it waits, and those from the first read to the last write, which
all ought to be equal. The error of a row is that of all cycles. The naive baseline is
the closed form without waits; it says nothing about reads before the start or writes
after the end, so that for it the first two are compared.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from accelsim.chip.systolic import DATAFLOWS, Scratchpads, SystolicArray
from accelsim.errors import InputError
from accelsim.validation import table
from accelsim.validation.contract import Pair, Validation, validation
from accelsim.validation.left_out import LeftOutError
from accelsim.validation.table import Row

SRAM = "sram_kB_ifmap_filter_ofmap"  # three numbers with slashes between them
BANDWIDTH = "dram_bw_words_per_cycle"
CYCLES = ("total_cycles", "stall_cycles", "overall_cycles")
REQUIRED = (
    *("M", "N", "K", "array_rows", "array_cols", "dataflow"),
    *("bw_mode", BANDWIDTH, SRAM, *CYCLES),
)
MODES = ("CALC", "USER")  # SCALE-Sim's words for unlimited and given bandwidth
WORDS_PER_KB = 1024  # of one byte each, as in SCALE-Sim

NOT_NUMBERS = "a size, bandwidth or cycle count is blank or no whole number"
NO_SUCH_CASE = "dataflow or bandwidth mode is unknown"
TOO_LARGE = "the array or the product is out of range"


def validate_systolic(path: Path | str) -> Validation:
    """Return how far our cycles are from those of a table.

    Raises
    ------
    InputError
        The file is no such table.
    """
    left_out: Counter[str] = Counter()
    pairs: list[Pair] = []
    details: list[dict[str, Any]] = []
    for row in table.read(Path(path), REQUIRED):
        try:
            pair, detail = _score(row)
        except LeftOutError as reason:
            left_out[str(reason)] += 1
            detail = {"id": _name(row), "left_out": str(reason)}
        else:
            pairs.append(pair)
        details.append(detail)
    return validation("systolic", str(path), pairs, left_out, details=details)


def _score(row: Row) -> tuple[Pair, dict[str, Any]]:
    measured = {name: _cycles(row, name) for name in CYCLES}
    sizes = [_count(row, name) for name in ("M", "N", "K")]
    try:
        array = _array(row)
        found, free = array.gemm(*sizes), _without_pads(array).gemm(*sizes)
    except InputError:
        raise LeftOutError(TOO_LARGE) from None
    predicted = {name: cast("int", getattr(found, name)) for name in CYCLES}
    naive = {"total_cycles": cast("int", free.total_cycles), "stall_cycles": 0}
    pair = Pair(
        id=_name(row),
        source=row.get("sim") or "not named",
        chip=f"{array.rows}x{array.columns} {array.dataflow}",
        subset="array waits" if measured["stall_cycles"] else "array never waits",
        measured=float(measured["total_cycles"]),
        predicted=float(predicted["total_cycles"]),
        naive=float(naive["total_cycles"]),
        off=_off(predicted, measured),
        naive_off=_off(naive, measured),
    )
    detail: dict[str, Any] = {"id": pair.id, "left_out": ""}
    for name in CYCLES:
        detail |= {name: measured[name], f"predicted_{name}": predicted[name]}
    return pair, detail | {"naive_total_cycles": naive["total_cycles"]}


def _off(said: Mapping[str, int], measured: Mapping[str, int]) -> float:
    return float(max(abs(said[name] - measured[name]) for name in said))


def _array(row: Row) -> SystolicArray:
    dataflow, mode = row["dataflow"].lower(), row["bw_mode"].upper()
    if dataflow not in DATAFLOWS or mode not in MODES:
        raise LeftOutError(NO_SUCH_CASE)
    bandwidth = _count(row, BANDWIDTH)
    try:
        ifmap, weights, ofmap = (
            int(size) * WORDS_PER_KB for size in row[SRAM].split("/")
        )
    except ValueError:
        raise LeftOutError(NOT_NUMBERS) from None
    pads = Scratchpads(ifmap, weights, ofmap, bandwidth)
    if mode == "CALC":
        pads = Scratchpads(ifmap, weights, ofmap, fill=bandwidth)
    rows, columns = _count(row, "array_rows"), _count(row, "array_cols")
    return SystolicArray(rows, columns, dataflow, pads)


def _without_pads(array: SystolicArray) -> SystolicArray:
    return SystolicArray(array.rows, array.columns, array.dataflow)


def _count(row: Row, name: str) -> int:
    try:
        value = table.count(row, name)
    except ValueError:
        value = None
    if value is None:
        raise LeftOutError(NOT_NUMBERS)
    return value


def _cycles(row: Row, name: str) -> int:
    """Return a cell as a whole number of cycles; only waits may be none."""
    try:
        value = float(row[name])
        cycles = int(value)
    except (ValueError, OverflowError):
        raise LeftOutError(NOT_NUMBERS) from None
    if cycles != value or cycles < (name != "stall_cycles"):
        raise LeftOutError(NOT_NUMBERS)
    return cycles


def _name(row: Row) -> str:
    sizes = "x".join(row[name] for name in ("M", "N", "K"))
    array = f"{row['array_rows']}x{row['array_cols']}"
    return row.get("id") or " ".join(
        (sizes, array, row["dataflow"], row["bw_mode"], row[BANDWIDTH], row[SRAM])
    )
