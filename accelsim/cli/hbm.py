"""`accelsim hbm`: what a memory gives under a pattern of requests."""

from typing import Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables

PATTERNS = (
    "sequential",
    "strided",
    "random",
    "blocks",
    "streams",
    "random-streams",
)
MOST_REQUESTS = 20_000_000


@click.command(
    "hbm",
    epilog="""\b
Examples:
  accelsim hbm hbm3-6.4 --read-fraction 0.67
  accelsim hbm hbm3-6.4 --pattern random --set 'timing.faw=12 ns'""",
)
@click.argument("preset")
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
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@options.set_option
@options.json_option
def hbm_command(
    preset: str,
    pattern: str,
    size: int,
    read_fraction: float,
    group: int,
    load: float | None,
    channels: int,
    count: int,
    seed: int,
    changes: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run requests through channels of PRESET, tick for tick.

    PRESET is a memory of the catalog (`accelsim list hbm`) or a TOML file. Queues are
    kept full unless --load says otherwise.
    """
    from accelsim.catalog import load as load_spec
    from accelsim.catalog import override, parse_overrides
    from accelsim.chip.memory import Pattern, interleaved, interval_of, measure
    from accelsim.specs.hbm import HbmSpec

    spec: HbmSpec = load_spec("hbm", preset)
    spec = override(spec, parse_overrides(changes), f"hbm {spec.name}")
    spec = interleaved(spec, channels)
    interval = interval_of(spec, load, channels)
    asked = Pattern(pattern, size, read_fraction, group, interval, seed)
    found = _plain(spec, asked, channels, measure(spec, asked, count, channels))
    if as_json:
        print_json(found)
        return
    from accelsim.report.hbm import hbm_tables

    print_tables(hbm_tables(found))


def _plain(spec: Any, asked: Any, channels: int, found: Any) -> dict[str, Any]:
    """Return the answer as plain data; bandwidths in B/s, times in s."""
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
    }
