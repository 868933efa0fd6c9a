"""`accelsim search`: every legal plan of a run, and why the others lose to the best."""

import os
from typing import Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables

OBJECTIVES = ("tokens_per_s", "step_time", "usd_per_mtoken", "j_per_token")


@click.command(
    "search",
    epilog="""\b
Examples:
  accelsim search gpt3-175b --system dgx-a100 --chips 4096 --global-batch 4096
  accelsim search llama3-70b --system dgx-h100 --chips 128..512 --objective j_per_token

Exit code 1: no plan fits.""",
)
@click.argument("model")
@click.option("--system", required=True, metavar="S", help="Name or TOML file.")
@click.option(
    "--chips", required=True, metavar="N",
    help="Packages: 512, or 256..2048 (doubling), or 256..2048:256.",
)  # fmt: skip
@click.option(
    "--objective", type=click.Choice(OBJECTIVES), default="tokens_per_s",
    show_default=True, help="What the best plan is best in.",
)  # fmt: skip
@click.option(
    "--against", type=click.Choice(OBJECTIVES),
    help="Also print the plans that no other beats in both objectives.",
)  # fmt: skip
@click.option(
    "--top", type=click.IntRange(1, 1000), default=10, show_default=True,
    help="Plans that are ranked.",
)  # fmt: skip
@click.option(
    "--head-room", type=click.FloatRange(0, 1, max_open=True), default=0.0,
    help="Share of the memory that must stay free.",
)  # fmt: skip
@click.option(
    "--max-batch", type=click.IntRange(1), metavar="B",
    help="Also choose the batch: --global-batch, doubled up to B sequences.",
)  # fmt: skip
@click.option(
    "--precision", type=click.Choice(options.PRECISIONS), default="bf16",
    show_default=True, help="Of the GEMMs.",
)  # fmt: skip
@options.batch_options
@options.plan_options
@options.set_option
@options.json_option
def search_command(
    model: str, chips: str, changes: tuple[str, ...], as_json: bool,
    max_batch: int | None, objective: str, against: str | None, top: int,
    head_room: float, **given: Any,
) -> None:  # fmt: skip
    """Try every legal plan of MODEL on a system, and rank the best.

    MODEL is a name, a TOML file or a Hugging Face config.json. Parts of the plan that
    are given are kept.
    """
    from accelsim.catalog import parse_overrides
    from accelsim.explore.counts import counts_of, doublings
    from accelsim.explore.search import search
    from accelsim.kernels.warm import compiling_beside
    from accelsim.report.search import search_tables

    counts = counts_of(chips, "--chips")
    batch = given["global_batch"]
    batches = doublings(batch or 1, max_batch) if max_batch is not None else []
    run = {"model": model, "chips": counts[0], "plan": options.plan_of(given)} | given
    with compiling_beside():
        found = search(
            run, parse_overrides(changes), objective=objective, top=top,
            head_room=head_room, chips=counts, global_batches=batches,
            against=against, workers=len(os.sched_getaffinity(0)),
        )  # fmt: skip
    if as_json:
        print_json(found.to_dict())
    else:
        print_tables(search_tables(found, against))
