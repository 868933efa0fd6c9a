"""Request traces as files: CSV, Parquet, and the text formats of Ramulator.

This file knows how a request is written down. It knows no memory but for where a field
of an address lies. A table has the columns `address` [B] (decimal, or hexadecimal with
0x), `write` (0 or 1) and, if requests come at a pace, `tick`. Ramulator's traces have a
request a line: `R` or `W` and an address vector (channel, pseudo-channel, stack id if
there are several, bank group, bank, row, column), or `LD` or `ST` and a byte address.
"""

import csv
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.chip.dram import address_bits, lower
from accelsim.chip.memory import Traffic, check_span
from accelsim.errors import InputError
from accelsim.kernels.dram_tables import FIELDS
from accelsim.specs.hbm import HbmSpec

COLUMNS = ("address", "write", "tick")
TABLES = (".csv", ".parquet")
TEXT = (".trace", ".txt")
VECTOR = ("channel", "pseudo_channel", "stack", "bank_group", "bank", "row", "column")
WRITES = {"R": 0, "W": 1, "LD": 0, "ST": 1}


def read_trace(path: Path, spec: HbmSpec, channels: int = 1) -> Traffic:
    """Return the requests of a trace file; the end of its name says what it is.

    Raises
    ------
    InputError
        The file cannot be read, is of no known kind, or a request in it is wrong.
    """
    kind = path.suffix.lower()
    if kind not in TABLES + TEXT:
        raise InputError(f"{path}: must end in {', '.join(TABLES + TEXT)}")
    try:
        if kind == ".parquet":
            columns = _parquet(path)
        elif kind == ".csv":
            columns = _numbers(path, _csv(path))
        else:
            return _text(path, spec, channels)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text") from None
    return _traffic(path, columns, spec, channels)


