"""A drawing as a file: SVG by our own hand, PNG and PDF by matplotlib.

This file knows files and matplotlib, which it loads only for what needs it.
"""

from pathlib import Path
from typing import Any

from accelsim.files import replacing
from accelsim.report.picture.marks import (
    DASHES,
    HATCHES,
    LIGHT,
    Area,
    Bitmap,
    Boxes,
    Dot,
    Drawing,
    Line,
    Rect,
    Text,
)
from accelsim.report.picture.svg import outline, whole

PIXELS = 96.0  # of an inch, as in CSS
POINT = 72.0 / PIXELS  # a pixel in points


def save(drawing: Drawing, path: Path) -> None:
    """Write a drawing whole or not at all; the ending of its name says how."""
    with replacing(path) as temporary:
        if path.suffix.lower() == ".svg":
            Path(temporary).write_text(whole(drawing), "utf-8")
            return
        figure = _figure(drawing)
        figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=2.0 * PIXELS)


def _figure(drawing: Drawing) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(drawing.width / PIXELS, drawing.height / PIXELS))
    FigureCanvasAgg(figure)
    axes: Any = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0.0, drawing.width), ylim=(drawing.height, 0.0))
    axes.axis("off")
    for order, mark in enumerate(drawing.marks):
        for artist in _artists(axes, mark):
            artist.set_zorder(order)
    return figure


def _artists(axes: Any, mark: Any) -> list[Any]:
    from matplotlib.patches import Polygon, Rectangle

    if isinstance(mark, Rect):
        box = (mark.x, mark.y), max(mark.width, 0.0), max(mark.height, 0.0)
        look: dict[str, Any] = {"facecolor": LIGHT[mark.fill], "alpha": mark.opacity}
        hatch = HATCHES[mark.hatch] and HATCHES[mark.hatch] * 2
        made = Rectangle(*box, **look, edgecolor="white", linewidth=0.0, hatch=hatch)
        return [axes.add_patch(made)]
    if isinstance(mark, Boxes):
        return [_boxes(axes, mark)]
    if isinstance(mark, Area):
        fill = LIGHT[mark.fill]
        return [
            axes.add_patch(Polygon(mark.points, facecolor=fill, alpha=mark.opacity))
        ]
    if isinstance(mark, Line):
        return [_line(axes, mark)]
    if isinstance(mark, Dot):
        return _dot(axes, mark)
    if isinstance(mark, Text):
        return [_text(axes, mark)]
    return [_bitmap(axes, mark)]


def _boxes(axes: Any, mark: Boxes) -> Any:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    made = [Rectangle((x, y), *size) for x, y, *size in mark.boxes]
    look: dict[str, Any] = {"facecolor": LIGHT[mark.fill], "edgecolor": "white"}
    hatch = HATCHES[mark.hatch] * 2 or None
    boxes = PatchCollection(made, **look, linewidth=0.0, hatch=hatch)
    return axes.add_collection(boxes, autolim=False)


def _line(axes: Any, mark: Line) -> Any:
    x, y = zip(*mark.points, strict=True) if mark.points else ((), ())
    look: dict[str, Any] = {"color": LIGHT[mark.stroke]}
    if DASHES[mark.dash]:
        steps = [float(step) / mark.width for step in DASHES[mark.dash].split()]
        look["linestyle"] = (0.0, steps)
    return axes.plot(x, y, linewidth=mark.width * POINT, **look)[0]


def _dot(axes: Any, mark: Dot) -> list[Any]:
    from matplotlib.patches import Circle, Polygon

    fill = LIGHT[mark.fill]
    if mark.shape == 0:
        made: Any = Circle((mark.x, mark.y), mark.radius, facecolor=fill)
    elif mark.shape in (4, 5):
        a, b, c, d = outline(mark)
        arms = [zip(a, b, strict=True), zip(c, d, strict=True)]
        return [axes.plot(*arm, color=fill, linewidth=2.2 * POINT)[0] for arm in arms]
    else:
        made = Polygon(outline(mark), facecolor=fill)
    return [axes.add_patch(made)]


def _text(axes: Any, mark: Text) -> Any:
    return axes.text(
        mark.x,
        mark.y,
        mark.words.replace("$", r"\$"),
        fontsize=mark.size * POINT * 0.92,  # DejaVu Sans runs wide
        color=LIGHT[mark.fill],
        ha={"start": "left", "middle": "center", "end": "right"}[mark.anchor],
        va="baseline",
        weight="bold" if mark.bold else "normal",
        rotation=90 if mark.turned else 0,
        rotation_mode="anchor",
    )


def _bitmap(axes: Any, mark: Bitmap) -> Any:
    from io import BytesIO

    from matplotlib.image import imread

    edges = (mark.x, mark.x + mark.width, mark.y + mark.height, mark.y)
    return axes.imshow(imread(BytesIO(mark.png)), extent=edges, aspect="auto")
