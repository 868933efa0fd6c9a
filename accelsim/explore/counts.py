"""Numbers of chips or sequences as people write ranges of them."""

import re

from accelsim.errors import InputError

MANY = 1_000  # numbers that a range may stand for


def counts_of(text: str, where: str) -> list[int]:
    """Return the numbers that `512`, `256..2048` or `256..2048:256` stands for.

    A range without a step doubles from its first number.

    Raises
    ------
    InputError
        Not of that form.
    """
    found = re.fullmatch(r"(\d{1,9})(?:\.\.(\d{1,9})(?::(\d{1,9}))?)?", text.strip())
    low, high, step = (
        (int(n) if n else 0 for n in found.groups()) if found else (0, 0, 0)
    )
    if low < 1 or (high and high < low) or (found and found[3] and step < 1):
        raise InputError(f"{where} {text}: write 512, 256..2048 or 256..2048:256")
    if step:
        return list(range(low, high + 1, step))[:MANY]
    return doublings(low, high or low)


def doublings(low: int, high: int) -> list[int]:
    """Return `low`, twice that, and so on to `high` at most."""
    return [low * 2**i for i in range(max(1, (high // low).bit_length()))]
