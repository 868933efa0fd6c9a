"""`validate systolic`: published rows are equal, and what cannot be read is told."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from accelsim.cli import main
from accelsim.errors import InputError
from accelsim.validation.systolic import (
    NO_SUCH_CASE,
    NOT_NUMBERS,
    REQUIRED,
    TOO_LARGE,
    validate_systolic,
)

MEASURED = Path(__file__).parents[2] / "benchmarks" / "measured"
PUBLISHED = MEASURED / "scalesim.csv"
GOOD = ("128",) * 5 + ("ws", "USER", "20", "6144/6144/2048", "509.0", "0.0", "2148.0")


def table(path: Path, *changes: dict[str, str]) -> Path:
    header = ",".join(REQUIRED)
    good = dict(zip(REQUIRED, GOOD, strict=True))
    rows = [",".join((good | change).values()) for change in changes]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.mark.parametrize("name", ["scalesim.csv", "scalesim_small.csv"])
def test_published_rows_are_equal(name: str) -> None:
    found = validate_systolic(MEASURED / name)
    assert found.scored == found.rows
    assert found.metrics["exact_rows"] == found.rows
    assert found.metrics["max_abs_difference"] == 0.0
    assert found.metrics["mape"] == 0.0
    waits = found.groups["subset"]["array waits"]
    assert waits["exact_rows"] == waits["rows"] > 0
    assert waits["naive"]["exact_rows"] == 0.0


def test_naive_baseline_is_the_form_without_waits() -> None:
    found = validate_systolic(PUBLISHED)
    free = found.groups["subset"]["array never waits"]
    assert free["naive"]["exact_rows"] == free["rows"]
    # 512^3, weight-stationary, 32 kB, 20 words/cycle: 303253 - 14303
    assert found.naive["max_abs_difference"] == 288_950
    assert found.naive["mape"] == pytest.approx(0.0816, abs=1e-4)


def test_difference_is_the_largest_of_three(tmp_path: Path) -> None:
    change = {"total_cycles": "511", "stall_cycles": "7", "overall_cycles": "2145"}
    found = validate_systolic(table(tmp_path / "t.csv", {}, change))
    assert found.metrics["exact_rows"] == 1.0
    assert found.metrics["max_abs_difference"] == 7.0
    assert found.metrics["mape"] == pytest.approx(2 / 511 / 2)
    assert found.naive["max_abs_difference"] == 7.0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"M": ""}, NOT_NUMBERS),
        ({"K": "1.5"}, NOT_NUMBERS),
        ({"total_cycles": "nan"}, NOT_NUMBERS),
        ({"total_cycles": "0"}, NOT_NUMBERS),
        ({"overall_cycles": ""}, NOT_NUMBERS),
        ({"overall_cycles": "inf"}, NOT_NUMBERS),
        ({"sram_kB_ifmap_filter_ofmap": "32/32"}, NOT_NUMBERS),
        ({"sram_kB_ifmap_filter_ofmap": "0/32/32"}, TOO_LARGE),
        ({"dataflow": "rs"}, NO_SUCH_CASE),
        ({"bw_mode": "GUESS"}, NO_SUCH_CASE),
        ({"M": "99999999", "N": "99999999", "array_rows": "1"}, TOO_LARGE),
    ],
)
def test_rows_that_cannot_be_read_are_counted(
    tmp_path: Path, change: dict[str, str], why: str
) -> None:
    found = validate_systolic(table(tmp_path / "t.csv", {}, change))
    assert (found.rows, found.scored) == (2, 1)
    assert found.left_out == {why: 1}
    assert found.details[1]["left_out"] == why


def test_missing_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("M,N,K\n1,2,3\n")
    with pytest.raises(InputError, match="columns are missing: array_rows"):
        validate_systolic(path)


def test_command_prints_tables_and_json(tmp_path: Path) -> None:
    run = CliRunner()
    file, out = str(table(tmp_path / "t.csv", {})), tmp_path / "rows.csv"
    shown = run.invoke(main, ["validate", "systolic", file, "--out", str(out)])
    assert shown.exit_code == 0, shown.output
    assert "1 of 1 rows exact, off by 0 at most" in shown.output
    assert "509 cycles" in shown.output
    assert out.read_text().splitlines()[0].startswith("id,left_out,total_cycles")
    found = json.loads(
        run.invoke(main, ["validate", "systolic", file, "--json"]).output
    )
    assert found["kind"] == "systolic"
    assert found["metrics"]["exact_rows"] == 1.0
