"""`accelsim validate`: the model against measurements, one command a kind."""

from pathlib import Path
from typing import TYPE_CHECKING

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


out_option = click.option(
    "--out",
    type=options.FilePath(path_type=Path),
    metavar="FILE.csv",
    help="Write the result of every row.",
)


@validate_group.command(
    "training",
    epilog="""\b
Example:
  accelsim validate training FILE.csv --out rows.csv""",
)
@click.argument("file", type=options.FilePath(path_type=Path))
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

    check_target(out, file)
    with compiling_beside():
        found = validate_training(file)
    tell(found, out, as_json=as_json)


@validate_group.command(
    "memory",
    epilog="""\b
Example:
  accelsim validate memory FILE.csv --json""",
)
@click.argument("file", type=options.FilePath(path_type=Path))
@out_option
@options.json_option
def memory_command(file: Path, out: Path | None, as_json: bool) -> None:
    """Say of every run in the table FILE whether it fits, and what its peak is.

    A row gives model and plan, and whether the run went on or ran out of memory
    (status), with the peak if it was read; or it is a training run with memory_gb.
    Peaks are compared where the source says which memory it measured.

    Exit code 1: no row could be judged.
    """
    from accelsim.kernels.warm import compiling_beside
    from accelsim.validation.memory import validate_memory

    check_target(out, file)
    with compiling_beside():
        found = validate_memory(file)
    tell(found, out, as_json=as_json)


@validate_group.command(
    "hbm",
    epilog="""\b
Example:
  accelsim validate hbm FILE.csv --out rows.csv""",
)
@click.argument("file", type=options.FilePath(path_type=Path))
@out_option
@options.json_option
def hbm_command(file: Path, out: Path | None, as_json: bool) -> None:
    """Run the memory channels of a reference simulator's table or traces, FILE.

    A CSV table holds a run a row, with its bandwidth and latency; a JSON index names
    traces beside it (.npz) with the departure tick of every request.
    """
    from accelsim.validation.hbm import validate_hbm

    check_target(out, file)
    tell(validate_hbm(file), out, as_json=as_json)


@validate_group.command(
    "com",
    epilog="""\b
Example:
  accelsim validate com FILE.csv --reference DIR --channels DIR --configs FILE""",
)
@click.argument("file", metavar="SUMMARY.csv", type=options.FilePath(path_type=Path))
@click.option(
    "--reference",
    type=options.FilePath(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder of the tool's results, JOB.json.",
)
@click.option(
    "--channels",
    type=options.FilePath(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder of the channels, .npz or Touchstone.",
)
@click.option(
    "--configs",
    type=options.FilePath(path_type=Path),
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

    check_target(out, file)
    found = validate_com(file, reference, channels, configs, searched=searched)
    tell(found, out, as_json=as_json)


@validate_group.command(
    "fec",
    epilog="""\b
Example:
  accelsim validate fec FILE.csv --json""",
)
@click.argument("file", type=options.FilePath(path_type=Path))
@out_option
@options.json_option
def fec_command(file: Path, out: Path | None, as_json: bool) -> None:
    """Compute how many codewords are lost in every row of the table FILE.

    A row gives the bit error ratio of random errors, or the chain of a detector's
    bursts with precoding and interleaving, and the codeword error ratio. The largest
    difference is relative.
    """
    from accelsim.validation.fec import validate_fec

    check_target(out, file)
    tell(validate_fec(file), out, as_json=as_json)


@validate_group.command(
    "collectives",
    epilog="""\b
Example:
  accelsim validate collectives FILE.csv --json""",
)
@click.argument("file", type=options.FilePath(path_type=Path))
@click.option(
    "--leave-one-out",
    is_flag=True,
    help="Fit what was fitted anew without each system, and ask it with that.",
)
@out_option
@options.json_option
def collectives_command(
    file: Path, leave_one_out: bool, out: Path | None, as_json: bool
) -> None:
    """Predict the time of every collective in the table FILE.

    A row gives system, op, ranks, nodes and bytes as nccl-tests count them, and the
    measured time; rows below 64 KiB and above 16 GiB are left out.
    """
    from accelsim.validation.collectives import validate_collectives

    check_target(out, file)
    tell(validate_collectives(file, leave_one_out=leave_one_out), out, as_json=as_json)


@validate_group.command(
    "moe",
    epilog="""\b
Example:
  accelsim validate moe FILE.csv --json""",
)
@click.argument("file", type=options.FilePath(path_type=Path))
@out_option
@options.json_option
def moe_command(file: Path, out: Path | None, as_json: bool) -> None:
    """Predict every dispatch and combine of experts in the table FILE.

    A row gives the kernel, tokens of a rank, hidden size, experts, ranks that share
    them, and latency_us.
    """
    from accelsim.validation.moe import validate_moe

    check_target(out, file)
    tell(validate_moe(file), out, as_json=as_json)


@validate_group.command(
    "astrasim",
    epilog="""\b
Example:
  accelsim validate astrasim FILE.csv --json""",
)
@click.argument("file", type=options.FilePath(path_type=Path))
@out_option
@options.json_option
def astrasim_command(file: Path, out: Path | None, as_json: bool) -> None:
    """Repeat ASTRA-sim's runs in the table FILE in closed form.

    Its own assumptions hold here, not those of the other commands; rows that beat the
    capacity of their links are left out.
    """
    from accelsim.validation.astrasim import validate_astrasim

    check_target(out, file)
    tell(validate_astrasim(file), out, as_json=as_json)


def check_target(out: Path | None, table: Path) -> None:
    """Refuse what cannot be written before time is spent on it."""
    from accelsim.files import target_of

    if out is not None:
        target_of(out, table)


def tell(found: "Validation", out: Path | None, *, as_json: bool) -> None:
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
