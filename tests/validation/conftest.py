from collections.abc import Callable
from pathlib import Path

import pytest

from accelsim.validation import table

MEASURED = Path(__file__).parents[2] / "benchmarks" / "measured" / "training.csv"


@pytest.fixture(scope="session")
def rows() -> dict[str, dict[str, str]]:
    return {row["id"]: row for row in table.read(MEASURED, ["id"])}


@pytest.fixture
def row(rows: dict[str, dict[str, str]]) -> Callable[..., dict[str, str]]:
    """Return a published row with some cells changed."""

    def changed(name: str, **cells: str) -> dict[str, str]:
        return rows[name] | cells

    return changed
