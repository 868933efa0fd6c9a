"""`validate fec`: our codeword error ratios beside those of a table.

This file knows two kinds of rows. With `pre_fec_ber` every bit errs alike and alone;
with `burst_start_ser` a detector's errors are a chain: the probability of the first
(`burst_start_ser`) and of the next (`a` or `a_prop`), with `precode` and `interleave`.
The code is RS(544,514) unless a column `code` says another. The difference of a row is
the largest *relative* one of its figures. The naive baseline of random errors is the
first term of the sum, one symbol more than the code corrects; of bursts it is random
errors of the same bit error ratio.
"""

import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

from accelsim.errors import InputError
from accelsim.validation import table
from accelsim.validation.contract import Pair, Validation, validation
from accelsim.validation.left_out import LeftOutError
from accelsim.validation.table import Row

RATIO, START = "pre_fec_ber", "burst_start_ser"
LOST = ("codeword_error_ratio", "CER")  # names of what is compared
FRAMES = "FLR"  # how the name of a frame loss ratio begins
CARRY = ("a", "a_prop")
DECODED = ("decoded_ser",)
BITS = ("ber", "prefec_ber")
FRAMES_OF_CODEWORD = 8.0  # frames of 64 B
DEFAULT_CODE = "RS(544,514)"
SYMBOL_BITS, PAM4_BITS = 10, 2
SIZE = re.compile(r"RS\((\d+),(\d+)\)")

NOT_NUMBERS = "a ratio is blank, no number or out of range"
NO_CODE = "the code is not known"
TOO_RARE = "the measured ratio is zero"


def validate_fec(path: Path | str) -> Validation:
    """Return how far our codeword error ratios are from those of a table.

    Raises
    ------
    InputError
        The file is no such table.
    """
    rows = table.read(Path(path), ())
    known = rows[0].keys()
    if not known & {RATIO, START} or not known & set(LOST):
        raise InputError(
            f"{path}: columns are missing: {RATIO} or {START}, and "
            f"{' or '.join(LOST)}; it begins {', '.join(known)[: table.SHOWN]!r}"
        )
    left_out: Counter[str] = Counter()
    pairs: list[Pair] = []
    details: list[dict[str, Any]] = []
    for number, row in enumerate(rows, 1):
        name = row.get("id") or _name(number, row)
        try:
            pair, detail = _score(name, row)
        except LeftOutError as reason:
            left_out[str(reason)] += 1
            detail = {"id": name, "left_out": str(reason)}
        else:
            pairs.append(pair)
        details.append(detail)
    return validation("fec", str(path), pairs, left_out, details=details)


def _name(number: int, row: Row) -> str:
    shown = (RATIO, START, *CARRY, "precode", "interleave")
    words = [f"{name} {row[name][:10]}" for name in shown if row.get(name)]
    return " ".join((f"row {number}", *words))


def _score(name: str, row: Row) -> tuple[Pair, dict[str, Any]]:
    random = bool(row.get(RATIO))
    code = row.get("code") or DEFAULT_CODE
    said = _random(row, code) if random else _burst(row, code)
    figures, naive = said
    off, naive_off, detail = 0.0, 0.0, {"id": name, "left_out": ""}
    for column, value in figures.items():
        measured = _number(row, column)
        if measured == 0.0:
            raise LeftOutError(TOO_RARE)
        off = max(off, abs(value / measured - 1.0))
        detail |= {column: row[column], f"predicted_{column}": f"{value:.17g}"}
    lost = next(column for column in LOST if column in figures)
    measured = _number(row, lost)
    naive_off = abs(naive / measured - 1.0)
    pair = Pair(
        id=name,
        source="random" if random else "burst",
        chip=code,
        subset=_subset(row),
        measured=measured,
        predicted=figures[lost],
        naive=naive,
        off=off,
        naive_off=naive_off,
    )
    return pair, detail | {"naive": f"{naive:.17g}"}


def _subset(row: Row) -> str:
    if row.get(RATIO):
        return "every bit alone"
    carry = next((row[name] for name in CARRY if row.get(name)), "0")
    coded = "precoded" if float(row.get("precode") or 0) else "not precoded"
    return f"burst {carry}, {coded}"


def _number(row: Row, name: str, default: float | None = None) -> float:
    text = row.get(name) or ""
    if not text and default is not None:
        return default
    try:
        value = float(text)
    except ValueError:
        raise LeftOutError(NOT_NUMBERS) from None
    if not 0.0 <= value <= 1.0:
        raise LeftOutError(NOT_NUMBERS)
    return value


def _size(code: str) -> tuple[int, int]:
    """Return the symbols of a code, and how many it corrects."""
    match = SIZE.fullmatch(code.replace(" ", ""))
    if match is None:
        raise LeftOutError(NO_CODE)
    n, k = int(match[1]), int(match[2])
    if not 0 < k < n < 2**SYMBOL_BITS:
        raise LeftOutError(NO_CODE)
    return n, (n - k) // 2


def _random(row: Row, code: str) -> tuple[dict[str, float], float]:
    """Return the predicted figures of a row of random errors, and the naive one."""
    from accelsim.link.fec import random_loss

    size = _size(code)
    ratio = _number(row, RATIO)
    if ratio == 1.0:
        raise LeftOutError(NOT_NUMBERS)
    lost = random_loss(ratio, *size, SYMBOL_BITS)
    figures = {name: lost for name in LOST if row.get(name)}
    for name in row:
        if name.startswith(FRAMES) and row[name]:
            share = (1.0 + FRAMES_OF_CODEWORD) / FRAMES_OF_CODEWORD
            figures[name] = min(lost * share, 1.0)
    return _checked(figures), _first_term(ratio, *size)


def _first_term(ratio: float, n: int, correct: int) -> float:
    return math.comb(n, correct + 1) * (SYMBOL_BITS * ratio) ** (correct + 1)


def _burst(row: Row, code: str) -> tuple[dict[str, float], float]:
    """Return the predicted figures of a row of bursts, and the naive one."""
    from accelsim.link.fec import Burst, burst_loss, random_loss

    n, correct = _size(code)
    carry = next((name for name in CARRY if row.get(name)), CARRY[0])
    errors = Burst(
        start=_number(row, START),
        carry=_number(row, carry, 0.0),
        precode=_number(row, "precode", 0.0) > 0.0,
    )
    if errors.carry == 1.0 or not errors.start:
        raise LeftOutError(NOT_NUMBERS)
    lost = burst_loss([errors], n, correct, interleave=_interleave(row))
    figures = {name: lost for name in LOST if row.get(name)}
    figures |= {name: errors.symbol_ratio for name in DECODED if row.get(name)}
    figures |= {name: errors.bit_ratio for name in BITS if row.get(name)}
    return _checked(figures), random_loss(errors.bit_ratio, n, correct, SYMBOL_BITS)


def _interleave(row: Row) -> int:
    try:
        found = table.count(row, "interleave") or 1
    except ValueError:
        raise LeftOutError(NOT_NUMBERS) from None
    if found > 64:
        raise LeftOutError(NOT_NUMBERS)
    return found


def _checked(figures: dict[str, float]) -> dict[str, float]:
    if not any(name in figures for name in LOST):
        raise LeftOutError(NOT_NUMBERS)
    return figures
