"""A chip's silicon as tables: cost, yields, area and edge, another process.

This file knows how the answer is read; every figure is taken from it as it is.
"""

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from accelsim import numbers
from accelsim.report.tables import bar, heading, table
from accelsim.units import show

QUANTILES = ("p5", "p50", "p95")
MOST_DRIVERS = 8
RATIOS = ("cost", "energy", "area")
COST_WORDS = {
    "logic": "dies that work",
    "hbm": "memory",
    "packaging": "interposer, substrate, assembly",
    "test": "test",
    "loss": "lost with failed assemblies",
}
AREA_WORDS = {
    "matrix": "multiply-adds",
    "sram": "on-chip memory",
    "serdes": "SerDes",
    "hbm": "memory ports",
    "rest": "rest: control, registers, wiring",
}


def silicon_tables(answer: Mapping[str, Any]) -> list[RenderableType]:
    """Return the whole answer, from top to bottom."""
    words = f"{answer['dies']} x {answer['die_area_mm2']:,.0f} mm2"
    when = answer["prices_of"] or "newest"
    first = (
        f"{answer['chip']}: {words} in {answer['process']}, {answer['package']}; "
        f"prices: {when}"
    )
    made: list[RenderableType] = [heading(first), "", _cost(answer), ""]
    made += [_yields(answer), "", _areas(answer["budget"]), _fits(answer["budget"])]
    made += ["", *_power(answer["power"])]
    if "uncertain" in answer:
        made += ["", *_uncertain(answer["uncertain"])]
    if "moved" in answer:
        made += ["", *_moved(answer["moved"])]
    return [*made, ""]


def _uncertain(found: Mapping[str, Any]) -> list[RenderableType]:
    low, middle, high = (numbers.dollars(found["cost_usd"][k]) for k in QUANTILES)
    made = table("what drives the cost", "Sobol index")
    for path, share in list(found["drivers"].items())[:MOST_DRIVERS]:
        made.add_row(path, numbers.percent(share))
    return [f"cost, 5 to 95 %: {low} to {high}, median {middle}", made]


def _shares(title: str, parts: Mapping[str, float], words: Mapping[str, str]) -> Table:
    unit = "USD" if "USD" in title else "mm2"
    made = table(title, unit, "share", "")
    made.columns[3].justify = "left"
    total = sum(parts.values())
    for name, value in parts.items():
        share = value / total if total else 0.0
        made.add_row(words[name], f"{value:,.0f}", numbers.percent(share), bar(share))
    made.add_row("total", f"{total:,.0f}", "100.0%", style="bold")
    return made


def _cost(answer: Mapping[str, Any]) -> RenderableType:
    return _shares("a good chip, USD", answer["cost_parts_usd"], COST_WORDS)


def _yields(answer: Mapping[str, Any]) -> RenderableType:
    made = table("die yield", "whole", "spare cores harvested")
    for name, found in answer["die_yields"].items():
        cells = (numbers.percent(found[k]) for k in ("whole", "harvested"))
        mark = " (used)" if name == answer["yield_model"] else ""
        made.add_row(f"{name}{mark}", *cells)
    made.add_row("dies of a wafer", "", f"{answer['dies_per_wafer']:.0f}")
    made.add_row("assembly yield", "", numbers.percent(answer["package_yield"]))
    return made


def _areas(budget: Mapping[str, Any]) -> RenderableType:
    return _shares("area of the dies", budget["area_mm2"], AREA_WORDS)


def _fits(budget: Mapping[str, Any]) -> str:
    used, edge = budget["edge_used_mm"], budget["edge_mm"]
    verdict = "fits" if budget["fits_edge"] else "DOES NOT FIT"
    reticle = "within" if budget["fits_reticle"] else "ABOVE"
    return (
        f"edge: {used:.0f} of {edge:.0f} mm, {verdict}; each die {reticle} the reticle"
    )


def _power(power: Mapping[str, Any]) -> list[RenderableType]:
    """Return the clock under the cap by what the chip runs, and its power by part."""
    made = table(
        f"under {show(power['tdp_w'], 'W')}",
        *("clock", "power", "logic", "leakage", "memory", "links"),
    )
    parts = ("power_w", "logic_w", "leakage_w", "memory_w", "links_w")
    for name, point in power["at_work"].items():
        cells = (f"{point[k]:.0f} W" for k in parts)
        made.add_row(name, numbers.percent(point["clock_share"]), *cells)
    each = ", ".join(f"{k} {v:.2f}" for k, v in power["pj_per_flop"].items())
    line = f"pJ a FLOP: {each}; a bit of memory {power['memory_pj_per_bit']:.1f}"
    told = power["clock_by_energies"]
    if told is None:
        return [made, line]
    words = "clock of large bf16 products by the energies of A100 and H100"
    return [made, line, f"{words}: {numbers.percent(told)}"]


def _moved(moved: Mapping[str, Any]) -> list[RenderableType]:
    chips = moved["chips"]
    names = {"before": "as it is", "after": moved["to"]}
    columns = [names.get(word, row["chip"]) for word, row in chips.items()]
    made = table(f"on {moved['to']} at {moved['at']}", *columns)
    rows: dict[str, Callable[[Any], str]] = {
        "clock": lambda row: show(row["clock_hz"], "Hz"),
        "bf16": lambda row: show(row["peak_flop_per_s"]["bf16"], "FLOP/s"),
        "fp8": lambda row: numbers.scaled(
            row["peak_flop_per_s"].get("fp8"), "FLOP/s", 3
        ),
        "HBM": lambda row: show(row["hbm_bytes_per_s"], "B/s"),
        "power": lambda row: show(row["tdp_w"], "W"),
        "bf16 per joule": lambda row: show(row["flop_per_j"], "FLOP"),
        "dies, mm2": lambda row: numbers.short(row["die_area_mm2"]),
    }
    for label, text in rows.items():
        made.add_row(label, *(text(row) for row in chips.values()))
    ratio = {name: numbers.ratio(moved[f"{name}_ratio"]) for name in RATIOS}
    cost = f"cost {numbers.dollars(moved['cost_usd'])}, {ratio['cost']}"
    line = f"{cost}; energy of a FLOP {ratio['energy']}, area {ratio['area']}"
    return [made, line, *_spread(moved.get("uncertain"))]


def _spread(found: Mapping[str, Any] | None) -> list[RenderableType]:
    """Return the intervals of a moved chip, and what drives its cost."""
    if found is None:
        return []
    made = table("moved, 5 to 95 %", "from", "median", "to")
    for name, one in found["intervals"].items():
        words = name.replace("_usd", ", $").replace("_ratio", " over what it was")
        made.add_row(words, *(numbers.short(one[k]) for k in QUANTILES))
    drive = table("what drives the moved chip's cost", "Sobol index")
    for path, share in list(found["drivers"].items())[:MOST_DRIVERS]:
        drive.add_row(path, numbers.percent(share))
    return ["", made, "", drive]
