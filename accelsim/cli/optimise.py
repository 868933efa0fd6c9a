"""`accelsim optimise`: the best design of a file of choices, under constraints."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from accelsim.cli import options
from accelsim.cli.output import print_error, print_json, print_tables
from accelsim.cli.progress import with_progress

if TYPE_CHECKING:
    from accelsim.explore.optimise import Designs
    from accelsim.explore.sweep.run import Listener


@click.command(
    "optimise",
    epilog="""\b
Example:
  accelsim optimise memory-and-links --trials 64 --figure front.svg

Exit code 1: no trial holds all constraints; the message names the nearest.""",
)
@click.argument("file")
@click.option(
    "--trials", type=click.IntRange(1), metavar="N",
    help="Designs that are tried, in whole batches.  [default: the file's]",
)  # fmt: skip
@click.option(
    "--out", type=options.FilePath(path_type=Path), metavar="DIR",
    help="Folder of the trials.  [default: NAME.sweep]",
)  # fmt: skip
@options.figure_option("Draw all trials and the best of them")
@options.json_option
def optimise_command(
    file: str, trials: int | None, out: Path | None, figure: Path | None, as_json: bool
) -> None:
    """Choose the best design of FILE, a name of the catalog or a TOML file.

    Trials are kept: the same command again tries nothing that is there, more --trials
    go on from them, and `accelsim sweep show DIR` reads them.
    """
    from accelsim import catalog
    from accelsim.explore.optimise import optimise
    from accelsim.report.figures import check_figure

    if figure is not None:
        check_figure(figure)
    spec = catalog.load("designs", file)
    folder = out or Path(f"{spec.name}.sweep")

    def compute(tell: "Listener") -> "Designs":
        return optimise(spec, folder, trials=trials, tell=tell)

    try:
        found = with_progress(spec.name, compute)
    except KeyboardInterrupt:
        print_error("stopped; the same command goes on")
        raise
    if figure is not None:
        from accelsim.report.optimise import design_figure
        from accelsim.report.picture.raster import save

        save(design_figure(found), figure)
    if as_json:
        print_json(found.to_dict())
        return
    from accelsim.report.optimise import design_tables

    print_tables(design_tables(found))
