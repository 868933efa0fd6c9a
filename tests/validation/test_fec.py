"""`validate fec`: the tables are met, and what cannot be read is told."""

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner

from accelsim.cli import main
from accelsim.errors import InputError
from accelsim.validation.fec import NO_CODE, NOT_NUMBERS, TOO_RARE, validate_fec

LINK = Path(__file__).parents[2] / "benchmarks" / "measured" / "link"


@pytest.mark.parametrize(
    ("name", "rows"), [("random", 12), ("burst", 24), ("burst_points", 90)]
)
def test_tables_are_met(name: str, rows: int) -> None:
    found = validate_fec(LINK / f"fec_kp4_{name}.csv")
    assert found.scored == found.rows == rows
    off, naive = (m["max_abs_difference"] for m in (found.metrics, found.naive))
    # two programs that add some thousand terms of 16 digits
    assert off is not None
    assert off < 1e-11
    assert naive is not None
    assert naive > 1.0


def test_the_contract_of_the_command(tmp_path: Path) -> None:
    table, out = LINK / "fec_kp4_burst.csv", tmp_path / "rows.csv"
    said = CliRunner().invoke(
        main, ["validate", "fec", str(table), "--json", "--out", str(out)]
    )
    assert said.exit_code == 0
    assert json.loads(said.output)["kind"] == "fec"
    assert "predicted_CER" in out.read_text("utf-8")
    shown = CliRunner().invoke(main, ["validate", "fec", str(table)])
    assert "of the value at most" in shown.output


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("x,0.5,0,1,1e-9,", NOT_NUMBERS),
        ("-1e-4,0.5,0,1,1e-9,", NOT_NUMBERS),
        ("1e-4,1,0,1,1e-9,", NOT_NUMBERS),
        ("1e-4,0.5,0,1.5,1e-9,", NOT_NUMBERS),
        ("1e-4,0.5,0,99,1e-9,", NOT_NUMBERS),
        ("0,0.5,0,1,1e-9,", NOT_NUMBERS),
        ("1e-4,0.5,0,1,,", NOT_NUMBERS),
        ("1e-4,0.5,0,1,0,", TOO_RARE),
        ("1e-4,0.5,0,1,1e-9,BCH(3)", NO_CODE),
        ("1e-4,0.5,0,1,1e-9,RS(514;544)", NO_CODE),
        ("1e-4,0.5,0,1,1e-9,'RS(2000,30)'", NO_CODE),
    ],
)
def test_bad_cells_are_counted(tmp_path: Path, cells: str, reason: str) -> None:
    path = tmp_path / "t.csv"
    header = "burst_start_ser,a,precode,interleave,CER,code"
    good = '1e-4,0.5,0,1,5.6e-14,"RS(544,514)"'
    path.write_text(f"{header}\n{cells}\n{good}\n", "utf-8")
    found = validate_fec(path)
    assert found.left_out == {reason: 1}
    assert found.scored == 1


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(InputError, match="columns are missing: pre_fec_ber or"):
        validate_fec(path)


def test_another_code_corrects_less(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    text = 'pre_fec_ber,codeword_error_ratio,code\n1e-4,1e-9,"RS(272,257)"\n'
    path.write_text(text, "utf-8")
    found = validate_fec(path)
    p = 1.0 - (1.0 - 1e-4) ** 10
    terms = [math.comb(272, i) * p**i * (1.0 - p) ** (272 - i) for i in range(8, 60)]
    predicted = float(found.details[0]["predicted_codeword_error_ratio"])
    assert predicted == pytest.approx(sum(terms), rel=1e-9)
