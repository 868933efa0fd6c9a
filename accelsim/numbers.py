"""Figures as people read them: seconds, dollars, percent, in few characters.

This file knows only numbers and units. What is missing or not finite is a dash.
"""

import math

from accelsim.units import show

DASH = "–"


def _missing(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def scaled(value: float | None, unit: str = "", digits: int = 4) -> str:
    """Return the value with a decimal prefix: `340.1 k`."""
    return DASH if value is None or _missing(value) else show(value, unit, digits)


def seconds(value: float | None) -> str:
    """Return a time [s]: `13.75 s`, `850 ms`, `1,234 s`."""
    if value is None or _missing(value):
        return DASH
    if value >= 100:
        return f"{value:,.1f} s" if value < 1000 else f"{value:,.0f} s"
    return f"{value:.2f} s" if value >= 1 else show(value, "s")


def percent(value: float | None) -> str:
    """Return a fraction in percent."""
    return DASH if value is None or _missing(value) else f"{value:.1%}"


def signed_percent(value: float | None) -> str:
    """Return a fraction in percent, its sign always shown."""
    return DASH if value is None or _missing(value) else f"{value:+.1%}"


def gib(value: float) -> str:
    """Return bytes as GiB, without the unit."""
    return f"{value / 2**30:,.1f}"


def kilowatts(value: float) -> str:
    """Return a power [W] as kW, without the unit."""
    kilo = value / 1e3
    return f"{kilo:,.0f}" if kilo >= 1000 else f"{kilo:,.1f}"


def dollars(value: float | None) -> str:
    """Return an amount of money: `$12,345`, `$0.842`."""
    if value is None or _missing(value):
        return DASH
    if value >= 100:
        return f"${value:,.0f}"
    return f"${value:.2f}" if value >= 1 else f"${value:.3g}"


def short(value: float | None) -> str:
    """Return a plain number in three digits."""
    if value is None or _missing(value):
        return DASH
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def ratio(value: float | None) -> str:
    """Return a ratio to the baseline: `×1.23`."""
    if value is None or _missing(value):
        return ""
    if value >= 100:
        return f"×{value:,.0f}"
    return f"×{value:.2f}" if value >= 0.1 else f"×{value:.2g}"
