"""`accelsim estimate`, `compare` and `validate`: what is asked, what is printed."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from accelsim.errors import NoAnswerError
from accelsim.explore.comparison import Comparison, Row
from accelsim.explore.result import Estimate
from accelsim.specs.run import RunSpec
from accelsim.validation.contract import Pair, Validation, validation

Program = Callable[..., Result]
SMALL = ("--model", "llama3-8b", "--system", "dgx-h100", "--chips", "16")
BATCH = ("--global-batch", "64")


@pytest.fixture
def asked(
    monkeypatch: pytest.MonkeyPatch,
    small_estimate: Estimate,
    small_comparison: Comparison,
) -> list[Any]:
    """Catch the questions instead of answering them."""
    questions: list[Any] = []

    def estimate(run: RunSpec, overrides: object = ()) -> Estimate:
        questions.append((run, overrides))
        return small_estimate

    def compare(*names: object, **fields: object) -> Comparison:
        questions.append((names, fields))
        return small_comparison

    monkeypatch.setattr("accelsim.explore.estimate.estimate", estimate)
    monkeypatch.setattr("accelsim.explore.compare.compare", compare)
    return questions


def test_estimate_asks_what_the_options_say(
    accelsim: Program, asked: list[Any]
) -> None:
    plan = "--tp 8 --no-sp --pp 2 --vp 4 --cp 1 --ep 1 --dp 1 --micro-batch 2"
    rest = "--sharding zero1 --recompute full --offer spot --precision fp8"
    line = (*SMALL, *plan.split(), *rest.split(), "--seq-len", "4096")
    done = accelsim(
        "estimate", *line, "--software", "w", "--global-batch-tokens", "8192"
    )
    assert done.exit_code == 0, done.stderr
    run = asked[0][0]
    assert run.plan.model_dump(exclude_none=True) == {
        "tp": 8,
        "sp": False,
        "cp": 1,
        "pp": 2,
        "vp": 4,
        "ep": 1,
        "dp": 1,
        "micro_batch": 2,
        "sharding": "zero1",
        "recompute": "full",
    }
    assert (run.model, run.system, run.chips) == ("llama3-8b", "dgx-h100", 16)
    assert (run.precision, run.offer, run.software) == ("fp8", "spot", "w")
    assert (run.seq_len, run.global_batch_tokens) == (4096, 8192)


def test_options_win_over_the_file(
    accelsim: Program, asked: list[Any], tmp_path: Path
) -> None:
    path = tmp_path / "run.toml"
    path.write_text(
        'model="llama3-8b"\nsystem="dgx-h100"\nchips=8\nglobal_batch=32\n'
        'software="w"\n[plan]\ntp=4\npp=2\n'
    )
    line = f"estimate {path} --chips 16 --tp 8 --global-batch-tokens 8192"
    assert accelsim(*line.split()).exit_code == 0
    run = asked[0][0]
    assert (run.chips, run.plan.tp, run.plan.pp, run.software) == (16, 8, 2, "w")
    assert (run.global_batch, run.global_batch_tokens) == (None, 8192)


def test_changes_are_passed_on_in_order(accelsim: Program, asked: list[Any]) -> None:
    sets = ("--set", 'chip.hbm.bandwidth="8 TB/s"', "--set", "plan.tp=4")
    accelsim("estimate", *SMALL, *sets)
    assert [c.text for c in asked[0][1]] == ["chip.hbm.bandwidth=8 TB/s", "plan.tp=4"]


def test_compare_asks_what_the_options_say(accelsim: Program, asked: list[Any]) -> None:
    line = "llama3-8b --systems a,,b, --chips 64 --match power --baseline b --tp 4"
    assert accelsim("compare", *line.split()).exit_code == 0
    names, fields = asked[0]
    assert names == ("llama3-8b", ["a", "b"])
    assert (fields["match"], fields["baseline"], fields["chips"]) == ("power", "b", 64)
    assert fields["plan"] == {"tp": 4}
    assert fields["precision"] == "bf16"


@pytest.mark.parametrize(
    "line",
    [
        ("estimate", *SMALL, *BATCH),
        ("compare", "llama3-8b", "--systems", "dgx-h100", "--chips", "16", *BATCH),
    ],
    ids=["estimate", "compare"],
)
def test_json_is_one_object_and_nothing_else(
    accelsim: Program, line: tuple[str, ...]
) -> None:
    done = accelsim(*line, "--json")
    assert done.exit_code == 0
    assert done.stderr == ""
    found = json.loads(done.stdout, parse_constant=pytest.fail)
    assert isinstance(found, dict)
    estimate = found if line[0] == "estimate" else found["rows"][0]["estimate"]
    assert estimate["step_time_s"] == pytest.approx(sum(estimate["time_s"].values()))


def test_a_job_too_large_is_an_answer(accelsim: Program) -> None:
    line = "estimate --model llama3-70b --system dgx-h100 --chips 8"
    done = accelsim(*line.split())
    assert (done.exit_code, done.stdout) == (1, "")
    assert "GiB" in done.stderr
    assert "fit" in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_system_with_an_answer_is_exit_code_1(
    accelsim: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = (Row("a", None, "too small"), Row("b", None, "too slow"))
    monkeypatch.setattr(
        "accelsim.explore.compare.compare",
        lambda *_, **__: Comparison(rows, "chips", "a"),
    )
    done = accelsim("compare", "llama3-8b", "--systems", "a,b", "--chips", "8")
    assert done.exit_code == 1
    assert "a: too small; b: too slow" in done.stderr


def test_failure_of_one_system_is_shown_beside_the_others(
    accelsim: Program, monkeypatch: pytest.MonkeyPatch, small_comparison: Comparison
) -> None:
    rows = (Row("tiny", None, "short by 3 GiB"), *small_comparison.rows)
    failing = replace(small_comparison, rows=rows, baseline="tiny")
    monkeypatch.setattr("accelsim.explore.compare.compare", lambda *_, **__: failing)
    done = accelsim("compare", "llama3-8b", "--systems", "a", "--chips", "8")
    assert done.exit_code == 0
    assert "- tiny: short by 3 GiB" in done.stdout
    assert "no ratios" in done.stdout


def test_baseline_without_an_answer_to_match_is_exit_code_1(
    accelsim: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise NoAnswerError("the baseline does not fit")

    monkeypatch.setattr("accelsim.explore.compare.compare", fail)
    line = "compare llama3-8b --systems a --chips 8 --match power"
    assert accelsim(*line.split()).exit_code == 1


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Catch the tables that are validated, and answer for two rows."""
    files: list[Path] = []

    def validate(path: Path) -> Validation:
        files.append(path)
        pairs = [
            Pair("T1", "paper", "h100-sxm", "stated", 2.0, 3.0, 2.5),
            Pair("T2", "paper", "h100-sxm", "stated", 4.0, 4.4, 3.0),
        ]
        details = ({"id": "T1", "ape": 0.5}, {"id": "T2", "ape": 0.1})
        return validation("training", path.name, pairs, {"LoRA": 3}, (), details)

    monkeypatch.setattr("accelsim.validation.training.validate_training", validate)
    return files


