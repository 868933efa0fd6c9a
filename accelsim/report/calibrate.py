"""A calibration as tables: errors before and after, and the constants.

This file knows the plain data of the command `calibrate`.
"""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from accelsim import numbers
from accelsim.report.tables import heading, table
from accelsim.units import show

PARTS = {"fitted": "fitted on", "held_out": "held out"}


def calibration_tables(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return the whole answer, from top to bottom."""
    errors = _errors(found)
    constants = table("constant", "before", "after", "")
    for path, constant in found["constants"].items():
        kept = "" if constant["fitted"] else "as it was"
        constants.add_row(path, str(constant["before"]), str(constant["after"]), kept)
    made: list[RenderableType] = [
        heading(f"gemm on {found['chip']}: {', '.join(found['files'])}"),
        "one in four pairs (N, K) is held out",
        "", errors, "", constants,
    ]  # fmt: skip
    return [*made, "", f"written: {found['out']}"] if found["out"] else made


def collective_calibration_tables(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return the answer for a system's links."""
    figures = table("figure", "before", "after")
    for path, values in found["figures"].items():
        unit = {"latency": "s", "chunk": "B"}.get(path.rpartition(".")[2], "")
        figures.add_row(
            path, *(show(values[when], unit) for when in ("before", "after"))
        )
    made: list[RenderableType] = [
        heading(f"collectives on {found['system']}: {', '.join(found['files'])}"),
        "one size in four is held out",
        "", _errors(found), "", figures,
    ]  # fmt: skip
    return [*made, "", f"written: {found['out']}"] if found["out"] else made


def energy_tables(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return the energies of two chips, and the clock of every chip under its cap."""
    made = table("large bf16 products at TDP", "measured", "predicted", "clock", "")
    for row in found["rows"]:
        error = "fitted" if row["fitted"] else numbers.signed_percent(row["error"])
        made.add_row(
            row["chip"],
            *(
                numbers.percent(row[f"{k}_peak_share"])
                for k in ("measured", "predicted")
            ),
            show(row["predicted_clock_hz"], "Hz"),
            error,
        )
    first = (
        f"{found['process']} at {show(found['clock_hz'], 'Hz')}: "
        f"{found['cycle_nj']:.3f} nJ a cycle of a multiprocessor, "
        f"{found['flop_pj']:.3f} pJ a FLOP; {found['file']}"
    )
    return [heading(first), "", made, ""]


def _errors(found: Mapping[str, Any]) -> Table:
    errors = table("mean error", "rows", "before", "after")
    for part, words in PARTS.items():
        errors.add_row(
            words,
            f"{found['rows'][part]:,}",
            numbers.percent(found["before_mape"][part]),
            numbers.percent(found["after_mape"][part]),
        )
    return errors
