from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.validation.table import LARGEST, count, number, read

COLUMNS = ("id", "n")


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_rows_are_stripped(tmp_path: Path) -> None:
    path = written(tmp_path, "id,n\n a , 1 \nb,\n")
    assert read(path, COLUMNS) == [{"id": "a", "n": "1"}, {"id": "b", "n": ""}]


def test_byte_order_mark_extra_columns_and_line_ends(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbfid,n,more\r\na,1,x\r\n")
    assert read(path, COLUMNS) == [{"id": "a", "n": "1", "more": "x"}]


def test_ragged_rows(tmp_path: Path) -> None:
    path = written(tmp_path, "id,n\na\nb,2,3,4\n")
    rows = read(path, COLUMNS)
    assert rows[0]["n"] == ""
    assert rows[1]["n"] == "2"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("  \n\n", "is empty"),
        ("id,n\n", "no rows"),
        ("M,N,K,latency_us\n1,2,3,4\n", "columns are missing: id, n"),
        ("id\na\n", "columns are missing: n"),
        (b"id,n\n\xff\xfe,1\n", "not UTF-8"),
        (b"PK\x03\x04\x00\x00", "columns are missing"),
        ('id,n\na,"' + "x" * 200_000 + '"\n', "is no CSV table"),
    ],
)
def test_broken_file_is_one_line(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InputError, match=message) as failure:
        read(path, COLUMNS)
    assert "\n" not in str(failure.value)
    assert str(path) in str(failure.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "none.csv", COLUMNS)
    with pytest.raises(InputError, match="not a file"):
        read(tmp_path, COLUMNS)


def test_numbers() -> None:
    assert number({"x": "2.5e3"}, "x") == 2500.0
    assert number({"x": ""}, "x") is None
    assert number({}, "x") is None
    assert count({"x": "7.0"}, "x") == 7


@pytest.mark.parametrize("text", ["abc", "-1", "0", "nan", "inf", "1e400", "1,000"])
def test_bad_numbers(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        number({"x": text}, "x")


@pytest.mark.parametrize("text", ["0.5", "7.25", str(LARGEST + 1), "1e300"])
def test_bad_counts(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        count({"x": text}, "x")


@given(st.text(max_size=12))
def test_any_cell_is_a_number_or_refused(text: str) -> None:
    try:
        value = number({"x": text}, "x")
    except ValueError:
        return
    assert value is None or value > 0


@given(st.integers(1, LARGEST))
def test_counts_survive(value: int) -> None:
    assert count({"x": str(value)}, "x") == value
