"""`accelsim validate`: the model against measurements, one command a kind."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables

if TYPE_CHECKING:
    from accelsim.validation.contract import Validation


@click.group(
    "validate",
    invoke_without_command=True,
    epilog="""\b
Example:
  accelsim validate training FILE.csv --json""",
)
@click.pass_context
def validate_group(context: click.Context) -> None:
    """Compare what the model predicts with what others measured.

    Errors are told by source and by chip, beside those of a naive baseline; rows
    that are left out are counted with the reason.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.csv",
    help="Write the result of every row.",
)


@validate_group.command(
    "training",
    epilog="""\b
Example:
  accelsim validate training FILE.csv --out rows.csv""",
)
@click.argument("file", type=click.Path(path_type=Path))
@out_option
@options.json_option
def training_command(file: Path, out: Path | None, as_json: bool) -> None:
    """Predict the step time of every training run in the table FILE.

    A row gives model, chip, chips, batch, plan and framework, and the measured step
    time or tokens/s. Blank cells stand for the framework's defaults; where it has
    none, the plan is searched for in the model.
    """
    from accelsim.kernels.warm import compiling_beside
    from accelsim.validation.training import validate_training

    with compiling_beside():
        found = validate_training(file)
    _show(found, out, as_json=as_json)


@validate_group.command(
    "hbm",
    epilog="""\b
Example:
  accelsim validate hbm FILE.csv --out rows.csv""",
)
@click.argument("file", type=click.Path(path_type=Path))
@out_option
@options.json_option
def hbm_command(file: Path, out: Path | None, as_json: bool) -> None:
    """Run the memory channels of a reference simulator's table or traces, FILE.

    A CSV table holds a run a row, with its bandwidth and latency; a JSON index names
    traces beside it (.npz) with the departure tick of every request.
    """
    from accelsim.validation.hbm import validate_hbm

    _show(validate_hbm(file), out, as_json=as_json)


def _show(found: "Validation", out: Path | None, *, as_json: bool) -> None:
    """Write the rows if asked for, and print the answer."""
    from accelsim.validation.contract import write_rows

    if out is not None:
        write_rows(found, out)
    if as_json:
        print_json(found.to_dict())
        return
    from accelsim.report.validate import validation_tables

    print_tables(validation_tables(found.to_dict()))
