"""`accelsim validate` of one kernel at a time: products, attention, whole layers."""

from pathlib import Path

import click

from accelsim.cli import options
from accelsim.cli.validate import check_target, out_option, tell
from accelsim.errors import InputError

chip_option = click.option(
    "--chip",
    metavar="NAME",
    help="The chip of a table without one, or in whose place to put another.",
)


@click.command(
    "systolic",
    epilog="""\b
Example:
  accelsim validate systolic FILE.csv --json""",
)
@click.argument("file", type=options.FilePath(path_type=Path))
@out_option
@options.json_option
def systolic_command(file: Path, out: Path | None, as_json: bool) -> None:
    """Count the cycles of every product in the table FILE on its systolic array.

    A row gives M, N, K, the array, its dataflow, scratchpads and bandwidth, and what
    a cycle-by-cycle simulator says: all cycles, those in which the array waits, and
    those from the first read to the last write. All three ought to be equal.
    """
    from accelsim.validation.systolic import validate_systolic

    check_target(out, file)
    tell(validate_systolic(file), out, as_json=as_json)


@click.command(
    "nki",
    epilog="""\b
Example:
  accelsim validate nki FILE.csv --json""",
)
@click.argument("file", type=options.FilePath(path_type=Path))
@out_option
@options.json_option
def nki_command(file: Path, out: Path | None, as_json: bool) -> None:
    """Predict the latency of every Trainium2 kernel in the table FILE.

    A row names a kernel of the NKI library and gives the parameters of its test
    (params_json), its FLOPs and bytes, and the measured time; a second time is taken
    as that of Trainium3 and shown apart.
    """
    from accelsim.validation.nki import validate_nki

    check_target(out, file)
    tell(validate_nki(file), out, as_json=as_json)


@click.command(
    "attention",
    epilog="""\b
Example:
  accelsim validate attention FILE.csv --out rows.csv""",
)
@click.argument("file", type=options.FilePath(path_type=Path))
@out_option
@options.json_option
def attention_command(file: Path, out: Path | None, as_json: bool) -> None:
    """Predict the time of every fused attention call in the table FILE.

    A row gives chip, sizes and either a kernel's TFLOP/s (FlashAttention's
    benchmarks) or a prefill latency; the columns say which. FILE is CSV or Parquet.
    """
    from accelsim.validation.attention import validate_attention

    check_target(out, file)
    tell(validate_attention(file), out, as_json=as_json)


@click.command(
    "gemm",
    epilog="""\b
Example:
  accelsim validate gemm FILE.csv --chip h200""",
)
@click.argument("file", type=options.FilePath(path_type=Path))
@chip_option
@out_option
@options.json_option
def gemm_command(file: Path, chip: str | None, out: Path | None, as_json: bool) -> None:
    """Predict the time of every product in the table FILE.

    A row gives chip, dtype, M, N, K and latency_us. FILE is CSV or Parquet.
    """
    _products("gemm", file, chip, out, as_json=as_json)


@click.command(
    "gemm-training",
    epilog="""\b
Example:
  accelsim validate gemm-training FILE.csv --chip b200""",
)
@click.argument("file", type=options.FilePath(path_type=Path))
@chip_option
@out_option
@options.json_option
def gemm_training_command(
    file: Path, chip: str | None, out: Path | None, as_json: bool
) -> None:
    """Predict the efficiency of every training product in the table FILE.

    A row gives m, n, k, the layout, whether it accumulates, and the efficiency against
    peak_tflops. The chip is --chip, or named by the file. FILE is CSV or Parquet.
    """
    _products("gemm-training", file, chip, out, as_json=as_json)


def _products(
    kind: str, file: Path, chip: str | None, out: Path | None, *, as_json: bool
) -> None:
    from accelsim.validation.gemm import validate_gemm

    check_target(out, file)
    found = validate_gemm(file, chip)
    if found.kind != kind:
        raise InputError(f"{file}: is a table for `accelsim validate {found.kind}`")
    tell(found, out, as_json=as_json)


KERNEL_COMMANDS = (
    systolic_command,
    nki_command,
    attention_command,
    gemm_command,
    gemm_training_command,
)