def _csv(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = set(COLUMNS[:2]) - set(reader.fieldnames or ())
        if missing:
            raise InputError(
                f"{path}: columns are missing: {', '.join(sorted(missing))}"
            )
        yield from enumerate(reader, start=2)


def _numbers(
    path: Path, rows: Iterable[tuple[int, Mapping[str, str]]]
) -> dict[str, Any]:
    found: dict[str, list[int]] = {}
    for line, row in rows:
        for name in COLUMNS:
            if name in row:
                found.setdefault(name, []).append(_whole(path, line, name, row[name]))
    return found


def _whole(path: Path, line: int, name: str, text: str | None) -> int:
    try:
        value = int(str(text).strip(), 0)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 62:
        raise InputError(f"{path}: line {line}: {name} {text!r} is no whole number")
    return value


def _parquet(path: Path) -> dict[str, Any]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with path.open("rb") as file:
            held = parquet.ParquetFile(file).read()
        found = {
            name: held.column(name).to_numpy().astype(np.int64)
            for name in COLUMNS
            if name in held.column_names
        }
    except (pa.ArrowException, ValueError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path}: is no Parquet table of requests: {reason}") from None
    missing = set(COLUMNS[:2]) - set(found)
    if missing:
        raise InputError(f"{path}: columns are missing: {', '.join(sorted(missing))}")
    return found


def _traffic(
    path: Path, columns: Mapping[str, Any], spec: HbmSpec, channels: int
) -> Traffic:
    if not columns or not len(columns["address"]):
        raise InputError(f"{path}: has no requests")
    address = np.asarray(columns["address"], np.int64) // spec.organisation.transaction
    write = np.asarray(columns["write"], np.int64)
    due = np.asarray(columns.get("tick", ()), np.int64)
    if ((write != 0) & (write != 1)).any():
        raise InputError(f"{path}: write must be 0 or 1")
    if address.min() < 0 or address.max() >> address_bits(lower(spec, channels)):
        size = (
            1 << address_bits(lower(spec, channels))
        ) * spec.organisation.transaction
        raise InputError(f"{path}: an address lies beyond the memory's {size:,} B")
    if len(due) and (np.diff(due) < 0).any():
        raise InputError(f"{path}: ticks must not go back")
    if len(due):
        check_span(float(due[-1]), f"{path}: {len(due):,} requests")
    return Traffic(address, write, due)


def _text(path: Path, spec: HbmSpec, channels: int) -> Traffic:
    row = lower(spec, channels)
    names = [n for n in VECTOR if n != "stack" or spec.organisation.stack_ids > 1]
    address, write = [], []
    for line, text in enumerate(path.read_text("utf-8").splitlines(), start=1):
        words = text.split()
        if not words:
            continue
        if len(words) != 2 or words[0] not in WRITES:
            raise InputError(
                f"{path}: line {line}: {text[:60]!r} must be R, W, LD or ST, and an "
                "address"
            )
        write.append(WRITES[words[0]])
        if words[0] in ("LD", "ST"):
            address.append(_whole(path, line, "address", words[1]))
            continue
        parts = [_whole(path, line, "address", part) for part in words[1].split(",")]
        if len(parts) != len(names):
            raise InputError(f"{path}: line {line}: must be {','.join(names)}")
        fields = dict(zip(names, parts, strict=True))
        address.append(_joined(path, line, row, fields) * spec.organisation.transaction)
    return _traffic(path, {"address": address, "write": write}, spec, channels)


def _joined(path: Path, line: int, row: Any, fields: Mapping[str, int]) -> int:
    """Return the transaction of an address vector; a hash of banks is undone."""
    held = dict(fields)
    for at, name in enumerate(FIELDS):
        extent, hashed = int(row.extent[0, at]), int(row.hash_from[0, at])
        if held.get(name, 0) >= extent:
            raise InputError(f"{path}: line {line}: {name} must be below {extent}")
        if hashed >= 0:
            held[name] ^= (held["row"] >> hashed) & (extent - 1)
    shifts = {name: int(row.shift[0, at]) for at, name in enumerate(FIELDS)}
    return sum(held[name] << shifts[name] for name in held)


def write_trace(path: Path, asked: Traffic, spec: HbmSpec, channels: int = 1) -> None:
    """Write requests to a file, whole or not at all: see `read_trace` for its kinds."""
    kind = path.suffix.lower()
    if kind not in TABLES + TEXT:
        raise InputError(f"{path}: must end in {', '.join(TABLES + TEXT)}")
    columns = {
        "address": asked.address * spec.organisation.transaction,
        "write": asked.write,
    } | ({"tick": asked.due} if len(asked.due) else {})
    try:
        handle, name = tempfile.mkstemp(dir=path.absolute().parent, suffix=kind)
        os.close(handle)
        if kind == ".parquet":
            import pyarrow as pa
            from pyarrow import parquet

            parquet.write_table(pa.table(columns), name)
        elif kind == ".csv":
            with Path(name).open("w", encoding="utf-8", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(columns)
                rows.writerows(
                    zip(*(c.tolist() for c in columns.values()), strict=True)
                )
        else:
            lines = _lines(asked, spec, channels)
            Path(name).write_text("".join(lines), encoding="utf-8")
        Path(name).replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def _lines(asked: Traffic, spec: HbmSpec, channels: int) -> Iterator[str]:
    """Yield the lines of a Ramulator read/write trace."""
    row = lower(spec, channels)
    names = [n for n in VECTOR if n != "stack" or spec.organisation.stack_ids > 1]
    fields = {}
    for at, name in enumerate(FIELDS):
        fields[name] = (asked.address >> int(row.shift[0, at])) & (
            row.extent[0, at] - 1
        )
    for at, name in enumerate(FIELDS):
        hashed, mask = int(row.hash_from[0, at]), int(row.extent[0, at]) - 1
        if hashed >= 0:
            fields[name] = fields[name] ^ ((fields["row"] >> hashed) & mask)
    vectors = np.stack([fields[name] for name in names], axis=1).tolist()
    for write, vector in zip(asked.write.tolist(), vectors, strict=True):
        yield f"{'W' if write else 'R'} {','.join(map(str, vector))}\n"
