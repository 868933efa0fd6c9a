"""How an answer leaves the program: one JSON object, or tables for a terminal.

This file knows stdout and stderr and nothing about what is printed.
"""

import contextlib
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import RenderableType


def print_json(answer: Mapping[str, Any]) -> None:
    """Print one JSON object; what is not a finite number is null."""
    text = json.dumps(_finite(answer), indent=2, ensure_ascii=False, default=str)
    with _writing():
        click.echo("".join(map(_escaped, text)))


def _escaped(character: str) -> str:
    """Return a character of a JSON text, escaped if it could steer a terminal."""
    plain = character.isprintable() or character == "\n"
    return character if plain else json.dumps(character)[1:-1]


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

    with _writing():  # rich writes too, if nothing, when it makes a text
        click.echo(render(parts), nl=False)


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    """Name stdout in a failure to write (BrokenPipeError stays what it is)."""
    try:
        yield
    except OSError as error:
        nowhere(sys.stdout)
        raise OSError(error.errno, error.strerror, "stdout") from None


def print_error(line: str) -> None:
    """Print a line on stderr, unless nobody reads it."""
    try:
        click.echo(one_line(line), err=True)
    except OSError:
        nowhere(sys.stderr)


def nowhere(stream: IO[str]) -> None:
    """Let go nowhere what Python still holds for a stream and writes at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def one_line(message: str) -> str:
    """Return a message without line breaks or characters that steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in message).strip()
