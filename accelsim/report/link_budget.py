"""A link's budget, a choice of media and a sweep of links as tables and plain data.

This file knows what the link room found and nothing of how.
"""

import csv
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from accelsim.errors import InputError
from accelsim.link.budget import REGIMES
from accelsim.link.choose import Choice
from accelsim.link.plain import FIT, WORDS, finite
from accelsim.link.sweep import Sweep, pays
from accelsim.report.tables import heading, table


def budget_tables(plain: Mapping[str, Any]) -> list[RenderableType]:
    """Return the whole answer, from top to bottom."""
    rate = plain["lane_rate_bit_per_s"] / 1e9
    lines: list[RenderableType] = [
        heading(f"{plain['path']}: {_verdict(plain)}"),
        f"{plain['lanes']} lanes of {rate:g} Gb/s, {plain['code']}"
        f"{', precoded' if plain['precoded'] else ''}",
        "",
        _spans(plain["spans"]),
        *_notes(plain),
        "",
        _figures(plain),
        "",
        _parts(plain),
        "",
        _rates(plain),
    ]
    soft = plain["soft_figures"]
    if soft:
        lines += ["", f"rests on {len(soft)} press reports or assumptions: --json"]
    return lines


def _verdict(plain: Mapping[str, Any]) -> str:
    words = WORDS[plain["regime"]]
    return f"{words}, and longer than sold" if plain["beyond_length_limit"] else words


def _notes(plain: Mapping[str, Any]) -> list[RenderableType]:
    """Return a line each on lengths that are not sold and jitter that passes."""
    lines: list[RenderableType] = []
    if plain["beyond_length_limit"]:
        names = ", at most ".join(plain["beyond_length_limit"])
        lines.append(Text(f"longer than it is sold or laid out in: at most {names}"))
    passed = max((span["passed_jitter_ui"] for span in plain["spans"]), default=0.0)
    if passed:
        lines.append(
            f"up to {passed:.2g} UI of random jitter passes retimers: their clock "
            "recovery is wider than the receiver's"
        )
    return lines


def _spans(spans: Sequence[Mapping[str, Any]]) -> RenderableType:
    made = table("span", "COM, dB", "margin", "loss, dB", "of", "errors", "burst")
    for span in spans:
        made.add_row(
            Text(f"{span['wire']} → {span['receiver']}"),
            _decibels(span["com_db"]),
            _decibels(span["margin_db"]),
            f"{span['loss_db']:.1f}",
            _decibels(span["loss_limit_db"]),
            f"{span['error_ratio']:.2g}",
            f"{span['burst_carry']:.2f}",
        )
    return made


