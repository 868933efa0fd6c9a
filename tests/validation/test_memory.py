"""Which runs fit and what they took: from a table to the contract."""

import csv
from pathlib import Path

import pytest

from accelsim.errors import InputError
from accelsim.validation import left_out, table
from accelsim.validation.contract import Validation
from accelsim.validation.left_out import LeftOutError
from accelsim.validation.memory import validate_memory
from accelsim.validation.memory_rows import GIB, seen_of

FOLDER = Path(__file__).parents[2] / "benchmarks" / "measured"
SMALL = FOLDER / "memory_small.csv"


@pytest.fixture(scope="module")
def found() -> Validation:
    return validate_memory(SMALL)


def of_sweep(**cells: str) -> dict[str, str]:
    """Return the first run of the sweep that fitted, with some cells changed."""
    rows = table.read(SMALL, ())
    good = next(r for r in rows if r["status"] == "Success" and r["pp"] == "1")
    return good | cells


def test_every_row_is_scored_or_counted(found: Validation) -> None:
    assert found.rows == found.scored + sum(found.left_out.values()) == 100
    assert set(found.left_out) <= {
        v for v in vars(left_out).values() if isinstance(v, str)
    }


def test_both_kinds_of_error_make_the_accuracy(found: Validation) -> None:
    told = found.to_dict()
    wrong = told["false_fit_rows"] + told["false_oom_rows"]
    assert told["accuracy"] == pytest.approx(1 - wrong / found.scored)
    assert told["metrics"]["accuracy"] == told["accuracy"]
    shares = (told["false_fit"] + told["false_oom"]) / 2
    assert told["balanced_accuracy"] == pytest.approx(1 - shares)
    assert told["median_abs_error"] == told["metrics"]["median_ape"]


def test_most_runs_are_known_to_fit_or_not(found: Validation) -> None:
    assert found.headline["accuracy"] is not None
    assert found.headline["accuracy"] >= 0.9


def test_a_run_with_the_pipeline_bug_counts_nowhere(found: Validation) -> None:
    apart = found.groups["subset"]["pipeline bug: reported only"]["rows"]
    assert 0 < apart <= found.left_out[left_out.PIPELINE_BUG]
    assert found.groups["subset"]["reserved"]["rows"] <= found.scored


def test_a_failed_run_has_heads_and_width_of_its_kind() -> None:
    blank = {"status": "OOM", "kv_heads": "", "tied": "", "peak_reserved_gib": ""}
    seen = seen_of(of_sweep(**blank, hidden="4096", heads="32", ffn_hidden=""))
    model = seen.question.model
    assert (model.ffn, model.kv_heads, model.tied_embeddings) == (14336, 32, False)
    assert not seen.fits
    assert seen.peak is None
    grouped = of_sweep(**blank, hidden="8192", heads="64", name="80G_gqa8")
    assert seen_of(grouped).question.model.kv_heads == 8


def test_peaks_are_in_bytes_of_what_was_read() -> None:
    seen = seen_of(of_sweep(peak_reserved_gib="12.5"))
    assert seen.peak == 12.5 * GIB
    assert seen.meaning == "reserved"


def test_the_pace_of_a_run_that_was_slowed_down() -> None:
    # 2^20 tokens at 2^16 tokens/s on 8 chips are 2 s: 5 micro-batches, 4 stages
    cells = {
        "tokens_per_s_per_gpu": "65536", "n_gpus": "8", "global_batch": "256",
        "seq_len": "4096", "grad_accum": "5", "pp": "4", "tp": "1", "dp": "2",
    }  # fmt: skip
    assert seen_of(of_sweep(**cells, network_healthy="0")).pace == 2.0 / 8
    assert seen_of(of_sweep(**cells, network_healthy="1")).pace is None
    unknown = cells | {"tokens_per_s_per_gpu": ""}
    assert seen_of(of_sweep(**unknown, network_healthy="0")).pace is None


def test_a_run_with_the_pipeline_bug_had_the_version_that_waits() -> None:
    for bug in ("0", "1"):
        asked = seen_of(of_sweep(pp_bug_suspect=bug)).question
        assert asked.software.memory.waits == (bug == "1")


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"status": "Other"}, left_out.OTHER_FAILURE),
        ({"n_gpus": "9"}, left_out.PRODUCT),
        ({"hidden": ""}, left_out.NO_SIZES),
        ({"micro_batch": ""}, left_out.PRODUCT),
        ({"layers": "many"}, left_out.BAD_VALUE),
    ],
)
def test_rows_that_cannot_be_judged_say_why(cells: dict[str, str], reason: str) -> None:
    with pytest.raises(LeftOutError, match=reason):
        seen_of(of_sweep(**cells))


def test_training_runs_count_where_their_memory_has_a_meaning(tmp_path: Path) -> None:
    rows = table.read(FOLDER / "training.csv", ())
    of = {"huggingface/nanotron": 2, "hpcaitech/ColossalAI": 1, "Korthikanti": 1}
    some = [row for name, n in of.items() for row in rows if row["family"] == name][:99]
    kept = [
        row
        for name, n in of.items()
        for row in [r for r in some if r["family"] == name][:n]
    ]
    path = tmp_path / "t.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(kept[0]))
        writer.writeheader()
        writer.writerows(kept)
    found = validate_memory(path)
    assert found.scored == 2
    assert found.left_out == {left_out.NO_MEANING: 1, left_out.NO_MEMORY: 1}


def test_a_table_of_neither_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("m,n,k\n1,2,3\n")
    with pytest.raises(InputError, match="columns are missing"):
        validate_memory(path)
