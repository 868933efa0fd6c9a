"""Fabrics as tables, and as a picture with their edges coloured by utilisation.

This file knows matplotlib, which is loaded when a picture is asked for, and where to
put a node: chips of a torus on a grid, those of other tiers in a row, switches above.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import RenderableType

from accelsim import numbers
from accelsim.fabric.congestion import Congestion, GroupResult
from accelsim.fabric.graph import Graph
from accelsim.fabric.listing import Listing
from accelsim.kernels.graph_tables import CHIP, NIC, RANK
from accelsim.report.figures import save
from accelsim.report.tables import bar, heading, table
from accelsim.units import show

MOST_DRAWN = 1500  # nodes; a larger fabric has the curve alone
Floats = NDArray[np.float64]


def fabric_tables(
    made: Listing, found: Congestion | None, busiest: int
) -> list[RenderableType]:
    """Return what a fabric is made of, and what jobs do on it."""
    words = ", ".join(f"{count:,} {name}" for name, count in made.nodes.items())
    latency = numbers.seconds(made.latency)
    tiers = table(
        "tier", "topology", "domains", "edges", "a chip, one way", "switches", "power",
        "price", left=2,
    )  # fmt: skip
    for tier in made.tiers:
        known = bool(tier.switch)
        tiers.add_row(
            tier.name,
            f"{tier.topology}, {tier.levels} levels" if tier.levels else tier.topology,
            f"{tier.domains:,}",
            f"{tier.edges:,}",
            show(tier.chip_bandwidth, "B/s"),
            f"{tier.switches:,} {tier.switch}" if known else numbers.DASH,
            numbers.scaled(tier.power if known else None, "W"),
            numbers.dollars(tier.price if known else None),
        )
    parts: list[RenderableType] = [
        heading(f"{made.system}: {made.chips:,} chips, {made.ranks:,} ranks"),
        f"nodes: {words}; {made.edges:,} edges, one way each",
        f"bisection {show(made.bisection, 'B/s')} one way; diameter {made.diameter} "
        f"edges, {latency} beside the steps",
        "",
        tiers,
    ]
    if found is not None:
        parts += [heading("Collectives at the same time"), _groups(found.groups)]
        parts += [heading("Busiest edges"), _edges(found.busiest(busiest))]
    return parts


def _groups(groups: Sequence[GroupResult]) -> RenderableType:
    made = table(
        "job", "axis", "collective", "bytes", "closed form", "alone", "together",
        "slower", "bottleneck", left=3,
    )  # fmt: skip
    for group in groups:
        made.add_row(
            str(group.job),
            f"{group.axis} {group.groups} x {group.ranks}",
            group.kind,
            show(group.size, "B"),
            numbers.seconds(group.closed_form),
            numbers.seconds(group.alone),
            numbers.seconds(group.together),
            f"{group.slowdown:.2f} x",
            group.bottleneck,
        )
    return made


def _edges(busiest: Sequence[tuple[str, float]]) -> RenderableType:
    made = table("edge", "carried of its rate", "")
    for name, share in busiest:
        made.add_row(name, numbers.percent(share), bar(share))
    return made


def draw(path: Path, graph: Graph, utilisation: Floats | None) -> None:
    """Write the picture; the ending of the file's name says which kind.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    used = np.zeros(len(graph.edges)) if utilisation is None else utilisation
    built = np.flatnonzero(graph.edges.ports > 0)
    figure = Figure(figsize=(12.0, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    if len(graph.nodes) <= MOST_DRAWN:
        places = positions(graph)
        order = built[np.argsort(used[built])]  # the busy ones on top
        ends = [
            [places[graph.edges.source[e]], places[graph.edges.target[e]]]
            for e in order
        ]
        lines = LineCollection(ends, array=used[order], cmap="viridis_r", linewidth=1.2)
        lines.set_clim(0.0, 1.0)
        left.add_collection(lines)
        left.plot(places[:, 0], places[:, 1], "o", color="black", markersize=2.5)
        figure.colorbar(lines, ax=left, label="carried of its rate", shrink=0.7)
    else:
        left.text(0.5, 0.5, f"{len(graph.nodes):,} nodes", ha="center")
    left.set_axis_off()
    left.set_title(f"{graph.system}: {graph.chips:,} chips", fontsize=10, loc="left")
    for index, wiring in enumerate(graph.wirings):
        mine = np.sort(used[built[graph.edges.tier[built] == index]])[::-1]
        right.plot(np.linspace(0.0, 1.0, len(mine)), mine, label=wiring.name)
    right.set(xlabel="edges of the tier, busiest first", ylabel="carried of its rate")
    right.set_ylim(0.0, 1.05)
    right.grid(visible=True, linewidth=0.4, alpha=0.5)
    right.legend(fontsize=8, frameon=False)
    save(figure, path)


def positions(graph: Graph) -> Floats:
    """Return where each node is drawn, (nodes, 2).

    A torus of two dimensions is a square, a third one sets squares side by side; other
    chips stand in a row. Ranks hang below their chip; NICs, leaves, spines and cores
    are above, in the middle of what they join.
    """
    chips = np.arange(graph.chips)
    x, y = chips.astype(float), np.zeros(graph.chips)
    torus = [w for w in graph.wirings if w.spec.topology == "torus"]
    top = 1.0
    if torus:
        dims = torus[0].spec.dims
        wide, high = dims[0], (dims[1] if len(dims) > 1 else 1)
        block = chips // (wide * high)
        x = chips % wide + block * (wide + 1.0) + 0.12 * (chips // wide % high)
        y = -(chips // wide % high) * 1.0 + 0.12 * (chips % wide)
        top = 2.0
    places = np.zeros((len(graph.nodes), 2))
    places[: graph.chips] = np.stack([x, y], axis=1)
    span = max(1.0, float(x.max()))
    step = span / 10.0 if not torus else max(1.0, span / 10.0)
    for number in range(graph.chips, len(graph.nodes)):
        row = graph.nodes[number]
        joined = graph.edges.source[graph.edges.target == number]
        below = joined[joined < number]
        places[number, 0] = places[below, 0].mean() if len(below) else 0.0
        height = {int(CHIP): 0.0, int(RANK): -0.3, int(NIC): 0.5}.get(int(row.kind))
        if height is None:
            tree = graph.wirings[row.tier].tree is not None
            height = 1.0 + row.tier + row.level if tree else -1.0 - row.tier
        places[number, 1] = height * step + (top - 1.0 if height > 0.0 else 0.0)
        if row.kind == RANK:
            home = int(below[0])
            places[number] = places[home] + [0.1 * (row.number % graph.per_chip), -0.25]
    _spread(graph, places, span)
    return places


def _spread(graph: Graph, places: Floats, span: float) -> None:
    """Set switches of one row apart that would stand on each other."""
    switches = np.arange(graph.chips, len(graph.nodes))
    switches = switches[~np.isin(graph.nodes.kind[switches], (RANK, NIC))]
    for height in np.unique(places[switches, 1]):
        row = switches[places[switches, 1] == height]
        if len(row) > 1:
            places[row, 0] = (np.arange(len(row)) + 0.5) * span / len(row)
