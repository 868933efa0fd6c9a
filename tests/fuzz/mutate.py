"""How a sound input is broken: in its bytes, lines, cells, its tree or its arrays.

This file knows formats and no meaning. Everything is drawn from the generator that it
is given, so that an input can be made again from its number.
"""

import contextlib
import copy
import csv
import io
import json
import tomllib
import warnings
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

from tests.fuzz.trees import ALL_UNITS, HOWS, change, document

# Texts that would leave a trace if anything ran them, or opened what they name.
PAYLOADS = (
    "__import__('os').system('touch RUN')",
    "().__class__.__base__.__subclasses__()",
    "{{7*7}}",
    "$(touch RUN)",
    "; touch RUN",
    "!!python/object/apply:os.system ['touch RUN']",
    "../secret.toml",
    "../../secret.toml",
    "./../secret",
    "=cmd|' /C calc'!A0",
    "\x1b[2J\x1b]0;gone\x07",
    "[/bold][red]markup",
    "%s%n{0}{__class__}",
)
NUMBERS = (
    *[
        "0",
        "-0",
        "1",
        "-1",
        "2",
        "3",
        "7",
        "8",
        "1000000007",
        "2147483647",
        "4294967296",
        "9223372036854775808",
    ],
    *[
        "1e18",
        "1e19",
        "1e308",
        "1e309",
        "-1e309",
        "1e-320",
        "nan",
        "inf",
        "-inf",
        "NaN",
        "0.5",
        ".5",
        "5.",
        "1_0",
        "1__0",
    ],
    *["0x10", "٣", "１", "1,5", "1e99999999", "0.1.2", "--1", "+1", "1e"],
    *("9" * 400, "1" + "0" * 5000, "1 000"),
)
WORDS = (
    *[
        "none",
        "null",
        "None",
        "True",
        "false",
        "auto",
        "best",
        "all",
        "*",
        "bf16",
        "fp8",
        "full",
        "h100-sxm",
        "é",
        "漢字",
    ],
    *("", " ", "\t", "2 GB", "1 m", "\u202e", "\ufeff", "\x00", "\x85", "\u2028"),
    *("\ud800", "a" * 3000, "," * 50, '"', "'", "\\", "\n", "#", "-", "--", "--help"),
    *["/", "//", ".", "..", "/dev/null", "/dev/full", "~", "a/b.toml"],
)
BYTES = (
    *(b"", b"\x00", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\n"),
    *(
        b"\t",
        b'"',
        b"'",
        b",",
        b"=",
        b"[",
        b"]",
        b"{",
        b"}",
        b"[[",
        b"#",
        b"!",
        b"\x1a",
    ),
    *(b"\x1b", b"[" * 3000, b"{" * 3000, b'{"a":' * 2000, b"(" * 500, b"-" * 300),
    *(b"1" * 6000, b"cos\nsystem\n(S'touch RUN'\ntR."),
)
ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**63,
    10**30,
    1.5,
    1e300,
    1e-300,
    [],
    {},
    [[]],
)


def token(rng: Random) -> str:
    """Return a word, a number, a payload, or a number with a unit."""
    kind = rng.random()
    if kind < 0.35:
        return rng.choice(NUMBERS)
    if kind < 0.6:
        return rng.choice(WORDS)
    if kind < 0.75:
        return rng.choice(PAYLOADS)
    return f"{rng.choice(NUMBERS)}{rng.choice((' ', '', '  '))}{rng.choice(ALL_UNITS)}"


def value(rng: Random) -> Any:
    """Return what may stand in the place of a node of a tree."""
    kind = rng.random()
    if kind < 0.3:
        return copy.deepcopy(rng.choice(ODD))
    if kind < 0.7:
        return token(rng)
    if kind < 0.85:
        return {rng.choice(("value", "source", "kind", "spread", "x")): token(rng)}
    return [token(rng) for _ in range(rng.randrange(4))]