def test_validate_prints_the_contract_as_json(
    accelsim: Program, table: list[Path]
) -> None:
    done = accelsim("validate", "training", "runs.csv", "--json")
    assert table == [Path("runs.csv")]
    found = json.loads(done.stdout, parse_constant=pytest.fail)
    assert (found["rows"], found["scored"]) == (5, 2)
    assert found["metrics"]["median_ape"] == pytest.approx(0.3)
    assert found["metrics"]["mean_over_sources_median_ape"] is None
    assert [row["id"] for row in found["worst"]] == ["T1", "T2"]


@pytest.mark.usefixtures("table")
def test_validate_prints_tables(accelsim: Program) -> None:
    done = accelsim("validate", "training", "runs.csv")
    assert done.exit_code == 0
    assert "5 rows, 2 scored, 3 left out" in done.stdout
    assert "naive" in done.stdout


@pytest.mark.usefixtures("table")
def test_validate_writes_every_row(accelsim: Program, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    assert accelsim("validate", "training", "x.csv", "--out", str(out)).exit_code == 0
    assert out.read_text() == "id,ape\nT1,0.5\nT2,0.1\n"


@pytest.mark.parametrize("out", ["nowhere/rows.csv", ".", "fifo", "x.csv"])
def test_validate_that_cannot_write_says_so_before_it_predicts(
    accelsim: Program, table: list[Path], tmp_path: Path, out: str
) -> None:
    file = tmp_path / "x.csv"
    file.touch()
    os.mkfifo(tmp_path / "fifo")
    line = ("validate", "training", str(file), "--out", str(tmp_path / out))
    done = accelsim(*line)
    assert (done.exit_code, done.stdout, table) == (2, "", [])
    assert done.stderr.startswith("error: ")
    assert "cannot be written" in done.stderr
    assert done.stderr.count("\n") == 1
    assert file.read_text() == ""


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_no_row_scored_is_exit_code_1(
    accelsim: Program, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    found = validation("training", "runs.csv", [], {"LoRA": 3, "no time": 2})
    monkeypatch.setattr(
        "accelsim.validation.training.validate_training", lambda _: found
    )
    done = accelsim("validate", "training", "x.csv", *more)
    assert done.exit_code == 1
    reasons = "LoRA: 3, no time: 2"
    assert done.stderr == f"error: runs.csv: no row could be scored; {reasons}\n"
    if more:
        assert json.loads(done.stdout) == found.to_dict()
    else:
        assert done.stdout == ""
