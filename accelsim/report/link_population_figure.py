"""The margins of a population of lanes as a picture.

This file knows matplotlib, which it loads only when a picture is asked for.
"""

from pathlib import Path
from typing import Any

import numpy as np

from accelsim.link.population import Population
from accelsim.report.figures import save

GOOD, BAD = "#1b6ca8", "#b5533c"
MOST_BINS = 60


def draw_population(path: str, title: str, found: Population) -> None:
    """Draw the histogram of margins, those below the sheet's margin in red."""
    from matplotlib.figure import Figure

    margins = found.margin_db[np.isfinite(found.margin_db)]
    figure = Figure(figsize=(8.0, 4.5), layout="constrained")
    axis: Any = figure.subplots()
    low, high = min(margins.min(initial=0.0), 0.0), max(margins.max(initial=0.0), 0.0)
    width = max(high - low, 1e-3) / MOST_BINS
    # an edge at 0 dB, so that no bar is both
    edges = np.arange(np.floor(low / width), np.ceil(high / width) + 1.0) * width
    heights, _ = np.histogram(margins, edges)
    colours = [BAD if left < -width / 2.0 else GOOD for left in edges[:-1]]
    axis.bar(edges[:-1], heights, width, align="edge", color=colours)
    axis.axvline(0.0, color="black", linewidth=1.0)
    axis.set_xlabel("margin of a lane's worst span above its sheet's, dB")
    axis.set_ylabel(f"lanes of {len(found.margin_db):,} drawn")
    words = [
        f"below the margin  {found.below:.2g}",
        f"below the target  {found.weak:.2g}",
        f"failing  {found.failing:.2g}",
    ]
    box = {"facecolor": "white", "edgecolor": "lightgrey"}
    axis.text(
        0.02, 0.97, "share of lanes\n" + "\n".join(words),
        transform=axis.transAxes, va="top", bbox=box,
    )  # fmt: skip
    axis.set_title(title, fontsize="medium", wrap=True)
    save(figure, Path(path))
