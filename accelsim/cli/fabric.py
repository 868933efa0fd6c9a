"""`accelsim fabric`: a system as a graph, and what concurrent collectives do on it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables
from accelsim.errors import InputError

if TYPE_CHECKING:
    from accelsim.fabric.congestion import Congestion
    from accelsim.fabric.listing import Listing

BUSIEST = 10  # edges that are shown


@click.command(
    "fabric",
    epilog="""\b
Examples:
  accelsim fabric trn3-ultraserver-gen2
  accelsim fabric dgx-h100 --job tp=8,dp=16 --job dp=64,every=2
  accelsim fabric trn2-48xlarge --job tp=64 --down chip0-chip1""",
)
@click.argument("name")
@click.option(
    "--job", "jobs", multiple=True, metavar="JOB",
    help="AXIS=RANKS[:KIND[:BYTES[:ALGORITHM]]],... of tp, cp, ep, dp, pp; at=RANK and "
    "every=N place it. May be repeated.",
)  # fmt: skip
@click.option("--chips", type=int, help="Of the fabric.  [default: what the jobs need]")
@click.option(
    "--down", multiple=True, metavar="A-B",
    help="A link that is down, or A>B for one direction; traffic goes around it.",
)  # fmt: skip
@click.option(
    "--degrade", multiple=True, metavar="A-B=SHARE",
    help="A link that has only this share of its bandwidth.",
)  # fmt: skip
@click.option(
    "--once", is_flag=True,
    help="Run each collective once, not anew until all have ended.",
)  # fmt: skip
@click.option(
    "--grain", type=int, default=8, show_default=True,
    help="Parts of a phase that take turns; more is finer and slower.",
)  # fmt: skip
@options.figure_option("Draw the fabric, edges by utilisation")
@options.set_option
@options.json_option
def fabric_command(
    name: str, jobs: tuple[str, ...], chips: int | None, down: tuple[str, ...],
    degrade: tuple[str, ...], once: bool, grain: int, figure: Path | None,
    changes: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """List the graph of system NAME, or run JOBs on it at the same time.

    Without a job: nodes, links, switches with W and USD, bisection and diameter. With
    jobs: the time of each axis' collectives alone and together, and what is in the way.
    --set changes a field of the system, such as tiers.fabric.oversubscription=4.
    """
    from accelsim.fabric.collective import system
    from accelsim.fabric.congestion import congestion
    from accelsim.fabric.graph import fabric_of
    from accelsim.fabric.jobs import read_job
    from accelsim.fabric.listing import listing
    from accelsim.report.fabric import draw, fabric_tables
    from accelsim.report.figures import check_figure

    if figure is not None:
        check_figure(figure)
    on = system(name, [change.removeprefix("system.") for change in changes])
    shares = dict(_share(text) for text in degrade)
    if jobs:
        found = congestion(
            on, [read_job(job) for job in jobs], chips=chips, down=down,
            degrade=shares, once=once, grain=grain,
        )  # fmt: skip
        graph = found.graph
    else:
        found, graph = None, fabric_of(on, chips).with_faults(down, shares)
    made = listing(graph)
    if figure is not None:
        draw(figure, graph, None if found is None else found.utilisation)
    if as_json:
        print_json(_answer(made, found))
    else:
        print_tables(fabric_tables(made, found, BUSIEST))


def _share(text: str) -> tuple[str, float]:
    edge, equals, share = text.rpartition("=")
    try:
        return edge.strip(), float(share if equals else "none")
    except ValueError:
        raise InputError(
            f"--degrade {text!r}: write A-B=SHARE, such as chip0-chip1=0.5"
        ) from None


def _answer(made: "Listing", found: "Congestion | None") -> dict[str, Any]:
    answer: dict[str, Any] = {
        "system": made.system,
        "chips": made.chips,
        "ranks": made.ranks,
        "nodes": made.nodes,
        "edges": made.edges,
        "bisection_bytes_per_s": made.bisection,
        "diameter_edges": made.diameter,
        "longest_latency_s": made.latency,
        "tiers": [
            {
                "tier": tier.name,
                "topology": tier.topology,
                "domains": tier.domains,
                "edges": tier.edges,
                "chip_bandwidth_bytes_per_s": tier.chip_bandwidth,
                "switch": tier.switch or None,
                "switches": tier.switches,
                "levels": tier.levels,
                "switch_power_w": tier.power,
                "switch_price_usd": tier.price,
            }
            for tier in made.tiers
        ],
    }
    if found is not None:
        answer["groups"] = [
            {
                "job": group.job,
                "axis": group.axis,
                "groups": group.groups,
                "ranks": group.ranks,
                "stride": group.stride,
                "collective": group.kind,
                "size_bytes": group.size,
                "closed_form_s": group.closed_form,
                "alone_s": group.alone,
                "together_s": group.together,
                "slowdown": group.slowdown,
                "bandwidth_share": group.share,
                "bottleneck": group.bottleneck or None,
            }
            for group in found.groups
        ]
        answer["busiest_edges"] = [
            {"edge": edge, "utilisation": share}
            for edge, share in found.busiest(BUSIEST)
        ]
        answer["flow_events"] = found.events
    return answer
