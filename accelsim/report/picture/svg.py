"""A drawing as SVG: inside a page, whose style gives the colours, or as a file.

This file knows SVG and escapes whatever words it is handed.
"""

import base64
from collections.abc import Mapping
from html import escape
from math import cos, pi, sin

from accelsim.report.picture.marks import (
    DARK,
    DASHES,
    HATCHES,
    LIGHT,
    Area,
    Bitmap,
    Boxes,
    Dot,
    Drawing,
    Line,
    Mark,
    Point,
    Rect,
    Text,
)

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
STROKES = {
    "/": "M-2,2 l4,-4 M0,8 l8,-8 M6,10 l4,-4",
    "\\": "M-2,6 l4,4 M0,0 l8,8 M6,-2 l4,4",
    "x": "M0,8 l8,-8 M0,0 l8,8",
    "-": "M0,4 h8",
    "|": "M4,0 v8",
    ".": "M3,4 h2 M7,0 h1 M0,0 h1 M7,8 h1 M0,8 h1",
    "+": "M0,4 h8 M4,0 v8",
    "//": "M-2,2 l4,-4 M0,8 l8,-8 M6,10 l4,-4 M-2,6 l8,-8 M2,10 l8,-8",
}


def variables(palette: Mapping[str, str]) -> str:
    """Return a palette as declarations of CSS."""
    return " ".join(f"--{name}: {value};" for name, value in palette.items())


def patterns() -> str:
    """Return the hatches, once for a page or a file."""
    made = [
        f'<pattern id="hatch{number}" width="8" height="8" '
        f'patternUnits="userSpaceOnUse"><path d="{STROKES[hatch]}" fill="none" '
        'stroke="var(--paper)" stroke-width="1.3" stroke-opacity="0.55"/></pattern>'
        for number, hatch in enumerate(HATCHES)
        if hatch
    ]
    return f"<defs>{''.join(made)}</defs>"


def inline(drawing: Drawing) -> str:
    """Return a drawing for a page that has `patterns` and the palette's variables."""
    return _svg(drawing, "")


def whole(drawing: Drawing) -> str:
    """Return a drawing as a file of its own: light, or dark where that is preferred."""
    style = (
        f"<style>svg {{ {variables(LIGHT)} background: var(--paper); }} "
        f"@media (prefers-color-scheme: dark) {{ svg {{ {variables(DARK)} }} }}</style>"
    )
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + _svg(
        drawing, style + patterns()
    )


def _svg(drawing: Drawing, before: str) -> str:
    name, width, height = escape(drawing.name), drawing.width, drawing.height
    marks = "".join(map(_mark, drawing.marks))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img" font-family="{FONT}" '
        f'aria-labelledby="{name}-title {name}-about">'
        f'<title id="{name}-title">{escape(drawing.title)}</title>'
        f'<desc id="{name}-about">{escape(drawing.about)}</desc>{before}{marks}</svg>'
    )


def _mark(mark: Mark) -> str:
    if isinstance(mark, Rect):
        return _rect(mark)
    if isinstance(mark, Boxes):
        return _boxes(mark)
    if isinstance(mark, Line):
        dash = f' stroke-dasharray="{DASHES[mark.dash]}"' if DASHES[mark.dash] else ""
        return _closed(
            f'<polyline points="{_points(mark.points)}" fill="none" '
            f'stroke="var(--{mark.stroke})" stroke-width="{mark.width:g}" '
            f'stroke-linejoin="round"{dash}',
            "polyline",
            mark.tip,
        )
    if isinstance(mark, Area):
        shape = f'<polygon points="{_points(mark.points)}" fill="var(--{mark.fill})"'
        return _closed(f'{shape} fill-opacity="{mark.opacity:g}"', "polygon", mark.tip)
    if isinstance(mark, Dot):
        return _dot(mark)
    return _text(mark) if isinstance(mark, Text) else _bitmap(mark)


