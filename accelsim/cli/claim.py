"""`accelsim claim`: how likely a statement is, and what decides it."""

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables


@click.command(
    "claim",
    epilog="""\b
Examples:
  accelsim claim list
  accelsim claim n2-iso-speed --json""",
)
@click.argument("name")
@click.option(
    "--samples",
    type=click.IntRange(2, 10_000_000),
    default=10_000,
    show_default=True,
    help="Of the figures that have a spread.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@options.json_option
def claim_command(name: str, samples: int, seed: int, as_json: bool) -> None:
    """Judge the claim NAME: its probability, when it holds, and its drivers.

    NAME is a claim of the catalog, a TOML file, or `list` for all of them.
    """
    if name == "list":
        from accelsim.report.catalog import catalog_tables, describe_all

        every = {"claims": describe_all("claims")}
        if as_json:
            print_json(every)
        else:
            print_tables(catalog_tables(every))
        return
    from accelsim.explore.claim import judge
    from accelsim.report.uncertain import claim_tables

    found = judge(name, samples, seed)
    if as_json:
        print_json(found)
    else:
        print_tables(claim_tables(found))
