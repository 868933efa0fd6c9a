"""A memory under a pattern as a table: bandwidth, latency, row hits.

This file knows the plain data of the command `hbm` and nothing of how it was found.
"""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType

from accelsim.report import numbers
from accelsim.report.tables import heading, table


def hbm_tables(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return the whole answer, from top to bottom."""
    pattern = found["pattern"]
    size = f" {pattern['size']:,}" if pattern["size"] else ""
    made = table("", "", show_header=False)
    for label, text in _lines(found):
        made.add_row(label, text)
    return [
        heading(f"{found['memory']}: {found['generation']}, {found['pin_rate']} a pin"),
        f"{pattern['kind']}{size}, {pattern['read_fraction']:.0%} reads, "
        f"{found['channels']} of {found['stack_channels']} channels, "
        f"{found['requests']:,} requests of {found['transaction_bytes']} B",
        "",
        made,
    ]


def _lines(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    stack = found["efficiency"] * found["stack_bandwidth"]
    return [
        ("bandwidth", numbers.scaled(found["bandwidth"], "B/s")),
        ("peak of these channels", numbers.scaled(found["peak"], "B/s")),
        ("efficiency", numbers.percent(found["efficiency"])),
        ("a stack at this efficiency", numbers.scaled(stack, "B/s")),
        ("read latency, mean", numbers.seconds(found["latency_s"])),
        ("read latency, median", numbers.seconds(found["latency_p50_s"])),
        ("read latency, 99th percentile", numbers.seconds(found["latency_p99_s"])),
        ("row hits", numbers.percent(found["row_hit_rate"])),
    ]
