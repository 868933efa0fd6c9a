"""A link's budget as plain data, and as what is read of it first.

This file knows what `answer` found and nothing of how; keys carry their units.
"""

import math
from typing import TYPE_CHECKING, Any

from accelsim.specs.figure import SOFT_KINDS, NamedSpec, figures

if TYPE_CHECKING:
    from accelsim.link.answer import LinkBudget, SpanBudget
    from accelsim.link.population import Population

WORDS = {
    "inside": "inside its budget",
    "marginal": "marginal: lost frames come again",
    "over": "over its budget",
}
FIT = 1e9 * 3600.0  # of 1/s


def finite(value: float) -> float | None:
    """Return a number, or None where it is no finite one."""
    return value if math.isfinite(value) else None


def budget_plain(
    found: "LinkBudget", lanes: "Population | None" = None, links: int = 1
) -> dict[str, Any]:
    """Return a budget as plain data, units in the names; `links` of them in a rack."""
    link = found.link
    return {
        "path": link.path.text,
        "lane_rate_bit_per_s": link.lane_rate,
        "lanes": link.lanes,
        "code": link.code.name,
        "packet_bytes": link.packet,
        "regime": found.regime,
        "beyond_length_limit": list(found.beyond),
        "margin_db": finite(found.margin_db),
        "loss_left_db": finite(found.loss_left_db),
        "spans": [_span(span) for span in found.spans],
        "precoded": found.precoded,
        "bit_error_ratio": found.bit_ratio,
        "codeword_error_ratio": found.codeword_loss,
        "frame_loss_ratio": found.frame_loss,
        "unseen_loss_ratio": found.unseen,
        "retries_per_s": found.retries_per_s,
        "efficiency": found.efficiency,
        "goodput_share": found.goodput,
        "bandwidth_bytes_per_s": found.bandwidth,
        "credit_rate_bytes_per_s": found.credit_rate,
        "limit": found.limit,
        "latency_s": found.latency,
        "tail_latency_s": finite(found.tail),
        "latency_parts_s": dict(found.latency_parts),
        "energy_j_per_bit": found.energy,
        "energy_parts_j_per_bit": dict(found.energy_parts),
        "power_w": found.power,
        "power_parts_w": found.power_parts,
        "price_usd": found.price,
        "price_parts_usd": dict(found.price_parts),
        "failures_fit": found.failures * FIT,
        "failure_parts_fit": {k: v * FIT for k, v in found.failure_parts.items()},
        "reach_left_m": found.reach_left,
        "reach_of": found.reach_of,
        "regime_by_rate": {f"{r:.0f}": w for r, w in found.by_rate.items()},
        "fall_back_bit_per_s": found.fall_back,
        "lanes_below_margin": None if lanes is None else lanes.below,
        "lanes_below_target": None if lanes is None else lanes.weak,
        "lanes_failing": None if lanes is None else lanes.failing,
        "port_yield": None if lanes is None else lanes.port_yield,
        "links": links,
        "failing_lanes_expected": None if lanes is None else lanes.expected(links),
        "soft_figures": soft_figures(found),
    }


def _span(span: "SpanBudget") -> dict[str, Any]:
    return {
        "wire": span.text,
        "receiver": span.receiver,
        "sheet": span.sheet,
        "com_db": finite(span.com_db),
        "margin_db": finite(span.margin_db),
        "loss_db": span.loss_db,
        "loss_limit_db": finite(span.limit_db),
        "error_ratio": span.error_ratio,
        "burst_carry": span.carry,
        "random_jitter_ui": span.jitter,
        "passed_jitter_ui": span.passed,
    }


def soft_figures(found: "LinkBudget") -> list[str]:
    """Return the figures of devices, wires and code that are press or assumed."""
    named: dict[str, NamedSpec] = {i.spec.name: i.spec for i in found.link.path.items}
    named[found.link.code.name] = found.link.code
    return [
        f"{name}.{path} {figure.text} ({figure.kind})"
        for name, spec in named.items()
        for path, figure in figures(spec).items()
        if figure.kind in SOFT_KINDS
    ]


def budget_facts(found: "LinkBudget") -> list[tuple[str, str]]:
    """Return what is read of a budget, as words and figures."""
    left, late = found.reach_left, finite(found.tail)
    rates = [f"{rate / 1e9:g} Gb/s {word}" for rate, word in found.by_rate.items()]
    margin = finite(found.margin_db)
    facts = [
        ("path", found.link.path.text),
        ("lanes", f"{found.link.lanes} of {found.link.lane_rate / 1e9:g} Gb/s"),
        ("regime", WORDS[found.regime]),
        ("least margin", "no wire" if margin is None else f"{margin:.2f} dB"),
        ("bit errors before correction", f"{found.bit_ratio:.3g}"),
        ("frames lost before retry", f"{found.frame_loss:.3g}"),
        ("frames lost unseen", f"{found.unseen:.3g}"),
        ("payload, one way", f"{found.bandwidth / 1e9:.4g} GB/s, by {found.limit}"),
        ("of the raw bits", f"{found.efficiency:.1%}"),
        ("latency, one way", f"{found.latency * 1e9:.1f} ns"),
        ("all but 1e-9 of the frames", f"{late * 1e9:.1f} ns" if late else "never"),
        ("energy of a raw bit", f"{found.energy * 1e12:.2f} pJ/b"),
        ("price of the port", f"${found.price:,.0f}"),
        ("reach left", "none" if left is None else f"{left:.2f} m of {found.reach_of}"),
        ("by rate of a lane", ", ".join(rates)),
    ]
    beyond = ", ".join(found.beyond)
    return [*facts, *([("longer than sold", beyond)] if beyond else [])]
