"""A table of measurements as it comes: CSV with a header, read with care.

This file knows how a table can be broken, and how a cell becomes a number; it does not
know what the columns mean.
"""

import csv
import io
import math
from collections.abc import Collection, Mapping
from pathlib import Path

from accelsim.errors import InputError

Row = Mapping[str, str]
LARGEST = 2**31  # counts above it are slips of the pen


def read(path: Path, required: Collection[str]) -> list[dict[str, str]]:
    """Return the rows of a CSV file, every cell stripped, blank where it is missing.

    Raises
    ------
    InputError
        The file cannot be read, is no CSV text, is empty or lacks a required column.
    """
    text = _text(path)
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="")
    try:
        header = reader.fieldnames or ()
        missing = [name for name in required if name not in header]
        if missing:
            raise InputError(f"{path}: columns are missing: {', '.join(missing)}")
        rows = [
            {k: v.strip() if isinstance(v, str) else "" for k, v in row.items()}
            for row in reader
        ]
    except csv.Error as error:
        raise InputError(f"{path}: is no CSV table: {error}") from None
    if not rows:
        raise InputError(f"{path}: has a header but no rows")
    return rows


def _text(path: Path) -> str:
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if not path.is_file():
        raise InputError(f"{path}: not a file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text") from None
    if not text.strip():
        raise InputError(f"{path}: is empty")
    return text


def number(row: Row, column: str) -> float | None:
    """Return a cell as a number above zero, None if it is blank.

    Raises
    ------
    ValueError
        The cell is no finite number above zero.
    """
    text = row.get(column, "")
    if not text:
        return None
    value = float(text)
    if not math.isfinite(value) or value <= 0:
        raise ValueError(f"{column}: {text} is no number above zero")
    return value


def count(row: Row, column: str) -> int | None:
    """Return a cell as a whole number above zero (``7`` or ``7.0``), None if blank.

    Raises
    ------
    ValueError
        The cell is no whole number above zero.
    """
    value = number(row, column)
    if value is None:
        return None
    if value > LARGEST:
        raise ValueError(f"{column}: {value:g} is too large")
    if value != int(value):
        raise ValueError(f"{column}: {value:g} is no whole number")
    return int(value)
