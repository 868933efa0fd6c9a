"""One estimate as tables: question, plan, time, memory, energy and cost.

This file knows how an estimate is read; every figure is taken from it as it is.
"""

from collections.abc import Iterable
from dataclasses import asdict

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from accelsim import numbers
from accelsim.explore.result import Estimate
from accelsim.report.memory import stages
from accelsim.report.soft import rests_on, soft_figures
from accelsim.report.tables import SOFT_MARK, bar, heading, notes, table
from accelsim.report.whole import whole_tables

MOST_SOFT = 8
TIME_WORDS = {
    "matmul": "matrix multiplication",
    "attention": "attention",
    "elementwise": "norms, activations",
    "head": "embedding, head, loss",
    "recompute": "recomputation",
    "launch": "kernel launches",
    "tp": "exposed tp traffic",
    "cp": "exposed cp traffic",
    "ep": "exposed ep traffic",
    "pp": "exposed pp traffic",
    "dp": "exposed dp traffic",
    "contention": "slowed by hidden traffic",
    "jitter": "slowest kernel of a group",
    "imbalance": "fullest experts",
    "bubble": "pipeline bubble",
    "optimizer": "optimizer",
    "host": "host",
}
PHASE_WORDS = {
    "compute": "computing",
    "communication": "waiting for links",
    "idle": "bubble, host, stragglers",
}
PART_WORDS = {
    "chip": "chips",
    "links": "bytes on links",
    "host": "hosts, fans, supplies",
    "nic": "adapters",
    "switch": "switches",
    "facility": "hall (PUE)",
}
DEFINITIONS = (
    "MFU: FLOPs that the model needs, attention counted in full (causal: its masked "
    "half left out), over the dense peak. HFU: what the chips "
    "execute, recomputation too, without masked blocks that a kernel skips."
)


def estimate_tables(estimate: Estimate) -> list[RenderableType]:
    """Return the whole answer, from top to bottom."""
    return [
        *_question(estimate),
        "",
        _headline(estimate),
        "",
        *_time(estimate),
        "",
        _memory(estimate),
        *stages(estimate),
        "",
        *_energy(estimate),
        "",
        *whole_tables(estimate.whole),
        *notes([*estimate.notes, DEFINITIONS]),
        *_soft(estimate),
    ]


def _question(estimate: Estimate) -> list[RenderableType]:
    q = estimate.question
    sequences = f"{q.global_batch:,} sequences x {q.seq_len:,}"
    fixed = [key for key, value in q.plan if value is not None]
    how = f"given: {', '.join(fixed)}" if fixed else "searched for"
    plan = estimate.plan
    extra = [f"{plan.micro_batches} micro-batches", *(["sp"] if plan.sp else [])]
    grid = Table.grid(padding=(0, 2))
    grid.add_row("run", f"{q.model.name} on {estimate.chips:,} x {q.chip.name}")
    grid.add_row("system", f"{q.system.name}, {q.workers:,} workers")
    grid.add_row("batch", f"{sequences} = {estimate.tokens:,.0f} tokens")
    grid.add_row("precision", f"{q.precision}, software {q.software.name}")
    grid.add_row("plan", f"{plan.text()}, {', '.join(extra)} ({how})")
    return [grid]


def _headline(estimate: Estimate) -> RenderableType:
    per_chip = numbers.short(estimate.tokens_per_s_per_chip)
    mark = SOFT_MARK if "time" in rests_on(estimate) else ""
    first = (
        f"step time {numbers.seconds(estimate.step_time)}{mark}   "
        f"{numbers.scaled(estimate.tokens_per_s)} tokens/s   "
        f"{per_chip} tokens/s per chip"
    )
    second = (
        f"MFU {numbers.percent(estimate.mfu)} full attention, "
        f"{numbers.percent(estimate.mfu_causal)} causal   "
        f"HFU {numbers.percent(estimate.hfu)}"
    )
    return heading(f"{first}\n{second}")


def _parts(
    made: Table, parts: Iterable[tuple[str, float, str]], total: float
) -> list[str]:
    """Add a row for each part that is not zero; return the words of the others."""
    absent = []
    for words, value, text in parts:
        if value == 0:
            absent.append(words)
            continue
        share = value / total if total else 0.0
        made.add_row(words, text, numbers.percent(share), bar(share))
    return absent


