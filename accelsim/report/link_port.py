"""What the fabric takes from a link: every figure, and whether it is stated."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from accelsim.link.answer import HOUR
from accelsim.link.port import Port
from accelsim.report.tables import heading, table
from accelsim.specs.link import LinkSpec

ORIGINS = ("bandwidth", "latency", "energy", "failures")


def port_plain(spec: LinkSpec, port: Port) -> dict[str, Any]:
    """Return a port as plain data, units in the names."""
    stated = {name: getattr(spec, name) is not None for name in ORIGINS}
    return {
        "regime": port.regime,
        "lane_rate_bit_per_s": port.lane_rate,
        "bandwidth_bytes_per_s": port.bandwidth,
        "limit": port.limit,
        "latency_s": port.latency,
        "tail_latency_s": port.tail,
        "energy_j_per_bit": port.energy / 8.0,
        "frame_loss_ratio": port.loss,
        "failures_fit": port.failures * HOUR * 1e9,
        "origin": {k: "stated" if v else "derived" for k, v in stated.items()},
    }


def port_tables(name: str, plain: Mapping[str, Any]) -> list[RenderableType]:
    """Return the figures of a port with their origin."""
    made = table("a port, one way", "", "", left=3)
    for field, words, origin in port_facts(plain):
        made.add_row(field, Text(words), origin)
    return [heading(f"{name}: what the fabric takes"), made, ""]


def port_facts(plain: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return each figure of a port as it is read, and whether it is stated."""
    rows = {
        "bandwidth": f"{plain['bandwidth_bytes_per_s'] / 1e9:.4g} GB/s",
        "latency": f"{plain['latency_s'] * 1e9:.1f} ns a hop",
        "energy": f"{plain['energy_j_per_bit'] * 1e12:.2f} pJ/b",
        "failures": f"{plain['failures_fit']:,.0f} FIT",
    }
    return [(field, words, plain["origin"][field]) for field, words in rows.items()]