def of_bytes(data: bytes, rng: Random) -> bytes:
    """Cut, double, flip, overwrite or splice pieces of a file."""
    made = bytearray(data)
    for _ in range(1 + int(rng.expovariate(0.7))):
        at = rng.randrange(len(made) + 1)
        size = min(len(made) - at, int(rng.expovariate(0.1)))
        how = rng.randrange(6)
        if how == 0:
            del made[at : at + size]
        elif how == 1:
            made[at:at] = made[at : at + size]
        elif how == 2 and at < len(made):
            made[at] ^= 1 << rng.randrange(8)
        elif how == 3:
            made[at : at + size] = rng.choice(BYTES)
        elif how == 4:
            made[at : at + size] = token(rng).encode(errors="surrogatepass")
        elif how == 5 and rng.random() < 0.2:
            del made[at:]
    return bytes(made)


def of_lines(data: bytes, rng: Random) -> bytes:
    """Drop, double, swap or rewrite lines and words of a text."""
    lines = data.decode().split("\n")
    for _ in range(1 + int(rng.expovariate(0.7))):
        at = rng.randrange(len(lines))
        how = rng.randrange(5)
        if how == 0 and len(lines) > 1:
            del lines[at]
        elif how == 1:
            lines.insert(at, lines[rng.randrange(len(lines))])
        elif how == 2:
            lines.insert(at, token(rng))
        else:
            words = lines[at].split(" ")
            words[rng.randrange(len(words))] = token(rng)
            lines[at] = " ".join(words)
    return "\n".join(lines).encode(errors="surrogatepass")


def of_cells(data: bytes, rng: Random) -> bytes:
    """Change cells and columns of a CSV table."""
    rows = list(csv.reader(io.StringIO(data.decode())))
    header, body = rows[0], rows[1:]
    for _ in range(1 + int(rng.expovariate(0.5))):
        how, column = rng.random(), rng.randrange(len(header))
        if how < 0.75 and body:
            row = rng.choice(body)
            if column < len(row):
                row[column] = token(rng)
        elif how < 0.8:
            header[column] = token(rng)
        elif how < 0.85 and len(header) > 1:
            rows = [[*row[:column], *row[column + 1 :]] for row in (header, *body)]
            header, body = rows[0], rows[1:]
        elif how < 0.9:
            body.append([token(rng) for _ in range(rng.randrange(len(header) + 2))])
        elif body:
            body = body[: rng.randrange(len(body) + 1)]
        if not header:
            break
    text = io.StringIO()
    csv.writer(text).writerows([header, *body])
    return text.getvalue().encode(errors="surrogatepass")


def _of_tree(raw: Any, rng: Random) -> Any:
    for _ in range(1 + int(rng.expovariate(0.7))):
        change(raw, rng.randrange(10_000), rng.choice(HOWS), value(rng))
    return raw


def of_json(data: bytes, rng: Random) -> bytes:
    """Change the tree of a JSON file."""
    made = _of_tree(json.loads(data), rng)
    return json.dumps(made, ensure_ascii=rng.random() < 0.5).encode(
        errors="surrogatepass"
    )


def of_toml(data: bytes, rng: Random) -> bytes:
    """Change the tree of a TOML file."""
    made = _of_tree(tomllib.loads(data.decode()), rng)
    return document(_without_none(made)).encode(errors="surrogatepass")


def _without_none(raw: Any) -> Any:
    """Return a tree without what TOML has no word for."""
    if isinstance(raw, dict):
        return {k: _without_none(v) for k, v in raw.items() if v is not None}
    if isinstance(raw, list):
        return [_without_none(item) for item in raw if item is not None]
    return raw