def _time(estimate: Estimate) -> list[RenderableType]:
    made = table("time of a step", "", "", "")
    made.columns[3].justify = "left"
    rows = []
    for key, value in asdict(estimate.time).items():
        rows.append((TIME_WORDS.get(key, key), value, numbers.seconds(value)))
    absent = _parts(made, rows, estimate.step_time)
    limit = estimate.matmul_memory_bound
    _total(made, numbers.seconds(estimate.step_time), "100.0%")
    if limit:
        share = numbers.percent(limit / estimate.step_time)
        made.add_row("GEMM time bound by memory", numbers.seconds(limit), share)
    none = Text(f"none: {', '.join(absent)}", style="dim")
    return [made, *([none] if absent else [])]


def _total(made: Table, *figures: str) -> None:
    made.add_row("total", *figures, style="bold")


def _memory(estimate: Estimate) -> RenderableType:
    mark = SOFT_MARK if "memory" in rests_on(estimate) else ""
    made = table("memory of the fullest worker", "GiB", "of capacity", "")
    made.columns[3].justify = "left"
    parts = asdict(estimate.memory).items()
    capacity = estimate.memory_capacity
    _parts(made, [(key, value, numbers.gib(value)) for key, value in parts], capacity)
    total = estimate.memory.total
    _total(made, numbers.gib(total), numbers.percent(total / capacity))
    free = capacity - total
    verdict = "fits, free" if estimate.fits else "DOES NOT FIT, short"
    made.add_row(verdict, numbers.gib(abs(free)), numbers.percent(abs(free) / capacity))
    made.add_row("capacity", f"{numbers.gib(capacity)}{mark}")
    return made


def _by_phase(estimate: Estimate) -> RenderableType:
    """Return the joules of a step: parts as rows, phases as columns."""
    made = table("energy of a step", *PHASE_WORDS.values(), "share")
    phases = [estimate.energy_by_phase[phase] for phase in PHASE_WORDS]
    total = estimate.energy.total
    for part in phases[0]:
        values = [phase[part] for phase in phases]
        if any(values):
            cells = [numbers.scaled(v, "J", 3) if v else numbers.DASH for v in values]
            made.add_row(
                PART_WORDS.get(part, part), *cells, numbers.percent(sum(values) / total)
            )
    sums = [numbers.scaled(sum(phase.values()), "J", 3) for phase in phases]
    _total(made, *sums, "100.0%")
    return made


def _energy(estimate: Estimate) -> list[RenderableType]:
    soft = rests_on(estimate)
    made = table("power and cost", "")
    mark = SOFT_MARK if "power" in soft else ""
    made.add_row("power at the meter", f"{numbers.kilowatts(estimate.power)} kW{mark}")
    rack = estimate.rack
    if rack is not None:
        mean, most = (rack[k] for k in ("power_w", "highest_power_w"))
        words = f"a rack of {rack['chips']}, mean and highest"
        made.add_row(words, f"{numbers.kilowatts(mean)}, {numbers.kilowatts(most)} kW")
    made.add_row("energy of a token", f"{numbers.short(estimate.joule_per_token)} J")
    carbon = estimate.kg_co2_per_million_tokens
    if carbon is not None:
        made.add_row("CO2 of a million tokens", f"{numbers.short(carbon)} kg")
    cost, tables = estimate.cost, [_by_phase(estimate), "", made]
    if cost is None:
        made.add_row("price", "not known")
        return tables
    mark = SOFT_MARK if "price" in soft else ""
    made.add_row("price per hour", f"{numbers.dollars(estimate.usd_per_hour)}{mark}")
    million = numbers.dollars(estimate.usd_per_million_tokens)
    made.add_row("price per million tokens", f"{million}{mark}")
    what = (
        f"{cost.chips_rented:,} chips rented, {cost.offer} {cost.date} "
        f"({cost.kind}: {cost.source})"
    )
    return [*tables, Text(what, style="dim")]


def _soft(estimate: Estimate) -> list[RenderableType]:
    found = soft_figures(estimate)
    if not found:
        return []
    made = table(f"{SOFT_MARK} rests on", "", "kind", left=3)
    for path, figure in list(found.items())[:MOST_SOFT]:
        made.add_row(path, figure.text, figure.kind)
    more = len(found) - MOST_SOFT
    rest = f"and {more} more; " if more > 0 else ""
    last = f"{rest}--json or `accelsim show` prints all with their sources"
    return [made, Text(last, style="dim")]
