"""A run as TOML, so that what was asked can be asked again.

This file knows TOML's words for numbers, texts and dates; `catalog` reads them back.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from accelsim.specs.run import RunSpec

META = ("name", "source", "kind", "note")


def run_toml(run: RunSpec, heading: str = "") -> str:
    """Return a run as a TOML file: `accelsim estimate FILE` asks it again."""
    told = run.model_dump(exclude_none=True, exclude={*META, "plan", "set"})
    lines = [f"# {line}" for line in heading.splitlines()]
    lines += _rows(told)
    for table, rows in (
        ("plan", run.plan.model_dump(exclude_none=True)),
        ("set", run.set),
    ):
        if rows:
            lines += ["", f"[{table}]", *_rows(rows)]
    return "\n".join(lines) + "\n"


def _rows(rows: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in rows.items()]


def _key(key: str) -> str:
    plain = key.replace("_", "").replace("-", "")
    return key if plain.isascii() and plain.isalnum() else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return value.isoformat() if isinstance(value, date) else _text(str(value))


def _text(text: str) -> str:
    # JSON escapes all that TOML's basic strings ask for, but for this one
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
