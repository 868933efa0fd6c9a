"""`accelsim estimate`: one run, answered in full."""

from typing import TYPE_CHECKING, Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables

if TYPE_CHECKING:
    from accelsim.explore.result import Estimate


@click.command(
    "estimate",
    epilog="""\b
Examples:
  accelsim estimate --model llama3-70b --system dgx-h100 --chips 512 --tp 8
  accelsim estimate megatron-175b-selene --set chip.hbm.bandwidth="3 TB/s"

Exit code 1: no plan fits; the message says what is short and what comes nearest.""",
)
@click.argument("run", required=False, metavar="[RUN.toml]")
@click.option("--model", metavar="M", help="Name, TOML or Hugging Face config.json.")
@click.option("--system", metavar="S", help="Name or TOML of the system.")
@click.option("--chips", type=int, metavar="N", help="Packages that work.")
@click.option(
    "--precision",
    type=click.Choice(options.PRECISIONS),
    help="Of the GEMMs in the layers.  [default: bf16]",
)
@options.batch_options
@options.plan_options
@click.option("--explain", is_flag=True, help="Where the time went, and what helps.")
@options.uncertain_options
@options.set_option
@options.json_option
def estimate_command(
    run: str | None,
    explain: bool,
    changes: tuple[str, ...],
    as_json: bool,
    **given: Any,
) -> None:
    """Estimate the step time, memory, energy and cost of one training run.

    RUN.toml is a file or the name of a run in the catalog; options win over what it
    says. Parts of the plan that are left out are searched for: the answer is the
    fastest plan that fits in memory.
    """
    from accelsim.catalog import parse_overrides
    from accelsim.explore.estimate import estimate
    from accelsim.kernels.warm import compiling_beside
    from accelsim.question import read_run, run_from

    if run is None:
        instead = " (or name a RUN.toml that says so)"
        options.require(given, "model", "system", "chips", otherwise=instead)
    overrides = parse_overrides(changes)
    base = None if run is None else read_run(run)
    plan = options.plan_of(given)
    samples, seed = given.pop("uncertain"), given.pop("seed")
    with compiling_beside():
        answer = estimate(run_from(given | {"plan": plan}, base), overrides)
    told, more = answer.to_dict(), list[Any]()
    if explain:
        told["explanation"] = _explained(answer, more)
    if samples is not None:
        told["uncertain"] = _spread(answer, samples, seed, more)
    if as_json:
        print_json(told)
        return
    from accelsim.report.estimate import estimate_tables

    print_tables([*estimate_tables(answer), *more])


def _explained(answer: "Estimate", tables: list[Any]) -> dict[str, Any]:
    """Return the explanation as plain data; add its tables."""
    from accelsim.explore.explanation import explain
    from accelsim.report.explanation import explanation_tables

    found = explain(answer)
    tables += explanation_tables(found)
    return found.to_dict()


def _spread(
    answer: "Estimate", samples: int, seed: int, tables: list[Any]
) -> dict[str, Any]:
    """Return the intervals as plain data; add their tables."""
    from accelsim.explore.uncertain import uncertain
    from accelsim.report.uncertain import interval_tables

    found = uncertain([answer], samples, seed)[0].to_dict()
    told = found | {"samples": samples, "seed": seed}
    tables += interval_tables({answer.question.system.name: told})
    return told
