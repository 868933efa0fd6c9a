"""`validate attention`: published rows, two kinds of tables, what cannot be read."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from accelsim.cli import main
from accelsim.errors import InputError
from accelsim.validation import table
from accelsim.validation.attention import REPEATED, validate_attention
from accelsim.validation.attention_rows import FLASH, PREFILL
from accelsim.validation.chips import chip_named
from accelsim.validation.left_out import (
    BAD_VALUE,
    NO_CHIP,
    NO_KERNEL,
    NO_TIME,
    OLD_KERNEL,
    PRECISION,
    LeftOutError,
)

MEASURED = Path(__file__).parents[2] / "benchmarks" / "measured"
BENCHMARKS = MEASURED / "attention_flash.csv"
TPUS = MEASURED / "attention_tpu.csv"
ENGINE = MEASURED / "attention_prefill.csv"
FLASH_ROW = dict(
    zip(
        FLASH,
        ("H100-SXM", "cuDNN", "fwd", "128", "1", "8192", "16", "530"),
        strict=True,
    )
)
PREFILL_ROW = dict(
    zip(
        PREFILL,
        ("GB200", "bfloat16", "fp8", "4", "4096", "32", "8", "128", "1.3"),
        strict=True,
    )
)


def written(path: Path, good: dict[str, str], *changes: dict[str, str]) -> Path:
    rows = [good | change for change in changes]
    header = dict.fromkeys(name for row in rows for name in row)
    lines = [",".join(row.get(name, "") for name in header) for row in rows]
    path.write_text("\n".join([",".join(header), *lines]) + "\n")
    return path


def test_published_benchmarks() -> None:
    # goal: 8 %; the bars are read to 1 TFLOP/s
    found = validate_attention(BENCHMARKS)
    assert (found.rows, found.scored) == (110, 79)
    assert found.left_out == {OLD_KERNEL: 31}
    assert found.metrics["mape"] is not None
    assert found.metrics["mape"] < 0.04
    assert set(found.groups["kernel"]) == {"flash2", "flash3", "cudnn"}
    for metrics in found.groups["kernel"].values():
        assert metrics["mape"] < 0.04
        assert metrics["naive"]["mape"] > 2 * metrics["mape"]
    apart = {n: m["rows"] for n, m in found.groups["subset"].items() if "only" in n}
    assert sum(apart.values()) == 31
    assert set(apart) == {f"reported only: {n}" for n in ("eager", "flash1", "triton")}


def test_splash_attention_on_three_tpus() -> None:
    # seven figures for all of them: products where an array is full, else the vector
    # unit; 1,024 tokens and 64 wide heads are the worst
    found = validate_attention(TPUS)
    assert found.rows == found.scored == 139
    assert found.metrics["median_ape"] is not None
    assert found.metrics["median_ape"] < 0.09
    assert abs(found.metrics["bias"] or 0.0) < 0.03
    for metrics in found.groups["chip"].values():
        assert metrics["median_ape"] < 0.1 < metrics["naive"]["median_ape"]


def test_published_prefill() -> None:
    found = validate_attention(ENGINE)
    assert found.rows == found.scored == 400
    long = found.groups["subset"]["isl >= 1024"]
    assert long["mape"] < 0.06  # goal: 8 %
    assert found.metrics["mape"] is not None
    assert found.metrics["mape"] < 0.07
    assert long["naive"]["mape"] > 3 * long["mape"]
    for chip in ("h100-sxm", "b200", "gb200", "gb300"):
        assert found.groups["chip"][chip]["mape"] < 0.08
    assert set(found.groups["dtype"]) == {
        f"{a}, cache {c}"
        for a, c in (("bfloat16",) * 2, ("bfloat16", "fp8"), ("fp8",) * 2)
    }


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    rows = table.read(ENGINE, ("chip",))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table(columns), path)
    assert validate_attention(path).metrics == validate_attention(ENGINE).metrics


def test_a_benchmark_row_by_hand(tmp_path: Path) -> None:
    # 2 x 16 heads of 128 over 8192 tokens, half of 4 s^2 d counted: 530 TFLOP/s
    found = validate_attention(written(tmp_path / "t.csv", FLASH_ROW, {}))
    flops = 4 * 2 * 16 * 8192**2 * 128 / 2
    assert found.worst[0]["measured"] == pytest.approx(flops / 530e12)
    # a stated batch and latency count before what the paper says
    change = {"batch": "1", "latency_ms": "2.5"}
    found = validate_attention(written(tmp_path / "t.csv", FLASH_ROW, change))
    assert found.worst[0]["measured"] == 0.0025


def test_the_cache_decides_the_type_and_a_prefix_adds_keys(tmp_path: Path) -> None:
    changes = [
        {"step": "0"},
        {"step": "4096"},
        {"kv_cache_dtype": "bfloat16"},
        {"window_size": "128"},
    ]
    path = written(tmp_path / "t.csv", PREFILL_ROW, *changes)
    rows = validate_attention(path).details
    plain, prefix, wide, window = (row["predicted_s"] for row in rows)
    assert plain < wide
    assert 2 * plain < prefix < 4 * plain
    assert window < plain


def test_calls_measured_twice_are_the_noise(tmp_path: Path) -> None:
    changes = [{}, {"latency": "1.56"}, {"isl": "2048"}]
    found = validate_attention(written(tmp_path / "t.csv", PREFILL_ROW, *changes))
    noise = found.groups["subset"][REPEATED]
    assert noise["rows"] == 2
    assert noise["mape"] == pytest.approx((0.26 / 1.3 + 0.26 / 1.56) / 2)
    assert (found.rows, found.scored) == (3, 3)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"chip": "H101"}, NO_CHIP),
        ({"kernel": "magic"}, NO_KERNEL),
        ({"kernel": "FlashAttention-4"}, NO_KERNEL),  # not on Hopper
        ({"pass": "sideways"}, NO_KERNEL),
        ({"chip": "V100-32GB"}, NO_KERNEL),
        ({"dtype": "int3"}, PRECISION),
        ({"measured_tflops": ""}, NO_TIME),
        ({"measured_tflops": "fast"}, BAD_VALUE),
        ({"seq_len": "0"}, BAD_VALUE),
        ({"seq_len": ""}, BAD_VALUE),
        ({"n_heads": "7.5"}, BAD_VALUE),
        ({"causal": "maybe"}, BAD_VALUE),
        ({"n_kv_heads": "5"}, BAD_VALUE),
    ],
)
def test_benchmark_rows_that_cannot_count(
    tmp_path: Path, change: dict[str, str], reason: str
) -> None:
    found = validate_attention(written(tmp_path / "t.csv", FLASH_ROW, {}, change))
    assert (found.scored, found.left_out) == (1, {reason: 1})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"chip": "A100-SXM-80GB"}, PRECISION),  # no fp8
        ({"chip": "MI300X"}, NO_KERNEL),
        ({"latency": ""}, NO_TIME),
        ({"latency": "-3"}, BAD_VALUE),
        ({"num_key_value_heads": "64"}, BAD_VALUE),
        ({"latency": "1e300"}, BAD_VALUE),
        ({"isl": "2147483648"}, BAD_VALUE),
        ({"step": "2147483647"}, BAD_VALUE),
        ({"latency": "1.3,extra"}, BAD_VALUE),
        ({"kv_cache_dtype": "nf4", "attn_dtype": "nf4"}, PRECISION),
    ],
)
def test_prefill_rows_that_cannot_count(
    tmp_path: Path, change: dict[str, str], reason: str
) -> None:
    found = validate_attention(written(tmp_path / "t.csv", PREFILL_ROW, {}, change))
    assert (found.scored, found.left_out) == (1, {reason: 1})


def test_columns_of_neither_kind_are_one_line(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", {"chip": "x", "head_dim": "64"}, {})
    with pytest.raises(InputError, match="neither kind") as failure:
        validate_attention(path)
    assert "\n" not in str(failure.value)


def test_chips_in_the_words_of_tables() -> None:
    words = {
        "H100-SXM": "h100-sxm", "H100": "h100-sxm", "H200-SXM": "h200",
        "h200_sxm": "h200", "A100-SXM-80GB": "a100-80gb", "A100-80GB": "a100-80gb",
        "NVIDIA B200": "b200", "b300_sxm": "b300", "GB300": "gb300", "L40S": "l40s",
    }  # fmt: skip
    assert {word: chip_named(word).name for word in words} == words
    with pytest.raises(LeftOutError):
        chip_named("")


def test_the_program(tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    line = ["validate", "attention", str(BENCHMARKS), "--json", "--out", str(out)]
    done = CliRunner().invoke(main, line)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["kind"], found["scored"]) == ("attention", 79)
    assert len(table.read(out, ("id", "ape", "bound"))) == 110
    done = CliRunner().invoke(main, ["validate", "attention", str(ENGINE)])
    assert "isl >= 1024" in done.output
