import os
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from accelsim.errors import InputError
from accelsim.validation.table import LARGEST, SURPLUS, count, number, read

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
    assert rows[1] == {"id": "b", "n": "2", SURPLUS: "34"}


def test_blank_cells_beyond_the_header_say_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, "id,n,,\na,1,,,, \n")
    assert read(path, COLUMNS) == [{"id": "a", "n": "1", "": ""}]


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
        ('id,n\na,"' + "x" * 200_000 + '"\n', "is no CSV: line 2"),
        ('id,n\na,1\nb,"2\nc,3\n', "is no CSV: line 3: a quote is not closed"),
        ("id,n,x,n\na,1,2,3\n", "named twice: n"),
        ("id;n;x\na;1;2\n", "not separated by commas: 'id;n;x'"),
        ("id\tn\na\t1\n", "not separated by commas"),
        ("ID,N\na,1\n", "missing: id, n; it has 'ID' for id, 'N' for n"),
        ("a,b\n1,2\n", "missing: id, n; it begins 'a, b'"),
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


def test_pipes_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("-")):
        with pytest.raises(InputError, match="give a file"):
            read(path, COLUMNS)


def in_parquet(path: Path, **columns: object) -> Path:
    parquet.write_table(pa.table(columns), path)
    return path


def test_parquet_gives_the_rows_of_csv(tmp_path: Path) -> None:
    made = in_parquet(
        tmp_path / "t.parquet", id=[" a ", None, "c"], n=[1.5, float("nan"), 3.0],
        m=[7, None, 2**40], raw=[b"x ", b"", None],
    )  # fmt: skip
    text = "id,n,m,raw\na,1.5,7,x\n,,,\nc,3.0,1099511627776,\n"
    assert read(made, COLUMNS) == read(written(tmp_path, text), COLUMNS)


@pytest.mark.parametrize("name", ["t.pq", "t.PARQUET"])
def test_the_name_says_what_a_file_is(tmp_path: Path, name: str) -> None:
    made = in_parquet(tmp_path / name, id=["a"], n=[1])
    assert read(made, COLUMNS) == [{"id": "a", "n": "1"}]


def test_broken_parquet_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    good = in_parquet(path, id=["a"] * 99, n=[1.0] * 99).read_bytes()
    damaged = good[:8] + bytes(len(good) // 2) + good[8 + len(good) // 2 :]
    for content in (b"", b"PAR1", b"id,n\na,1\n", good[:-9], good[9:], damaged):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is no Parquet table") as failure:
            read(path, COLUMNS)
        assert "\n" not in str(failure.value)
        assert str(path) in str(failure.value)


def test_parquet_without_columns_or_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with pytest.raises(InputError, match="columns are missing: n; it begins 'id'"):
        read(in_parquet(path, id=["a"]), COLUMNS)
    with pytest.raises(InputError, match="no rows"):
        read(in_parquet(path, id=pa.array([], "string"), n=[]), COLUMNS)
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "none.parquet", COLUMNS)


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
