"""`accelsim goodput`: the share of a job's time that failures leave."""

from typing import Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables
from accelsim.errors import InputError


@click.command(
    "goodput",
    epilog="""\b
Examples:
  accelsim goodput --chips 16384 --model llama3-405b --bandwidth "2 TB/s" --spares 64
  accelsim goodput --chips 100000 --write 10s --elastic 32 --json
  accelsim goodput --chips 1024 --reliability meta-rsc1 --write 10s --runs 1000000""",
)
@click.option("--chips", type=click.IntRange(1, 10_000_000), required=True, metavar="N")
@click.option(
    "--reliability",
    default="llama3-h100",
    show_default=True,
    metavar="R",
    help="Fleet whose failure rates count, or a TOML file.",
)
@click.option(
    "--system", metavar="S", help="Whose nodes and links; else one link a chip."
)
@click.option("--write", metavar="T", help="A checkpoint stops the work so long.")
@click.option(
    "--model", metavar="M", help="Or from the bytes of this model's checkpoint,"
)
@click.option("--bandwidth", metavar="B/s", help="written at this bandwidth in all.")
@click.option(
    "--interval", metavar="T", help="Work between checkpoints.  [default: the best]"
)
@click.option(
    "--spares",
    type=click.IntRange(0, 1_000_000),
    help="Nodes that stand by.  [default: enough]",
)
@click.option(
    "--elastic",
    "replicas",
    type=click.IntRange(0, 10_000_000),
    default=0,
    metavar="DP",
    help="Replicas that go on without one another.",
)
@click.option(
    "--codewords-lost",
    type=click.FloatRange(0.0, 1.0),
    default=0.0,
    help="Of each link, after correction: what its margin adds.",
)
@click.option(
    "--runs",
    type=click.IntRange(0, 10_000_000),
    default=0,
    help="Of a Monte Carlo beside the formula.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Of the runs.  [default: 1]")
@options.set_option
@options.json_option
def goodput_command(as_json: bool, **asked: Any) -> None:
    """Tell how often a job of N chips fails, and what share of its time is useful.

    Times are written with their unit: 30s, "2 min".
    """
    answer = _answer(asked)
    if as_json:
        print_json(answer)
        return
    from accelsim.report.goodput import goodput_tables

    print_tables(goodput_tables(answer))


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    from accelsim.catalog import load, override, parse_overrides
    from accelsim.training import goodput as room

    name = asked["reliability"]
    spec = override(
        load("reliability", name),
        parse_overrides(asked["changes"]),
        f"reliability/{name}",
    )
    chips = asked["chips"]
    if asked["replicas"] > chips:
        raise InputError(
            f"--elastic {asked['replicas']}: must be 0 to the {chips} chips"
        )
    if asked["seed"] is not None and not asked["runs"]:
        raise InputError(f"--seed {asked['seed']}: give --runs as well")
    cluster = room.plain_cluster(chips, spec.node)
    if asked["system"] is not None:
        cluster = room.cluster_of(load("systems", asked["system"]), chips)
    interval = _time(asked["interval"], "--interval")
    recovery = room.Recovery(
        _write(asked),
        interval,
        *(asked["spares"], asked["replicas"], asked["runs"], asked["seed"] or 1),
    )
    margin = room.margin_flaps(asked["codewords_lost"], cluster.rate)
    found = room.goodput(spec, cluster, recovery, margin)
    return {"chips": chips, "reliability": spec.name} | found.to_dict()


def _write(asked: dict[str, Any]) -> float:
    """Return how long a checkpoint takes, as told or from bytes and bandwidth [s]."""
    from accelsim.catalog import model
    from accelsim.training.goodput import checkpoint_bytes
    from accelsim.units import parse

    told = _time(asked["write"], "--write")
    other = [name for name in ("model", "bandwidth") if asked[name] is not None]
    if told is not None and other:
        raise InputError(f"goodput: give --write or --{other[0]}, not both")
    if told is not None:
        return told
    if asked["model"] is None or asked["bandwidth"] is None:
        raise InputError("goodput: give --write, or --model and --bandwidth")
    try:
        bandwidth = parse(asked["bandwidth"], "bandwidth")
    except InputError as error:
        raise InputError(f"--bandwidth: {error}") from None
    if bandwidth <= 0.0:
        raise InputError(f"--bandwidth: {asked['bandwidth']} must be more than zero")
    return checkpoint_bytes(model(asked["model"])) / bandwidth


def _time(text: str | None, option: str) -> float | None:
    from accelsim.units import parse

    if text is None:
        return None
    try:
        return parse(text, "time")
    except InputError as error:
        raise InputError(f"{option}: {error}") from None
