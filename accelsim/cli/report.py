"""`accelsim report`: the answer of another command as a page.

Each report takes the arguments of its command, by the command's own options.
"""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from accelsim.cli import options
from accelsim.cli.estimate import estimate_command
from accelsim.cli.output import print_json
from accelsim.errors import InputError

if TYPE_CHECKING:
    from accelsim.report.page.page import Page

# Options of a command that say how it tells its answer: a page tells all.
TELLING = ("as_json", "figure", "explain", "timeline", "trace", "uncertain", "seed")
OUT = click.Option(
    ["-o", "--out"], required=True, metavar="FILE.html",
    type=options.FilePath(dir_okay=False, path_type=Path), help="Where the page goes.",
)  # fmt: skip
FIGURES = click.Option(
    ["--figures"], metavar="DIR", type=options.FilePath(path_type=Path),
    help="Also write each figure there, as .svg and .png.",
)  # fmt: skip
JSON = click.Option(["--json", "as_json"], is_flag=True, help="Say what was written.")


class Told(click.Command):
    """A command that knows how it was typed."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> click.Context:
        """Keep the arguments as they are."""
        typed = [*args]
        context = super().make_context(info_name, args, parent, **extra)
        context.meta["typed"] = typed
        return context


@click.group("report")
def report_group() -> None:
    """Write the answer of another command as a page that needs nothing else.

    One HTML file with every figure inside: it opens from a disk, prints, and is light
    or dark as the reader likes. Arguments are those of the other command.
    """


def _report(
    name: str, of: click.Command, words: str, make: Callable[..., "Page"]
) -> None:
    """Add a report that takes the options of another command."""

    def callback(out: Path, figures: Path | None, as_json: bool, **given: Any) -> None:
        _check(out, figures)
        page = make(given, _typed(name))
        _write(page, out, figures, as_json=as_json)

    own = [p for p in of.params if p.name not in TELLING]
    example = f"\b\nExample:\n  accelsim report {name} {words} -o report.html"
    report_group.add_command(
        Told(
            name,
            params=[*own, OUT, FIGURES, JSON],
            callback=callback,
            help=f"The report of `accelsim {of.name}`, whose arguments it takes.",
            epilog=example,
        )
    )


def _typed(name: str) -> str:
    typed = click.get_current_context().meta["typed"]
    return shlex.join(["accelsim", "report", name, *typed])


def _check(out: Path, figures: Path | None) -> None:
    """Refuse what cannot be written, before anything is computed."""
    from accelsim.files import target_of

    options.check_ending(out, "--out", (".html", ".htm"))
    target_of(out)
    if figures is not None and figures.exists() and not figures.is_dir():
        raise InputError(f"--figures: {figures} is no folder")
    if figures is not None and not figures.absolute().parent.is_dir():
        raise InputError(f"--figures: {figures}: no such folder above it")


def _write(page: "Page", out: Path, figures: Path | None, *, as_json: bool) -> None:
    from accelsim.report.page.page import write
    from accelsim.report.picture.raster import save

    drawn = []
    if figures is not None:
        figures.mkdir(exist_ok=True)
        for drawing in page.drawings:
            for ending in (".svg", ".png"):
                drawn.append(figures / f"{drawing.name}{ending}")
                save(drawing, drawn[-1])
    write(page, out)
    size = out.stat().st_size
    told = {
        "report": str(out),
        "bytes": size,
        "sections": [section.anchor for section in page.sections],
        "figures": [str(path) for path in drawn],
    }
    if as_json:
        print_json(told)
    else:
        click.echo(f"{out}: {len(page.drawings)} figures, {size / 1e3:,.0f} kB")


def _run(given: dict[str, Any], command: str) -> "Page":
    from accelsim.catalog import parse_overrides
    from accelsim.kernels.warm import compiling_beside
    from accelsim.question import read_run, run_from
    from accelsim.report.page.run import run_page

    named = given.pop("run")
    overrides = parse_overrides(given.pop("changes"))
    if named is None:
        instead = " (or name a RUN.toml that says so)"
        options.require(given, "model", "system", "chips", otherwise=instead)
    base = None if named is None else read_run(named)
    plan = options.plan_of(given)
    with compiling_beside():
        return run_page(run_from(given | {"plan": plan}, base), overrides, command)


_report("run", estimate_command, "megatron-175b-selene", _run)
