"""`accelsim calibrate`: constants of a chip or a system from a user's measurements."""

from pathlib import Path
from typing import Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables


@click.group(
    "calibrate",
    invoke_without_command=True,
    epilog="""\b
Example:
  accelsim calibrate gemm FILE.csv --chip h100-sxm --out mine.toml""",
)
@click.pass_context
def calibrate_group(context: click.Context) -> None:
    """Fit named constants to a user's measurements; a part is held out to judge by."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@calibrate_group.command(
    "gemm",
    epilog="""\b
Examples:
  accelsim calibrate gemm FILE.csv --chip h100-sxm
  accelsim calibrate gemm FILE.csv --chip b200 --keep gemm.hot_clock""",
)
@click.argument(
    "files", nargs=-1, required=True, type=options.FilePath(path_type=Path),
    metavar="FILE...",
)  # fmt: skip
@click.option("--chip", required=True, metavar="NAME", help="GPU to start from.")
@click.option(
    "--keep", multiple=True, metavar="PATH",
    help="A constant that is not touched, such as gemm.hot_clock; may be repeated.",
)  # fmt: skip
@click.option(
    "--starts", type=click.IntRange(1, 100), default=6, show_default=True,
    help="Starting points of the fit.",
)  # fmt: skip
@click.option(
    "--out", type=options.FilePath(path_type=Path), metavar="NEW.toml",
    help="Write a chip file with these constants, the rest from NAME.",
)  # fmt: skip
@options.json_option
def gemm_command(
    files: tuple[Path, ...], chip: str, keep: tuple[str, ...], starts: int,
    out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Fit the constants of matrix products to the measured ones in each FILE.

    FILE is a table as `accelsim validate gemm` or `gemm-training` reads; rows of other
    chips are passed over. One in four pairs (N, K) is held out: the error there is what
    a fit is worth.
    """
    from accelsim.validation.calibrate import calibrate_gemm
    from accelsim.validation.chip_file import check_chip_file, write_chip_file

    if out is not None:
        options.check_ending(out, "--out", (".toml",))
        check_chip_file(out, chip, files)
    found = calibrate_gemm(files, chip, keep, starts)
    if out is not None:
        write_chip_file(out, chip, found, files)
    answer: dict[str, Any] = {
        "chip": found.chip.name,
        "files": [str(path) for path in files],
        "rows": dict(found.rows),
        "before_mape": dict(found.before),
        "after_mape": dict(found.after),
        "constants": found.to_dict(),
        "out": None if out is None else str(out),
    }
    if as_json:
        print_json(answer)
        return
    from accelsim.report.calibrate import calibration_tables

    print_tables(calibration_tables(answer))


@calibrate_group.command(
    "collectives",
    epilog="""\b
Examples:
  accelsim calibrate collectives FILE.txt --system p5-h100
  accelsim calibrate collectives FILE.txt --system dgx-h100 --out mine.toml""",
)
@click.argument(
    "logs", nargs=-1, required=True, type=options.FilePath(path_type=Path),
    metavar="LOG...",
)  # fmt: skip
@click.option("--system", "base", required=True, metavar="NAME", help="To start from.")
@click.option(
    "--kind", metavar="KIND", help="The collective, where a log does not say."
)
@click.option(
    "--ranks", type=click.IntRange(2), metavar="N", help="Where a log does not say."
)
@click.option(
    "--nodes", type=click.IntRange(1), default=None, metavar="N",
    help="Where a log does not say.",
)  # fmt: skip
@click.option(
    "--out", type=options.FilePath(path_type=Path), metavar="NEW.toml",
    help="Write a system file with these figures, the rest from NAME.",
)  # fmt: skip
@options.json_option
def collectives_command(
    logs: tuple[Path, ...], base: str, kind: str | None, ranks: int | None,
    nodes: int | None, out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Fit a system's links to what nccl-tests or nccom-test printed.

    Each LOG is the text of one run; the times out of place are taken. One size in four
    is held out: the error there is what a fit is worth.
    """
    from accelsim.validation.calibrate_collectives import (
        calibrate_collectives,
        written,
    )
    from accelsim.validation.chip_file import check_chip_file, write_figures

    if out is not None:
        options.check_ending(out, "--out", (".toml",))
        check_chip_file(out, base, logs, "systems")
    found = calibrate_collectives(logs, base, kind, ranks, nodes or 0)
    if out is not None:
        names = ", ".join(dict.fromkeys(log.name for log in logs))
        about = f"# {found.system.spec.name}, its links calibrated on collectives."
        source = f"accelsim calibrate collectives on {names}"
        write_figures(out, base, about, source, written(found), logs)
    answer: dict[str, Any] = {
        "system": found.system.spec.name,
        "files": [str(path) for path in logs],
        "rows": dict(found.rows),
        "before_mape": dict(found.before),
        "after_mape": dict(found.after),
        "figures": {
            path: {"before": before, "after": after}
            for path, (before, after) in found.figures.items()
        },
        "out": None if out is None else str(out),
    }
    if as_json:
        print_json(answer)
        return
    from accelsim.report.calibrate import collective_calibration_tables

    print_tables(collective_calibration_tables(answer))


@calibrate_group.command(
    "energy",
    epilog="""\b
Example:
  accelsim calibrate energy FILE.csv --fit a100-80gb,h100-sxm""",
)
@click.argument("file", type=options.FilePath(path_type=Path))
@click.option(
    "--fit", default="a100-80gb,h100-sxm", show_default=True, metavar="A,B",
    help="Two chips; all others of FILE are held out.",
)  # fmt: skip
@options.json_option
def energy_command(file: Path, fit: str, as_json: bool) -> None:
    """Fit the energy of a cycle and of a FLOP; predict the clocks of other GPUs.

    FILE is a table with chip and tflops: the largest bf16 products at TDP.
    """
    from accelsim.validation.calibrate_energy import calibrate_energy

    found = calibrate_energy(file, options.names(fit, "--fit"))
    if as_json:
        print_json(found)
        return
    from accelsim.report.calibrate import energy_tables

    print_tables(energy_tables(found))
