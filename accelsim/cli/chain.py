"""`accelsim chain`: from a wire to tokens a second, joules a token and goodput."""

from typing import Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables


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
    link: str,
    vary: str,
    points: int,
    by: str,
    restart: str,
    figure: str | None,
    changes: tuple[str, ...],
    as_json: bool,
    **given: Any,
) -> None:
    """Follow LINK of a system from its wire to a training run.

    Length, material, retimers or any other field of the link are varied; the plan of
    the run stays that of the link as it stands. Where the wire is not inside its
    budget, the best of retimers, thicker or active cable, optics and other SerDes is
    told, and what the run does over it.
    """
    from accelsim.catalog import parse_overrides
    from accelsim.explore.chain import chain
    from accelsim.kernels.warm import compiling_beside
    from accelsim.report.chain import chain_plain, chain_tables
    from accelsim.report.figures import check_figure

    if figure is not None:
        check_figure(figure)
    plan = options.plan_of(given)
    run = {name: value for name, value in given.items() if value is not None}
    with compiling_beside():
        found = chain(
            run | {"plan": plan},
            link,
            vary,
            points=points,
            by=by,
            restart=restart,
            overrides=parse_overrides(changes),
        )
    plain = chain_plain(found)
    if figure is not None:
        from accelsim.report.chain_figure import draw_chain

        draw_chain(figure, plain)
    if as_json:
        print_json(plain)
    else:
        print_tables(chain_tables(plain))
