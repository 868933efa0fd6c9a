"""Drawings: where values stand, ticks, and files that a reader of SVG accepts."""

import itertools
import math
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.report.picture import charts
from accelsim.report.picture.marks import (
    DARK,
    LIGHT,
    Drawing,
    Rect,
    Text,
    shortened,
    width_of,
)
from accelsim.report.picture.plot import Axis, Key, nice_step
from accelsim.report.picture.raster import save
from accelsim.report.picture.svg import inline, whole

finite = st.floats(1e-12, 1e12)


@given(
    low=finite, share=st.floats(0.0, 1.0), ratio=st.floats(1.5, 1e6), log=st.booleans()
)
def test_a_value_stands_between_the_ends(
    low: float, share: float, ratio: float, *, log: bool
) -> None:
    axis = Axis(low, low * ratio, 50.0, 450.0, log=log)
    between = low * ratio**share if log else low + share * low * (ratio - 1.0)
    assert axis.at(between) == pytest.approx(50.0 + 400.0 * share, abs=1e-3)


@given(low=st.floats(-1e9, 1e9), size=st.floats(1e-6, 1e12), most=st.integers(3, 12))
def test_ticks_are_inside_even_and_few(low: float, size: float, most: int) -> None:
    if low + size == low or size < 1e-9 * abs(low):
        return
    ticks = Axis(low, low + size, 0.0, 100.0).ticks(most)
    values = [value for value, _ in ticks]
    assert len(ticks) <= most + 1
    slack = 1e-6 * size
    assert all(low - slack <= value <= low + size + slack for value in values)
    steps = {round((b - a) / size, 6) for a, b in itertools.pairwise(values)}
    assert len(steps) <= 1


@given(low=st.floats(1e-9, 1e6), ratio=st.floats(1.3, 1e12))
def test_log_ticks_are_inside(low: float, ratio: float) -> None:
    axis = Axis(low, low * ratio, 0.0, 100.0, log=True)
    for value, words in axis.ticks():
        assert 0.999 * low <= value <= 1.001 * low * ratio
        assert words


def test_ticks_are_told_in_the_prefix_of_the_title() -> None:
    axis = Axis(0.0, 0.0125, 0.0, 100.0, "time", "s")
    assert axis.title == "time, ms"
    assert [words for _, words in axis.ticks(5)] == [
        "0.0",
        "2.5",
        "5.0",
        "7.5",
        "10.0",
        "12.5",
    ]
    assert [words for _, words in Axis(0.0, 1.0, 0.0, 1.0, "", "%").ticks(4)] == [
        *("0", "25", "50", "75", "100")
    ]


@given(least=st.floats(1e-12, 1e12))
def test_a_step_is_nice(least: float) -> None:
    step = nice_step(least)
    assert least * (1 - 1e-9) <= step <= 2.51 * least
    lead = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(lead - nice) for nice in (1.0, 2.0, 2.5, 5.0)) < 1e-6


@given(words=st.text(max_size=60), room=st.floats(20.0, 300.0))
def test_words_are_cut_to_their_room(words: str, room: float) -> None:
    short = shortened(words, room)
    assert width_of(short) <= room
    assert short == words or short.endswith("…")


NASTY = '<script>alert("1 & 2")</script>\'"'


def drawing(words: str = NASTY) -> Drawing:
    bars = [charts.Bar(words, ((0, 2.0, words), (1, 1.0, words)), words)]
    return charts.stacked("bars", words, words, bars, [Key(words, 0)], (words, "s"))


def test_words_are_escaped() -> None:
    for text in (inline(drawing()), whole(drawing())):
        assert "<script" not in text
        parsed = ET.fromstring(text)
        found = {node.text for node in parsed.iter() if node.tag.endswith("title")}
        assert NASTY in found


@pytest.mark.parametrize(
    ("name", "begins"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")]
)
def test_a_drawing_is_saved(tmp_path: Path, name: str, begins: bytes) -> None:
    save(drawing("a bar $x$"), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(begins)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_bars_are_as_long_as_their_values() -> None:
    bars = [
        charts.Bar("a", ((0, 3.0, ""), (1, 1.0, ""))),
        charts.Bar("b", ((0, 2.0, ""),)),
    ]
    made = charts.stacked("n", "t", "a", bars, [], ("time", "s"))
    widths = [mark.width for mark in made.marks if isinstance(mark, Rect)]
    assert widths[0] == pytest.approx(3.0 * widths[1])
    assert widths[2] == pytest.approx(2.0 * widths[1])


def test_steps_end_at_the_total() -> None:
    rows = [charts.Step("a", 3.0, "3"), charts.Step("b", -1.0, "-1")]
    total = charts.Step("all", 2.0, "2")
    made = charts.steps("n", "t", "a", rows, total, [], ("time", "s"))
    first, second, last = (mark for mark in made.marks if isinstance(mark, Rect))
    assert second.x + second.width == pytest.approx(first.x + first.width)
    assert second.x == pytest.approx(last.x + last.width)


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    parts = [int(colour[n : n + 2], 16) / 255.0 for n in (1, 3, 5)]
    light = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2]


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_words_can_be_read(palette: dict[str, str]) -> None:
    """WCAG 2.2, 1.4.3: words have a contrast of 4.5, marks (1.4.11) one of about 3."""
    paper = luminance(palette["paper"])

    def contrast(name: str) -> float:
        low, high = sorted((paper, luminance(palette[name])))
        return (high + 0.05) / (low + 0.05)

    assert all(
        contrast(name) >= 4.5 for name in ("ink", "muted", "good", "warn", "bad")
    )
    assert all(contrast(f"c{n}") >= 2.1 for n in range(9))


@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=20), st.booleans())
def test_points_stay_on_the_sheet(points: list[tuple[float, float]], log: bool) -> None:  # noqa: FBT001
    ends = [charts.ranged([p[n] for p in points], log=log) for n in (0, 1)]
    x, y = (Axis(*pair, 0.0, 1.0, log=log) for pair in ends)
    made = charts.lines("n", "t", "a", [charts.Curve("c", tuple(points))], x, y)
    for mark in made.marks:
        if isinstance(mark, Text):
            assert -1.0 <= mark.x <= made.width
            assert -1.0 <= mark.y <= made.height
