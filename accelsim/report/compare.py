"""A comparison as one table: systems as columns, ratios to the baseline beside.

This file knows how systems are read side by side; every figure is taken from the
comparison as it is.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from accelsim import numbers
from accelsim.explore.comparison import Comparison, Row
from accelsim.explore.result import Estimate
from accelsim.explore.whole import of_whole
from accelsim.report.soft import rests_on, soft_figures
from accelsim.report.tables import SOFT_MARK, heading, notes, table, width
from accelsim.specs.figure import Figure

MOST_SOFT = 4
LABELS = 18
CELL = 15
SOFT_TITLE = f"{SOFT_MARK} rests on press reports or assumptions, the weightiest first"
MATCH_WORDS = {
    "chips": "chips held equal",
    "power": "power at the meter held equal",
    "usd_per_hour": "dollars per hour held equal",
    "throughput": "tokens per second held equal",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table.

    Attributes
    ----------
    text : callable
        The estimate's figure as it is read.
    key : str
        Name of the figure's ratio in `Comparison.ratios`, if it has one.
    rests : tuple of str
        What the figure rests on: time, memory, power, price.
    """

    label: str
    text: Callable[[Estimate], str]
    key: str = ""
    rests: tuple[str, ...] = ()


def _memory(e: Estimate) -> str:
    return f"{numbers.gib(e.memory.total)} of {numbers.gib(e.memory_capacity)}"


def _chips(e: Estimate) -> str:
    rented = e.cost.chips_rented if e.cost else e.chips
    return f"{e.chips:,}" if rented == e.chips else f"{e.chips:,} of {rented:,} rented"


def _offer(e: Estimate) -> str:
    return f"{e.cost.offer} {e.cost.date}" if e.cost else numbers.DASH


METRICS = (
    Metric("chip", lambda e: e.question.chip.name),
    Metric("chips", _chips),
    Metric("precision", lambda e: e.question.precision),
    Metric("software", lambda e: e.question.software.name),
    Metric("plan", lambda e: e.plan.text()),
    Metric(
        "step time", lambda e: numbers.seconds(e.step_time), "step_time_s", ("time",)
    ),
    Metric(
        "tokens/s", lambda e: numbers.scaled(e.tokens_per_s), "tokens_per_s", ("time",)
    ),
    Metric(
        "tokens/s per chip",
        lambda e: numbers.short(e.tokens_per_s_per_chip),
        "tokens_per_s_per_chip",
        ("time",),
    ),
    Metric("MFU (full)", lambda e: numbers.percent(e.mfu), "mfu", ("time",)),
    Metric("HFU", lambda e: numbers.percent(e.hfu), "", ("time",)),
    Metric("memory, GiB", _memory, "memory_bytes", ("memory",)),
    Metric(
        "exposed comm.",
        lambda e: numbers.percent(e.time.communication / e.step_time),
        "",
        ("time",),
    ),
    Metric(
        "bubble",
        lambda e: numbers.percent(e.time.bubble / e.step_time),
        "",
        ("time",),
    ),
    Metric("kW", lambda e: numbers.kilowatts(e.power), "power_w", ("power",)),
    Metric(
        "$/h", lambda e: numbers.dollars(e.usd_per_hour), "usd_per_hour", ("price",)
    ),
    Metric(
        "$ per M tokens",
        lambda e: numbers.dollars(e.usd_per_million_tokens),
        "usd_per_million_tokens",
        ("price", "time"),
    ),
    Metric(
        "J per token",
        lambda e: numbers.short(e.joule_per_token),
        "j_per_token",
        ("power", "time"),
    ),
    Metric("offer", _offer),
)
# Of whole runs, where the question tells of them.
WHOLE = (
    Metric("goodput", lambda e: numbers.percent(of_whole("share")(e))),
    Metric(
        "$ per M useful",
        lambda e: numbers.dollars(of_whole("usd_per_million_tokens")(e)),
        "",
        ("price", "time"),
    ),
    Metric("days", lambda e: numbers.short(of_whole("days")(e)), "", ("time",)),
    Metric(
        "$ of the run",
        lambda e: numbers.dollars(of_whole("usd")(e)),
        "",
        ("price", "time"),
    ),
)


def comparison_tables(comparison: Comparison) -> list[RenderableType]:
    """Return the whole answer, from top to bottom."""
    return [
        *_header(comparison),
        "",
        *_tables(comparison),
        *notes(_failures(comparison), "No answer"),
        *notes(notes_of(comparison)),
        *notes(_soft(comparison), SOFT_TITLE),
    ]


def _estimates(comparison: Comparison) -> list[Estimate]:
    return [row.estimate for row in comparison.rows if row.estimate is not None]


