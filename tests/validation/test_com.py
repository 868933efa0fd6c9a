"""`validate com`: the reference's own runs are equal, and what is missing is told."""

import csv
import json
import shutil
from pathlib import Path

import numba
import pytest
from click.testing import CliRunner

from accelsim.cli import main
from accelsim.errors import InputError
from accelsim.validation.com import (
    NO_CHANNEL,
    NO_NUMBER,
    NO_REFERENCE,
    NO_SHEET,
    validate_com,
)
from accelsim.validation.contract import Validation

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="10^5 frequencies of plain Python",
)
LINK = Path(__file__).parents[2] / "benchmarks" / "measured" / "link"
FOLDERS = {
    "reference": LINK / "reference",
    "channels": LINK / "channels",
    "configs": LINK / "com430_configs.json",
}
JOB = "dj200g_mlse2__synthB_cr__noxt"


def validated(path: Path, **changes: Path) -> Validation:
    asked = FOLDERS | changes
    return validate_com(path, asked["reference"], asked["channels"], asked["configs"])


def table(path: Path, *rows: tuple[str, str, str]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("job", "case", "COM_dB"), *rows])
    return path


def test_own_channels_are_equal_and_others_left_out() -> None:
    found = validated(LINK / "com430_summary.csv")
    assert found.rows == 28
    assert found.scored == 8
    assert found.left_out == {NO_CHANNEL: 20}
    worst = found.metrics["max_abs_difference"]
    assert worst is not None
    assert worst < 1e-6  # dB
    naive = found.naive["max_abs_difference"]
    assert naive == pytest.approx(7.73 - 3.0, abs=0.01)
    assert set(found.groups["subset"]) == {"Annex 178A"}
    assert max(row.get("RxFFE_off", 0.0) for row in found.details) < 1e-9


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ((JOB, "", "3.0"), NO_NUMBER),
        ((JOB, "1", "nan"), NO_NUMBER),
        ((JOB, "3", "3.0"), NO_REFERENCE),
        (("nothing", "1", "3.0"), NO_REFERENCE),
        (("kr100g__dpo4in__xt", "1", "3.0"), NO_CHANNEL),
    ],
)
def test_rows_that_cannot_be_read_are_counted(
    tmp_path: Path, row: tuple[str, str, str], why: str
) -> None:
    good = (JOB, "1", "5.783795194606543")
    found = validated(table(tmp_path / "t.csv", good, row))
    assert (found.rows, found.scored) == (2, 1)
    assert found.left_out == {why: 1}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"config": "nothing"}, NO_SHEET),
        ({"thru": None, "channel": "-"}, NO_CHANNEL),
        ({"cases": []}, NO_REFERENCE),
        ({"cases": [{"TXLE_taps": []}]}, NO_REFERENCE),
    ],
)
def test_references_that_say_too_little(
    tmp_path: Path, change: dict[str, object], why: str
) -> None:
    said = json.loads((LINK / "reference" / f"{JOB}.json").read_text())
    (tmp_path / f"{JOB}.json").write_text(json.dumps(said | change))
    path = table(tmp_path / "t.csv", (JOB, "1", "5.8"))
    assert validated(path, reference=tmp_path).left_out == {why: 1}


def test_bad_folders_and_configs_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", (JOB, "1", "5.8"))
    with pytest.raises(InputError, match="no such folder"):
        validated(path, channels=tmp_path / "no")
    (tmp_path / "c.json").write_text("[]")
    with pytest.raises(InputError, match="must hold sheets by name"):
        validated(path, configs=tmp_path / "c.json")
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(InputError, match="is no JSON"):
        validated(path, configs=tmp_path / "c.json")
    with pytest.raises(InputError, match="cannot be read"):
        validated(path, configs=tmp_path / "no.json")


def test_command_prints_tables_and_rows(tmp_path: Path) -> None:
    run, out = CliRunner(), tmp_path / "rows.csv"
    shutil.copytree(LINK, tmp_path / "link")
    words = ["validate", "com", str(table(tmp_path / "t.csv", (JOB, "1", "5.8")))]
    for name, path in FOLDERS.items():
        words += [f"--{name}", str(path)]
    shown = run.invoke(main, [*words, "--out", str(out)])
    assert shown.exit_code == 0, shown.output
    assert "5.784 dB" in shown.output
    assert "off by 0.0162 dB at most" in shown.output
    assert "predicted_COM_dB" in out.read_text().splitlines()[0]
    found = json.loads(run.invoke(main, [*words, "--json"]).output)
    assert found["kind"] == "com"
    assert found["metrics"]["max_abs_difference"] == pytest.approx(0.0162, abs=1e-4)
    assert run.invoke(main, [*words, "--search", "--out", str(out)]).exit_code == 0
    assert out.read_text().splitlines()[1].endswith(",same")
    missing = run.invoke(main, words[:3])
    assert missing.exit_code == 2
