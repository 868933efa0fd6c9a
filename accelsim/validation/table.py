"""A table of measurements as it comes: CSV with a header, read with care.

This file knows how a table can be broken, and how a cell becomes a number; it does not
know what the columns mean.
"""

import csv
import io
import math
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from accelsim.errors import InputError

Row = Mapping[str, str]
LARGEST = 2**31  # counts above it are slips of the pen
SURPLUS = "cells beyond the header"  # the column that marks a row that has such
SHOWN = 60  # characters of a header in a message


def read(path: Path, required: Collection[str]) -> list[dict[str, str]]:
    """Return the rows of a CSV file, every cell stripped, blank where it is missing.

    A row with more cells than the header has the column `SURPLUS` too: one cannot
    say which of its cells slipped.

    Raises
    ------
    InputError
        The file cannot be read, is no CSV text, is empty, lacks a required column or
        names one twice.
    """
    text = io.StringIO(_text(path), newline="")
    reader = csv.DictReader(text, restkey=SURPLUS, strict=True)
    end = 0  # line on which the last good row ended
    rows = []
    try:
        _check_header(path, list(reader.fieldnames or ()), required)
        end = reader.line_num
        for row in reader:
            rows.append(_stripped(row))
            end = reader.line_num
    except csv.Error as error:
        reason = "a quote is not closed" if "end of data" in str(error) else str(error)
        raise InputError(f"{path}: is no CSV: line {end + 1}: {reason}") from None
    if not rows:
        raise InputError(f"{path}: has a header but no rows")
    return rows


def _stripped(row: Mapping[str, Any]) -> dict[str, str]:
    surplus = "".join(row.get(SURPLUS, ())).strip()
    cells = {k: (v or "").strip() for k, v in row.items() if k != SURPLUS}
    return cells | ({SURPLUS: surplus} if surplus else {})


def _check_header(path: Path, header: list[str], required: Collection[str]) -> None:
    twice = [name for name, times in Counter(header).items() if name and times > 1]
    if twice:
        raise InputError(f"{path}: columns are named twice: {', '.join(twice)}")
    missing = [name for name in required if name not in header]
    if not missing:
        return
    first = ", ".join(header)[:SHOWN]
    if len(header) == 1 and (";" in first or "\t" in first):
        raise InputError(f"{path}: cells are not separated by commas: {first!r}")
    alike = {name.strip().lower(): name for name in header}
    close = [f"{alike[n.lower()]!r} for {n}" for n in missing if n.lower() in alike]
    found = f"it has {', '.join(close[:3])}" if close else f"it begins {first!r}"
    raise InputError(f"{path}: columns are missing: {', '.join(missing)}; {found}")


def _text(path: Path) -> str:
    if str(path) == "-" or path.is_fifo():
        raise InputError(f"{path}: pipes are not read: give a file")
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
