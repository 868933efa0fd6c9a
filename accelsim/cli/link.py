"""`accelsim link`: a wire judged by a standard's channel operating margin."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables

if TYPE_CHECKING:
    from accelsim.link.channel import Channel, TwoPort
    from accelsim.link.judge import Judgement

FILES = (".s4p", ".s2p", ".npz")


@click.command(
    "link",
    epilog="""\b
Examples:
  accelsim link 'pcb-megtron8 100 mm, connector, twinax-28awg 1 m' --case A2
  accelsim link 'twinax-26awg 2 m' --sheet 8023ck-kr --case short""",
)
@click.argument("channel")
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
    help="Draw loss, pulse, eye and bathtub of the worst case (.png, .svg or .pdf).",
)
@options.set_option
@options.json_option
def link_command(
    channel: str,
    sheet: str,
    cases: tuple[str, ...],
    fext: tuple[str, ...],
    next_: tuple[str, ...],
    ports: str,
    figure: str | None,
    changes: tuple[str, ...],
    as_json: bool,
) -> None:
    """Judge CHANNEL: its margin between packages, every equalizer setting tried.

    CHANNEL is a Touchstone file (.s4p, or .s2p that is differential), an .npz made of
    such, or segments with commas between them (`accelsim list segments`).
    """
    from accelsim.catalog import load, override, parse_overrides
    from accelsim.link.judge import judge
    from accelsim.report.figures import check_figure

    if figure is not None:
        check_figure(figure)
    spec = override(load("com", sheet), parse_overrides(changes), f"com {sheet}")
    made = _channel(channel, fext, next_, ports)
    found = judge(made, spec, cases)
    if figure is not None:
        from accelsim.report.link_figure import draw

        draw(figure, found)
    plain = _plain(found)
    if as_json:
        print_json(plain)
        return
    from accelsim.report.link import link_tables

    print_tables(link_tables(plain))


def _channel(
    text: str, fext: tuple[str, ...], next_: tuple[str, ...], ports: str
) -> "Channel":
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
