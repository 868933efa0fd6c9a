"""`accelsim link`: a wire judged by a standard's margin, and budgets of links."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables

if TYPE_CHECKING:
    from accelsim.link.bits import Counted
    from accelsim.link.channel import Channel, TwoPort
    from accelsim.link.judge import Judgement

FILES = (".s4p", ".s2p", ".npz")
# options of each kind of question
OF_CHANNEL = ("sheet", "cases", "fext", "next_", "ports", "figure", "changes", "bits")
OF_CHOICE = ("rate", "code", "lanes", "serdes")
OF_LANES = ("population", "links", "temperature", "process", "voltage", "figure")
OF_BUDGET = (*OF_CHOICE, *OF_LANES, "packet", "crosstalk")


@click.command(
    "link",
    epilog="""\b
Examples:
  accelsim link 'pcb-megtron8 100 mm, connector, twinax-28awg 1 m' --case A2
  accelsim link 'twinax-26awg 2 m' --sheet 8023ck-kr --case short
  accelsim link 'pcb-megtron8 200 mm, retimer-dsp-224g, twinax-28awg 1 m'
  accelsim link neuronlink-v4 --set length="2 m" --set retimers=1
  accelsim link --distance '2 m' --by cost""",
)
@click.argument("channel", required=False)
@click.option(
    "--sheet",
    default="8023dj-kr",
    show_default=True,
    help="Parameter sheet of the catalog (`accelsim list com`) or a TOML file.",
)
@click.option("--case", "cases", multiple=True, help="Package case of the sheet.")
@click.option("--fext", multiple=True, metavar="FILE", help="A far-end aggressor.")
@click.option(
    "--next", "next_", multiple=True, metavar="FILE", help="A near-end aggressor."
)
@click.option(
    "--ports",
    default="1,3,2,4",
    show_default=True,
    help="Ports of an .s4p: near +, near -, far +, far -.",
)
@click.option(
    "--figure",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Draw loss, pulse, eye and bathtub of the worst case, or the margins of a "
    "--population (.png, .svg or .pdf).",
)
@click.option(
    "--bits",
    default=0,
    metavar="N",
    help="Also simulate N symbols of the worst case, with bursts of errors.",
)
@click.option("--budget", is_flag=True, help="The budget of a path, not its margin.")
@click.option("--rate", help="Raw, of a lane, such as '212.5 Gb/s'.")
@click.option("--code", help="`accelsim list codes`; else what goes with the SerDes.")
@click.option("--lanes", default=4, show_default=True, help="Of the port.")
@click.option(
    "--packet", default="4096 B", show_default=True, help="Payload of a packet."
)
@click.option(
    "--serdes",
    default="serdes-synopsys-224g-lr",
    show_default=True,
    help="At ends that the path does not name.",
)
@click.option(
    "--crosstalk",
    default="0 mV",
    show_default=True,
    help="Root mean square at each quantizer.",
)
@click.option(
    "--population",
    default=0,
    metavar="N",
    help="Lanes drawn to find the share below the margin.",
)
@click.option(
    "--links",
    type=click.IntRange(1, 1_000_000_000),
    default=1,
    metavar="N",
    help="Of a rack, to count the lanes of the population that fail.",
)
@click.option(
    "--temperature",
    help="Of the population's lines: '45..85 C' for 19 lanes in 20, '60 C' for all.",
)
@click.option("--process", help="Deviation of the lines' loss, such as '4 %'.")
@click.option("--voltage", help="Deviation of the amplitude, such as '3 %'.")
@click.option("--distance", help="Choose medium and retimers for it.")
@click.option(
    "--by",
    type=click.Choice(("cost", "power", "latency")),
    default="cost",
    show_default=True,
    help="What the choice keeps small.",
)
@click.option(
    "--sweep",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Write 10,000 links: length, material, retimers, rate; --figure draws them.",
)
@options.set_option
@options.json_option
@click.pass_context
def link_command(
    context: click.Context,
    /,
    channel: str | None,
    sheet: str,
    cases: tuple[str, ...],
    fext: tuple[str, ...],
    next_: tuple[str, ...],
    ports: str,
    figure: str | None,
    bits: int,
    budget: bool,
    distance: str | None,
    by: str,
    sweep: Path | None,
    changes: tuple[str, ...],
    as_json: bool,
    **told: Any,
) -> None:
    """Judge CHANNEL: its margin between packages, every equalizer setting tried.

    CHANNEL is a Touchstone file (.s4p, or .s2p that is differential), an .npz made of
    such, or segments with commas between them (`accelsim list segments`).

    A link's name (`accelsim list links`) tells the budget of its path, and which of the
    figures that the fabric takes are stated and which come from the wire.

    With a device among the segments (`accelsim list devices`), or with --budget, the
    whole link is told: margin of every span, errors, retry, bandwidth, latency, energy,
    price, failures, and what slower rate would do.
    """
    from accelsim.cli import link_budget

    asked = link_budget.Asked(**told, as_json=as_json)
    if sweep is not None:
        _refuse(context, "a sweep", "sweep", "figure", "as_json")
        link_budget.tell_sweep(sweep, figure, as_json=as_json)
    elif distance is not None:
        _refuse(context, "a distance", "distance", "by", "as_json", *OF_CHOICE)
        link_budget.tell_choice(distance, by, asked)
    elif channel is None:
        raise click.UsageError("give a CHANNEL, --distance or --sweep")
    elif is_link(channel):
        allowed = ("channel", "budget", "as_json", "changes", *OF_LANES)
        _refuse(context, "a link of the catalog", *allowed)
        link_budget.tell_link(channel, changes, asked, figure)
    elif budget or has_device(channel):
        _refuse(context, "a budget", "channel", "budget", "as_json", *OF_BUDGET)
        link_budget.tell_budget(channel, asked, figure)
    else:
        _refuse(context, "a channel", "channel", "as_json", *OF_CHANNEL)
        given = (fext, next_, ports)
        _judge(channel, sheet, cases, given, figure, bits, changes, as_json)


def _refuse(context: click.Context, what: str, *allowed: str) -> None:
    """Refuse options that say nothing of what is asked, rather than pass them over."""
    for option in context.command.params:
        name = option.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and name not in allowed:
            said = option.opts[0] if option.opts[0].startswith("-") else "a CHANNEL"
            raise click.UsageError(f"{said} says nothing of {what}")


def is_link(channel: str) -> bool:
    """Return whether a text is the name of a link of the catalog."""
    from accelsim.catalog import has, is_path

    return not is_path(channel) and has("links", channel)


def has_device(channel: str) -> bool:
    """Return whether a device is among the segments of a path."""
    from accelsim.catalog import any_named, is_path, names

    if channel.lower().endswith(FILES):
        return False
    words = {part.split()[0] for part in channel.split(",") if part.split()}
    own = (any_named(word)[0] == "devices" for word in words if is_path(word))
    return not words.isdisjoint(names("devices")) or any(own)


def _judge(
    channel: str,
    sheet: str,
    cases: tuple[str, ...],
    given: tuple[tuple[str, ...], tuple[str, ...], str],
    figure: str | None,
    bits: int,
    changes: tuple[str, ...],
    as_json: bool,
) -> None:
    from accelsim.catalog import load, override, parse_overrides
    from accelsim.link.judge import judge
    from accelsim.report.figures import check_figure

    if figure is not None:
        check_figure(figure)
    spec = override(load("com", sheet), parse_overrides(changes), f"com {sheet}")
    made = channel_of(channel, *given)
    found = judge(made, spec, cases)
    if figure is not None:
        from accelsim.report.link_figure import channel_figure
        from accelsim.report.picture.raster import save

        save(channel_figure(found), Path(figure))
    plain = _plain(found)
    if bits:
        plain["bits"] = _bits(found, bits)
    if as_json:
        print_json(plain)
        return
    from accelsim.report.link import link_tables

    print_tables(link_tables(plain))


def _check_name(text: str) -> None:
    """Refuse one word that is neither link nor segment, by the nearest of both."""
    from accelsim.catalog import is_path, names
    from accelsim.errors import InputError, nearest

    known = {*names("links"), *names("segments")}
    alone = len(text.replace(",", " , ").split()) == 1
    if alone and not is_path(text) and text.strip() not in known:
        hint = nearest(text.strip(), known)
        raise InputError(f"CHANNEL {text!r}: no link, file or segment; {hint}")


def channel_of(
    text: str, fext: tuple[str, ...], next_: tuple[str, ...], ports: str
) -> "Channel":
    """Return the channel that a file or segments describe, with its aggressors."""
    from accelsim.errors import InputError
    from accelsim.link.channel import Channel
    from accelsim.link.channel_files import read_npz, read_port
    from accelsim.link.segments import read_path, two_port

    try:
        order = tuple(int(port) for port in ports.split(","))
    except ValueError:
        raise InputError(f"--ports {ports!r}: write 1,3,2,4") from None

    def port(name: str) -> "TwoPort":
        return read_port(Path(name), order)

    others = tuple(map(port, fext)), tuple(map(port, next_))
    if not text.lower().endswith(FILES):
        _check_name(text)
        return Channel(two_port(read_path(text)), *others)
    if text.lower().endswith(".npz"):
        found = read_npz(Path(text))
        if isinstance(found, Channel):
            return Channel(found.thru, found.fext + others[0], found.next + others[1])
        return Channel(found, *others)
    return Channel(port(text), *others)


def _plain(found: "Judgement") -> dict[str, Any]:
    """Return the answer as plain data."""
    spec = found.spec
    return {
        "channel": found.channel.thru.name,
        "sheet": spec.name,
        "annex": spec.annex,
        "version": spec.version,
        "symbol_rate_baud": found.sheet.symbol_rate,
        "loss_db": found.loss_db,
        "aggressors": len(found.channel.fext) + len(found.channel.next),
        "icn_v": found.icn,
        "erl_db": found.erl.erl_db if found.erl else None,
        "margin_db": found.sheet.margin_db,
        "passes": bool(found.passes),
        "cases": [_case(case) for case in found.cases],
        "warnings": list(found.warnings),
    }


def _bits(found: "Judgement", symbols: int) -> list[dict[str, Any]]:
    """Return what is decided of symbols as the worst case is, and with more noise."""
    from accelsim.link.bits import with_more_noise

    worst = found.worst
    runs = with_more_noise(worst.com, worst.paths, found.sheet, symbols)
    return [
        {
            "case": worst.name,
            "noise_scale": run.noise_scale,
            "predicted": run.predicted,
            "predicted_carry": run.predicted_carry,
            "feedback": _counted(run.feedback),
            "sequence": _counted(run.sequence) if run.sequence else None,
        }
        for run in runs
    ]


def _counted(counted: "Counted") -> dict[str, Any]:
    return {
        "symbols": counted.symbols,
        "errors": counted.errors,
        "symbol_error_ratio": counted.ratio,
        "interval_95": list(counted.interval()),
        "carry": counted.carry,
        "errors_precoded": counted.decoded,
        "runs": counted.runs.tolist(),
    }


def _case(case: Any) -> dict[str, Any]:
    com = case.com
    return {
        "name": case.name,
        "com_db": com.com_db,
        "before_sequence_db": com.before_sequence_db,
        "vec_db": com.vec_db,
        "fom_db": com.fom_db,
        "signal_v": com.signal,
        "interference_v": com.interference,
        "tx_taps": list(com.setting.tx_taps),
        "ctle_db": [com.setting.gain_db, com.setting.low_gain_db],
        "phase_samples": com.setting.phase,
        "feedback": com.feedback.tolist(),
        "forward": None if com.forward is None else com.forward.tolist(),
        "floating": com.floating.tolist(),
    }
