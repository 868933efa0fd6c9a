"""`accelsim report`: the answer of another command as a page.

Each report takes the arguments of its command, by the command's own options.
"""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from accelsim.cli import options
from accelsim.cli.chain import chain_command, chain_of
from accelsim.cli.compare import compare_command, comparison_of
from accelsim.cli.estimate import estimate_command
from accelsim.cli.link import channel_of, has_device, is_link, link_command
from accelsim.cli.link_budget import volts
from accelsim.cli.output import print_json
from accelsim.cli.sweep import show_command
from accelsim.errors import InputError

if TYPE_CHECKING:
    from accelsim.report.page.page import Page

# Options of a command that say how it tells its answer: a page tells all.
TELLING = (
    "as_json",
    "out",
    "figure",
    "explain",
    "timeline",
    "trace",
    "uncertain",
    "seed",
)
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
    name: str,
    of: click.Command,
    words: str,
    make: Callable[..., "Page"],
    without: tuple[str, ...] = (),
) -> None:
    """Add a report that takes the options of another command, but for some."""

    def callback(out: Path, figures: Path | None, as_json: bool, **given: Any) -> None:
        _check(out, figures)
        page = make(given, _typed(name))
        _write(page, out, figures, as_json=as_json)

    whole = "sweep show" if name == "sweep" else of.name
    own = [p for p in of.params if p.name not in (*TELLING, *without)]
    example = f"\b\nExample:\n  accelsim report {name} {words} -o report.html"
    report_group.add_command(
        Told(
            name,
            params=[*own, OUT, FIGURES, JSON],
            callback=callback,
            help=f"The report of `accelsim {whole}`, whose arguments it takes.",
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
    from accelsim.report.page.run import run_page

    overrides = parse_overrides(given.pop("changes"))
    asked = options.run_of(given.pop("run"), given)
    with compiling_beside():
        return run_page(asked, overrides, command)


def _compare(given: dict[str, Any], command: str) -> "Page":
    from accelsim.report.page.compare import compare_page

    return compare_page(comparison_of(**given), command)


def _sweep(given: dict[str, Any], command: str) -> "Page":
    from accelsim.explore.sweep.store import open_store
    from accelsim.report.page.sweep import Look, sweep_page

    store = open_store(given.pop("folder"))
    return sweep_page(store, Look(**given), command)


def _link(given: dict[str, Any], command: str) -> "Page":
    text = given["channel"]
    if text is None:
        raise click.UsageError("give a CHANNEL")
    if is_link(text):
        return _catalog_link(text, given, command)
    if given["budget"] or has_device(text):
        return _budget(text, given, command)
    return _channel(text, given, command)


def _catalog_link(name: str, given: dict[str, Any], command: str) -> "Page":
    from accelsim.catalog import find, load, parse_overrides
    from accelsim.link.answer import explain
    from accelsim.link.port import port
    from accelsim.link.wire import link_of
    from accelsim.report.page.link import budget_page
    from accelsim.report.page.reproduce import wire_files

    spec = load("links", name, parse_overrides(given["changes"]))
    if not spec.path:
        raise InputError(f"link {name}: names no path, so nothing is known of its wire")
    found = explain(link_of(spec), float(spec.crosstalk or 0.0))
    files = [("links", find("links", name)), *wire_files(link_of(spec))]
    return budget_page(found, command, files, (spec, port(spec)))


def _budget(path: str, given: dict[str, Any], command: str) -> "Page":
    from accelsim.link.answer import explain, question
    from accelsim.report.page.link import budget_page
    from accelsim.report.page.reproduce import wire_files

    names = ("rate", "code", "lanes", "packet", "serdes")
    made = question(path, **{name: given[name] for name in names})
    found = explain(made, volts(given["crosstalk"]))
    return budget_page(found, command, wire_files(made))


def _channel(text: str, given: dict[str, Any], command: str) -> "Page":
    from accelsim.catalog import find, load, override, parse_overrides
    from accelsim.link.judge import judge
    from accelsim.report.page.channel import channel_page

    sheet = given["sheet"]
    changes = parse_overrides(given["changes"])
    spec = override(load("com", sheet), changes, f"com {sheet}")
    made = channel_of(text, given["fext"], given["next_"], given["ports"])
    found = judge(made, spec, given["cases"])
    return channel_page(found, command, [("com", find("com", sheet))])


def _chain(given: dict[str, Any], command: str) -> "Page":
    from accelsim.report.page.chain import chain_page

    return chain_page(chain_of(**given), command)


_report("run", estimate_command, "megatron-175b-selene", _run)
_report(
    "compare",
    compare_command,
    "mpt-7b --systems dgx-a100,dgx-h100 --chips 8",
    _compare,
)
_report(
    "sweep",
    show_command,
    "stacks",
    _sweep,
    ("sql", "kind", "z", "level", "base", "tokens"),
)
_report(
    "link",
    link_command,
    "neuronlink-v4",
    _link,
    ("bits", "population", "links", "temperature", "process", "voltage", "distance",
     "by", "sweep"),
)  # fmt: skip
_report(
    "chain",
    chain_command,
    "nvlink5 --model llama3-8b --system gb200-nvl72 --chips 72",
    _chain,
)
