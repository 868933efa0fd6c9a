"""Measured products beside ours: rows, how a source measured, and bad input.

The tables are small parts of ai-dynamo/aiconfigurator@095f58a (Apache-2.0) and of
SimuMax's B200 table (Apache-2.0); see benchmarks/measured.
"""

import math
from pathlib import Path

import pytest

import accelsim
from accelsim import catalog
from accelsim.errors import InputError
from accelsim.validation.gemm import REPEATED, SPLIT, validate_gemm
from accelsim.validation.gemm_rows import held_out, kind_of, read_products
from accelsim.validation.naive import roofline

MEASURED = Path(__file__).parents[2] / "benchmarks" / "measured"
SMALL, TRAINING = MEASURED / "gemm_small.csv", MEASURED / "gemm_training_b200.csv"
HEADER = "chip,dtype,M,N,K,latency_us,source\n"


def table_of(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "table.csv"
    path.write_text(header + "".join(f"{row}\n" for row in rows), "utf-8")
    return path


def test_measured_products_are_met() -> None:
    # a fortieth of the rows; the whole table is in docs/accuracy.md
    found = validate_gemm(SMALL)
    assert (found.kind, found.rows, found.scored) == ("gemm", 300, 300)
    ours, naive = found.metrics["median_ape"], found.naive["median_ape"]
    assert ours is not None
    assert naive is not None
    assert ours < 0.07 < 0.2 < naive
    assert set(found.groups["chip"]) == {"a100-80gb", "h100-sxm", "b200", "gb200"}
    assert set(found.groups["dtype"]) == {"bfloat16", "fp8", "fp8_block", "nvfp4"}
    assert set(found.groups["subset"]) == {"bf16, M >= 1024", "other"}
    split = found.groups[SPLIT]
    assert split["held out"]["rows"] + split["fitted on"]["rows"] == 300
    assert 0.15 < split["held out"]["rows"] / 300 < 0.35


def test_measured_training_products_are_met() -> None:
    found = validate_gemm(TRAINING)
    assert (found.kind, found.rows, found.scored) == ("gemm-training", 120, 120)
    assert found.metrics["median_ape"] is not None
    assert found.metrics["median_ape"] < 0.1
    assert {"TN", "NN", "NT, accumulated"} <= set(found.groups["subset"])


def test_a_detail_adds_up() -> None:
    row = validate_gemm(SMALL).details[0]
    parts = ("matrix", "operands", "vector", "memory", "overhead", "launch")
    total = sum(row[f"{part}_s"] for part in parts)
    assert total == pytest.approx(row["predicted_s"])
    assert row["error"] == pytest.approx(row["predicted_s"] / row["measured_s"] - 1)


def test_repeated_rows_are_the_noise(tmp_path: Path) -> None:
    rows = [f"B200,bf16,512,512,512,{time},one" for time in (10.0, 12.0, 14.0)]
    noise = validate_gemm(table_of(tmp_path, *rows)).groups["subset"][REPEATED]
    # beside the means of the others: 13 for 10, 12 for 12, 11 for 14
    assert noise["rows"] == 3
    assert noise["mape"] == pytest.approx((0.3 + 0.0 + 3 / 14) / 3)


def test_how_a_source_measured(tmp_path: Path) -> None:
    path = table_of(
        tmp_path,
        "H100-SXM,bfloat16,64,4096,4096,10,AIC:h100",
        "H100-SXM,fp8_block,64,65536,16384,10,AIC:h100",
        "H100-SXM,fp8,64,512,512,10,stas00/ml",
        "H100-SXM,bf16 grouped,64,512,512,10,",
    )
    found, left_out = read_products(path)
    assert not left_out
    # 32 MiB of weights: two copies exceed the 50 MB of cache, nine rounds of each
    assert (found[0].how.weight_sets, found[0].how.repeats) == (2.0, 18.0)
    # a GiB of weights is one copy
    assert (found[1].how.weight_sets, found[1].how.scaling) == (1.0, "block")
    # others narrow nothing in front of a product
    assert (found[2].how.scaling, found[2].how.repeats) == ("none", 150.0)
    assert found[3].how.grouped
    assert not any(product.how.hot for product in found)


def test_products_of_experts(tmp_path: Path) -> None:
    path = tmp_path / "gemm_training_a100_pcie.csv"
    header = "b,m,n,k,layout,accumulate,experts,efficiency,peak_tflops\n"
    size = "40,616,3072,5120,TN,False"
    words = ("apart", "kernel", "nobody")
    rows = (f"{size},{word},0.5,312\n" for word in words)
    path.write_text(header + "".join(rows), "utf-8")
    (apart, kernel), left_out = read_products(path)
    assert (apart.how.apart, apart.how.grouped) == (True, False)
    assert (kernel.how.apart, kernel.how.grouped) == (False, True)
    assert sum(left_out.values()) == 1


@pytest.mark.parametrize(
    ("table", "within"),
    # the host's pace included: B200's smallest experts wait for it
    [("gemm_experts_b200.csv", 0.06), ("gemm_experts_a100_pcie.csv", 0.03)],
)
def test_experts_on_four_streams(table: str, within: float) -> None:
    # nothing was fitted on these rows: one product after the other on B200, as one
    # kernel on A100
    path = Path(__file__).parents[2] / "benchmarks/measured" / table
    error = validate_gemm(path).metrics["median_ape"]
    assert error is not None
    assert error < within


def test_cutlass_and_cublas_on_hopper() -> None:
    # NVIDIA/TransformerEngine pull 2045, CUDA 12.9: experts, rows of each, TFLOP/s of
    # cuBLAS on four streams, and of CUTLASS in one kernel; 768 x 2048 each
    chip = accelsim.chip("h100-sxm")
    for experts, rows, streams, one in ((8, 4096, 628, 651), (16, 2048, 554, 637)):
        flops = 2.0 * experts * rows * 768 * 2048
        for apart, rate in ((True, streams), (False, one)):
            found = chip.gemm(
                rows, 768, 2048, batch=experts, repeats=20, hot=False,
                grouped=not apart, apart=apart,
            )  # fmt: skip
            assert found.time == pytest.approx(flops / (rate * 1e12), rel=0.13)


def test_training_rows(tmp_path: Path) -> None:
    header = "b,m,n,k,layout,accumulate,efficiency,peak_tflops\n"
    path = tmp_path / "gemm_training_a100_pcie.csv"
    path.write_text(header + "1,4096,1536,5120,NT,True,0.5,312\n", "utf-8")
    (product,), _ = read_products(path)
    assert product.chip.name == "a100-pcie"
    assert (product.how.layout, product.how.accumulate) == ("nt", True)
    assert product.how.hot
    assert product.seconds == pytest.approx(2 * 4096 * 1536 * 5120 / (0.5 * 312e12))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("NOSUCH,bf16,1,2,3,4,x", "chip"),
        ("A100-SXM-80GB,fp8,1,2,3,4,x", "precision"),
        ("B200,fp9,1,2,3,4,x", "precision"),
        ("B200,bf16,0,2,3,4,x", "value"),
        ("B200,bf16,1,2,3.5,4,x", "value"),
        ("B200,bf16,1,2,,4,x", "value"),
        ("B200,bf16,1,2,3,-4,x", "value"),
        ("B200,bf16,1,2,3,nan,x", "value"),
    ],
)
def test_rows_that_cannot_be_asked(tmp_path: Path, row: str, reason: str) -> None:
    found = validate_gemm(table_of(tmp_path, row))
    assert (found.rows, found.scored) == (1, 0)
    assert reason in str(found.left_out)