def _header(comparison: Comparison) -> list[RenderableType]:
    found = _estimates(comparison)
    q = found[0].question
    tokens = q.global_batch * q.seq_len
    first = (
        f"{q.model.name}: batch of {q.global_batch:,} sequences "
        f"= {tokens:,} tokens, sequence length {q.seq_len:,}"
    )
    precisions = _distinct(e.question.precision for e in found)
    chips = _distinct(f"{e.chips:,}" for e in found)
    costs = [e.cost for e in found if e.cost is not None]
    offers = _distinct(cost.offer for cost in costs) or "no price known"
    dates = sorted({str(cost.date) for cost in costs})
    when = f" of {' to '.join(dict.fromkeys((dates[0], dates[-1])))}" if dates else ""
    second = f"{precisions}, {chips} chips, price: {offers}{when}"
    third = f"{MATCH_WORDS.get(comparison.match, comparison.match)}; × is the ratio to"
    return [heading(first), second, f"{third} {comparison.baseline}"]


def _distinct(words: Iterable[str]) -> str:
    return " / ".join(dict.fromkeys(words))


def _tables(comparison: Comparison) -> list[RenderableType]:
    """Return one table, or several where the systems do not fit side by side."""
    side_by_side = max(1, (width() - LABELS) // CELL)
    rows = comparison.rows
    starts = range(0, len(rows), side_by_side)
    made: list[RenderableType] = []
    for start in starts:
        made += [_table(comparison, rows[start : start + side_by_side]), ""]
    return made


def _table(comparison: Comparison, rows: Sequence[Row]) -> Table:
    room = (width() - LABELS) // len(rows) - 2
    made = table("", *(_broken(row.system, room) for row in rows))
    made.columns[0].no_wrap = True
    ratios = [
        {} if row.system == comparison.baseline else comparison.ratios(row)
        for row in rows
    ]
    told = any(row.estimate is not None and row.estimate.whole for row in rows)
    for metric in (*METRICS, *(WHOLE if told else ())):
        cells = zip(rows, ratios, strict=True)
        made.add_row(metric.label, *(_cell(metric, row, r, room) for row, r in cells))
    evens = [None if not r else comparison.break_even_mfu(row)
             for row, r in zip(rows, ratios, strict=True)]  # fmt: skip
    if any(even is not None for even in evens):  # whose tokens cost the baseline's
        made.add_row("break-even MFU", *(numbers.percent(even) for even in evens))
    return made


def _broken(name: str, room: int) -> str:
    """Return a name on lines that fit: it breaks at its hyphens."""
    return "\n".join(wrap(name, room))


def _cell(metric: Metric, row: Row, ratios: dict[str, float | None], room: int) -> Text:
    if row.estimate is None:
        return Text("no answer" if metric is METRICS[0] else numbers.DASH)
    soft = rests_on(row.estimate).intersection(metric.rests)
    mark = SOFT_MARK if soft else ""
    text = Text(_broken(metric.text(row.estimate), room) + mark)
    over = numbers.ratio(ratios.get(metric.key))
    return text.append(f" {over}", style="dim") if over else text


def _failures(comparison: Comparison) -> list[str]:
    rows = comparison.rows
    return [f"{row.system}: {row.failure}" for row in rows if row.estimate is None]


def notes_of(comparison: Comparison) -> list[str]:
    """Return the notes, those that several systems share only once."""
    by_note: dict[str, list[str]] = {note: [] for note in comparison.notes}
    for row in comparison.rows:
        for note in row.estimate.notes if row.estimate else ():
            by_note.setdefault(note, []).append(row.system)
    count = len(_estimates(comparison))
    found = []
    for note, systems in by_note.items():
        shared = note in comparison.notes or len(systems) == count
        found.append(note if shared else f"{', '.join(systems)}: {note}")
    if not next(r for r in comparison.rows if r.system == comparison.baseline).estimate:
        found.append(f"the baseline {comparison.baseline} has no answer: no ratios")
    return found


def _soft(comparison: Comparison) -> list[str]:
    """Return a line a system, and one for the figures that all of them share."""
    found = {
        row.system: soft_figures(row.estimate)
        for row in comparison.rows
        if row.estimate is not None
    }
    every = list(found.values())
    shared = {
        path: figure
        for path, figure in every[0].items()
        if len(every) > 1 and all(other.get(path) == figure for other in every[1:])
    }
    lines = [_line("all", shared)] if shared else []
    for system, figures in found.items():
        own = {path: f for path, f in figures.items() if path not in shared}
        lines += [_line(system, own)] if own else []
    return lines


def _line(who: str, figures: dict[str, Figure]) -> str:
    first = list(figures.items())[:MOST_SOFT]
    words = [f"{path} {figure.text} ({figure.kind})" for path, figure in first]
    rest = len(figures) - len(first)
    return f"{who}: {', '.join([*words, *([f'{rest} more'] if rest else [])])}"
