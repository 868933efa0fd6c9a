"""The operators of a layer under the roofs of one chip or of several.

This file knows what of an operator is drawn and told; its times are the estimate's.
"""

from collections.abc import Mapping
from typing import Any

from accelsim import numbers
from accelsim.explore.products import products
from accelsim.explore.result import Estimate
from accelsim.markup import table
from accelsim.report.page.page import Section, wide
from accelsim.report.roofline import roofline_figure
from accelsim.units import show


def roofs_section(found: Mapping[str, Estimate]) -> Section:
    """Return the products of the layers of estimates, by the name of each."""
    rows: list[dict[str, Any]] = []
    roofs: dict[str, float] = {}
    for name, one in found.items():
        mine = _rows(one, name if len(found) > 1 else one.question.chip.name)
        rows += mine
        if mine:
            roofs[str(mine[0]["chip"])] = _bandwidth(one)
    if not rows:
        return Section("roofline", "Roofline", ())
    whose = next(iter(roofs)) if len(roofs) == 1 else "each chip"
    drawn = roofline_figure(
        f"Operators of a layer under the roofs of {whose}", rows, roofs
    )
    several = len(roofs) > 1
    lines = [(row["chip"], *_cells(row))[0 if several else 1 :] for row in rows]
    head = (
        "on",
        "operator, forward",
        "of",
        "TFLOP",
        "FLOP/B",
        "reached",
        "of the peak",
    )
    made = table(head[0 if several else 1 :], lines, left=3 if several else 2)
    return Section("roofline", "Roofline", (drawn, wide(made)))


def _bandwidth(found: Estimate) -> float:
    chip = found.question.chip
    return float(chip.hbm.bandwidth) / chip.workers_per_chip


def _rows(found: Estimate, name: str) -> list[dict[str, Any]]:
    q = found.question
    workers = q.chip.workers_per_chip
    return [
        {
            "chip": f"a worker of {name}" if workers > 1 else name,
            "part": one.part,
            "words": one.words,
            "flops_flop": one.flops,
            "size_bytes": one.size,
            "flop_per_s": one.flops / one.time,
            "peak_flop_per_s": float(q.chip.matrix.peak[q.precision]) / workers,
        }
        for one in products(found)
    ]


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        row["words"],
        row["part"],
        f"{row['flops_flop'] / 1e12:.3g}",
        f"{row['flops_flop'] / row['size_bytes']:,.0f}",
        show(row["flop_per_s"], "FLOP/s", 3),
        numbers.percent(row["flop_per_s"] / row["peak_flop_per_s"]),
    )
