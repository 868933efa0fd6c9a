"""A calibration as tables: errors before and after, and the constants.

This file knows the plain data of the command `calibrate`.
"""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType

from accelsim.report import numbers
from accelsim.report.tables import heading, table

PARTS = {"fitted": "fitted on", "held_out": "held out"}


def calibration_tables(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return the whole answer, from top to bottom."""
    errors = table("mean error", "rows", "before", "after")
    for part, words in PARTS.items():
        errors.add_row(
            words,
            f"{found['rows'][part]:,}",
            numbers.percent(found["before_mape"][part]),
            numbers.percent(found["after_mape"][part]),
        )
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
