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
    from accelsim.validation.training import validate_training

    _check_target(out, file)
    with compiling_beside():
        found = validate_training(file)
    _tell(found, out, as_json=as_json)


@validate_group.command(
    "systolic",
    epilog="""\b
Example:
  accelsim validate systolic FILE.csv --json""",
)
@click.argument("file", type=FilePath(path_type=Path))
@out_option
@options.json_option
def systolic_command(file: Path, out: Path | None, as_json: bool) -> None:
    """Count the cycles of every product in the table FILE on its systolic array.

    A row gives M, N, K, the array, its dataflow, scratchpads and bandwidth, and what
    a cycle-by-cycle simulator says: all cycles, those in which the array waits, and
    those from the first read to the last write. All three ought to be equal.
    """
    from accelsim.validation.systolic import validate_systolic

    _check_target(out, file)
    _tell(validate_systolic(file), out, as_json=as_json)


@validate_group.command(
    "hbm",
    epilog="""\b
Example:
  accelsim validate hbm FILE.csv --out rows.csv""",
)
@click.argument("file", type=FilePath(path_type=Path))
@out_option
@options.json_option
def hbm_command(file: Path, out: Path | None, as_json: bool) -> None:
    """Run the memory channels of a reference simulator's table or traces, FILE.

    A CSV table holds a run a row, with its bandwidth and latency; a JSON index names
    traces beside it (.npz) with the departure tick of every request.
    """
    from accelsim.validation.hbm import validate_hbm

    _check_target(out, file)
    _tell(validate_hbm(file), out, as_json=as_json)


@validate_group.command(
    "com",
    epilog="""\b
Example:
  accelsim validate com FILE.csv --reference DIR --channels DIR --configs FILE""",
)
@click.argument("file", metavar="SUMMARY.csv", type=FilePath(path_type=Path))
@click.option(
    "--reference",
    type=FilePath(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder of the tool's results, JOB.json.",
)
@click.option(
    "--channels",
    type=FilePath(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder of the channels, .npz or Touchstone.",
)
@click.option(
    "--configs",
    type=FilePath(path_type=Path),
    required=True,
    metavar="FILE",
    help="JSON of the tool's keywords by sheet.",
)
@click.option(
    "--search",
    "searched",
    is_flag=True,
    help="Also search every equalizer setting of every row.",
)
@out_option
@options.json_option
def com_command(
    file: Path,
    reference: Path,
    channels: Path,
    configs: Path,
    searched: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Compute the channel operating margin of every row of SUMMARY.csv.

    A row gives a run of the IEEE COM tool and a package case, with the margin; the
    margin is computed at the equalizer setting that the tool ended at. The largest
    difference is in decibels.
    """
    from accelsim.validation.com import validate_com

    _check_target(out, file)
    found = validate_com(file, reference, channels, configs, searched=searched)
    _tell(found, out, as_json=as_json)


@validate_group.command(
    "fec",
    epilog="""\b
Example:
  accelsim validate fec FILE.csv --json""",
)
@click.argument("file", type=FilePath(path_type=Path))
@out_option
@options.json_option
def fec_command(file: Path, out: Path | None, as_json: bool) -> None:
    """Compute how many codewords are lost in every row of the table FILE.

    A row gives the bit error ratio of random errors, or the chain of a detector's
    bursts with precoding and interleaving, and the codeword error ratio. The largest
    difference is relative.
    """
    from accelsim.validation.fec import validate_fec

    _check_target(out, file)
    _tell(validate_fec(file), out, as_json=as_json)


@validate_group.command(
    "nki",
    epilog="""\b
Example:
  accelsim validate nki FILE.csv --json""",
)
@click.argument("file", type=FilePath(path_type=Path))
@out_option
@options.json_option
def nki_command(file: Path, out: Path | None, as_json: bool) -> None:
    """Predict the latency of every Trainium2 kernel in the table FILE.

    A row names a kernel of the NKI library and gives the parameters of its test
    (params_json), its FLOPs and bytes, and the measured time; a second time is taken
    as that of Trainium3 and shown apart.
    """
    from accelsim.validation.nki import validate_nki

    _check_target(out, file)
    _tell(validate_nki(file), out, as_json=as_json)


@validate_group.command(
    "attention",
    epilog="""\b
Example:
  accelsim validate attention FILE.csv --out rows.csv""",
)
@click.argument("file", type=FilePath(path_type=Path))
@out_option
@options.json_option
def attention_command(file: Path, out: Path | None, as_json: bool) -> None:
    """Predict the time of every fused attention call in the table FILE.

    A row gives chip, sizes and either a kernel's TFLOP/s (FlashAttention's
    benchmarks) or a prefill latency; the columns say which. FILE is CSV or Parquet.
    """
    from accelsim.validation.attention import validate_attention

    _check_target(out, file)
    _tell(validate_attention(file), out, as_json=as_json)


def _check_target(out: Path | None, table: Path) -> None:
    """Refuse what cannot be written before time is spent on it."""
    from accelsim.validation.contract import target_of

    if out is not None:
        target_of(out, table)


def _tell(found: "Validation", out: Path | None, *, as_json: bool) -> None:
    """Write the rows where they are asked for, and print the answer."""
    from accelsim.validation.contract import write_rows

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
