"""`accelsim sweep`: many estimates from one file, kept in a folder."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_error, print_json, print_tables
from accelsim.cli.progress import with_progress
from accelsim.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from accelsim.explore.sweep.run import Progress
    from accelsim.explore.sweep.store import Store
    from accelsim.report.picture.marks import Drawing

FOLDER = click.argument("folder", type=options.FilePath(path_type=Path))
TOP = click.option(
    "--top", type=click.IntRange(1), default=20, show_default=True, help="Rows shown."
)
WORKERS = click.option(
    "--workers", type=click.IntRange(1), metavar="N",
    help="Processes of this machine.  [default: its cores]",
)  # fmt: skip
DASK = click.option(
    "--dask", metavar="ADDRESS",
    help="Scheduler tcp://HOST:PORT, or local:N for a cluster of N processes here.",
)  # fmt: skip

# Pictures, and the options that each of them reads.
KINDS = {
    "lines": ("x", "y", "by"),
    "scaling": ("x", "y", "by"),
    "days": ("x", "by", "level", "tokens"),
    "map": ("x", "y", "z", "level", "base"),
}
TOKENS = 15e12


@click.group("sweep")
def sweep_group() -> None:
    """Ask one question along many axes: run, look at, compare.

    A sweep file names a base run, axes and further columns; its rows are Parquet parts
    in a folder. A run that is stopped or killed goes on where it was.
    """


@sweep_group.command(
    "run",
    epilog="""\b
Example:
  accelsim sweep run hbm-stacks --out stacks""",
)
@click.argument("file")
@click.option(
    "--out", type=options.FilePath(path_type=Path), metavar="DIR",
    help="Folder of the rows.  [default: NAME.sweep]",
)  # fmt: skip
@WORKERS
@DASK
@click.option("--yes", is_flag=True, help="Run more than ten million points.")
@options.uncertain_options
@options.json_option
def run_command(
    file: str, out: Path | None, workers: int | None, dask: str | None, yes: bool,
    as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Run the sweep FILE, a name of the catalog or a TOML file.

    The same command again computes nothing that is there.
    """
    from accelsim import catalog
    from accelsim.explore.sweep import run, store
    from accelsim.specs.sweep import UncertainSpec

    spec = catalog.load("sweeps", file)
    samples, seed = options.samples_of(given)
    if samples is not None:
        asked = UncertainSpec(samples=samples, seed=seed)
        spec = spec.model_copy(update={"uncertain": asked})
    points = run.check(spec)
    if points > run.ASK_FIRST and not yes:
        raise InputError(
            f"sweep {spec.name}: {points:,} points; give --yes to run them all"
        )
    if dask is not None:  # before the folder is made
        from accelsim.explore.sweep.cluster import check_address

        check_address(dask)
    folder = out or Path(f"{spec.name}.sweep")
    _go(store.create(folder, store.manifest_of(spec, points, run.chunk_of(points))),
        workers, dask, as_json=as_json)  # fmt: skip


@sweep_group.command("resume")
@FOLDER
@WORKERS
@DASK
@click.option(
    "--verify", is_flag=True, help="Read all parts to their ends; damaged ones again."
)
@options.json_option
def resume_command(
    folder: Path, workers: int | None, dask: str | None, verify: bool, as_json: bool
) -> None:
    """Go on with the sweep of a FOLDER, from what its manifest says."""
    from accelsim.explore.sweep.store import open_same

    _go(open_same(folder), workers, dask, as_json=as_json, verify=verify)


def _go(
    store: "Store", workers: int | None, dask: str | None, *, as_json: bool,
    verify: bool = False,
) -> None:  # fmt: skip
    from accelsim.explore.sweep.look import summary
    from accelsim.explore.sweep.run import run

    def compute(tell: "Callable[[Progress], None]") -> None:
        if dask is None:
            count = workers or len(os.sched_getaffinity(0))
            run(store, workers=count, tell=tell, verify=verify)
            return
        from accelsim.explore.sweep.cluster import run_on_dask

        run_on_dask(store, dask, tell=tell, verify=verify)

    try:
        with_progress(store.manifest.spec.name, compute)
    except KeyboardInterrupt:
        print_error(f"stopped; go on with: accelsim sweep resume {store.folder}")
        raise
    _summary(summary(store), as_json=as_json)


@sweep_group.command("status")
@FOLDER
@click.option("--checksum", is_flag=True, help="Digest of all finished rows.")
@options.json_option
def status_command(folder: Path, checksum: bool, as_json: bool) -> None:
    """Say how far the sweep of a FOLDER is, and what became of its points."""
    from accelsim.explore.sweep.look import summary
    from accelsim.explore.sweep.store import open_store

    store = open_store(folder)
    found = summary(store)
    if checksum:
        found["checksum"] = store.checksum()
    _summary(found, as_json=as_json)


