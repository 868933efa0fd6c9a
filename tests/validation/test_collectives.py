"""Published collectives, expert exchange and ASTRA-sim's runs; what cannot be read."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from accelsim.cli import main
from accelsim.errors import InputError
from accelsim.validation import collective_rows
from accelsim.validation.astrasim import UNPHYSICAL, validate_astrasim
from accelsim.validation.collectives import NOT_FITTED, validate_collectives
from accelsim.validation.moe import validate_moe

MEASURED = Path(__file__).parents[2] / "benchmarks" / "measured"
HEADER = ",".join((*collective_rows.REQUIRED, "source", "note"))
GOOD = "h100_sxm,all_reduce,8,1,1048576,25,github.com/ai-dynamo/aiconfigurator@1,"


def table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def test_published_collectives() -> None:
    found = validate_collectives(MEASURED / "collectives_small.csv")
    assert found.metrics["median_ape"] is not None
    assert found.naive["median_ape"] is not None
    # a twentieth of the table: its own median is 5.5 %
    assert found.metrics["median_ape"] < 0.08
    known = {collective_rows.INSIDE, collective_rows.ACROSS, collective_rows.APART}
    assert set(found.groups["subset"]) <= known
    assert {"all_reduce", "all_to_all"} <= set(found.groups["collective"])
    assert found.left_out[collective_rows.TOO_SMALL] > 0


def test_systems_are_left_out_one_by_one(tmp_path: Path) -> None:
    rows = [
        f"{name},{op},{ranks},1,{size},{time},{source},"
        for name, time in (("h100_sxm", 100), ("b200_sxm", 90), ("p5 8xH100", 100))
        for op in ("all_reduce", "all_gather", "all_to_all")
        for ranks in (2, 8)
        for size in (2**17, 2**24, 2**28)
        for source in ("a/b@1",)
    ]
    rows.append("l40s,all_reduce,8,1,1048576,863,a/b@1,")
    found = validate_collectives(table(tmp_path / "t.csv", *rows), leave_one_out=True)
    assert found.scored == len(rows) - 1
    assert found.left_out == {NOT_FITTED: 1}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (GOOD.replace("1048576", "1024"), collective_rows.TOO_SMALL),
        (GOOD.replace("1048576", "1e12"), collective_rows.TOO_BIG),
        (GOOD.replace("h100_sxm", "abacus"), "chip has no system in the catalog"),
        (GOOD.replace("h100_sxm", "unspecified"), collective_rows.NO_HARDWARE),
        (GOOD.replace("all_reduce", "barrier"), collective_rows.NO_KIND),
        (GOOD.replace(",25,", ",fast,"), "bad value in a cell"),
        (GOOD.replace("reduce,8,", "reduce,1,"), "bad value in a cell"),
        (GOOD.replace("8,1,", "9,2,"), collective_rows.NOT_PLACED),
        (GOOD + "noisy", "suspect data, flagged in its notes"),
    ],
)
def test_rows_are_left_out_with_a_reason(row: str, reason: str, tmp_path: Path) -> None:
    found = validate_collectives(table(tmp_path / "t.csv", GOOD, row))
    assert (found.rows, found.scored) == (2, 1)
    assert found.left_out == {reason: 1}


def test_published_expert_exchange() -> None:
    found = validate_moe(MEASURED / "moe_small.csv")
    assert found.scored == found.rows
    assert found.metrics["median_ape"] is not None
    assert found.metrics["median_ape"] < 0.1


def test_astrasim_is_repeated_within_a_percent() -> None:
    found = validate_astrasim(MEASURED / "astrasim_small.csv")
    assert found.scored > 25
    assert all(row["ape"] < 0.01 for row in found.worst)
    assert found.left_out[UNPHYSICAL] > 0


@pytest.mark.parametrize("kind", ["collectives", "moe", "astrasim"])
def test_a_table_of_something_else_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    done = CliRunner().invoke(main, ["validate", kind, str(path)])
    assert done.exit_code == 2
    assert "columns are missing" in done.output


def test_the_file_is_named() -> None:
    with pytest.raises(InputError, match="no such file"):
        validate_collectives("nowhere.csv")
