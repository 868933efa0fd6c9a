"""Trees of tables and lists: how TOML writes them, and how they are broken.

Shared by the properties of Hypothesis and by the mutations; it knows no config.
"""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from accelsim import units

ALL_UNITS = sorted({unit for _, known in units.UNITS.values() for unit in known})
SCALES = [0, 1e-300, 1e-12, 1e-3, 0.5, 2, 3, 1e3, 1e12, 1e300, math.inf]
HOWS = ["delete", "rename", "retype", "unit", "wrap", "resize", "resize", "resize"]


def toml_of(value: Any) -> str:
    """Return a value as TOML writes it, tables inline."""
    if isinstance(value, dict):
        items = (f"{json.dumps(k)} = {toml_of(v)}" for k, v in value.items())
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list):
        return f"[{', '.join(toml_of(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return str(value)  # a number, or a date


def document(raw: dict[str, Any]) -> str:
    """Return a table as a TOML file."""
    return "".join(f"{json.dumps(k)} = {toml_of(v)}\n" for k, v in raw.items())


def nodes(raw: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every (table or list, key) of a tree."""
    keys: Sequence[Any] = list(raw) if isinstance(raw, dict) else range(len(raw))
    for key in keys:
        yield raw, key
        if isinstance(raw[key], dict | list):
            yield from nodes(raw[key])


def resized(old: Any, scale: float) -> Any:
    """Return a size of the same kind and unit, by orders of magnitude off."""
    if isinstance(old, str):
        return f"{scale:g} {old.partition(' ')[2]}"
    if isinstance(old, int) and not isinstance(old, bool):
        return round(min(old * scale, 1e40)) if old else 0  # 0 × inf is no number
    return scale


def change(raw: Any, where: int, how: str, value: Any) -> None:
    """Delete, rename, retype or re-unit one node of a tree."""
    places = list(nodes(raw))
    if not places:
        return
    parent, key = places[where % len(places)]
    old = parent[key]
    if how == "delete":
        del parent[key]
    elif how == "rename" and isinstance(parent, dict):
        parent[f"{key[:-1]}{str(value)[:2]}"] = parent.pop(key)
    elif how == "unit" and isinstance(old, str):
        parent[key] = f"{old.partition(' ')[0]} {ALL_UNITS[where % len(ALL_UNITS)]}"
    elif how == "resize":
        parent[key] = resized(old, SCALES[where % len(SCALES)])
    elif how == "wrap":
        parent[key] = {"value": old} if where % 2 else [old]
    else:
        parent[key] = value
