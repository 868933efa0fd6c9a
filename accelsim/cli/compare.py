"""`accelsim compare`: one model on several systems, side by side."""

from typing import TYPE_CHECKING, Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables
from accelsim.errors import InputError, NoAnswerError

if TYPE_CHECKING:
    from accelsim.explore.comparison import Comparison


@click.command(
    "compare",
    epilog="""\b
Examples:
  accelsim compare llama3-70b --systems trn2-ultraserver,dgx-h100 --chips 512
  accelsim compare mpt-7b --systems dgx-a100,dgx-h100 --chips 8 --match power

Exit code 1: no system has a plan that fits.""",
)
@click.argument("model")
@click.option(
    "--systems", required=True, metavar="A,B", help="Names or TOML files, by commas."
)
@click.option(
    "--chips",
    type=int,
    required=True,
    metavar="N",
    help="Packages (of the baseline, where --match holds something else equal).",
)
@click.option(
    "--match",
    type=click.Choice(options.MATCHES),
    default="chips",
    show_default=True,
    help="What is held equal.",
)
@click.option("--baseline", metavar="S", help="Ratios against.  [default: the first]")
@click.option(
    "--precision",
    type=click.Choice(options.PRECISIONS),
    default="bf16",
    show_default=True,
    help="Of the GEMMs; best: bf16 or fp8, the faster on each chip.",
)
@options.batch_options
@options.plan_options
@options.training_options
@options.uncertain_options
@options.set_option
@options.json_option
def compare_command(
    model: str, systems: str, changes: tuple[str, ...], as_json: bool, **given: Any
) -> None:
    """Compare the best plan for MODEL on each of several systems.

    MODEL is a name, a TOML file or a Hugging Face config.json. For each system the
    fastest plan that fits is searched for; parts of the plan may be fixed for all.
    """
    samples, seed = options.samples_of(given)
    answer = comparison_of(model, systems, changes, **given)
    told = None
    if samples is not None:
        from accelsim.explore.uncertain import with_intervals

        told = with_intervals(answer, samples, seed)
    if as_json:
        print_json(told or answer.to_dict())
        return
    from accelsim.report.compare import comparison_tables

    print_tables(comparison_tables(answer))
    if told is not None:
        from accelsim.report.uncertain import interval_tables

        rows = {row["system"]: row.get("uncertain") for row in told["rows"]}
        print_tables(interval_tables({k: v for k, v in rows.items() if v}))


def comparison_of(
    model: str, systems: str, changes: tuple[str, ...], **given: Any
) -> "Comparison":
    """Return the comparison that options ask for.

    Raises
    ------
    InputError, NoAnswerError
        No system is named; none of them can run it.
    """
    from accelsim.catalog import parse_overrides
    from accelsim.explore.compare import compare
    from accelsim.kernels.warm import compiling_beside

    names = [name for name in map(str.strip, systems.split(",")) if name]
    if not names:
        raise InputError("--systems: names no system; write --systems A,B")
    given["training"] = options.training_of(given)
    plan = options.plan_of(given)
    overrides = parse_overrides(changes)
    with compiling_beside():
        answer = compare(model, names, **given, plan=plan, overrides=overrides)
    if all(row.estimate is None for row in answer.rows):
        reasons = "; ".join(f"{row.system}: {row.failure}" for row in answer.rows)
        raise NoAnswerError(f"no system can run it: {reasons}")
    return answer
