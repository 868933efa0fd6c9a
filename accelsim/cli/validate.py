"""`accelsim validate`: the model against measurements, one command a kind."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_error, print_json, print_tables
from accelsim.errors import NoAnswerError

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


class FilePath(click.Path):
    """The path of a file; click alone takes an empty one for the folder we are in."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the path, or refuse an empty one."""
        if not value:
            self.fail("the path is empty", param, ctx)
        return super().convert(value, param, ctx)


out_option = click.option(
    "--out",
    type=FilePath(path_type=Path),
    metavar="FILE.csv",
    help="Write the result of every row.",
)


@validate_group.command(
    "training",
    epilog="""\b
Example:
  accelsim validate training FILE.csv --out rows.csv""",
)
@click.argument("file", type=FilePath(path_type=Path))
@out_option
@options.json_option
def training_command(file: Path, out: Path | None, as_json: bool) -> None:
    """Predict the step time of every training run in the table FILE.

    A row gives model, chip, chips, batch, plan and framework, and the measured step
    time or tokens/s. Blank cells stand for the framework's defaults; where it has
    none, the plan is searched for in the model. FILE is a file, not a pipe.

    Exit code 1: no row could be scored.
    """
    from accelsim.kernels.warm import compiling_beside
    from accelsim.validation.contract import target_of, write_rows
    from accelsim.validation.training import validate_training

    if out is not None:
        target_of(out, file)  # before minutes are spent on what cannot be kept
    with compiling_beside():
        found = validate_training(file)
    if out is not None:
        write_rows(found, out)
    _print(found, as_json=as_json)


def _print(found: "Validation", *, as_json: bool) -> None:
    """Print the answer, or say why no row counts; the contract stands in any case."""
    if as_json:
        print_json(found.to_dict())
    if found.scored == 0:
        reasons = (f"{why}: {rows:,}" for why, rows in found.left_out.items())
        message = f"{found.file}: no row could be scored; {', '.join(reasons)}"
        if not as_json:
            raise NoAnswerError(message)
        print_error(f"error: {message}")
        raise click.exceptions.Exit(1)
    if not as_json:
        from accelsim.report.validate import validation_tables

        print_tables(validation_tables(found.to_dict()))
