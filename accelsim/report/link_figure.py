"""A judged channel as a picture: loss with its mask, pulse with taps, eye, bathtub.

This file knows matplotlib, which it loads only when a picture is asked for, and draws
what the link room found.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.link.channel import Floats
from accelsim.link.eye import RATIOS, Eye, statistical_eye
from accelsim.link.judge import CaseResult, Judgement
from accelsim.report.figures import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("white", "cyan", "deepskyblue", "lime")  # of the contours
SHOWN = (8, 24)  # intervals of the pulse before and after its cursor


def draw(path: str, found: Judgement) -> None:
    """Draw a judgement's worst case."""
    from matplotlib.figure import Figure

    worst = found.worst
    eye = statistical_eye(worst.com, worst.paths, found.sheet)
    figure = Figure(figsize=(12.0, 8.0), layout="constrained")
    axes: Any = figure.subplots(2, 2)
    draw_loss(axes[0, 0], found)
    draw_pulse(axes[0, 1], found, worst)
    draw_eye(axes[1, 0], eye, found.sheet.levels)
    draw_bathtub(axes[1, 1], eye, found.sheet.error_ratio)
    figure.suptitle(
        f"{found.channel.thru.name or 'channel'}, {found.spec.name}, "
        f"case {worst.name}: COM {worst.com.com_db:.2f} dB"
    )
    save(figure, Path(path))


def draw_loss(axis: "Axes", found: Judgement) -> None:
    """Draw insertion loss, return loss and power-sum crosstalk over frequency."""
    thru = found.channel.thru
    f = thru.frequency / 1e9

    def decibels(values: Any) -> Any:
        return 20.0 * np.log10(np.maximum(np.abs(values), 1e-6))

    axis.plot(f, decibels(thru.s[:, 1, 0]), label="insertion loss")
    axis.plot(f, decibels(thru.s[:, 0, 0]), lw=0.8, alpha=0.7, label="return loss")
    for kind, ports in (("FEXT", found.channel.fext), ("NEXT", found.channel.next)):
        if ports:
            power = sum(np.abs(port.s[:, 1, 0]) ** 2 for port in ports)
            axis.plot(f, decibels(np.sqrt(power)), lw=0.8, label=f"{kind}, power sum")
    if found.spec.loss_mask:
        corners = [(float(a) / 1e9, -float(b)) for a, b in found.spec.loss_mask]
        axis.plot(*zip(*corners, strict=True), "kv--", lw=1.0, ms=6, label="mask")
    nyquist = found.sheet.symbol_rate / 2e9
    axis.axvline(nyquist, color="grey", ls=":", lw=1.0)
    axis.annotate(
        f"{found.loss_db:.1f} dB at {nyquist:.4g} GHz",
        (nyquist, -found.loss_db),
        xytext=(6, 10 if found.loss_db > 8.0 else -16),
        textcoords="offset points",
    )
    axis.set(xlabel="frequency, GHz", ylabel="dB", ylim=(-80, 2), title="Channel")
    axis.legend(loc="lower left", fontsize="small")
    axis.grid(alpha=0.3)


def draw_pulse(axis: "Axes", found: Judgement, case: CaseResult) -> None:
    """Draw the equalized pulse, the samples that count, and both equalizers' taps."""
    com, samples = case.com, found.sheet.samples
    last = int(max([*com.floating, SHOWN[1] - 2])) + 2  # no floating tap is left out
    time = (np.arange(len(com.pulse)) - com.cursor) / samples
    near = (time >= -SHOWN[0]) & (time <= last)
    axis.plot(time[near], com.pulse[near] * 1e3, lw=1.2, label="equalized pulse")
    at = com.cursor + samples * np.arange(-SHOWN[0], last + 1)
    at = at[(at >= 0) & (at < len(com.pulse))]
    axis.plot(time[at], com.pulse[at] * 1e3, "o", ms=3.5, label="samples")
    taps = com.feedback[:last]
    if np.any(taps):
        value = com.pulse[com.cursor]
        axis.bar(
            np.arange(1, len(taps) + 1),
            taps * value * 1e3,
            width=0.6,
            alpha=0.35,
            color="tab:red",
            label="feedback taps",
        )
    axis.axhline(0.0, color="grey", lw=0.8)
    axis.set(xlabel="UI from the cursor", ylabel="mV", title="Pulse")
    axis.grid(alpha=0.3)
    drawn, names = axis.get_legend_handles_labels()
    rules = found.sheet.forward
    if com.forward is not None and rules is not None:
        forward, name = _draw_forward(axis, com.forward, rules.pre)
        drawn, names = [*drawn, forward], [*names, name]
    axis.legend(drawn, names, fontsize="small")


def _draw_forward(axis: "Axes", taps: Floats, pre: int) -> tuple[Any, str]:
    """Draw forward taps on a scale of their own, each where it delays the pulse to."""
    places = np.flatnonzero(taps)
    other = axis.twinx()
    lines = other.vlines(places - pre, 0.0, taps[places], color="tab:green", lw=1.8)
    lines.set_alpha(0.7)
    # both zeros at the same height
    low, high = axis.get_ylim()
    size = 1.05 * float(np.max(np.abs(taps)))
    share = min(low / high, 1.1 * float(np.min(taps)) / size)
    axis.set_ylim(share * high, high)
    other.set_ylim(share * size, size)
    other.set_ylabel("forward taps, of the cursor's", color="tab:green")
    return lines, "forward taps"


def draw_eye(axis: "Axes", eye: Eye, levels: int) -> None:
    """Draw the statistical eye, and in every opening its contours by error ratio."""
    shown = np.log10(np.maximum(eye.density, 1e-15))
    edges = (eye.time[0], eye.time[-1], eye.voltage[0] * 1e3, eye.voltage[-1] * 1e3)
    axis.imshow(
        shown, extent=edges, origin="lower", aspect="auto", cmap="magma", vmin=-12
    )
    for ratio, share in enumerate(RATIOS):
        for opening in range(levels - 1):
            low, high = eye.opening(opening, levels, ratio)
            open_ = np.where(low < high, 1.0, np.nan)
            label = f"{share:.0e}" if opening == 0 else None
            color = COLOURS[ratio]
            axis.plot(eye.time, low * open_ * 1e3, color=color, lw=0.9, label=label)
            axis.plot(eye.time, high * open_ * 1e3, color=color, lw=0.9)
    legend = axis.legend(
        title="symbols beyond",
        title_fontsize="x-small",
        fontsize="x-small",
        loc="lower right",
        facecolor="black",
        labelcolor="white",
    )
    legend.get_title().set_color("white")
    axis.set(xlabel="UI from the sampling instant", ylabel="mV", title="Eye")


def draw_bathtub(axis: "Axes", eye: Eye, error_ratio: float) -> None:
    """Draw the error ratio of a slicer over its sampling instant."""
    axis.semilogy(eye.time, np.maximum(eye.errors, 1e-18))
    axis.axhline(error_ratio, color="tab:red", ls="--", lw=1.0)
    axis.annotate(
        f"{error_ratio:g}, what the margin is measured at",
        (eye.time[0], error_ratio),
        xytext=(4, 4),
        textcoords="offset points",
        fontsize="small",
    )
    axis.set(
        xlabel="UI from the sampling instant",
        ylabel="symbol error ratio",
        ylim=(1e-18, 2.0),
        title="Bathtub",
    )
    axis.grid(alpha=0.3)
