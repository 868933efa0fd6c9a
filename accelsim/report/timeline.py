"""A timeline in a terminal: a row for each stage, a letter for each pass.

This file knows characters and colours, and no schedule.
"""

from collections.abc import Iterable

import numpy as np
from rich.console import RenderableType
from rich.text import Text

from accelsim import numbers
from accelsim.report.tables import flowing, heading, width
from accelsim.training.timeline import Timeline

IDLE = "·"
# What a column may show.
STYLES = {
    IDLE: "dim",
    "F": "blue",
    "B": "green",
    "W": "yellow",
    "D": "magenta",
    "O": "red",
    "H": "red",
}
LETTERS = {"dp": "D", "optimizer": "O", "host": "H"}
LEGEND = (
    "F forward, B backward, W backward for the weights, D exposed dp traffic, "
    f"O optimizer, H host, {IDLE} idle"
)
ALL = list(STYLES)
LEAST = 0.05  # of a column that a letter fills to stand there
MOST_STAGES = 32
TOLERANCE = 1e-9  # of the step: rounding


def timeline_tables(found: Timeline) -> list[RenderableType]:
    """Return the picture, its legend, and how far it is from the step time."""
    stages = "1 stage" if found.stages == 1 else f"{found.stages} stages"
    title = f"timeline: {found.schedule}, {stages}, 0 to "
    rows = [*_rows(found)]
    left = found.stages - len(rows)
    return [
        heading(f"{title}{numbers.seconds(found.end)}"),
        *rows,
        *([Text(f"and {left} more stages", style="dim")] if left else []),
        Text(LEGEND, style="dim"),
        *[flowing(line) for line in difference(found)],
        "",
    ]


def difference(found: Timeline) -> list[str]:
    """Return one line that says how far the timeline is from the step time, or none."""
    if abs(found.difference) <= TOLERANCE:
        return []
    seconds = numbers.seconds(abs(found.end - found.step_time))
    when = "after" if found.difference > 0.0 else "before"
    return [
        f"The timeline ends {seconds} ({found.difference:+.3%}) {when} the step time, "
        f"{numbers.seconds(found.step_time)}, whose closed form is not exact here."
    ]


def _rows(found: Timeline) -> Iterable[Text]:
    first = len(str(found.stages - 1)) + 1
    shown = min(found.stages, MOST_STAGES)
    for stage, share in enumerate(_shares(found, shown, width() - first)):
        row = Text(f"{stage:>{first - 1}} ")
        for index in _dithered(share):
            row.append(ALL[index], style=STYLES[ALL[index]])
        yield row


def _shares(found: Timeline, shown: int, columns: int) -> np.ndarray:
    """Return what each letter fills of each column: (stages, letters, columns)."""
    share, scale = np.zeros((shown, len(ALL), columns)), columns / found.end
    spans = [(one.stage, one.kind, one.start, one.end) for one in found.passes]
    spans += [
        (one.stage, LETTERS[one.engine], one.start, one.end)
        for one in found.others
        if one.engine in LETTERS
    ]
    for stage, letter, start, end in spans:
        if stage < shown:
            low, high = start * scale, min(end * scale, float(columns))
            first, last = int(low), min(int(high), columns - 1)
            edges = np.clip(np.arange(first, last + 2), low, high)
            share[stage, ALL.index(letter), first : last + 1] += np.diff(edges)
    share[:, 0] = 1.0 - share[:, 1:].sum(axis=1)
    return share


def _dithered(share: np.ndarray) -> Iterable[int]:
    """Yield a letter for each column; what a column does not show, the next ones do.

    So letters keep their shares of a row even where passes are shorter than a column.
    """
    owed = np.zeros(len(share))
    for column in share.T:
        owed += column
        best = int(np.where(column > LEAST, owed, -np.inf).argmax())
        owed[best] -= 1.0
        yield best