def _summary(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    from accelsim.report.sweep import summary_tables

    print_tables(summary_tables(found))


@sweep_group.command(
    "show",
    epilog="""\b
Examples:
  accelsim sweep show stacks --sort tokens_per_s --largest
  accelsim sweep show stacks --sql "select status, count(*) from sweep group by 1"
  accelsim sweep show stacks --figure stacks.svg --y usd_per_million_tokens""",
)
@FOLDER
@click.option("--sort", metavar="COLUMN", help="Least first.")
@click.option("--largest", is_flag=True, help="Largest first.")
@TOP
@click.option("--sql", metavar="QUERY", help="DuckDB; the rows are the table `sweep`.")
@click.option(
    "--out", type=options.FilePath(path_type=Path), metavar="FILE",
    help="Write the rows, all columns, as .csv or .parquet.",
)  # fmt: skip
@options.figure_option("Draw --y against --x, a line for each --by")
@click.option(
    "--kind", type=click.Choice(list(KINDS)), default="lines", show_default=True,
    help="Of the picture.",
)  # fmt: skip
@click.option("--x", metavar="COLUMN", help="[default: the last axis]")
@click.option("--y", metavar="COLUMN", help="[default: tokens_per_s]")
@click.option("--by", metavar="COLUMN", help="[default: the axis before it]")
@click.option("--z", metavar="COLUMN", help="Of a map.  [default: tokens_per_s]")
@click.option("--level", type=float, help="Where a map's line is; days of a deadline.")
@click.option(
    "--base", metavar="EXPRESSION",
    help="True of the row whose figure a map's are divided by; --level is then 1.",
)  # fmt: skip
@click.option(
    "--tokens", type=float, metavar="N", help=f"Of days.  [default: {TOKENS:g}]"
)
@options.json_option
def show_command(
    folder: Path, sort: str | None, largest: bool, top: int, sql: str | None,
    out: Path | None, figure: Path | None, as_json: bool, **picture: Any,
) -> None:  # fmt: skip
    """Show the rows of a FOLDER: some columns, or what a query finds."""
    from accelsim.explore.sweep import look
    from accelsim.explore.sweep.store import open_store
    from accelsim.report import sweep as report
    from accelsim.report.figures import check_figure
    from accelsim.report.picture.raster import save

    _check_picture(figure, picture)
    if figure is not None:
        check_figure(figure)
    if out is not None:
        options.check_ending(out, "--out", (".csv", ".parquet"))
    store = open_store(folder)
    if sql is not None:
        rows = look.query(store, sql)
    else:
        rows = look.sorted_rows(store.rows(), sort, largest=largest)
    if out is not None:
        look.export(rows, out)
    if figure is not None:
        title = store.manifest.spec.question or folder.name
        save(_drawing(title, rows, look.axis_columns(store), picture), figure)
    if sql is None:
        rows = rows.select(look.shown_columns(store))
    if as_json:
        print_json({"rows": rows.slice(0, top).to_pylist(), "count": rows.num_rows})
    else:
        print_tables(report.rows_tables(store.manifest.spec.question, rows, top))


def _check_picture(figure: Path | None, picture: dict[str, Any]) -> None:
    """Refuse an option of a picture that would do nothing."""
    kind = picture["kind"]
    for name, value in picture.items():
        if value is None or name == "kind":
            continue
        if figure is None:
            raise InputError(f"--{name}: says nothing without --figure")
        if name not in KINDS[kind]:
            raise InputError(f"--{name}: says nothing of --kind {kind}")


def _drawing(
    title: str, rows: "pa.Table", axes: Sequence[str], picture: dict[str, Any]
) -> "Drawing":
    """Return the picture of rows that is asked for."""
    from accelsim.explore.sweep.look import column_named
    from accelsim.report import sweep as report
    from accelsim.report import sweep_figure as more

    kind, level = picture["kind"], picture["level"]
    x, y, by, z = (column_named(rows, picture[name]) for name in ("x", "y", "by", "z"))
    if kind == "map":
        up, across = ([*axes, *axes])[-2:]
        x, y, z = x or across, y or up, z or "tokens_per_s"
        grid = more.grid_of(rows, x, y, z, picture["base"])
        level = 1.0 if level is None and picture["base"] else level
        shown = f"{z} over the base's" if picture["base"] else z
        return more.map_figure(title, grid, (x, y, shown), level)
    x, y, by = report.axes_of_picture(axes, x, y, by)
    if kind == "scaling":
        return more.scaling_figure(title, rows, x, y, by)
    if kind == "days":
        tokens = picture["tokens"] or TOKENS
        return more.days_figure(title, rows, x, by, tokens, level)
    return report.rows_figure(title, rows, x, y, by)


@sweep_group.command("diff")
@click.argument("first", type=options.FilePath(path_type=Path))
@click.argument("second", type=options.FilePath(path_type=Path))
@TOP
@options.json_option
def diff_command(first: Path, second: Path, top: int, as_json: bool) -> None:
    """Say where the sweeps of two folders with the same axes differ."""
    from accelsim.explore.sweep.look import difference
    from accelsim.explore.sweep.store import open_store
    from accelsim.report.sweep import difference_tables

    found = difference(open_store(first), open_store(second))
    if as_json:
        counts = ("both", "changed", "only_first", "only_second")
        plain: dict[str, Any] = {name: getattr(found, name) for name in counts}
        print_json(plain | {"rows": found.rows.slice(0, top).to_pylist()})
    else:
        print_tables(difference_tables(found, top))
