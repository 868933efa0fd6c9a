"""A run as TOML, so that what was asked can be asked again.

This file knows TOML's words for numbers, texts and dates; `catalog` reads them back.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from accelsim.specs.figure import Figure
from accelsim.specs.run import RunSpec

META = ("name", "source", "kind", "note")
TABLES = ("plan", "training", "set")


def run_toml(run: RunSpec, heading: str = "") -> str:
    """Return a run as a TOML file: `accelsim estimate FILE` asks it again."""
    told = {k: v for k, v in run if k not in (*META, *TABLES)}
    lines = [f"# {line}" for line in heading.splitlines()]
    lines += _rows(told)
    for table in TABLES:
        rows = _rows(dict(getattr(run, table) or {}))
        lines += ["", f"[{table}]", *rows] if rows else []
    return "\n".join(lines) + "\n"


def _rows(rows: Mapping[str, Any]) -> list[str]:
    told = {key: value for key, value in rows.items() if value is not None}
    return [_row(key, value) for key, value in told.items()]


def _row(key: str, value: Any) -> str:
    if isinstance(value, list | tuple | dict):  # a run file has no word for it
        return f"# --set {key}={json.dumps(value)}"
    return f"{_key(key)} = {_value(value)}"


def _key(key: str) -> str:
    plain = key.replace("_", "").replace("-", "")
    return key if plain.isascii() and plain.isalnum() else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Figure):
        bare = value.dimension in ("fraction", "count")
        return repr(value.value) if bare else _text(value.text)
    if isinstance(value, int | float):
        return repr(value)
    return value.isoformat() if isinstance(value, date) else _text(str(value))


def _text(text: str) -> str:
    # JSON escapes all that TOML's basic strings ask for, but for this one
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
