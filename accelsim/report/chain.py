"""A wire under a training run: as data, as a table, and where its regimes end."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from accelsim.explore.chain import Chain, Point
from accelsim.explore.result import Estimate
from accelsim.link.answer import HOUR
from accelsim.link.remedy import Way
from accelsim.report.tables import heading, table


def chain_plain(found: Chain) -> dict[str, Any]:
    """Return a chain as plain data, units in the names."""
    base = found.base
    return {
        "link": found.link,
        "vary": found.field,
        "tiers": list(found.tiers),
        "model": base.question.model.name,
        "system": base.question.system.name,
        "chips": base.chips,
        "plan": base.plan.text(),
        "tokens_per_s": base.tokens_per_s,
        "restart_s": found.restart,
        "points": [_point_plain(found, point) for point in found.points],
    }


def _point_plain(found: Chain, point: Point) -> dict[str, Any]:
    one, change = point.way, point.remedy
    return {
        "value": point.value,
        "regime": point.regime,
        "failure": point.failure,
        "beyond_length_limit": list(point.beyond),
        **_way_plain(one),
        **_run_plain(found, one, point.estimate),
        "remedy": None
        if change is None
        else {
            "change": change.words,
            "path": change.spec.path,
            **_way_plain(change),
            **_run_plain(found, change, point.remedied),
        },
    }


def _way_plain(one: Way | None) -> dict[str, Any]:
    port, wire = (None, None) if one is None else (one.port, one.port.wire)
    return {
        "margin_db": wire and wire.margin_db,
        "loss_left_db": wire and wire.loss_left_db,
        "lane_rate_bit_per_s": port and port.lane_rate,
        "bandwidth_bytes_per_s": port and port.bandwidth,
        "limit": port and port.limit,
        "frame_loss_ratio": port and port.loss,
        "frame_goodput_share": wire and wire.goodput,
        "latency_s": port and port.latency,
        "tail_latency_s": port and port.tail,
        "energy_j_per_bit": port and port.energy / 8.0,
        "power_w": one and one.power,
        "price_usd": one and one.price,
        "failures_fit": port and port.failures * HOUR * 1e9,
    }


def _run_plain(found: Chain, one: Way | None, run: Estimate | None) -> dict[str, Any]:
    share = None if one is None else found.goodput(one)
    return {
        "step_time_s": run and run.step_time,
        "exposed_communication_s": run and run.time.communication,
        "tokens_per_s": run and run.tokens_per_s,
        "goodput_share": share,
        "goodput_tokens_per_s": run and share and run.tokens_per_s * share,
        "j_per_token": run and run.joule_per_token,
        "link_failures_per_day": one and found.failures(one) * 24.0 * HOUR,
    }


def chain_tables(plain: Mapping[str, Any]) -> list[RenderableType]:
    """Return the whole answer, from top to bottom."""
    points = plain["points"]
    title = f"{plain['link']} under {plain['model']} on {plain['chips']} chips of "
    lines: list[RenderableType] = [
        heading(f"{title}{plain['system']}"),
        f"plan {plain['plan']} at every point; the link is in {_of(plain['tiers'])}",
        "",
        _wires(plain["vary"], points),
        "",
        _runs(plain["vary"], points),
        "",
        *_regimes(points),
    ]
    beyond = sorted(
        {words for point in points for words in point["beyond_length_limit"]}
    )
    if beyond:
        lines.append(Text(f"some are longer than sold: {', '.join(beyond)}"))
    failed = [point["failure"] for point in points if point["failure"]]
    return [*lines, *map(Text, failed[:1])]


def _of(tiers: Sequence[str]) -> str:
    word = "tier" if len(tiers) == 1 else "tiers"
    return f"{word} {', '.join(tiers)}"


def _wires(field: str, points: Sequence[Mapping[str, Any]]) -> RenderableType:
    heads = ("margin, dB", "Gb/s a lane", "GB/s", "hop, ns", "tail", "pJ/b", "USD")
    made = table(field or "as it is", "regime", *heads, left=2)
    for point in points:
        cells = [
            _cell(point["margin_db"], 1.0, ".2f"),
            _cell(point["lane_rate_bit_per_s"], 1e-9, "g"),
            _cell(point["bandwidth_bytes_per_s"], 1e-9, ".2f"),
            _cell(point["latency_s"], 1e9, ".1f"),
            _cell(point["tail_latency_s"], 1e9, ".1f"),
            _cell(point["energy_j_per_bit"], 1e12, ".2f"),
            _cell(point["price_usd"], 1.0, ",.0f"),
        ]
        made.add_row(Text(point["value"]), point["regime"], *cells)
    return made


def _runs(field: str, points: Sequence[Mapping[str, Any]]) -> RenderableType:
    heads = ("tokens/s", "goodput", "J/token", "failures a day")
    made = table(field or "as it is", *heads, "else", "tokens/s", "J/token")
    made.columns[5].justify = "left"
    for point in points:
        instead = point["remedy"] or {}
        cells = [
            _cell(point["tokens_per_s"], 1.0, ",.0f"),
            _cell(point["goodput_tokens_per_s"], 1.0, ",.0f"),
            _cell(point["j_per_token"], 1.0, ".4g"),
            _cell(point["link_failures_per_day"], 1.0, ".3g"),
        ]
        nothing = "" if point["regime"] == "inside" else "nothing helps"
        change: list[str | Text] = [
            Text(instead.get("change", nothing)),
            _cell(instead.get("tokens_per_s"), 1.0, ",.0f"),
            _cell(instead.get("j_per_token"), 1.0, ".4g"),
        ]
        made.add_row(Text(point["value"]), *cells, *change)
    return made


def _cell(value: float | None, scale: float, form: str) -> str:
    return "–" if value is None else f"{value * scale:{form}}"


WORDS = {
    "inside": "inside the budget: only flight, latency and energy move",
    "marginal": "marginal: lost frames come again, goodput and tail pay",
    "over": "over the budget: a slower rate, a retimer or another medium",
    "none": "no rate works: a retimer or another medium",
}


def _regimes(points: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    """Return from where to where each regime goes."""
    lines: list[RenderableType] = []
    for regime, group in groupby(points, key=lambda point: str(point["regime"])):
        values = [str(point["value"]) for point in group]
        ends = values[0] if len(values) == 1 else f"{values[0]} to {values[-1]}"
        lines.append(Text(f"{ends or 'as it is'}: {WORDS[regime]}"))
    return lines
