"""The answers of designs: estimates, or why there is none.

This file asks the same question as `accelsim estimate` and keeps what was answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from accelsim.errors import AccelsimError
from accelsim.explore.estimate import answer
from accelsim.explore.result import Estimate
from accelsim.explorer.design import Design, read_address
from accelsim.explorer.knobs import run_of
from accelsim.fabric.lower import ports
from accelsim.question import resolve

KEPT = 512


@dataclass(frozen=True, slots=True)
class Answer:
    """A design with its estimate, or with the reason that there is none."""

    design: Design
    estimate: Estimate | None
    failure: str = ""


def answer_of(design: Design) -> Answer:
    """Return the answer of a design."""
    return _kept(design.text)


@lru_cache(maxsize=KEPT)
def _kept(text: str) -> Answer:
    design, _ = read_address(text)
    try:
        asked = resolve(run_of(design))
        found = answer([asked])[0]
    except AccelsimError as failure:
        return Answer(design, None, str(failure))
    if isinstance(found, Estimate):
        return Answer(design, found)
    return Answer(design, None, str(found))


def as_it_is(design: Design) -> Design:
    """Return a design with nothing turned and on its own process."""
    return replace(design, knobs={}, node="", link="")


def names_of(designs: Sequence[Design]) -> list[str]:
    """Return short names of designs that tell them apart."""
    named = [_name(design) for design in designs]
    return [
        f"{name} ({named[: n + 1].count(name)})" if named.count(name) > 1 else name
        for n, name in enumerate(named)
    ]


def _name(design: Design) -> str:
    changed = [f"{k} {_ratio(k, v)}" for k, v in design.knobs.items()]
    changed += [design.node] if design.node else []
    return f"{design.system}{', ' if changed else ''}{', '.join(changed)}"


def _ratio(knob: str, value: float) -> str:
    if knob == "reach":
        return f"{value:.2f} m"
    return f"{value:.0f}" if knob == "retimers" else f"×{value:.2f}"


def link_words(found: Estimate, name: str) -> str:
    """Return what a link's wire leaves, in words."""
    q = found.question
    for tier, port in ports(q.system, q.links, q.run.chips).items():
        if q.system.tiers[tier].link == name:
            wire = port.wire
            margin = "" if wire is None else f"{wire.margin_db:+.1f} dB, "
            rate = f"{port.bandwidth / 1e9:.4g} GB/s one way"
            return f"{margin}{port.regime}, {rate}, {port.latency * 1e9:.0f} ns"
    return ""
