"""A memory under a pattern as a table: bandwidth, latency, row hits.

This file knows the plain data of the command `hbm` and nothing of how it was found.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType

from accelsim import numbers
from accelsim.report.tables import heading, table

LEAST_GAIN = 0.01
SHOWN = ("read_only", "product", "optimizer", "copy")  # streams of chips


def hbm_tables(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return the whole answer, from top to bottom."""
    pattern = found["pattern"]
    size = f" {pattern['size']:,}" if pattern["size"] else ""
    kind = f"{pattern['kind']}{size}, {pattern['read_fraction']:.0%} reads"
    made = table("", "", show_header=False)
    for label, text in _lines(found):
        made.add_row(label, text)
    return [
        heading(f"{found['memory']}: {found['generation']}, {found['pin_rate']} a pin"),
        f"{found['trace'] or kind}, "
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
        *_limits(found["limited_by"]),
        *_energy(found["energy_j_per_b"]),
    ]


def _limits(gains: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return what holds the traffic back, down to a hundredth of its time."""
    some = [(name, gain) for name, gain in gains.items() if gain >= LEAST_GAIN]
    return [
        (f"time saved without {name}", numbers.percent(gain)) for name, gain in some
    ] or [("limited by", "the load or the data bus")]


def _energy(parts: Mapping[str, float] | None) -> list[tuple[str, str]]:
    if parts is None:
        return []
    return [
        (f"energy, {name}", f"{value * 1e12:.2f} pJ/b") for name, value in parts.items()
    ]


def chip_tables(found: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    """Return the memories of chips under their streams, a line a chip and policy."""
    names = [name for name in SHOWN if found and name in found[0]["reached"]]
    heads = ("chip", "Gb/s", "refresh", *names, "copy is held back by")
    made = table(*heads)
    for one in found:
        made.add_row(
            one["chip"],
            f"{one['pin_rate'] / 1e9:.2f}",
            one["refresh"],
            *(numbers.percent(one["reached"][name]) for name in names),
            one["limited_by"]["copy"],
        )
    return [
        heading("Shares of the peak that the channel model gives to streams"),
        "",
        made,
    ]
