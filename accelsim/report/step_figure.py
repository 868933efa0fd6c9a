"""A step as pictures: where its time went, its parts side by side, what would help.

This file knows which of an answer's figures are drawn; all are taken as they are.
"""

from collections.abc import Sequence
from dataclasses import asdict

from accelsim import numbers
from accelsim.explore.explanation import Explanation
from accelsim.explore.result import Estimate
from accelsim.report.explanation import WORDS
from accelsim.report.picture.charts import (
    Bar,
    Lever,
    Step,
    stacked,
    steps,
    tornado,
)
from accelsim.report.picture.marks import Drawing
from accelsim.report.picture.plot import Key

MOST = 14  # levers
LEAST = 5e-4  # of these, percent for a percent
# What the time of a step is, as a reader sorts it: words, parts of `TimeParts`.
GROUPS = (
    ("products", ("matmul",)),
    ("attention", ("attention",)),
    ("head and loss", ("head",)),
    ("norms, activations", ("elementwise",)),
    ("recomputation", ("recompute",)),
    ("exposed traffic", ("tp", "cp", "ep", "pp", "dp")),
    ("contention", ("contention",)),
    ("bubble", ("bubble",)),
    ("optimizer", ("optimizer",)),
    ("launches, host", ("launch", "host")),
    ("stragglers", ("jitter", "imbalance")),
)
KINDS = (  # of a waterfall's steps
    ("needed by the model", ("ideal",)),
    ("computing", ("matmul", "memory", "attention", "elementwise", "head", "recompute",
                   "lagging", "contention", "optimizer")),
    ("waiting for links", ("tp", "cp", "ep", "pp", "dp")),
    ("waiting for stages or host", ("bubble", "launch", "host", "jitter", "imbalance")),
)  # fmt: skip
SERIES = (2, 0, 1, 5)


def waterfall_figure(found: Explanation) -> Drawing:
    """Return the way from the model's FLOPs at the peak to the step time."""
    total = found.estimate.step_time
    kinds = {part: n for n, (_, parts) in enumerate(KINDS) for part in parts}
    rows = [
        Step(
            WORDS[key],
            value,
            f"{_signed(value)} · {numbers.percent(value / total)}",
            SERIES[kinds[key]],
        )
        for key, value in found.bars.items()
        if abs(value) > 5e-5 * total
    ]
    seen = {row.series for row in rows}
    keys = [
        Key(words, SERIES[n]) for n, (words, _) in enumerate(KINDS) if SERIES[n] in seen
    ]
    largest = sorted(rows[1:], key=lambda row: -row.value)[:2]
    most = " and ".join(row.label for row in largest)
    ideal = numbers.seconds(rows[0].value)
    about = (
        f"From the model's FLOPs at the peak of all chips ({ideal}) "
        f"to the step ({numbers.seconds(total)}). Most is lost to {most}."
    )
    whole = Step("step", total, numbers.seconds(total))
    return steps(
        "waterfall", "Where the time of a step went", about, rows, whole, keys,
        ("time", "s"),
    )  # fmt: skip


def _signed(value: float) -> str:
    return f"−{numbers.seconds(-value)}" if value < 0.0 else numbers.seconds(value)


def time_figure(found: Sequence[tuple[str, Estimate]], name: str = "time") -> Drawing:
    """Return the time of a step by part, a bar for each design; times per token.

    Steps of different batches are told apart by their tokens, so a bar is the time in
    which the job's chips train on a million tokens.
    """
    bars = []
    for label, one in found:
        scale = 1e6 / one.tokens
        parts = asdict(one.time)
        shown = [
            (n, scale * sum(parts[key] for key in keys), words)
            for n, (words, keys) in enumerate(GROUPS)
        ]
        tips = tuple(
            (n, value, f"{label}, {words}: {numbers.seconds(value)}")
            for n, value, words in shown
        )
        after = numbers.seconds(scale * one.step_time)
        bars.append(Bar(label, tips, after))
    keys = [
        Key(words, n)
        for n, (words, _) in enumerate(GROUPS)
        if any(bar.parts[n][1] > 0.0 for bar in bars)
    ]
    fastest = min(found, key=lambda pair: pair[1].step_time / pair[1].tokens)[0]
    about = (
        f"Time in which the job trains on a million tokens, by cause. Least: {fastest}."
    )
    return stacked(
        name, "Time of a million tokens", about, bars, keys, ("time", "s")
    )  # fmt: skip


def tornado_figure(found: Explanation) -> Drawing:
    """Return what one percent more of each figure is worth."""
    rows = [
        Lever(
            f"{one.path}  ({one.text})",
            one.gain,
            f"{one.gain:+.3f} %".replace("-", "−"),
        )
        for one in found.elasticities[:MOST]
        if abs(one.gain) >= LEAST
    ]
    first = found.elasticities[0] if rows else None
    about = "Tokens a second gained by one percent more of a figure, the plan held."
    if first is not None:
        about += f" The strongest lever is {first.path}."
    return tornado(
        "sensitivity",
        "One percent more of each figure",
        about,
        rows,
        ("tokens/s gained, %", ""),
    )
