"""What the page shows of its answers, as HTML: tiles, a table, figures, messages.

This file knows the order on the page; every figure is the report's or the estimate's.
"""

from dataclasses import dataclass

from accelsim import numbers
from accelsim.explore.comparison import Comparison, Row
from accelsim.explore.explanation import Explanation, waterfall
from accelsim.explore.result import Estimate
from accelsim.explorer.answers import Answer, link_words, names_of
from accelsim.explorer.knobs import link_name
from accelsim.markup import Markup, joined, tag
from accelsim.report.memory_figure import designs_figure
from accelsim.report.page.compare import comparison_table
from accelsim.report.page.page import figure, wide
from accelsim.report.page.run import tiles
from accelsim.report.step_figure import time_figure, waterfall_figure

NOW, SHIPPED = "this design", "as it is"
# Of each tile, the figure that its ratio is of.
RATIOS = (
    "step_time",
    "tokens_per_s",
    "mfu",
    None,
    "joule_per_token",
    "usd_per_million_tokens",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is on the page: this design, its system as it is, what is pinned."""

    now: Answer
    before: Answer
    pins: tuple[Answer, ...] = ()

    @property
    def named(self) -> list[tuple[str, Answer]]:
        """Return what is compared by name; ratios are taken against the last."""
        names = names_of([pin.design for pin in self.pins])
        pinned = list(zip(names, self.pins, strict=True))
        shipped = [] if self.now.design == self.before.design else [self.before]
        return [(NOW, self.now), *pinned, *((SHIPPED, one) for one in shipped)]

    @property
    def answered(self) -> list[tuple[str, Estimate]]:
        """Return the estimates of what is compared."""
        named = self.named
        return [(name, a.estimate) for name, a in named if a.estimate is not None]


def headline(now: Answer, before: Answer) -> Markup:
    """Return the tiles of a design, with ratios to the system as it is."""
    if now.estimate is None:
        return tag("p", now.failure, class_="message", role="alert")
    made = [
        tag("div", tag("b", text, _over(now, before, key)), tag("span", words),
            class_="tile")
        for (words, text), key in zip(tiles(now.estimate), RATIOS, strict=True)
    ]  # fmt: skip
    return tag("div", *made, class_="tiles")


def _over(now: Answer, before: Answer, key: str | None) -> Markup:
    if key is None or now.estimate is None or before.estimate is None:
        return Markup("")
    new, old = getattr(now.estimate, key), getattr(before.estimate, key)
    if not new or not old or now.design == before.design:
        return Markup("")
    return tag("small", numbers.ratio(new / old))


def words_of(now: Answer) -> Markup:
    """Return plan, link and notes of a design."""
    found = now.estimate
    if found is None:
        return Markup("")
    name = link_name(now.design, found.question)
    lines = [f"plan {found.plan.text()}, {found.plan.micro_batches} micro-batches"]
    told = link_words(found, name)
    lines += [f"{name}: {told}"] if told else []
    return joined(tag("p", line, class_="words") for line in (*lines, *found.notes))


def side_by_side(seen: Seen) -> Markup:
    """Return the table of this design, the system as it is and what is pinned."""
    rows = tuple(Row(name, one.estimate, one.failure) for name, one in seen.named)
    if not seen.answered:
        return Markup("")
    return wide(comparison_table(Comparison(rows, "chips", rows[-1].system)))


def times(seen: Seen) -> Markup:
    """Return the time of tokens of this design beside those it is compared with."""
    pairs = seen.answered
    return figure(time_figure(pairs)) if pairs else Markup("")


def pictures(seen: Seen) -> Markup:
    """Return where this design's step goes, and all designs' memory."""
    made = []
    if seen.now.estimate is not None:
        taken = Explanation(seen.now.estimate, waterfall(seen.now.estimate), ())
        made.append(figure(waterfall_figure(taken)))
    if seen.answered:
        made.append(figure(designs_figure(seen.answered)))
    return joined(made)
