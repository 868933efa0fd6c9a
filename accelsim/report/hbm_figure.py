"""Pictures of a memory: load against latency, and what its banks do.

This file knows matplotlib. It does not know how a channel decides (`chip.examine`).
"""

from pathlib import Path
from typing import Any

from accelsim.report.figures import save

TIMELINE = 1e-6  # s
NS = 1e9
# From the data of a row to its rest, in colours that are told apart without colour.
COLOURS = {
    "ACT": "#0072b2",
    "RD": "#009e73",
    "WR": "#d55e00",
    "PRE": "#999999",
    "REF": "#cc79a7",
}


def draw(path: str, spec: Any, pattern: Any) -> None:
    """Draw a memory under a pattern: one channel, at growing loads and at full."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 9.0), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(2, 3))
    kind = f"{pattern.kind}, {pattern.read_fraction:.0%} reads"
    figure.suptitle(f"One channel of {spec.name} ({spec.pin_rate.text} a pin): {kind}")
    _latency(above, spec, pattern)
    _timeline(below, spec, pattern)
    save(figure, Path(path))


def _latency(axes: Any, spec: Any, pattern: Any) -> None:
    """Draw the latency of reads over the bandwidth that a load reaches."""
    from accelsim.chip.examine import load_curve

    peak = spec.channel_bandwidth / 1e9
    points = list(load_curve(spec, pattern))
    x = [one.reached * peak for one in points]
    for label, marks, waits in (
        ("mean", "o-", [one.latency for one in points]),
        ("99th percentile", "s--", [one.p99 for one in points]),
    ):
        y = [float("nan") if wait is None else wait * NS for wait in waits]
        axes.plot(x, y, marks, label=label)
    axes.axvline(peak, color="black", linewidth=1.0)
    axes.text(peak, 0.5, "peak ", rotation=90, ha="right", transform=_across(axes))
    axes.set(xlabel="bandwidth reached [GB/s]", ylabel="latency of a read [ns]")
    axes.set(xlim=(0.0, 1.03 * peak), ylim=(0.0, None))
    axes.set_title("Latency under load", fontsize="medium")
    axes.legend(frameon=False, loc="best")


def _across(axes: Any) -> Any:
    """Return the axes' transform of data across and shares of the height up."""
    return axes.get_xaxis_transform()


def _timeline(axes: Any, spec: Any, pattern: Any) -> None:
    """Draw which command goes to which bank in the first microsecond."""
    from dataclasses import replace

    from accelsim.chip.examine import commands
    from accelsim.chip.memory import requests

    asked = requests(spec, replace(pattern, interval=0.0), 6000)
    made = spec.organisation
    banks = made.stack_ids * made.bank_groups * made.banks
    times: dict[str, tuple[list[float], list[int]]] = {}
    for one in commands(spec, asked, TIMELINE):
        x, y = times.setdefault(one.command[:3].rstrip("Apab"), ([], []))
        first = one.pseudo_channel * banks
        every = range(first, first + banks)
        for bank in [one.bank] if one.bank in every else every:
            x.append(one.time * NS)
            y.append(bank)
    for name, colour in COLOURS.items():
        x, y = times.get(name, ([], []))
        axes.scatter(x, y, s=16, marker="|", color=colour, label=name)
    for first in range(banks, banks * made.pseudo_channels, banks):
        axes.axhline(first - 0.5, color="black", linewidth=0.6)
    axes.set(xlabel="time [ns]", ylabel="bank, by pseudo-channel")
    axes.set(xlim=(0.0, TIMELINE * NS), ylim=(-1, banks * made.pseudo_channels))
    axes.set_title("Commands of the first microsecond, queues full", fontsize="medium")
    axes.legend(
        ncols=len(COLOURS),
        frameon=False,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.1),
        markerscale=2,
    )
