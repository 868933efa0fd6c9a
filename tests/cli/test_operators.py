"""`accelsim gemm` and `accelsim attention`: shapes, chips, tables, pictures."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import accelsim as library
from accelsim.chip.kernel_time import PARTS

Run = Callable[..., Result]
SHAPES = "M,N,K,note\n16,4096,4096,decode\n4096,4096,4096,\n300,300,300,small\n"


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    path = tmp_path / "shapes.csv"
    path.write_text(SHAPES, "utf-8")
    return path


def answer(accelsim: Run, *arguments: str) -> dict[str, Any]:
    done = accelsim(*arguments, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.output)
    return found


def test_a_product_is_that_of_the_library(accelsim: Run) -> None:
    found = answer(
        accelsim, "gemm", "4096", "8192", "1024", "--chips", "b200,trainium2",
        "--dtype", "fp8", "--layout", "nt", "--accumulate", "--repeats", "100",
    )  # fmt: skip
    assert [row["chip"] for row in found["rows"]] == ["b200", "trainium2"]
    b200 = library.chip("b200").gemm(
        4096, 8192, 1024, dtype="fp8", layout="nt", accumulate=True, repeats=100
    )
    row = found["rows"][0]
    assert row["time_s"] == b200.time
    assert row["utilisation"] == b200.utilisation
    assert row["bound"] == b200.bound
    assert sum(row[f"{part}_s"] for part in PARTS) == pytest.approx(row["time_s"])
    assert found["options"]["weight_sets"] is None  # endless


def test_attention_is_that_of_the_library(accelsim: Run) -> None:
    found = answer(
        accelsim, "attention", "2", "32", "4096", "128", "--kv-heads", "8",
        "--passes", "both", "--full", "--chips", "h100-sxm",
    )  # fmt: skip
    h100 = library.chip("h100-sxm").attention(
        2, 32, 4096, 128, kv_heads=8, passes="both", causal=False
    )
    assert found["rows"][0]["time_s"] == pytest.approx(h100.time, rel=1e-12)
    assert found["rows"][0]["kv_heads"] == 8
    assert found["rows"][0]["seq_kv"] == 4096


def test_words_for_one_shape(accelsim: Run) -> None:
    done = accelsim("gemm", "4096", "8192", "8192")
    assert done.exit_code == 0, done.output
    for word in ("h100-sxm", "b200", "trainium2", "bound by", "of the peak", "launch"):
        assert word in done.output


def test_a_table_of_shapes(accelsim: Run, shapes: Path) -> None:
    done = accelsim("gemm", "--table", str(shapes), "--batch", "2")
    assert done.exit_code == 0, done.output
    assert "gemm: 3 shapes" in done.output
    assert "4,096" in done.output
    rows = answer(accelsim, "gemm", "--table", str(shapes), "--batch", "2")["rows"]
    assert [(r["m"], r["batch"]) for r in rows[::3]] == [(16, 2), (4096, 2), (300, 2)]


def test_a_long_table_is_cut(accelsim: Run, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("m,n,k\n" + "".join(f"{m},64,64\n" for m in range(1, 101)), "utf-8")
    done = accelsim("gemm", "--table", str(path), "--chips", "b200")
    assert "60 more shapes" in done.output


def test_a_table_of_attention(accelsim: Run, tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(
        "batch,heads,kv_heads,seq_q,seq_kv,head_dim,window\n"
        "1,32,8,1024,4096,128,0\n1,32,,1024,,128,512\n", "utf-8",
    )  # fmt: skip
    found = answer(accelsim, "attention", "--table", str(path), "--chips", "b200")
    first, second = found["rows"]
    assert (first["kv_heads"], first["seq_kv"], first["window"]) == (8, 4096, 0)
    assert (second["kv_heads"], second["seq_kv"], second["window"]) == (32, 1024, 512)


def test_rows_are_written(accelsim: Run, shapes: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    found = answer(accelsim, "gemm", "--table", str(shapes), "--out", str(out))
    with out.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9
    assert list(rows[0]) == list(found["rows"][0])
    assert float(rows[4]["time_s"]) == found["rows"][4]["time_s"]


@pytest.mark.parametrize(
    ("name", "begins"), [("roof.png", b"\x89PNG"), ("roof.svg", b"<?xml")]
)
def test_a_picture(
    accelsim: Run, shapes: Path, tmp_path: Path, name: str, begins: bytes
) -> None:
    path = tmp_path / name
    done = accelsim("gemm", "--table", str(shapes), "--figure", str(path))
    assert done.exit_code == 0, done.output
    assert path.read_bytes().startswith(begins)
    assert not list(tmp_path.glob(".*"))


def test_changes_hold_for_every_chip(accelsim: Run) -> None:
    ask = ("gemm", "1", "8192", "8192", "--chips", "h100-sxm")
    plain = answer(accelsim, *ask)["rows"][0]
    for path in ("hbm.bandwidth", "chip.hbm.bandwidth"):
        fast = answer(accelsim, *ask, "--set", f"{path}=6.7 TB/s")["rows"][0]
        assert fast["time_s"] < 0.75 * plain["time_s"]


BAD = [
    ("gemm 1 2", "missing K"),
    ("gemm", "missing M, N, K; give sizes or --table"),
    ("gemm 1 2 x", "'x' is not a valid integer"),
    ("gemm 1 2 0", "k: 0 must be a whole number from 1"),
    ("gemm 1 2 3 --chips h100-smx", "did you mean 'h100-sxm'"),
    ("gemm 1 2 3 --chips b200,b200", "'b200' is given twice"),
    ("gemm 1 2 3 --chips b200,", "a name is empty"),
    ("gemm 1 2 3 --dtype nvfp4 --chips h100-sxm", "does not multiply nvfp4"),
    ("gemm 1 2 3 --layout xy", "layout 'xy' unknown"),
    ("gemm 1 2 3 --repeats nan", "repeats: nan must be"),
    ("gemm 1 2 3 --set hbm.bandwith=1", "'bandwidth'"),
    ("gemm 1 2 3 --figure roof.gif", "must end in .png, .svg, .pdf"),
    ("gemm 1 2 3 --figure no/such/roof.png", "no such folder"),
    ("gemm 1 2 3 --out no/such/rows.csv", "no such folder"),
    ("gemm --table none.csv", "no such file"),
    ("gemm 1 2 3 --table none.csv", "not both"),
    ("attention 1 32 4096", "missing HEAD_DIM"),
    ("attention 1 32 4096 128 --kv-heads 5", "share no whole number"),
    ("attention 1 32 4096 128 --seq-kv 1", "fewer than"),
    ("attention 1 32 4096 128 --passes forwards", "did you mean 'forward'"),
    ("attention 1 32 4096 128 --kernel flash9", "flash"),
]


@pytest.mark.parametrize(("line", "words"), BAD)
def test_bad_input_is_one_line(accelsim: Run, line: str, words: str) -> None:
    done = accelsim(*line.split(" "))
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("M,N\n1,2\n", "columns are missing: k; it begins 'M, N'"),
        ("M,N,K\n1,2,\n", "row 1: k is blank"),
        ("M,N,K\n1,2,3\n1,2,x\n", "row 2: "),
        ("M,N,K\n1,2,1.5\n", "row 1: K: 1.5 is no whole number"),
        ("M,N,K,batch\n1,2,3,0\n", "row 1: batch: 0 is no number above zero"),
        ("M,N,K\n", "has a header but no rows"),
        ("", "is empty"),
    ],
)
def test_a_bad_table(accelsim: Run, tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text, "utf-8")
    done = accelsim("gemm", "--table", str(path))
    assert done.exit_code == 2, done.output
    assert words in done.stderr


def test_the_table_is_never_replaced(accelsim: Run, shapes: Path) -> None:
    done = accelsim("gemm", "--table", str(shapes), "--out", str(shapes))
    assert done.exit_code == 2
    assert "it is the table that is read" in done.stderr
    assert shapes.read_text("utf-8") == SHAPES
