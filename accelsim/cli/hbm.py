"""`accelsim hbm`: what a memory gives under a pattern of requests."""

from pathlib import Path
from typing import Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables
from accelsim.errors import InputError

PATTERNS = (
    "sequential",
    "strided",
    "random",
    "blocks",
    "streams",
    "random-streams",
)
CHIPS = ("a100-80gb", "h100-sxm", "h200", "b200", "trainium2", "trainium3")
MOST_REQUESTS = 20_000_000


@click.command(
    "hbm",
    epilog="""\b
Examples:
  accelsim hbm hbm3-6.4 --read-fraction 0.67
  accelsim hbm hbm3-6.4 --pattern random --set 'timing.faw=12 ns'
  accelsim hbm --chips""",
)
@click.argument("preset", required=False)
@click.option(
    "--pattern",
    type=click.Choice(PATTERNS),
    default="sequential",
    show_default=True,
    help="Order of the addresses.",
)
@click.option(
    "--size",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Stride or block in bytes, or number of streams.",
)
@click.option(
    "--read-fraction",
    type=click.FloatRange(0.0, 1.0),
    default=1.0,
    show_default=True,
    help="Share of reads; each request is one by chance.",
)
@click.option(
    "--group",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Reads and writes take turns in groups of N requests instead.",
)
@click.option(
    "--load",
    type=click.FloatRange(min=0.0, min_open=True),
    metavar="SHARE",
    help="Requests offered, as a share of the peak.  [default: as many as fit]",
)
@click.option(
    "--channels",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Channels that the addresses interleave over.",
)
@click.option(
    "--requests",
    "count",
    type=click.IntRange(1000, MOST_REQUESTS),
    default=30_000,
    show_default=True,
    help="Requests measured, after a warm-up.",
)
@click.option(
    "--figure",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Draw load against latency, and the first microsecond (.png, .svg or .pdf).",
)
@click.option(
    "--chips",
    is_flag=True,
    help="Instead: what the memories of the catalog's chips give to their streams.",
)
@click.option(
    "--trace",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Run these requests instead (.csv, .parquet, or Ramulator's .trace).",
)
@click.option(
    "--write-trace",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the requests to a file of such a kind.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@options.set_option
@options.json_option
def hbm_command(
    preset: str | None, chips: bool, as_json: bool, figure: str | None, **asked: Any
) -> None:
    """Run requests through channels of PRESET, tick for tick.

    PRESET is a memory of the catalog (`accelsim list hbm`) or a TOML file. Queues are
    kept full unless --load says otherwise.
    """
    if chips:
        _chips(as_json)
        return
    if preset is None:
        raise InputError("hbm: PRESET is missing: a memory of the catalog, or --chips")
    from accelsim.report.figures import check_figure

    if figure is not None:
        check_figure(figure)
    found = _answer(preset, figure, asked)
    if as_json:
        print_json(found)
        return
    from accelsim.report.hbm import hbm_tables

    print_tables(hbm_tables(found))


def _answer(preset: str, figure: str | None, asked: dict[str, Any]) -> dict[str, Any]:
    """Return a memory under a pattern as plain data, and draw it if asked to."""
    from accelsim.catalog import load as load_spec
    from accelsim.catalog import override, parse_overrides
    from accelsim.chip import memory
    from accelsim.chip.examine import examine
    from accelsim.chip.traces import read_trace, write_trace
    from accelsim.specs.hbm import HbmSpec

    spec: HbmSpec = load_spec("hbm", preset)
    spec = override(spec, parse_overrides(asked["changes"]), f"hbm {spec.name}")
    channels, trace = asked["channels"], asked["trace"]
    spec = memory.interleaved(spec, channels)
    pattern = memory.Pattern(
        *(asked["pattern"], asked["size"], asked["read_fraction"], asked["group"]),
        memory.interval_of(spec, asked["load"], channels),
        asked["seed"],
    )
    if trace is not None:
        traffic, warm_up = read_trace(Path(trace), spec, channels), 0
    else:
        warm_up = memory.WARM_UP
        count = warm_up + asked["count"]
        traffic = memory.saturating(spec, pattern, count, channels)
    if asked["write_trace"] is not None:
        write_trace(Path(asked["write_trace"]), traffic, spec, channels)
    examined = examine(spec, traffic, warm_up, channels)
    if figure is not None:
        from accelsim.report.hbm_figure import draw

        draw(figure, spec, pattern)
    return _plain(spec, pattern, channels, examined) | {"trace": trace}


def _chips(as_json: bool) -> None:
    """Print what the memories of chips give, with refresh of all banks and of idle."""
    from dataclasses import asdict

    from accelsim.catalog import load as load_spec
    from accelsim.chip.stack import chip_memory
    from accelsim.report.hbm import chip_tables

    found = [
        asdict(answer)
        for name in CHIPS
        for refresh in ("all-bank", "idle-bank")
        if (answer := chip_memory(load_spec("chips", name), refresh)) is not None
    ]
    if as_json:
        print_json({"chips": found})
    else:
        print_tables(chip_tables(found))


def _plain(spec: Any, asked: Any, channels: int, examined: Any) -> dict[str, Any]:
    """Return the answer as plain data; bandwidths in B/s, times in s."""
    found, energy = examined.measured, examined.energy
    parts = ("activate", "movement", "io", "refresh", "background", "total")
    return {
        "memory": spec.name,
        "generation": spec.generation,
        "pin_rate": spec.pin_rate.text,
        "channels": channels,
        "stack_channels": spec.organisation.channels,
        "stack_bandwidth": spec.bandwidth,
        "transaction_bytes": spec.organisation.transaction,
        "pattern": {
            "kind": asked.kind,
            "size": asked.size,
            "read_fraction": asked.read_fraction,
            "group": asked.group,
            "interval_ticks": asked.interval,
            "seed": asked.seed,
        },
        "requests": found.requests,
        "ticks": found.ticks,
        "bandwidth": found.bandwidth,
        "peak": found.peak,
        "efficiency": found.efficiency,
        "latency_s": found.latency,
        "latency_p50_s": found.latency_p50,
        "latency_p99_s": found.latency_p99,
        "row_hit_rate": found.row_hit_rate,
        "limited_by": examined.limits,
        "energy_j_per_b": energy and {name: getattr(energy, name) for name in parts},
    }
