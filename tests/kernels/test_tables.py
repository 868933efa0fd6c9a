"""The tables: plain columns, and room for the longest layer."""

import numpy as np
import pytest

from accelsim.kernels import tables
from accelsim.kernels.attention_tables import FUSED, FUSED_TIME
from accelsim.kernels.fabric_tables import COLLECTIVE, NCCL
from accelsim.kernels.layer_tables import LAYER
from accelsim.kernels.memory_tables import MEMORY
from accelsim.kernels.neuron_tables import (
    ENGINES_OF,
    GEMM,
    NEURON,
    ON_ENGINES,
    STATE,
)
from accelsim.kernels.operators import localise, transformer_operators
from accelsim.kernels.software_tables import SOFTWARE
from accelsim.kernels.use_tables import MOMENT, USE
from accelsim.training.lower import table
from tests import examples

TABLES = (
    tables.CHIP,
    NEURON,
    ENGINES_OF,
    STATE,
    GEMM,
    ON_ENGINES,
    FUSED,
    FUSED_TIME,
    tables.TIER,
    NCCL,
    COLLECTIVE,
    tables.MODEL,
    SOFTWARE,
    tables.CASE,
    tables.PLAN,
    tables.SHARD,
    tables.GEMM,
    tables.KERNEL,
    tables.OPERATOR,
    LAYER,
    USE,
    MOMENT,
    tables.RESULT,
    MEMORY,
)


@pytest.mark.parametrize("dtype", TABLES)
def test_columns_are_float64_or_int64(dtype: "np.dtype[np.void]") -> None:
    assert dtype.names is not None
    kinds = {dtype[name].base for name in dtype.names}
    plain = {np.dtype("f8"), np.dtype("i8")}
    nested = {
        FUSED,
        NCCL,
        NEURON,
        ENGINES_OF,
        STATE,
        GEMM,
        ON_ENGINES,
        tables.GEMM,
        USE,
    }
    assert kinds <= plain | nested


def test_precisions_are_their_own_columns() -> None:
    named = {name.upper(): getattr(tables, name.upper()) for name in tables.PRECISIONS}
    assert list(named.values()) == list(range(tables.N_PRECISIONS))
    assert tables.CHIP["matrix_rate"].shape == (tables.N_PRECISIONS,)


def test_a_shard_is_part_of_a_plan() -> None:
    assert tables.PLAN.names is not None
    assert set(tables.SHARD_FIELDS) <= set(tables.PLAN.names)
    assert tables.SHARD.names is not None
    assert tables.SHARD.names[: len(tables.SHARD_FIELDS)] == tables.SHARD_FIELDS


def test_reasons_begin_with_legal() -> None:
    assert tables.REASONS[tables.OK] == "legal"
    assert len(set(tables.REASONS)) == len(tables.REASONS)


@pytest.mark.parametrize("block", [0.0, 128.0])
def test_longest_layer_has_room(block: float) -> None:
    # everything at once: latent attention with windows, dropout, experts of both sorts
    model = examples.mixture(
        kv_rank=512.0, q_rank=1536.0, rope_dim=64.0, rotary=1.0, dropout=1.0,
        window=256.0, window_share=0.5, shared_ffn=512.0,
    )  # fmt: skip
    ops = table(tables.OPERATOR, tables.MAX_OPERATORS)
    case, shard = examples.case(), examples.shard()
    localise(shard, model, case)
    count = transformer_operators(
        ops, 1, examples.chip(attention_forward=examples.fused(block=block)), model,
        examples.software(), case, shard,
    )  # fmt: skip
    assert count <= tables.MAX_OPERATORS
    assert not ops[count:].share.any()
