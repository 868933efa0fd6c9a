"""What `accelsim link` does beyond a channel: budgets, choices of media, sweeps."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.cli.output import print_json, print_tables
from accelsim.errors import InputError

if TYPE_CHECKING:
    from accelsim.link.budget import Link
    from accelsim.link.population import Population


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options ask of a budget."""

    rate: str | None
    code: str | None
    lanes: int
    packet: str
    serdes: str
    crosstalk: str
    population: int
    links: int
    temperature: str | None
    process: str | None
    voltage: str | None
    as_json: bool


def volts(crosstalk: str) -> float:
    """Return what `--crosstalk` says [V].

    Raises
    ------
    InputError
        It is no voltage, or more than 1 V.
    """
    from accelsim.units import parse

    try:
        value = parse(crosstalk, "voltage")
    except InputError as error:
        raise InputError(f"--crosstalk: {error}") from None
    if not 0.0 <= value <= 1.0:
        raise InputError(f"--crosstalk {crosstalk}: must be 0 to 1 V")
    return value


def _population(link: "Link", asked: Asked, figure: str | None) -> "Population | None":
    """Return the lanes that are asked for, drawn as a picture too."""
    from accelsim.link.population import population, read_spread
    from accelsim.report.figures import check_figure

    if not asked.population:
        given = {
            "--temperature": asked.temperature,
            "--process": asked.process,
            "--voltage": asked.voltage,
            "--figure": figure,
        }
        for option, value in given.items():
            if value is not None:
                raise InputError(f"{option} says nothing of a budget: --population N")
        return None
    if figure is not None:
        check_figure(figure)
    spread = read_spread(asked.temperature, asked.process, asked.voltage)
    lanes = population(link, asked.population, spread)
    if figure is not None:
        from accelsim.report.link_population_figure import draw_population

        title = f"{link.path.text}, {link.lane_rate / 1e9:g} Gb/s a lane"
        draw_population(figure, title, lanes)
    return lanes


def tell_budget(path: str, asked: Asked, figure: str | None) -> None:
    """Print the budget of a path."""
    from accelsim.link.answer import explain, question
    from accelsim.link.plain import budget_plain
    from accelsim.report.link_budget import budget_tables

    made = question(
        path,
        rate=asked.rate,
        code=asked.code,
        lanes=asked.lanes,
        packet=asked.packet,
        serdes=asked.serdes,
    )
    lanes = _population(made, asked, figure)
    found = explain(made, volts(asked.crosstalk))
    plain = budget_plain(found, lanes, asked.links)
    if asked.as_json:
        print_json(plain)
    else:
        print_tables(budget_tables(plain))


def tell_link(
    name: str, changes: tuple[str, ...], asked: Asked, figure: str | None
) -> None:
    """Print the budget of a link of the catalog, and what the fabric takes from it."""
    from accelsim.catalog import load, parse_overrides
    from accelsim.link.answer import explain
    from accelsim.link.plain import budget_plain
    from accelsim.link.port import port
    from accelsim.link.wire import link_of
    from accelsim.report.link_budget import budget_tables
    from accelsim.report.link_port import port_plain, port_tables

    spec = load("links", name, parse_overrides(changes))
    if not spec.path:
        raise InputError(f"link {name}: names no path, so nothing is known of its wire")
    made, volts = link_of(spec), float(spec.crosstalk or 0.0)
    lanes = _population(made, asked, figure)
    plain = budget_plain(explain(made, volts), lanes, asked.links)
    fabric = port_plain(spec, port(spec))
    if asked.as_json:
        print_json({"link": name, "port": fabric, **plain})
    else:
        print_tables([*port_tables(name, fabric), *budget_tables(plain)])


def tell_choice(distance: str, by: str, asked: Asked) -> None:
    """Print the ways to go a distance, the best first."""
    from accelsim.link.choose import best_link
    from accelsim.report.link_budget import choice_plain, choice_tables
    from accelsim.units import parse

    try:
        metres = parse(distance, "length")
    except InputError as error:
        raise InputError(f"--distance: {error}") from None
    try:
        rate = parse(asked.rate or "212.5 Gb/s", "bit_rate")
    except InputError as error:
        raise InputError(f"--rate: {error}") from None
    found = best_link(
        metres,
        rate,
        by,
        lanes=asked.lanes,
        code=asked.code,
        serdes=asked.serdes,
    )
    plain = choice_plain(found)
    if asked.as_json:
        print_json({"distance": distance, "by": by, "ways": plain})
        return
    title = f"{distance} at {rate / 1e9:g} Gb/s a lane, least {by} first"
    print_tables(choice_tables(title, plain))


def tell_sweep(out: Path, figure: str | None, *, as_json: bool) -> None:
    """Write a sweep of ten thousand links, draw it and print where copper ends."""
    from accelsim.link.sweep import sweep
    from accelsim.report.figures import check_figure
    from accelsim.report.link_budget import sweep_plain, sweep_tables, write_sweep

    if figure is not None:
        check_figure(figure)
    found = sweep()
    write_sweep(found, out)
    if figure is not None:
        from accelsim.report.link_sweep_figure import draw_sweep

        draw_sweep(figure, found)
    plain = sweep_plain(found)
    if as_json:
        print_json(plain)
    else:
        print_tables(sweep_tables(plain))
