"""What of an estimate is read first, as words and figures: for a notebook or a page.

This file knows which figures these are; each is taken from its answer as it is.
"""

from accelsim import numbers
from accelsim.explore.comparison import Comparison, Row
from accelsim.explore.result import Estimate
from accelsim.markup import alone, table
from accelsim.units import show

Facts = list[tuple[str, str]]


def question_facts(found: Estimate) -> Facts:
    """Return what was asked, and the plan that answers it."""
    q, plan = found.question, found.plan
    fixed = [key for key, value in q.plan if value is not None]
    how = f"given: {', '.join(fixed)}" if fixed else "searched for"
    batch = f"{q.global_batch:,} sequences × {q.seq_len:,}"
    rows = [
        ("model", q.model.name),
        ("system", f"{q.system.name}: {found.chips:,} × {q.chip.name}"),
        ("workers", f"{q.workers:,}"),
        ("batch", f"{batch} = {found.tokens:,.0f} tokens"),
        ("precision", f"{q.precision} at {show(found.peak, 'FLOP/s')} dense peak"),
        ("software", q.software.name),
        ("plan", f"{plan.text()}, {plan.micro_batches} micro-batches ({how})"),
    ]
    changed = ", ".join(f"{k} = {v}" for k, v in q.run.set.items())
    return [*rows, *([("changed", changed)] if changed else [])]


def answer_facts(found: Estimate) -> Facts:
    """Return what is read first of an answer."""
    share = numbers.percent(found.memory.total / found.memory_capacity)
    memory = f"{numbers.gib(found.memory.total)} GiB"
    per_chip = f"{numbers.short(found.tokens_per_s_per_chip)} a chip"
    mfu, causal = numbers.percent(found.mfu), numbers.percent(found.mfu_causal)
    return [
        ("step time", numbers.seconds(found.step_time)),
        ("tokens/s", f"{numbers.scaled(found.tokens_per_s)} ({per_chip})"),
        ("MFU", f"{mfu} (causal {causal})"),
        ("memory of a worker", f"{memory}, {share} of what there is"),
        (
            "exposed traffic",
            numbers.percent(found.time.communication / found.step_time),
        ),
        ("power at the meter", f"{numbers.kilowatts(found.power)} kW"),
        ("energy of a token", f"{numbers.short(found.joule_per_token)} J"),
        ("price of 10⁶ tokens", numbers.dollars(found.usd_per_million_tokens)),
    ]


def estimate_html(found: Estimate) -> str:
    """Return an estimate for a notebook: the question, and what is read first."""
    title = f"{found.question.model.name} on {found.question.system.name}"
    facts = [*question_facts(found), *answer_facts(found)]
    return alone(table((), facts, left=2, caption=title))


def comparison_html(found: Comparison) -> str:
    """Return a comparison for a notebook: what is read first of each system."""
    columns = [_first(row) for row in found.rows]
    labels = next((list(column) for column in columns if column), [])
    rows = [(name, *(c.get(name, numbers.DASH) for c in columns)) for name in labels]
    head = ("", *(row.system for row in found.rows))
    failures = [f"{row.system}: {row.failure}" for row in found.rows if row.failure]
    told = table((), [(line,) for line in failures]) if failures else ""
    return alone(table(head, rows, caption=f"{found.match} held equal"), told)


def _first(row: Row) -> dict[str, str]:
    if row.estimate is None:
        return {}
    plan = ("plan", row.estimate.plan.text())
    return dict(
        [("chips", f"{row.estimate.chips:,}"), plan, *answer_facts(row.estimate)]
    )
