"""`accelsim supply`: good chips a month, and what a delay does to the fleet."""

from datetime import datetime
from typing import Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables
from accelsim.errors import InputError

MONTH = click.DateTime(formats=["%Y-%m", "%Y-%m-%d"])


@click.command(
    "supply",
    epilog="""\b
Examples:
  accelsim supply trainium3 --until 2027-12
  accelsim supply trainium3 --lose-fab 2027-01 --months 6 --lost 0.5""",
)
@click.argument("name")
@click.option("--until", type=MONTH, default="2027-12", show_default=True)
@click.option("--lose-fab", type=MONTH, help="First month without the fab.")
@click.option(
    "--months", type=click.IntRange(1, 240), help="That it is lost.  [default: 6]"
)
@click.option(
    "--lost", type=click.FloatRange(0.0, 1.0),
    help="Share of the wafers that go with it.  [default: 1]",
)  # fmt: skip
@click.option(
    "--packaging-late", type=click.IntRange(0, 120), default=0, show_default=True,
    help="Months by which packaging comes later.",
)  # fmt: skip
@click.option(
    "--slow-learning", type=click.FloatRange(1.0, 100.0), default=1.0,
    show_default=True, help="Over the time in which defects are learnt away.",
)  # fmt: skip
@click.option(
    "--samples", type=click.IntRange(1, 100_000), default=1000, show_default=True
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@options.set_option
@options.json_option
def supply_command(
    name: str, until: datetime, changes: tuple[str, ...], as_json: bool, **asked: Any
) -> None:
    """Tell how many good chips a month NAME gets, and how large its fleet grows.

    NAME is a supply of the catalog (`accelsim list supply`) or a TOML file.
    """
    from accelsim.catalog import load, override, parse_overrides
    from accelsim.economics.supply import Scenario, answer

    spec = override(load("supply", name), parse_overrides(changes), f"supply/{name}")
    samples, seed = asked.pop("samples"), asked.pop("seed")
    wrong = Scenario(**_fab(asked), **asked)
    found = answer(spec, until.date(), wrong, samples, seed)
    if as_json:
        print_json(found)
        return
    from accelsim.report.supply import supply_tables

    print_tables(supply_tables(found))


def _fab(asked: dict[str, Any]) -> dict[str, Any]:
    """Take what is told of a lost fab out of the options; refuse it without a month."""
    fab, told = asked.pop("lose_fab"), {}
    for name, usual in (("months", 6), ("lost", 1.0)):
        given = asked.pop(name)
        if given is not None and fab is None:
            raise InputError(f"--{name} {given:g}: give --lose-fab as well")
        told[name] = usual if given is None else given
    return told | {"lose_fab": fab and fab.date()}
