"""The whole way from a table to the contract, on published rows."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from accelsim.errors import InputError
from accelsim.validation import left_out
from accelsim.validation.contract import SMALLEST_SOURCE, Validation, write_rows
from accelsim.validation.training import REQUIRED, validate_training
from accelsim.validation.training_rows import case_of
from accelsim.validation.training_selection import marked, newest, release

MEASURED = Path(__file__).parents[2] / "benchmarks" / "measured" / "training.csv"
MakeRow = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def found() -> Validation:
    return validate_training(MEASURED)


def table_of(folder: Path, *rows: dict[str, str]) -> Path:
    path = folder / "t.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_every_row_is_scored_or_counted(found: Validation) -> None:
    assert found.rows == found.scored + sum(found.left_out.values()) == 414
    assert found.scored > 280
    assert set(found.left_out) <= {
        v for v in vars(left_out).values() if isinstance(v, str)
    }


def test_groups_add_up(found: Validation) -> None:
    for name in ("source", "chip"):
        members = found.groups[name].values()
        assert sum(member["rows"] for member in members) == found.scored
    subsets = found.groups["subset"]
    assert set(subsets) <= {"plan-stated", "plan-inferred", "bound"}
    counted = [m["rows"] for name, m in subsets.items() if name != "bound"]
    assert sum(counted) == found.scored


def test_mean_over_families_is_of_the_families_shown(found: Validation) -> None:
    shown = [
        member["median_ape"]
        for member in found.groups["source"].values()
        if member["rows"] >= SMALLEST_SOURCE
    ]
    mean = sum(shown) / len(shown)
    assert found.metrics["mean_over_sources_median_ape"] == pytest.approx(mean)


def test_naive_baseline_knows_no_plan(found: Validation, tmp_path: Path) -> None:
    """One MFU for each chip and precision: it reproduces that MFU in every row."""
    path = tmp_path / "rows.csv"
    write_rows(found, path)
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["subset"].startswith("plan")]
    assert len(rows) == found.scored
    chips: dict[tuple[str, str], set[float]] = {}
    for row in rows:
        ratio = float(row["measured_step_time_s"]) / float(row["naive_step_time_s"])
        key = (row["system"], row["precision"])
        chips.setdefault(key, set()).add(round(float(row["measured_mfu"]) * ratio, 6))
    assert all(len(constants) == 1 for constants in chips.values())


def test_korthikanti_table_5_is_near(found: Validation) -> None:
    family = found.groups["source"]["Korthikanti"]
    assert family["rows"] == 8
    assert family["median_ape"] < 0.25


def test_superseded_release_does_not_count(row: MakeRow, tmp_path: Path) -> None:
    new = row("T00472")
    old = {**new, "id": "old", "source": new["source"].replace("26.08", "25.11")}
    other = {**old, "id": "other", "global_batch": "8192", "measured_step_time_s": "",
             "measured_tokens_per_s_per_chip": "4912"}  # fmt: skip
    answer = validate_training(table_of(tmp_path, old, new, other))
    assert answer.scored == 2
    assert answer.left_out == {left_out.SUPERSEDED: 1}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("T00472", (26, 8)),
        ("T00546", (26, 4, 1)),
        ("T00071", (4, 1)),
        ("T00903", (25, 4, 2)),
        ("T01068", (2021, 4)),
        ("T01763", (2, 24, 0, 2025, 6, 24)),
        ("T01094", ()),
    ],
)
def test_release(row: MakeRow, name: str, expected: tuple[int, ...]) -> None:
    assert release(row(name)) == expected


def test_rows_without_a_release_all_count(row: MakeRow) -> None:
    cases = [case_of(row("T01094")), case_of(row("T01094", id="again"))]
    assert newest(cases) == (cases, [])


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({}, None),
        ({"model": "bert-large"}, None),
        ({"model": "llama2-70b-lora"}, None),
        ({"model": "nemotron-h-56b"}, left_out.HYBRID),
        ({"notes": "SUSPECT: node count likely a slip"}, left_out.SUSPECT),
        ({"flops_convention": "RUN AVERAGE incl. restarts"}, left_out.BOUND),
        ({"notes": "block time INCLUDES the validation pass"}, left_out.EVALUATION),
        ({"chip": "B200 (power limited)"}, left_out.SUSPECT),
    ],
)
def test_marks(row: MakeRow, cells: dict[str, str], reason: str | None) -> None:
    assert marked(row("T01094", **cells)) == reason


def test_bound_is_shown_apart(row: MakeRow, tmp_path: Path) -> None:
    bound = row("T01819")  # DeepSeek-V3: 14.8T tokens in 2.664M GPU hours
    answer = validate_training(table_of(tmp_path, bound, row("T01094")))
    assert answer.scored == 1
    assert answer.left_out == {left_out.BOUND: 1}
    assert answer.groups["subset"]["bound"]["rows"] == 1
    assert list(answer.groups["source"]) == ["Korthikanti"]


def test_bad_value_leaves_its_row_out_alone(row: MakeRow, tmp_path: Path) -> None:
    bad = row("T01095", tp="eight")
    answer = validate_training(table_of(tmp_path, row("T01094"), bad))
    assert answer.scored == 1
    assert answer.left_out == {left_out.BAD_VALUE: 1}


def test_row_with_too_many_cells_is_left_out(row: MakeRow, tmp_path: Path) -> None:
    path = table_of(tmp_path, row("T01094"), row("T01095"))
    path.write_text(path.read_text().rstrip("\r\n") + ",1\n")
    answer = validate_training(path)
    assert answer.scored == 1
    assert answer.left_out == {left_out.BAD_VALUE: 1}


def test_table_without_notes_is_accepted(row: MakeRow, tmp_path: Path) -> None:
    short = {name: row("T01094")[name] for name in REQUIRED}
    assert validate_training(table_of(tmp_path, short)).scored == 1


def test_family_is_what_the_source_begins_with(row: MakeRow, tmp_path: Path) -> None:
    cells = row("T01094", source="A-Team/tables row 7")
    del cells["family"]
    answer = validate_training(table_of(tmp_path, cells))
    assert list(answer.groups["source"]) == ["A-Team/tables"]


def test_missing_columns_are_named(row: MakeRow, tmp_path: Path) -> None:
    short = {k: v for k, v in row("T01094").items() if k not in ("tp", "moe")}
    with pytest.raises(InputError, match="columns are missing: moe, tp"):
        validate_training(table_of(tmp_path, short))