def _decibels(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _figures(plain: Mapping[str, Any]) -> RenderableType:
    made = table("figure", "", left=2)
    left = plain["reach_left_m"]
    tail = plain["tail_latency_s"]
    rows = [
        ("bit error ratio before correction", f"{plain['bit_error_ratio']:.3g}"),
        ("frames lost before retry", f"{plain['frame_loss_ratio']:.3g}"),
        ("frames lost unseen", f"{plain['unseen_loss_ratio']:.3g}"),
        ("retries a second", f"{plain['retries_per_s']:.3g}"),
        (
            "payload, one way",
            f"{plain['bandwidth_bytes_per_s'] / 1e9:.2f} GB/s, {plain['limit']}; "
            f"{plain['efficiency']:.1%} of the raw bits",
        ),
        (
            "latency, one way",
            f"{plain['latency_s'] * 1e9:.1f} ns; all but 1e-9 of the frames "
            + ("never" if tail is None else f"{tail * 1e9:.1f} ns"),
        ),
        (
            "reach left",
            "none at any length"
            if left is None
            else f"{left:.2f} m of {plain['reach_of']}",
        ),
    ]
    if plain["lanes_below_margin"] is not None:
        share = f"{plain['lanes_below_margin']:.2g} of the lanes"
        whole = f"{plain['port_yield']:.1%} of ports have none"
        weak, failing = plain["lanes_below_target"], plain["lanes_failing"]
        number = f"{plain['failing_lanes_expected']:.2g} in {plain['links']:,} links"
        rows += [
            ("below the margin", f"{share}; {whole}"),
            ("lose more frames than the target", f"{weak:.2g} of the lanes"),
            ("fail, retry or not", f"{failing:.2g} of the lanes, {number}"),
        ]
    for name, value in rows:
        made.add_row(name, Text(value))
    return made


COLUMNS = {
    "latency, ns": ("latency_parts_s", 1e9, "{:.1f}"),
    "pJ/b": ("energy_parts_j_per_bit", 1e12, "{:.2f}"),
    "W": ("power_parts_w", 1.0, "{:.2f}"),
    "USD": ("price_parts_usd", 1.0, "{:.2f}"),
    "FIT": ("failure_parts_fit", 1.0, "{:.1f}"),
}


def _parts(plain: Mapping[str, Any]) -> RenderableType:
    made = table("part of a port, W and USD both ways", *COLUMNS)
    keys = dict.fromkeys(name for key, _, _ in COLUMNS.values() for name in plain[key])
    for name in keys:
        cells = [
            form.format(plain[key][name] * scale) if name in plain[key] else ""
            for key, scale, form in COLUMNS.values()
        ]
        made.add_row(Text(name), *cells)
    totals = [
        form.format(sum(plain[key].values()) * scale)
        for key, scale, form in COLUMNS.values()
    ]
    made.add_row("all", *totals)
    return made


def _rates(plain: Mapping[str, Any]) -> RenderableType:
    words = [
        f"{float(rate) / 1e9:g} Gb/s {regime}"
        for rate, regime in plain["regime_by_rate"].items()
    ]
    line = f"by rate of a lane: {', '.join(words)}"
    if plain["regime"] != "inside":
        back = plain["fall_back_bit_per_s"]
        tail = "none is inside" if back is None else f"fall back to {back / 1e9:g} Gb/s"
        line = f"{line}; {tail}"
    return Text(line)


def choice_plain(found: Sequence[Choice]) -> list[dict[str, Any]]:
    """Return the ways to go a distance as plain data."""
    return [
        {
            "medium": choice.medium,
            "retimers": choice.retimers,
            "path": choice.path,
            "price_usd": choice.budget.price,
            "power_w": choice.budget.power,
            "latency_s": choice.budget.latency,
            "margin_db": finite(choice.budget.margin_db),
            "failures_fit": choice.budget.failures * FIT,
        }
        for choice in found
    ]


def choice_tables(
    title: str, rows: Sequence[Mapping[str, Any]]
) -> list[RenderableType]:
    """Return the ways to go a distance, the best first."""
    made = table("medium", "retimers", "USD", "W", "ns", "margin, dB", "FIT")
    for row in rows:
        made.add_row(
            Text(row["medium"]),
            str(row["retimers"]),
            f"{row['price_usd']:,.0f}",
            f"{row['power_w']:.2f}",
            f"{row['latency_s'] * 1e9:.1f}",
            _decibels(row["margin_db"]),
            f"{row['failures_fit']:,.0f}",
        )
    return [heading(title), made]


def sweep_plain(found: Sweep) -> dict[str, Any]:
    """Return where copper ends and where retimers pay, as plain data."""
    rows = []
    for rate in dict.fromkeys(row.rate for row in found.rows):
        for material in dict.fromkeys(r.material for r in found.rows if r.rate == rate):
            mine = found.of(rate, material)
            where = pays(found, rate, material)
            rows.append(
                {
                    "lane_rate_bit_per_s": rate,
                    "material": material,
                    "reach_m": [row.reach for row in mine],
                    "swept_to_m": float(mine[0].length[-1]),
                    "pays_m": [None if pair is None else list(pair) for pair in where],
                    "optics": found.optics[rate][0],
                    "optics_usd": finite(found.optics[rate][1]),
                }
            )
    return {"links": found.links, "rows": rows}


def sweep_tables(plain: Mapping[str, Any]) -> list[RenderableType]:
    """Return reaches by rate and material, and where a retimer pays."""
    most = len(plain["rows"][0]["reach_m"])
    heads = [f"{n} retimer{'' if n == 1 else 's'}" for n in range(most)]
    made = table("Gb/s a lane", "material", *heads, "a retimer pays", left=2)
    for row in plain["rows"]:
        top = row["swept_to_m"]
        reaches = [
            f"{reach:.2f} m{'+' if reach >= 0.999 * top else ''}"
            for reach in row["reach_m"]
        ]
        ends = [pair for pair in row["pays_m"][1:] if pair]
        word = f"{ends[0][0]:.2f} to {ends[-1][1]:.2f} m" if ends else "nowhere"
        rate = f"{row['lane_rate_bit_per_s'] / 1e9:g}"
        made.add_row(rate, row["material"], *reaches, word)
    title = f"{plain['links']:,} links: where copper ends"
    note = "+: works to the end of what was swept; beyond what pays, optics cost less"
    return [heading(title), made, note]


def write_sweep(found: Sweep, path: Path) -> None:
    """Write every link of a sweep as CSV, whole or not at all.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    header = (
        *("lane_rate_bit_per_s", "material", "retimers", "length_m", "regime"),
        *(
            "margin_db",
            "frame_loss_ratio",
            "latency_s",
            "energy_j_per_bit",
            "price_usd",
        ),
    )
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.absolute().parent, delete=False, newline="", encoding="utf-8"
        ) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            for row in found.rows:
                same = (row.rate, row.material, row.retimers)
                columns = zip(
                    row.length.tolist(),
                    (REGIMES[k] for k in row.regime),
                    row.margin_db.tolist(),
                    row.frame_loss.tolist(),
                    row.latency.tolist(),
                    [row.energy] * len(row.length),
                    row.price.tolist(),
                    strict=True,
                )
                writer.writerows((*same, *each) for each in columns)
        os.chmod(file.name, 0o644)  # noqa: PTH101
        Path(file.name).replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
