"""`accelsim silicon`: a chip's cost, the area of its dies, another process."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables
from accelsim.errors import InputError

if TYPE_CHECKING:
    from accelsim.silicon.scale import At

YIELDS = ("poisson", "murphy", "seeds", "negative-binomial")
POINTS = ("iso-power", "iso-speed")
DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.command(
    "silicon",
    epilog="""\b
Examples:
  accelsim silicon h100-sxm
  accelsim silicon trainium3 --to n2 --at iso-power --against trainium4-projected

Exit code 1: the chip's file has no [die], or its memory has no price.""",
)
@click.argument("chip")
@click.option("--to", metavar="P", help="Process to move the chip to (list processes).")
@click.option(
    "--at",
    type=click.Choice(POINTS),
    help="What stays as it is.  [default: iso-power]",
)
@click.option("--against", metavar="CHIP", help="Beside the moved chip.")
@click.option("--date", "when", type=DAY, help="Of the prices.  [default: the newest]")
@click.option(
    "--yield",
    "model",
    type=click.Choice(YIELDS),
    default="negative-binomial",
    show_default=True,
    help="Model of the die yield.",
)
@options.uncertain_options
@options.set_option
@options.json_option
def silicon_command(
    chip: str,
    to: str | None,
    at: "At | None",
    against: str | None,
    when: datetime | None,
    model: str,
    changes: tuple[str, ...],
    as_json: bool,
    **given: Any,
) -> None:
    """Tell what CHIP costs to make, by part, and where area and edge of its die go.

    With --to also what it would be on another process: area, clock, power and cost.
    """
    from accelsim.catalog import load, parse_overrides
    from accelsim.chip import chip as chip_named
    from accelsim.silicon.answer import examine, ported, uncertain_cost, uncertain_move
    from accelsim.silicon.scale import port

    for option, told in (("--against", against), ("--at", at)):
        if told is not None and to is None:
            raise InputError(f"{option} {told}: give --to as well")
    uncertain, seed = options.samples_of(given)
    day = None if when is None else when.date()
    spec = chip_named(chip, parse_overrides(changes)).spec
    answer = examine(spec, day, model)
    if to is not None:
        other = None if against is None else load("chips", against)
        answer["moved"] = ported(
            port(spec, to=to, at=at or "iso-power", when=day), other
        )
    if uncertain is not None:
        answer["uncertain"] = uncertain_cost(spec, uncertain, seed, day)
        if to is not None:
            point = at or "iso-power"
            answer["moved"]["uncertain"] = uncertain_move(
                spec, to, point, uncertain, seed, day
            )
    if as_json:
        print_json(answer)
        return
    from accelsim.report.silicon import silicon_tables

    print_tables(silicon_tables(answer))
