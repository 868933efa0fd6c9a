"""A table of measurements as it comes: CSV with a header or Parquet, read with care.

This file knows how a table can be broken, and how a cell becomes a number; it does not
know what the columns mean. What a Parquet file holds becomes the text that a CSV file
would hold, so that both give the same rows.
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
PARQUET = (".parquet", ".pq")  # ends of a file's name; any other is taken for CSV


def read(path: Path, required: Collection[str]) -> list[dict[str, str]]:
    """Return the rows of a table, every cell stripped, blank where it is missing.

    The end of the name says what the file is: `PARQUET`, or else CSV. A row of a CSV
    file with more cells than the header has the column `SURPLUS` too: one cannot say
    which of its cells slipped.

    Raises
    ------
    InputError
        The file cannot be read, is no such table, is empty, lacks a required column or
        names one twice.
    """
    check_file(path)
    parquet = path.suffix.lower() in PARQUET
    rows = _parquet(path, required) if parquet else _csv(path, required)
    if not rows:
        raise InputError(f"{path}: has a header but no rows")
    return rows


def _csv(path: Path, required: Collection[str]) -> list[dict[str, str]]:
    text = io.StringIO(text_of(path), newline="")
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
    return rows


def _parquet(path: Path, required: Collection[str]) -> list[dict[str, str]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with path.open("rb") as file:
            found = parquet.ParquetFile(file).read()
        _check_header(path, list(found.column_names), required)
        columns = [map(_cell, column.to_pylist()) for column in found.columns]
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise InputError(f"{path}: is no Parquet table: {reason}") from None
    names = list(found.column_names)
    return [
        dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)
    ]


def _cell(value: object) -> str:
    """Return a value of a Parquet column as the text of a CSV cell."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bytes):  # text that is not marked as such
        return value.decode("utf-8", errors="replace").strip()
    return str(value).strip()


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


def check_file(path: Path) -> None:
    """Refuse what is no file that can be read from its beginning.

    Raises
    ------
    InputError
        A pipe, a folder or nothing.
    """
    if str(path) == "-" or path.is_fifo():
        raise InputError(f"{path}: pipes are not read: give a file")
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if not path.is_file():
        raise InputError(f"{path}: not a file")


def text_of(path: Path) -> str:
    """Return the text of a file that `check_file` has let through.

    Raises
    ------
    InputError
        The file cannot be read, is not UTF-8 or is empty.
    """
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


def shapes_of(
    path: Path, required: Collection[str], optional: Mapping[str, object]
) -> list[dict[str, int]]:
    """Return the sizes of a table of shapes; blank ones are left out of their row.

    Columns may be in capitals; other ones are passed over. An optional size may be 0 if
    that is what it is when left out.

    Raises
    ------
    InputError
        The file is no such table, or a cell is no whole number above zero.
    """
    rows = read(path, ())
    by_name = {name.lower(): name for name in rows[0]}
    missing = [name for name in required if name not in by_name]
    if missing:
        raise InputError(
            f"{path}: columns are missing: {', '.join(missing)}; "
            f"it begins {', '.join(rows[0])[:SHOWN]!r}"
        )
    known = [name for name in (*required, *optional) if name in by_name]
    found = []
    for line, row in enumerate(rows, 1):
        try:
            sizes = {
                name: None
                if row[by_name[name]] == str(optional.get(name))
                else count(row, by_name[name])
                for name in known
            }
        except ValueError as error:
            raise InputError(f"{path}: row {line}: {error}") from None
        blank = [name for name in required if sizes[name] is None]
        if blank:
            raise InputError(f"{path}: row {line}: {', '.join(blank)} is blank")
        found.append({name: size for name, size in sizes.items() if size is not None})
    return found
