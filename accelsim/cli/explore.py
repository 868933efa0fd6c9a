"""`accelsim explore`: a page on this machine where designs are turned and compared."""

import click

from accelsim.cli.output import print_error

PORT = 8710


@click.command(
    "explore",
    epilog="""\b
Examples:
  accelsim explore
  accelsim explore --open "model=llama3-8b&system=dgx-h100&chips=64&hbm=1.5"
""",
)
@click.option(
    "--port", type=click.IntRange(1024, 65535), default=PORT, show_default=True
)
@click.option(
    "--open", "query", default="", metavar="ADDRESS",
    help="Design that the page opens with: what an address of it has after `?`.",
)  # fmt: skip
@click.option("--no-browser", is_flag=True, help="Serve, and open no browser.")
def explore_command(port: int, query: str, no_browser: bool) -> None:
    """Serve a page where designs are turned and compared, on this machine alone.

    Model, system, chips and precision are chosen; bandwidth, capacity, array, link
    rate and reach, retimers, process, power and price are turned. Results follow at
    once. Designs are pinned side by side; the address keeps them all.
    """
    from accelsim.explorer.server import HOST, serve

    query = query.rpartition("?")[2]
    print_error(f"http://{HOST}:{port}/?{query}".rstrip("?") + "  (Ctrl-C ends it)")
    serve(query, port, show=not no_browser)
