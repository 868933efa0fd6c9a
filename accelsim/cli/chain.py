"""`accelsim chain`: from a wire to tokens a second, joules a token and goodput."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables

if TYPE_CHECKING:
    from accelsim.explore.chain import Chain


@click.command(
    "chain",
    epilog="""\b
Examples:
  accelsim chain nvlink5 --model llama3-8b --system gb200-nvl72 --chips 72
  accelsim chain efa-v4 --vary length=3m..9m --model gpt3-5b --system p6-b200 --chips 16

Exit code 1: the run has no answer over the link as it stands.""",
)
@click.argument("link")
@click.option("--model", required=True, metavar="M", help="Name, TOML or config.json.")
@click.option("--system", required=True, metavar="S", help="A system with the link.")
@click.option("--chips", type=int, required=True, metavar="N", help="Packages.")
@click.option(
    "--precision", type=click.Choice(options.PRECISIONS), help="[default: bf16]"
)
@click.option(
    "--vary",
    default="",
    metavar="FIELD=A..B",
    help="Of the link: length=0.5m..4m, retimers=0..3, or values with commas; a path "
    "has semicolons.",
)
@click.option("--points", default=9, show_default=True, help="Of a range.")
@click.option(
    "--by",
    type=click.Choice(("cost", "power", "latency")),
    default="cost",
    show_default=True,
    help="What the choice of a remedy keeps small.",
)
@click.option(
    "--restart",
    default="10 min",
    show_default=True,
    help="That a failure of a link costs the job.",
)
@click.option(
    "--figure",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Draw it (.png, .svg or .pdf).",
)
@options.batch_options
@options.plan_options
@options.set_option
@options.json_option
def chain_command(
    link: str, vary: str, figure: str | None, as_json: bool, **given: Any
) -> None:
    """Follow LINK of a system from its wire to a training run.

    Length, material, retimers or any other field of the link are varied; the plan of
    the run stays that of the link as it stands. Where the wire is not inside its
    budget, the best of retimers, thicker or active cable, optics and other SerDes is
    told, and what the run does over it.
    """
    from accelsim.report.chain import chain_plain, chain_tables
    from accelsim.report.figures import check_figure

    if figure is not None:
        check_figure(figure)
    plain = chain_plain(chain_of(link, vary, **given))
    if figure is not None:
        from accelsim.report.chain_figure import chain_figure
        from accelsim.report.picture.raster import save

        save(chain_figure(plain), Path(figure))
    if as_json:
        print_json(plain)
    else:
        print_tables(chain_tables(plain))


def chain_of(
    link: str, vary: str, *, points: int, by: str, restart: str,
    changes: tuple[str, ...], **given: Any,
) -> "Chain":  # fmt: skip
    """Return the chain that options ask for."""
    from accelsim.catalog import parse_overrides
    from accelsim.explore.chain import chain
    from accelsim.kernels.warm import compiling_beside

    plan = options.plan_of(given)
    run = {name: value for name, value in given.items() if value is not None}
    with compiling_beside():
        return chain(
            run | {"plan": plan},
            link,
            vary,
            points=points,
            by=by,
            restart=restart,
            overrides=parse_overrides(changes),
        )
