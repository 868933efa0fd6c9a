"""`accelsim sensitivity`: which figures an answer rests on."""

from pathlib import Path
from typing import Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables


@click.command(
    "sensitivity",
    epilog="""\b
Examples:
  accelsim sensitivity megatron-175b-selene --path 'system.*' --figure tornado.svg
  accelsim sensitivity megatron-175b-selene --of usd_per_million_tokens --sobol 64""",
)
@options.run_options
@options.batch_options
@options.plan_options
@options.training_options
@click.option(
    "--of", default="tokens_per_s", show_default=True, metavar="FIGURE",
    help="Output that is looked at; the JSON tells of all.",
)  # fmt: skip
@click.option(
    "--path", "paths", multiple=True, metavar="PATTERN",
    help="Numbers that are moved; may be repeated.  [default: all with an effect]",
)  # fmt: skip
@click.option(
    "--share", type=float, default=0.1, show_default=True, metavar="SHARE",
    help="Either way, for figures without a spread of their own.",
)  # fmt: skip
@click.option(
    "--sobol", "samples", type=click.IntRange(2), metavar="N",
    help="Indices of first and total order by N x (figures + 2) estimates.",
)  # fmt: skip
@click.option(
    "--assumed", type=float, default=0.0, metavar="SHARE",
    help="For --sobol: press reports and assumptions vary so far, too.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--top", type=click.IntRange(1), default=15, show_default=True)
@options.figure_option("Draw the tornado")
@options.set_option
@options.json_option
def sensitivity_command(
    run: str | None, of: str, paths: tuple[str, ...], share: float,
    samples: int | None, assumed: float, seed: int, top: int, figure: Path | None,
    changes: tuple[str, ...], as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Tell what each figure does to an output of one training run; the plan is held.

    For each number: percent of the output for a percent more of it, and the output at
    the ends of its spread.
    """
    from accelsim.catalog import parse_overrides
    from accelsim.errors import InputError
    from accelsim.explore.estimate import estimate
    from accelsim.explore.sensitivity import sensitivity
    from accelsim.kernels.warm import compiling_beside
    from accelsim.report import sensitivity as report
    from accelsim.report.figures import check_figure

    if figure is not None:
        check_figure(figure)
    if assumed and samples is None:
        raise InputError("--assumed needs --sobol N")
    asked, overrides = options.run_of(run, given), parse_overrides(changes)
    with compiling_beside():
        base = estimate(asked, overrides)
    found = sensitivity(base, of, paths, share)
    told, tables = found.to_dict(), report.sensitivity_tables(found, top)
    if samples is not None:
        from accelsim.explore.sobol import sobol

        indices = sobol(base, samples, seed, of=of, assumed=assumed)
        told["sobol"] = indices.to_dict()
        tables += report.sobol_tables(indices, top)
    if figure is not None:
        from accelsim.report.picture.raster import save

        save(report.tornado_figure(found, top), figure)
    if as_json:
        print_json(told)
    else:
        print_tables(tables)
