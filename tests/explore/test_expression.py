"""Derived columns: what the little language says, and all that it refuses."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.explore.expression import parse

COLUMNS = {
    "a": np.array([1.0, 2.0, 0.0]),
    "n": np.array([2, 3, 4]),
    "chip.hbm.stacks": np.array([4, 5, 6]),
    "status": np.array(["ok", "no-answer", "ok"], dtype=object),
}


def value(text: str) -> list[float]:
    return [float(x) for x in parse(text, COLUMNS, "column x").over(COLUMNS)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + n * 2", [5.0, 8.0, 8.0]),
        ("chip.hbm.stacks / 2", [2.0, 2.5, 3.0]),
        ("-a ** 2", [-1.0, -4.0, 0.0]),
        ("min(a, 1) + max(n, 3)", [4.0, 4.0, 4.0]),
        ("1 if a > 1 else 0", [0.0, 1.0, 0.0]),
        ("where(status == 'ok', a, -1)", [1.0, -1.0, 0.0]),
        ("0 < a <= 1", [1.0, 0.0, 0.0]),
        ("not (a > 1) and n < 4 or a == 2", [1.0, 1.0, 0.0]),
        ("n // 2 % 2", [1.0, 1.0, 0.0]),
        ("log2(n ** 2)", [2.0, 2.0 * math.log2(3.0), 4.0]),
        ("7", [7.0, 7.0, 7.0]),
    ],
)
def test_arithmetic(text: str, expected: list[float]) -> None:
    assert value(text) == pytest.approx(expected)


def test_division_by_zero_and_large_powers_are_floats() -> None:
    assert value("1 / a")[2] == math.inf
    assert value("n ** 2000")[0] == math.inf  # a whole number would fill the memory


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("__import__('os').system('x')", "unknown function"),
        ("a.__class__", "unknown column 'a.__class__'"),
        ("open('x')", "unknown function"),
        ("[x for x in a]", "is not allowed"),
        ("lambda: 1", "is not allowed"),
        ("(a := 3)", "is not allowed"),
        ("f'{a}'", "is not allowed"),
        ("a[0]", "is not allowed"),
        ("a @ n", "is not allowed"),
        ("~n", "is not allowed"),
        ("b + 1", "unknown column 'b'"),
        ("chip.hbm.stack", "did you mean 'chip.hbm.stacks'"),
        ("max(a)", "max takes 2 values"),
        ("1 +", "cannot be read"),
        ("9" * 400, "is too large"),
        ("a" * 501, "longer than"),
        ("(" * 60 + "a" + ")" * 60 + "+1j", "is not allowed"),
        ("-" * 60 + "a", "nested deeper"),
        ("", "cannot be read"),
        ("a\x00", "cannot be read"),
    ],
)
def test_all_else_is_refused_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(InputError, match="column x") as refused:
        parse(text, COLUMNS, "column x")
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_arithmetic_on_texts_is_refused() -> None:
    with pytest.raises(InputError, match="mixes texts and numbers"):
        value("status * 2")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse(text, COLUMNS, "x").over(COLUMNS)
    except InputError:
        return
    assert len(found) == 3