def _closed(start: str, tag: str, tip: str) -> str:
    return f"{start}><title>{escape(tip)}</title></{tag}>" if tip else f"{start}/>"


def _points(points: tuple[Point, ...]) -> str:
    return " ".join(f"{x:.4g},{y:.4g}" for x, y in points)


def _rect(mark: Rect) -> str:
    box = (
        f'x="{mark.x:.6g}" y="{mark.y:.6g}" width="{max(mark.width, 0.0):.6g}" '
        f'height="{max(mark.height, 0.0):.6g}"'
    )
    opacity = f' fill-opacity="{mark.opacity:g}"' if mark.opacity < 1.0 else ""
    body = _closed(f'<rect {box} fill="var(--{mark.fill})"{opacity}', "rect", mark.tip)
    if not mark.hatch:
        return body
    lines = f'<rect {box} fill="url(#hatch{mark.hatch})" pointer-events="none"/>'
    return body + lines


def _boxes(mark: Boxes) -> str:
    way = "".join(
        f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h{-width:.1f}z"
        for x, y, width, height in mark.boxes
    )
    body = _closed(f'<path d="{way}" fill="var(--{mark.fill})"', "path", mark.tip)
    if not mark.hatch:
        return body
    lines = f'<path d="{way}" fill="url(#hatch{mark.hatch})" pointer-events="none"/>'
    return body + lines


def _dot(mark: Dot) -> str:
    ink = f"var(--{mark.fill})"
    if mark.shape == 0:
        return _closed(
            f'<circle cx="{mark.x:.6g}" cy="{mark.y:.6g}" r="{mark.radius:g}" '
            f'fill="{ink}"',
            "circle",
            mark.tip,
        )
    if mark.shape in (4, 5):  # two strokes
        arms = outline(mark)
        way = " ".join(
            f"M{a[0]:.5g},{a[1]:.5g} L{b[0]:.5g},{b[1]:.5g}"
            for a, b in zip(arms[::2], arms[1::2], strict=True)
        )
        return _closed(
            f'<path d="{way}" fill="none" stroke="{ink}" stroke-width="2.2"',
            "path",
            mark.tip,
        )
    return _closed(
        f'<polygon points="{_points(outline(mark))}" fill="{ink}"', "polygon", mark.tip
    )


def outline(mark: Dot) -> tuple[Point, ...]:
    """Return the corners of a shape; of a cross, the ends of its two strokes."""
    start, corners = {1: (0.25, 4), 2: (0.5, 3), 3: (0.5, 4)}.get(mark.shape, (0.0, 4))
    size = 1.25 * mark.radius
    turn = 0.25 if mark.shape == 4 else start
    ring = tuple(
        (
            mark.x + size * cos(pi * turn + 2.0 * pi * k / corners),
            mark.y - size * sin(pi * turn + 2.0 * pi * k / corners),
        )
        for k in range(corners)
    )
    return ring if mark.shape < 4 else (ring[0], ring[2], ring[1], ring[3])


def _text(mark: Text) -> str:
    weight = ' font-weight="600"' if mark.bold else ""
    turn = f' transform="rotate(-90 {mark.x:g} {mark.y:g})"' if mark.turned else ""
    anchor = "" if mark.anchor == "start" else f' text-anchor="{mark.anchor}"'
    return (
        f'<text x="{mark.x:.6g}" y="{mark.y:.6g}" font-size="{mark.size:g}" '
        f'fill="var(--{mark.fill})"{anchor}{weight}{turn}>{escape(mark.words)}</text>'
    )


def _bitmap(mark: Bitmap) -> str:
    data = base64.b64encode(mark.png).decode("ascii")
    return (
        f'<image x="{mark.x:g}" y="{mark.y:g}" width="{mark.width:g}" '
        f'height="{mark.height:g}" preserveAspectRatio="none" '
        f'href="data:image/png;base64,{data}"/>'
    )
