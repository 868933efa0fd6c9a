"""`accelsim collective`: what a collective takes on several systems, size by size."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables
from accelsim.errors import InputError, NoAnswerError

if TYPE_CHECKING:
    from accelsim.fabric.collective import System

SYSTEMS = "dgx-h100,gb200-nvl72,trn2-48xlarge"
SMALLEST, LARGEST = 64 * 2**10, 16 * 2**30  # B, sizes that are shown if none is given


@click.command(
    "collective",
    epilog="""\b
Examples:
  accelsim collective all_reduce --ranks 64 --bytes 256MiB
  accelsim collective all_reduce --ranks 64 --algorithm ring,tree,auto --bytes 1MiB
  accelsim collective all_gather --ranks 16 --figure busbw.svg""",
)
@click.argument("kind")
@click.option("--ranks", type=int, default=8, show_default=True, help="Members.")
@click.option(
    "--bytes", "size", metavar="SIZE",
    help="A rank's whole buffer, with its unit.  [default: 64 KiB to 16 GiB]",
)  # fmt: skip
@click.option(
    "--systems", metavar="A,B", default=SYSTEMS, show_default=True,
    help="Names or TOML files, by commas.",
)  # fmt: skip
@click.option(
    "--algorithm", "algorithms", metavar="A,B", default="auto", show_default=True,
    help="Of auto, ring, bidirectional, tree, halving-doubling, bruck, direct, bucket, "
    "hamiltonian, in-network, rail, hierarchy, by commas; or all.",
)  # fmt: skip
@click.option(
    "--placement", type=int, metavar="N",
    help="Ranks in each innermost domain.  [default: packed]",
)  # fmt: skip
@options.figure_option("Draw bus bandwidth against size")
@options.json_option
def collective_command(
    kind: str, ranks: int, size: str | None, systems: str, algorithms: str,
    placement: int | None, figure: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Time a collective by size on several systems, and say by which algorithm.

    KIND is all_reduce, all_gather, reduce_scatter, all_to_all, broadcast or send_recv;
    bytes and bus bandwidth are counted as nccl-tests do. Between low and high lie the
    times for what the sources of links' rates and latencies leave open.
    """
    from accelsim.fabric.collective import WANTS, system
    from accelsim.report.collective import busbw_figure, collective_tables
    from accelsim.report.figures import check_figure
    from accelsim.report.picture.raster import save

    if figure is not None:
        check_figure(figure)
    sizes = _sizes(size)
    words = [word.strip() for word in algorithms.split(",")]
    wanted = list(WANTS) if "all" in words else list(dict.fromkeys(words))
    rows: list[dict[str, Any]] = []
    for name in systems.split(","):
        on = system(name.strip())
        for algorithm in wanted:
            try:
                rows += _rows(on, kind, ranks, sizes, placement, algorithm)
            except NoAnswerError:
                if len(wanted) == 1:
                    raise
    if not rows:
        raise NoAnswerError(f"{kind}: none of the algorithms does it on these systems")
    title = f"{kind} among {ranks} ranks"
    if figure is not None:
        save(busbw_figure(title, rows), figure)
    if as_json:
        print_json({"kind": kind, "collectives": rows})
    else:
        print_tables(collective_tables(title, rows))


def _rows(
    on: "System", kind: str, ranks: int, sizes: list[float], placement: int | None,
    algorithm: str,
) -> list[dict[str, Any]]:  # fmt: skip
    from accelsim.fabric.interval import interval, share_assumed

    counts = [ranks] * len(sizes)
    found = on.collective(
        kind, bytes=sizes, ranks=counts, placement=placement, algorithm=algorithm
    )
    about = interval(
        on, kind, bytes=sizes, ranks=counts, placement=placement, algorithm=algorithm
    )
    return [
        {
            "system": on.spec.name,
            "size_bytes": sizes[i],
            "ranks": ranks,
            "time_s": float(found.time[i]),
            "time_low_s": float(about.low[i]),
            "time_high_s": float(about.high[i]),
            "latency_s": float(found.latency[i]),
            "busbw_bytes_per_s": float(found.busbw[i]),
            "sent_bytes": float(found.sent[i]),
            "wanted": algorithm,
            "algorithm": str(found.algorithm[i]),
            "bound": str(found.bound[i]),
            "spread_on_assumed": share_assumed(about.rests),
            "rests_on": [
                {
                    "figure": rest.path,
                    "kind": rest.kind,
                    "low_s": float(rest.low[i]),
                    "high_s": float(rest.high[i]),
                }
                for rest in about.rests
            ],
        }
        for i in range(len(sizes))
    ]


def _sizes(size: str | None) -> list[float]:
    if size is None:
        doublings = range((LARGEST // SMALLEST).bit_length())
        return [float(SMALLEST * 2**step) for step in doublings]
    from accelsim.units import parse

    try:
        return [parse(size, "bytes")]
    except InputError as error:
        raise InputError(f"--bytes: {error}") from None
