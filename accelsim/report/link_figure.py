"""A judged channel as pictures: loss with its mask, pulse with taps, eye, bathtub.

This file draws what the link room found; of matplotlib it takes the colours of an eye's
density, when one is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np

from accelsim.link.channel import Channel, Floats
from accelsim.link.com_search import best_com
from accelsim.link.eye import RATIOS, Eye, statistical_eye
from accelsim.link.jitter import Judged
from accelsim.link.judge import CaseResult, Judgement
from accelsim.link.path import Path
from accelsim.link.responses import responses
from accelsim.link.segments import Segment, two_port
from accelsim.link.sheet import Sheet
from accelsim.report.picture.charts import Curve, lines
from accelsim.report.picture.marks import (
    Bitmap,
    Dot,
    Drawing,
    Line,
    Mark,
    Point,
    Rect,
    Text,
)
from accelsim.report.picture.panels import panels
from accelsim.report.picture.plot import SMALL, Axis

SHOWN = (8, 24)  # intervals of the pulse before and after its cursor
POINTS = 700  # of a curve that are drawn
DEEPEST = -60.0  # dB
FAINTEST, LEAST = -12.0, 1e-18  # of a density, a power of ten; of a bathtub


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A channel and the packages that it is seen between.

    mask : (Hz, dB) of the loss that its sheet allows, which may be empty.
    """

    channel: Channel
    sheet: Sheet
    case: CaseResult
    mask: tuple[tuple[float, float], ...] = ()


def sight_of(found: Judgement) -> Sight:
    """Return a judgement's worst case."""
    corners = found.spec.loss_mask or ()
    mask = tuple((float(a), float(b)) for a, b in corners)
    return Sight(found.channel, found.sheet, found.worst, mask)


def sight_of_span(path: Path, each: Judged) -> Sight | None:
    """Return a span of a path, or None where no wire alone makes it."""
    items = [path.items[place] for place in each.span.items]
    wires = [item for item in items if isinstance(item, Segment)]
    if not wires or len(wires) < len(items):
        return None
    channel = Channel(two_port(wires))
    paths = responses(channel, each.sheet, each.sheet.cases[each.case])
    case = CaseResult(each.sheet.name, best_com(paths, each.sheet), paths)
    return Sight(channel, each.sheet, case)


def sight_figures(seen: Sight) -> list[Drawing]:
    """Return loss, pulse, eye and bathtub."""
    eye = statistical_eye(seen.case.com, seen.case.paths, seen.sheet)
    return [
        loss_figure(seen),
        pulse_figure(seen),
        eye_figure(eye, seen.sheet.levels),
        bathtub_figure(eye, seen.sheet.error_ratio),
    ]


def channel_figure(found: Judgement) -> Drawing:
    """Return all of a judgement's worst case on one sheet."""
    seen = sight_of(found)
    title = (
        f"{found.channel.thru.name or 'channel'}, {found.spec.name}, "
        f"case {seen.case.name}: COM {seen.case.com.com_db:.2f} dB"
    )
    return panels("channel", title, title, sight_figures(seen))


def loss_figure(seen: Sight) -> Drawing:
    """Return insertion loss, return loss and power-sum crosstalk over frequency."""
    thru = seen.channel.thru
    nyquist = seen.sheet.symbol_rate / 2.0
    top = float(thru.frequency[-1])
    curves = [
        _over(thru.frequency, _decibels(thru.s[:, 1, 0]), "insertion loss"),
        _over(thru.frequency, _decibels(thru.s[:, 0, 0]), "return loss"),
    ]
    for kind, ports in (("FEXT", seen.channel.fext), ("NEXT", seen.channel.next)):
        if ports:
            power = sum(np.abs(port.s[:, 1, 0]) ** 2 for port in ports)
            words = f"{kind}, power sum"
            curves.append(_over(thru.frequency, _decibels(np.sqrt(power)), words))
    loss = thru.loss_db(nyquist)

    def more(x: Axis, y: Axis) -> list[Mark]:
        corners = tuple((x.at(f), y.at(-limit)) for f, limit in seen.mask)
        marks: list[Mark] = [Line(corners, "bad", 1.6, 1, "mask")] if corners else []
        marks += [Dot(*at, "bad", 2, 4.0, "mask of the sheet") for at in corners]
        at = x.at(nyquist)
        marks.append(Line(((at, y.start), (at, y.end)), "muted", 1.0, 2))
        words = f"{loss:.1f} dB at {nyquist / 1e9:.4g} GHz"
        anchor = "end" if at > 0.6 * x.end else "start"
        place = at - 8.0 if anchor == "end" else at + 8.0
        marks.append(Text(place, y.end + 14.0, words, anchor, SMALL))
        return marks

    about = f"Insertion loss is {loss:.1f} dB at half the symbol rate."
    x = Axis(0.0, top, 0.0, 1.0, "frequency", "Hz")
    y = Axis(DEEPEST, 2.0, 0.0, 1.0, "dB")
    return lines("loss", "Channel", about, curves, x, y, more)


