"""`validate nki`: kernels of a public library, and what cannot be read is told."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from accelsim.cli import main
from accelsim.errors import InputError
from accelsim.validation import table
from accelsim.validation.nki import (
    ABOVE,
    APART,
    BAD_NUMBER,
    BELOW,
    REQUIRED,
    UNKNOWN,
    validate_nki,
)
from accelsim.validation.nki_rows import BAD_PARAMS, NO_SUCH_KERNEL

MEASURED = Path(__file__).parents[2] / "benchmarks" / "measured" / "nki_small.csv"
PARAMS = {
    "vnc_degree": 2, "batch": 1, "seqlen": 1024, "hidden": 1024, "intermediate": 448,
    "norm_type": "NormType.RMS_NORM", "quantization_type": "QuantizationType.NONE",
    "fused_add": True, "gate_bias": False,
}  # fmt: skip
GOOD = {
    "kernel": "mlp_cte", "flops": "2818572288", "weight_or_io_bytes": "6946816",
    "trn2_time_us": "92.2", "second_value_time_us": "",
}  # fmt: skip


def write(path: Path, *changes: dict[str, str], **params: object) -> Path:
    good = GOOD | {"params_json": json.dumps(PARAMS | params)}
    rows = [good | change for change in changes]
    quoted = (
        ",".join('"' + row[name].replace('"', '""') + '"' for name in REQUIRED)
        for row in rows
    )
    path.write_text("\n".join([",".join(REQUIRED), *quoted]) + "\n")
    return path


def test_published_kernels_are_near() -> None:
    found = validate_nki(MEASURED)
    assert found.scored == found.rows > 50
    mape, naive = found.metrics["mape"], found.naive["mape"]
    assert mape is not None
    assert naive is not None
    assert mape < 0.10 < naive  # the target of this model; the roofline misses it
    assert found.groups["subset"][ABOVE]["mape"] < 0.08
    assert set(found.groups["subset"]) == {ABOVE, BELOW, UNKNOWN, APART}
    assert set(found.groups["source"]) == {
        *("attention_cte", "mlp_cte", "mlp_tkg", "qkv_tkg", "rmsnorm_quant")
    }
    # documented rates only: no figure of Trainium3 is fitted
    assert found.groups["subset"][APART]["mape"] < 0.25


def test_second_times_count_nowhere_else() -> None:
    found = validate_nki(MEASURED)
    rows = table.read(MEASURED, REQUIRED)
    second = [row for row in rows if row["second_value_time_us"]]
    assert found.groups["subset"][APART]["rows"] == len(second) > 0
    assert set(found.groups["chip"]) == {"trainium2"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kernel": "moe_tkg"}, NO_SUCH_KERNEL),
        ({"trn2_time_us": ""}, BAD_NUMBER),
        ({"trn2_time_us": "nan"}, BAD_NUMBER),
        ({"flops": "-1"}, BAD_NUMBER),
        ({"trn2_time_us": "4e-304"}, BAD_NUMBER),
        ({"weight_or_io_bytes": "1e300"}, BAD_NUMBER),
        ({"params_json": ""}, BAD_PARAMS),
        ({"params_json": "[1]"}, BAD_PARAMS),
        ({"params_json": "{}"}, BAD_PARAMS),
        ({"params_json": "[" * 9999}, BAD_PARAMS),
    ],
)
def test_rows_that_cannot_be_read_are_counted(
    tmp_path: Path, change: dict[str, str], why: str
) -> None:
    found = validate_nki(write(tmp_path / "t.csv", {}, change))
    assert (found.rows, found.scored) == (2, 1)
    assert found.left_out == {why: 1}
    assert found.details[1]["left_out"] == why


@pytest.mark.parametrize(
    "wrong",
    [
        {"vnc_degree": 3}, {"seqlen": 0}, {"seqlen": 1.5}, {"hidden": 2**40},
        {"hidden": "big"}, {"norm_type": "NormType.BATCH"}, {"fused_add": "yes"},
        {"quantization_type": "QuantizationType.MX"}, {"intermediate": True},
    ],
)  # fmt: skip
def test_parameters_out_of_range_are_counted(
    tmp_path: Path, wrong: dict[str, object]
) -> None:
    found = validate_nki(write(tmp_path / "t.csv", {}, **wrong))
    assert found.left_out == {BAD_PARAMS: 1}
    assert found.scored == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"d": 129}, {"seqlen_q": 2**21, "seqlen_kv": 2**21}, {"sliding_window": -1},
        {"sliding_window": 64, "causal_mask": False}, {"bs": None},
    ],
)  # fmt: skip
def test_attention_out_of_range_is_counted(
    tmp_path: Path, wrong: dict[str, object]
) -> None:
    good = {
        "vnc_degree": 2, "bs": 2, "seqlen_q": 512, "seqlen_kv": 512, "d": 64,
        "prior_len": None, "causal_mask": True, "tp_q": False, "tp_out": True,
        "dtype": "nl.bfloat16",
    }  # fmt: skip
    rows = [
        {"kernel": "attention_cte", "params_json": json.dumps(params)}
        for params in (good, good | wrong)
    ]
    found = validate_nki(write(tmp_path / "t.csv", *rows))
    assert found.left_out == {BAD_PARAMS: 1}
    assert found.scored == 1


def test_missing_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("kernel,flops\nmlp_cte,1\n")
    with pytest.raises(InputError, match="columns are missing: weight_or_io_bytes"):
        validate_nki(path)


def test_command_prints_tables_and_json(tmp_path: Path) -> None:
    run = CliRunner()
    file, out = str(write(tmp_path / "t.csv", {})), tmp_path / "rows.csv"
    shown = run.invoke(main, ["validate", "nki", file, "--out", str(out)])
    assert shown.exit_code == 0, shown.output
    assert "1 rows, 1 scored" in shown.output
    assert "above the ridge" in shown.output
    assert out.read_text().splitlines()[0].startswith("id,left_out,kernel,subset")
    found = json.loads(run.invoke(main, ["validate", "nki", file, "--json"]).output)
    assert found["kind"] == "nki"
    assert found["scored"] == 1


def test_no_row_is_no_answer(tmp_path: Path) -> None:
    file = str(write(tmp_path / "t.csv", {"kernel": "other"}))
    found = CliRunner().invoke(main, ["validate", "nki", file])
    assert found.exit_code == 1
    assert f"{NO_SUCH_KERNEL}: 1" in found.output