def test_a_chip_in_the_place_of_another(tmp_path: Path) -> None:
    path = table_of(tmp_path, "B200,bf16,4096,4096,4096,100,x")
    slow, fast = (
        validate_gemm(path, name).details[0]["predicted_s"]
        for name in ("h100-sxm", "b200")
    )
    assert fast < slow
    assert validate_gemm(path).details[0]["predicted_s"] == fast


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("chip,dtype,M,N,K\n", "columns are missing: latency_us"),
        ("m,n,k,layout,accumulate,efficiency\n", "columns are missing: peak_tflops"),
    ],
)
def test_no_such_table(tmp_path: Path, header: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        validate_gemm(table_of(tmp_path, "1,2,3,4,5,6", header=header))


def test_training_rows_need_a_chip(tmp_path: Path) -> None:
    header = "m,n,k,layout,accumulate,efficiency,peak_tflops\n"
    path = table_of(tmp_path, "64,64,64,TN,False,0.5,312", header=header)
    assert kind_of(path) == "gemm-training"
    with pytest.raises(InputError, match="give --chip"):
        validate_gemm(path)
    with pytest.raises(InputError, match="did you mean 'h100-sxm'"):
        validate_gemm(path, "h100-smx")
    assert validate_gemm(path, "h100-sxm").scored == 1


def test_one_in_four_pairs_is_held_out() -> None:
    pairs = [(64 * n, 64 * k) for n in range(1, 60) for k in range(1, 60)]
    share = sum(held_out(n, k) for n, k in pairs) / len(pairs)
    assert share == pytest.approx(0.25, abs=0.03)


def test_the_roofline_finds_its_two_constants() -> None:
    import numpy as np

    compute = np.geomspace(1e-6, 1e-3, 40)
    memory = compute[::-1].copy()
    truth = np.maximum(compute / 0.5, memory / 0.8)
    assert roofline(compute, memory, truth) == pytest.approx(truth, rel=1e-9)


def test_every_gpu_has_its_constants() -> None:
    for name in catalog.names("chips"):
        spec = catalog.load("chips", name)
        assert (spec.gemm is not None) == (spec.family == "gpu")
        if spec.gemm is not None:
            assert math.isfinite(float(spec.gemm.issue["bf16"]))