def _decibels(values: np.ndarray) -> Floats:
    size = 20.0 * np.log10(np.maximum(np.abs(values), 1e-6))
    return np.asarray(np.maximum(size, DEEPEST))


def _over(x: Floats, y: Floats, label: str) -> Curve:
    """Return a curve of many points without dots."""
    step = max(1, len(x) // POINTS)
    points = tuple(zip(x[::step].tolist(), y[::step].tolist(), strict=True))
    return Curve(label, points, dots=False)


def pulse_figure(seen: Sight) -> Drawing:
    """Return the equalized pulse, the samples that count, and both equalizers' taps."""
    com, samples = seen.case.com, seen.sheet.samples
    last = int(max([*com.floating, SHOWN[1] - 2])) + 2  # no floating tap is left out
    time = (np.arange(len(com.pulse)) - com.cursor) / samples
    near = (time >= -SHOWN[0]) & (time <= last)
    at = com.cursor + samples * np.arange(-SHOWN[0], last + 1)
    at = at[(at >= 0) & (at < len(com.pulse))]
    sampled = tuple(zip(time[at].tolist(), com.pulse[at].tolist(), strict=True))
    curves = [
        _over(time[near], com.pulse[near], "equalized pulse"),
        Curve("samples", sampled, joined=False),
    ]
    taps = com.feedback[:last] * com.pulse[com.cursor]
    low = min(float(com.pulse[near].min()), float(taps.min(initial=0.0)))
    high = 1.06 * float(com.pulse[near].max())

    def more(x: Axis, y: Axis) -> list[Mark]:
        zero = y.at(0.0)
        marks: list[Mark] = [Line(((x.start, zero), (x.end, zero)), "muted", 1.0)]
        marks += _taps(taps, x, y)
        return [*marks, *_forward(seen, x, y)]

    about = "What a lone symbol leaves at the slicer, once equalized."
    if np.any(taps):
        about += " Boxes are what feedback takes away."
    if com.forward is not None:
        about += " Stems are the forward taps, by the cursor's."
    x = Axis(-float(SHOWN[0]), float(last), 0.0, 1.0, "UI from the cursor")
    y = Axis(min(1.1 * low, -0.3 * high), high, 0.0, 1.0, "", "V")
    return lines("pulse", "Pulse", about, curves, x, y, more)


def _taps(taps: Floats, x: Axis, y: Axis) -> list[Mark]:
    width, zero = 0.6 * (x.at(1.0) - x.at(0.0)), y.at(0.0)
    marks: list[Mark] = []
    for number, tap in enumerate(taps.tolist(), 1):
        at = y.at(tap)
        box = (x.at(number) - width / 2.0, min(at, zero), width, abs(at - zero))
        tip = f"feedback tap {number}: {tap * 1e3:.3g} mV"
        marks += [Rect(*box, "c1", 1, tip, 0.45)] if tap else []
    return marks


def _forward(seen: Sight, x: Axis, y: Axis) -> list[Mark]:
    """Return forward taps as stems, each where it delays the pulse to."""
    taps, rules = seen.case.com.forward, seen.sheet.forward
    if taps is None or rules is None:
        return []
    up, down = float(np.max(taps)), -float(np.min(taps))
    scale = 0.9 * min(y.high / max(up, 1e-12), -y.low / max(down, 1e-12))
    marks: list[Mark] = []
    for place in np.flatnonzero(taps).tolist():
        tap, at = float(taps[place]), x.at(float(place - rules.pre))
        if x.start <= at <= x.end:
            ends: tuple[Point, ...] = ((at, y.at(0.0)), (at, y.at(tap * scale)))
            marks.append(Line(ends, "c2", 1.8, 0, f"forward tap: {tap:.3f}"))
    return marks


def eye_figure(eye: Eye, levels: int) -> Drawing:
    """Return the statistical eye, and in every opening its contours by error ratio."""
    low, high = float(eye.voltage[0]), float(eye.voltage[-1])

    def more(x: Axis, y: Axis) -> list[Mark]:
        box = (x.start, y.end, x.end - x.start, y.start - y.end)
        marks: list[Mark] = [Bitmap(*box, _density(eye))]
        for ratio, share in enumerate(RATIOS):
            for opening in range(levels - 1):
                edges = eye.opening(opening, levels, ratio)
                marks += _contour(eye.time, edges, x, y, ratio)
            left, at = x.start + 12.0 + 92.0 * ratio, y.end + 14.0
            key = ((left, at), (left + 20.0, at))
            marks.append(Line(key, f"e{ratio}", 1.6, ratio))
            words = f"{share:.0e}".replace("e-0", "e-").replace("-", "−")
            marks.append(Text(left + 25.0, at + 4.0, words, size=SMALL, fill="e0"))
        return marks

    middle = len(eye.time) // 2
    widest = eye.opening(levels // 2 - 1, levels, 1)
    tall = max(float(widest[1][middle] - widest[0][middle]), 0.0)
    about = (
        f"Probability of what the slicer sees, and contours that so many symbols lie "
        f"beyond; the middle eye is {tall * 1e3:.1f} mV high at {RATIOS[1]:.0e}."
    )
    y = Axis(low, high, 0.0, 1.0, "", "V")
    return lines("eye", "Eye", about, [], _instants(eye), y, more)


def _instants(eye: Eye) -> Axis:
    ends = float(eye.time[0]), float(eye.time[-1])
    return Axis(*ends, 0.0, 1.0, "UI from the sampling instant")


def _density(eye: Eye) -> bytes:
    from matplotlib.image import imsave

    shown = np.log10(np.maximum(eye.density, 10.0 ** (FAINTEST - 3.0)))
    buffer = BytesIO()
    imsave(buffer, shown, cmap="magma", vmin=FAINTEST, origin="lower", format="png")
    return buffer.getvalue()


def _contour(
    time: Floats, edges: Sequence[Floats], x: Axis, y: Axis, ratio: int
) -> list[Mark]:
    """Return both edges of an opening where it is one."""
    open_ = edges[0] < edges[1]
    if not np.any(open_):
        return []
    across = [x.at(float(t)) for t in time[open_]]
    ways = ([y.at(float(v)) for v in edge[open_]] for edge in edges)
    return [
        Line(tuple(zip(across, way, strict=True)), f"e{ratio}", 1.4, ratio)
        for way in ways
    ]


def bathtub_figure(eye: Eye, error_ratio: float) -> Drawing:
    """Return the error ratio of a slicer over its sampling instant."""
    curve = _over(eye.time, np.maximum(eye.errors, LEAST), "")

    def more(x: Axis, y: Axis) -> list[Mark]:
        at = y.at(error_ratio)
        words = f"{error_ratio:g}, what the margin is measured at"
        line = Line(((x.start, at), (x.end, at)), "bad", 1.6, 1)
        return [line, Text(x.start + 6.0, at - 5.0, words, size=SMALL, fill="bad")]

    below = eye.time[eye.errors < error_ratio]
    wide = float(np.ptp(below)) if len(below) else 0.0
    about = (
        f"Error ratio of a slicer by its instant: {wide:.2f} UI lie below "
        f"{error_ratio:g}."
    )
    y = Axis(LEAST, 2.0, 0.0, 1.0, "symbol error ratio", log=True)
    return lines("bathtub", "Bathtub", about, [curve], _instants(eye), y, more)
