"""Plain data as a pandas frame: a row an answer, nested figures by dotted columns.

This file knows pandas, which is an extra, loaded when a frame is asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accelsim.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame


def frame(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> "DataFrame":
    """Return a frame of rows, indexed by names; lists are left out.

    Raises
    ------
    InputError
        pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise InputError("to_frame: pandas is missing: pip install pandas") from None
    return pd.DataFrame([dict(_flat(row)) for row in rows], index=list(names))


def _flat(row: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        elif not isinstance(value, list | tuple):
            yield f"{before}{key}", value
