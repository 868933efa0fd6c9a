"""From questions to tables: what a run and a stack become."""

from dataclasses import replace

import numpy as np
import pytest

from accelsim.catalog import override
from accelsim.kernels import tables
from accelsim.overrides import parse_overrides
from accelsim.training.lower import lower
from tests.examples import question


def test_a_row_a_question_and_a_row_a_spec() -> None:
    first, last = question(8), question(16)
    change = parse_overrides(["clock=3 GHz"])
    faster = replace(first, chip=override(first.chip, change, "chip"))
    rows = lower([first, replace(first, global_batch=32), last, faster])
    assert list(rows.cases.chip) == [0, 0, 1, 2]
    assert list(rows.cases.model) == [0, 0, 1, 0]
    assert list(rows.cases.tiers) == [0, 0, 1, 0]
    assert rows.tiers.shape == (2, tables.MAX_TIERS)
    for i, q in enumerate((first, replace(first, global_batch=32), last, faster)):
        for mine, alone in zip(rows.of(i)[1:], lower([q]).of(0)[1:], strict=True):
            assert np.array_equal(mine, alone)


def test_what_a_case_says() -> None:
    rows = lower([question(8), question(16, global_batch=32), question(16)])
    assert list(rows.cases.workers) == [8.0, 16.0, 16.0]
    assert list(rows.cases.global_batch) == [64.0, 32.0, 64.0]
    assert set(rows.cases.seq_len) == {2048.0}


@pytest.mark.parametrize(
    ("precision", "wide", "size"),
    [
        ("bf16", "bf16", 2.0),
        ("fp16", "bf16", 2.0),
        ("fp8", "bf16", 2.0),
        ("fp32", "fp32", 4.0),
        ("tf32", "tf32", 4.0),
    ],
)
def test_what_a_precision_narrows(precision: str, wide: str, size: float) -> None:
    # narrow formats are those of products alone; weights and activations stay in bf16
    case = lower([question(precision=precision)]).cases[0]
    assert tables.PRECISIONS[case.precision] == precision
    assert tables.PRECISIONS[case.wide_precision] == wide
    assert case.weight_bytes == case.activation_bytes == size


@pytest.mark.parametrize(
    ("precision", "attention"), [("bf16", "bf16"), ("fp8", "fp8"), ("fp32", "fp32")]
)
def test_attention_is_narrow_where_products_are(precision: str, attention: str) -> None:
    asked = question(precision=precision, software={"narrow_attention": True})
    case = lower([asked]).cases[0]
    assert tables.PRECISIONS[case.attention_precision] == attention
    assert case.head_precision == case.wide_precision
    stack = {"narrow_head": True}
    case = lower([question(precision=precision, software=stack)]).cases[0]
    assert case.head_precision == case.precision
    assert case.attention_precision == case.wide_precision


def test_what_a_stack_does() -> None:
    stack = {"overlap": {"tp": True, "gather": True}, "fused_loss": False}
    row = lower([question(software=stack)]).software[0]
    overlap = [row[f"overlap_{k}"] for k in ("tp", "dp", "gather", "pp", "cp", "ep")]
    assert overlap == [1.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    assert (row.fused_norms, row.fused_loss) == (1.0, 0.0)
    assert row.reserved_memory == 1e9
    assert row.step_overhead == 0.01
    assert (row.grad_bytes, row.master_bytes) == (4.0, 12.0)
    assert (row.selective_core, row.selective_kept) == (1.0, 1.0)
