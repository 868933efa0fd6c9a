"""How an answer leaves the program: one JSON object, or tables for a terminal.

This file knows stdout and nothing about what is printed.
"""

import json
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import RenderableType


def print_json(answer: Mapping[str, Any]) -> None:
    """Print one JSON object; what is not a finite number is null."""
    click.echo(json.dumps(_finite(answer), indent=2, ensure_ascii=False, default=str))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def print_tables(parts: "Iterable[RenderableType]") -> None:
    """Print tables and lines, as wide as the terminal allows."""
    from accelsim.report.tables import render

    click.echo(render(parts), nl=False)


def one_line(message: str) -> str:
    """Return a message without line breaks or characters that steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in message).strip()
