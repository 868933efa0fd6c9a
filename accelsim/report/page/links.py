"""The links of a run: margins of their wires, and what collectives get out of them.

This file knows which groups a plan has; budgets and times are others'.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from accelsim.errors import AccelsimError
from accelsim.explore.result import Estimate
from accelsim.fabric.collective import System
from accelsim.link.answer import LinkBudget
from accelsim.link.answer import explain as budget_of
from accelsim.link.wire import link_of
from accelsim.markup import Markup, table, tag
from accelsim.question import Question
from accelsim.report.collective import busbw_figure
from accelsim.report.margin_figure import margins_figure
from accelsim.report.page.page import Part, Section, paragraph, wide

SIZES = tuple(2.0**power for power in range(16, 35))  # B, of the curves of busbw
UNSEEN = 1e-30  # frame loss that is told as none


def links_section(found: Estimate) -> Section:
    """Return margins and collectives of a run."""
    parts: list[Part] = []
    made = budgets(found)
    if any(one.spans for one in made.values()):
        parts += [margins_figure(made), wide(budgets_table(made))]
    parts += _collectives(found)
    return Section("links", "Links and collectives", tuple(parts))


def budgets(found: Estimate) -> dict[str, LinkBudget]:
    """Return the budgets of the links of a run that name a wire."""
    return {
        name: budget_of(link_of(link), float(link.crosstalk or 0.0))
        for name, link in found.question.links.items()
        if link.path and not link.ideal
    }


def budgets_table(found: Mapping[str, LinkBudget]) -> Markup:
    """Return the budgets of links, a row each."""
    rows = [
        (
            tag("span", name, class_="name"),
            tag("span", one.regime, class_=f"regime-{one.regime}"),
            one.link.path.text,
            f"{one.link.lanes} × {one.link.lane_rate / 1e9:g}",
            f"{one.bandwidth / 1e9:.3g}",
            f"{one.latency * 1e9:.0f}",
            f"{one.energy * 1e12:.2f}",
            f"{one.frame_loss:.1e}" if one.frame_loss > UNSEEN else "none",
        )
        for name, one in found.items()
    ]
    figures = ("lanes × Gb/s", "GB/s", "ns", "pJ/b", "frames lost")
    return table(("link", "regime", "wire", *figures), rows, left=3)


def _collectives(found: Estimate) -> list[Part]:
    """Return curves of bus bandwidth of the groups that the plan has."""
    q, plan = found.question, found.plan
    groups = (plan.tp, plan.dp * plan.cp * plan.tp, q.workers)
    ranks = sorted({min(n, q.workers) for n in groups if n > 1})
    rows = [row for n in ranks for row in busbw_rows(f"{n:,} ranks", q, n)]
    if not rows:
        return []
    drawn = busbw_figure("All-reduce on this system by size", rows)
    words = f"Groups of {_all(ranks)} ranks, packed as densely as the system allows."
    return [drawn, paragraph(words, quiet=True)]


def busbw_rows(label: str, q: Question, ranks: int) -> list[dict[str, Any]]:
    """Return an all-reduce by size; nothing of a group that cannot be formed."""
    on = System(q.system, q.chip, q.links, q.software)
    try:
        answer = on.collective("all_reduce", bytes=SIZES, ranks=[ranks] * len(SIZES))
    except AccelsimError:
        return []
    return [
        {
            "system": label,
            "wanted": "auto",
            "size_bytes": size,
            "time_s": float(answer.time[i]),
            "time_low_s": float(answer.time[i]),
            "time_high_s": float(answer.time[i]),
            "busbw_bytes_per_s": float(answer.busbw[i]),
            "algorithm": str(answer.algorithm[i]),
        }
        for i, size in enumerate(SIZES)
    ]


def _all(counts: Sequence[int]) -> str:
    words = [f"{count:,}" for count in counts]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if words[1:] else words[0]