def of_parquet(data: bytes, rng: Random) -> bytes:
    """Change columns of a Parquet table, their types too."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    held = pq.read_table(io.BytesIO(data))
    columns = dict(zip(held.column_names, held.columns, strict=True))
    for _ in range(1 + int(rng.expovariate(0.7))):
        name = rng.choice(list(columns))
        how = rng.randrange(5)
        if how == 0 and len(columns) > 1:
            del columns[name]
        elif how == 1:
            columns[name] = pa.nulls(held.num_rows)
        elif how == 2:
            columns[name] = pa.array([token_utf8(rng) for _ in range(held.num_rows)])
        elif how == 3:
            numbers = [rng.choice((0, -1, 2**62, 3)) for _ in range(held.num_rows)]
            columns[name] = pa.array(numbers)
        else:
            odd = [[1.0, float("nan")]] * held.num_rows
            columns[name] = pa.array(odd)
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def token_utf8(rng: Random) -> str:
    """Return a token that UTF-8 can say."""
    return token(rng).encode(errors="replace").decode()


def of_arrays(data: bytes, rng: Random) -> bytes:
    """Change arrays of an .npz: shape, type, values, names, or a pickled object."""
    with np.load(io.BytesIO(data)) as held:
        arrays = {name: held[name] for name in held.files}
    for _ in range(1 + int(rng.expovariate(0.7))):
        name = rng.choice(list(arrays))
        arrays[name] = _broken(arrays[name], rng)
        if rng.random() < 0.15 and len(arrays) > 1:
            arrays[f"x{name}" if rng.random() < 0.5 else "s"] = arrays.pop(name)
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _broken(array: Any, rng: Random) -> Any:
    how = rng.randrange(7)
    if how == 0:
        return array.reshape(-1)[: rng.randrange(array.size + 1)]
    if how == 1:
        return array[..., None]
    if how == 2:
        with warnings.catch_warnings(), contextlib.suppress(ValueError):
            warnings.simplefilter("ignore")  # what a narrower type cannot say
            return array.astype(rng.choice(("U8", "f2", "i1", "?", "c8", "S3")))
        return array  # of words by now, which are no numbers
    if how == 3:
        return np.array([{"touch": "RUN"}], dtype=object)
    if how == 4:
        return np.empty((0, *array.shape[1:]), array.dtype)
    if how == 5 and array.ndim:
        return array[::-1]
    made = np.array(array, copy=True).reshape(-1)
    if made.size and made.dtype.kind in "fci":
        odd = (np.nan, np.inf, -1.0, 0.0, 1e300) if made.dtype.kind in "fc" else (-1, 0)
        made[rng.randrange(made.size)] = rng.choice(odd)
    return made.reshape(array.shape)


def of_argument(data: bytes, rng: Random) -> bytes:
    """Change a word of the command line, which holds no NUL and is valid text."""
    text = (of_bytes if rng.random() < 0.4 else of_pieces)(data, rng)
    return text.decode(errors="ignore").replace("\x00", "").encode()


def of_pieces(data: bytes, rng: Random) -> bytes:
    """Change pieces of a short text, between its marks."""
    pieces = [p for p in _split(data.decode()) if p]
    for _ in range(1 + int(rng.expovariate(0.8))):
        at = rng.randrange(len(pieces) + 1)
        how = rng.randrange(4)
        if how == 0 and pieces:
            del pieces[at : at + 1]
        elif how == 1:
            pieces.insert(at, token(rng))
        elif how == 2 and pieces:
            pieces.insert(at, rng.choice(pieces))
        else:
            pieces[at : at + 1] = [token(rng)]
    return "".join(pieces).encode(errors="replace")


def _split(text: str) -> list[str]:
    pieces, last = [""], ""
    for letter in text:
        kind = "a" if letter.isalnum() else letter
        if kind != last:
            pieces.append("")
        pieces[-1] += letter
        last = kind
    return pieces


Mutator = Callable[[bytes, Random], bytes]
FORMS: dict[str, Mutator] = {
    "argument": of_argument,
    "arrays": of_arrays,
    "cells": of_cells,
    "json": of_json,
    "lines": of_lines,
    "parquet": of_parquet,
    "toml": of_toml,
}


def mutant(form: str, data: bytes, rng: Random) -> bytes:
    """Return a broken input: two in three by its structure, one by its bytes."""
    if form == "argument" or rng.random() < 0.67:
        return FORMS[form](data, rng)
    return of_bytes(data, rng)
