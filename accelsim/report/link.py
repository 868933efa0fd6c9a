"""A judged channel as tables: the verdict, then each package case.

This file knows the plain data of the command `link` and nothing of how it was found.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from accelsim.report.tables import heading, table


def link_tables(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return the whole answer, from top to bottom."""
    word = "passes" if found["passes"] else "fails"
    lines: list[RenderableType] = [
        heading(f"{found['channel']}: {word} {found['sheet']}"),
        f"{found['version']}, Annex {found['annex']}, "
        f"{found['symbol_rate_baud'] / 1e9:g} GBd, "
        f"{found['loss_db']:.2f} dB at {found['symbol_rate_baud'] / 2e9:g} GHz",
    ]
    if found["aggressors"]:
        lines.append(
            f"{found['aggressors']} aggressors, integrated crosstalk noise "
            f"{found['icn_v'] * 1e3:.2f} mV"
        )
    if found["erl_db"] is not None:
        lines.append(f"effective return loss {found['erl_db']:.2f} dB")
    lines += ["", _cases(found["cases"], found["margin_db"])]
    if found.get("bits"):
        lines += ["", _bits(found["bits"])]
    if found["warnings"]:
        lines += ["", heading("Doubts")]
        lines += [Text(f"- {line}") for line in found["warnings"]]
    return lines


def _bits(runs: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return what was counted symbol by symbol, beside what was predicted."""
    made = table(
        f"case {runs[0]['case']}, {runs[0]['feedback']['symbols']:,} symbols",
        "noise",
        "errors",
        "symbol error ratio, 95 %",
        "predicted",
        "error after error",
        "predicted",
        "longest run",
        "precoded",
    )
    for run in runs:
        for key, name in (("feedback", "feedback"), ("sequence", "MLSD")):
            counted = run[key]
            if counted is None:
                continue
            low, high = counted["interval_95"]
            carry, slicer = counted["carry"], key == "feedback"
            length = max((n for n, c in enumerate(counted["runs"], 1) if c), default=0)
            made.add_row(
                name,
                f"x {run['noise_scale']:.2f}",
                f"{counted['errors']:,}",
                f"{low:.2e} to {high:.2e}",
                f"{run['predicted']:.2e}" if slicer else "",
                "" if carry is None else f"{carry:.3f}",
                f"{run['predicted_carry']:.3f}" if slicer else "",
                f"{length}",
                f"{counted['errors_precoded']:,}",
            )
    return made


COLUMNS = {
    "COM, dB": ("com_db", "{:.3f}", 1.0),
    "without MLSD": ("before_sequence_db", "{:.3f}", 1.0),
    "VEC, dB": ("vec_db", "{:.2f}", 1.0),
    "FOM, dB": ("fom_db", "{:.2f}", 1.0),
    "signal, mV": ("signal_v", "{:.2f}", 1e3),
    "noise, mV": ("interference_v", "{:.2f}", 1e3),
}


def _cases(cases: Sequence[Mapping[str, Any]], margin: float) -> RenderableType:
    """Return a row for each package case."""
    shown = {
        label: column
        for label, column in COLUMNS.items()
        if any(case[column[0]] is not None for case in cases)
    }
    made = table(f"case (COM at least {margin:g} dB)", *shown, "Tx taps", "CTLE, dB")
    for case in cases:
        figures = [
            form.format(case[key] * scale) for key, form, scale in shown.values()
        ]
        taps = " ".join(f"{tap:.2f}" for tap in case["tx_taps"] if tap)
        gains = " ".join(f"{gain:g}" for gain in case["ctle_db"])
        made.add_row(case["name"], *figures, taps, gains)
    return made
