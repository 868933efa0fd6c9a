"""One core's engines: documented costs, and kernels against their own long way."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from accelsim.kernels import neuron
from accelsim.kernels.neuron_attention import ATTENTION, attention
from accelsim.kernels.neuron_decode import DECODE, decode
from accelsim.kernels.neuron_gemm import GEMM, gemm
from accelsim.kernels.neuron_mlp import MLP, mlp
from accelsim.kernels.neuron_rows import ROWS, over_rows
from accelsim.kernels.neuron_run import (
    fill_attention,
    fill_decode,
    fill_gemm,
    fill_mlp,
    fill_rows,
    gemm_seconds,
)
from accelsim.kernels.neuron_tables import ANSWER, NEURON, STATE, WORK
from accelsim.kernels.tables import Record, Rows

# NeuronCore-v3 by its documentation; the memory takes what 16 queues give.
CORE = {
    "partitions": 128.0, "rows": 128.0, "columns": 128.0, "moving": 512.0,
    "passes": 1.0, "tensor_clock": 2.4e9, "least_moving": 64.0, "load_rate": 4.0,
    "ramp_share": 0.5, "ramp_time": 3e-6, "vector_clock": 0.96e9,
    "scalar_clock": 1.2e9, "gpsimd_clock": 1.2e9, "least": 64.0, "overhead": 60.0,
    "accumulate": 64.0, "gpsimd_start": 150.0, "copy_mode": 4.0, "psum_mode": 2.0,
    "pair_mode": 2.0, "scalar_mode": 1.0, "psum_banks": 8.0, "sbuf": 28.0 * 2**20,
    "queues": 16.0, "queue_rate": 23.6e9, "descriptor": 107e-9, "prepared": 46e-9,
    "start": 1.3e-6, "transpose_memory": 0.9, "transpose_sbuf": 0.5,
    "memory_rate": 16 * 23.6e9, "launch": 15e-6,
}  # fmt: skip


def one(dtype: np.dtype[Any], **values: float) -> Rows:
    made = np.zeros(1, dtype).view(np.recarray)
    for name, value in values.items():
        made[name] = value
    return made


def core(**changes: float) -> Record:
    return one(NEURON, **{**CORE, **changes})[0]


def rested() -> Record:
    state = one(STATE)[0]
    neuron.reset(state)
    return state


# aws-neuron-sdk v2.26.1 nki/api/nki/isa: max(min(64, stationary), moving), times 4 for
# fp32; the next stationary operand loads in 128/4 cycles, hidden.
@pytest.mark.parametrize(
    ("columns", "passes", "cycles"),
    [(512.0, 1.0, 512.0), (128.0, 1.0, 128.0), (1.0, 1.0, 64.0), (512.0, 4.0, 2048.0)],
)
def test_product_takes_its_columns(
    columns: float, passes: float, cycles: float
) -> None:
    assert neuron.products(core(), columns, passes) == cycles


def test_slow_load_of_the_stationary_operand_is_seen() -> None:
    assert neuron.products(core(load_rate=1.0), 64.0, 1.0) == 128.0


# Throughput over that of 32 KiB a partition, 128 partitions:
# aws-neuron-sdk@81ce03ae nki/img/overviews/nki-dma-intro-1.jpg, digitised.
@pytest.mark.parametrize(
    ("size", "share"),
    [
        (64.0, 0.0252), (256.0, 0.1031), (1024.0, 0.4221), (2048.0, 0.8129),
        (4096.0, 0.9664), (16384.0, 0.9904), (32768.0, 1.0),
    ],
)  # fmt: skip
def test_small_descriptors_cost_107_ns(size: float, share: float) -> None:
    state, chip = rested(), core()
    neuron.copy(chip, state, 0.0, 128.0, size)
    rate = 128.0 * size / state.busy[4]
    assert rate / (16 * 23.6e9) == pytest.approx(share, rel=0.06)


def test_one_queue_moves_32_kib_in_1416_ns() -> None:
    # aws-neuron-sdk@81ce03ae nki/get-started/about/nki-dma-overview.rst
    state = rested()
    done = neuron.copy(core(), state, 0.0, 1.0, 32768.0)
    assert done - 1.3e-6 == pytest.approx(1416e-9, rel=0.03)


def test_a_pair_shares_its_memory() -> None:
    state = rested()
    neuron.stream(core(memory_rate=300e9), state, 0.0, 128.0, 32768.0)
    assert state.busy[4] == pytest.approx(128 * 32768 / 300e9)
    inside = rested()
    neuron.transfer(core(memory_rate=1.0), inside, 0.0, 16.0, 23600.0, 0.0, -1.0)
    assert inside.busy[4] == pytest.approx(1e-6)


def test_early_transfers_fill_queues_that_waited() -> None:
    chip, state = core(start=0.0), rested()
    second = 23600.0 * 1e6  # bytes of a descriptor that take a second
    assert neuron.copy(chip, state, 2.0, 16.0, second) == pytest.approx(3.0)
    # two seconds were idle before it: the last half of one is used ...
    assert neuron.copy(chip, state, 1.5, 16.0, second / 2) == pytest.approx(2.0)
    # ... which forgets what lies before: the next comes last
    assert neuron.copy(chip, state, 0.0, 16.0, second) == pytest.approx(4.0)
    assert state.busy[4] == pytest.approx(2.5)


def test_tensor_engine_starts_at_half_its_rate() -> None:
    chip, state = core(), rested()
    cycles = 2.25e-6 * 2.4e9  # 3 us at 50 % to 100 %
    assert neuron.multiply(chip, state, 1e-3, cycles) == pytest.approx(1e-3 + 3e-6)
    # at the full rate now, after a short gap too
    done = neuron.multiply(chip, state, 0.0, 2.4e3)
    assert done == pytest.approx(1e-3 + 4e-6)
    done = neuron.multiply(chip, state, done + 0.2e-6, 2.4e3)
    assert done == pytest.approx(1e-3 + 5.2e-6)
    # and slow again after a long one
    late = neuron.multiply(chip, state, done + 3e-6, 2.4e3) - done - 3e-6
    assert 1.5e-6 < late < 2e-6


def test_without_a_limit_there_is_no_ramp() -> None:
    done = neuron.multiply(core(ramp_share=1.0), rested(), 0.0, 2.4e3)
    assert done == pytest.approx(1e-6)


# max(64, N) cycles and 60 of access; GpSimd 150 + N
def test_instructions_take_their_elements() -> None:
    chip, state = core(), rested()
    assert neuron.vector(chip, state, 0.0, 512.0) == pytest.approx(572 / 0.96e9)
    assert neuron.scalar(chip, state, 0.0, 1.0) == pytest.approx(124 / 1.2e9)
    assert neuron.gpsimd(chip, state, 0.0, 512.0) == pytest.approx(662 / 1.2e9)
    # an engine works in order
    assert neuron.vector(chip, state, 0.0, 0.0) == pytest.approx(696 / 0.96e9)


def test_shared_port_lets_one_engine_wait() -> None:
    chip, state = core(shared_port=1.0), rested()
    first = neuron.vector(chip, state, 0.0, 512.0)
    second = neuron.gpsimd(chip, state, 0.0, 512.0)
    assert second == pytest.approx(first + 662 / 1.2e9)
    assert neuron.vector(chip, state, 0.0, 4.0) == pytest.approx(second + 124 / 0.96e9)


SMALL: dict[str, tuple[Callable[..., float], Rows]] = {
    "gemm": (gemm, one(
        GEMM, m=640, n=2560, k=2048, element=2, out=2, block_m=128, block_n=512,
        block_k=128,
    )),
    "kept": (gemm, one(
        GEMM, m=256, n=1500, k=512, element=2, out=2, block_m=128, block_n=512,
        block_k=128, kept=1, tiles=1,
    )),
    "mlp": (mlp, one(
        MLP, tokens=700, hidden=1024, inner=256, gated=1, norm=1, scaled=1, element=2,
        weight=2, shard=256, fused_add=1, store_add=1, gate_bias=1,
    )),
    "halved": (mlp, one(
        MLP, tokens=256, hidden=512, inner=640, norm=2, element=2, weight=2, shard=1e9,
        halved=1, down_bias=1,
    )),
    "attention": (attention, one(
        ATTENTION, batches=5, queries=300, keys=700, head=64, causal=1, group=128,
        element=2, out_columns=1, sink=1, prior=100, query_rows=1,
    )),
    "sections": (attention, one(
        ATTENTION, batches=4, queries=256, keys=10752, head=64, group=128, element=2,
        out_columns=1, sink=1,
    )),
    "window": (attention, one(
        ATTENTION, batches=4, queries=384, keys=384, head=128, causal=1, group=128,
        element=4, window=200, key_rows=1, first=1, groups=2,
    )),
    "rows": (over_rows, one(
        ROWS, rows=1000, columns=1024, loads=1, element=2, stores=1, scalar=1, vector=1,
        vector_fast=1, gain=1, gpsimd=1, serial=2,
    )),
    "turned": (over_rows, one(
        ROWS, rows=600, columns=1024, loads=1, element=2, stores=2, turned=1
    )),
}  # fmt: skip


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize("name", SMALL)
def test_skipping_what_repeats_changes_nothing(name: str, share: float) -> None:
    run, cases = SMALL[name]
    chip = core(ramp_share=share)
    short, long = rested(), rested()
    quick = run(chip, short, cases[0], np.zeros(WORK))
    whole = cases.copy()
    whole.whole = 1.0
    exact = run(chip, long, whole[0], np.zeros(WORK))
    assert quick == pytest.approx(exact, rel=1e-6)
    np.testing.assert_allclose(short.busy, long.busy, rtol=1e-6)
    assert np.all(short.busy <= quick * (1 + 1e-9))


@pytest.mark.parametrize(
    "change",
    ["tensor_clock", "vector_clock", "scalar_clock", "gpsimd_clock", "psum_banks"],
)
@pytest.mark.parametrize("name", SMALL)
def test_a_faster_engine_is_never_slower(name: str, change: str) -> None:
    run, cases = SMALL[name]
    # the ramp looks back on idle time, which a faster neighbour changes: without it
    slow = core(ramp_share=1.0, **({change: 4.0} if change == "psum_banks" else {}))
    fast = core(ramp_share=1.0)
    if change != "psum_banks":
        fast[change] *= 2.0
    before = run(slow, rested(), cases[0], np.zeros(WORK))
    after = run(fast, rested(), cases[0], np.zeros(WORK))
    assert after <= before * (1 + 1e-9)


def test_products_keep_the_array_busy_once_blocks_are_large() -> None:
    case = one(GEMM, m=1024, n=1024, k=2048, element=2, out=2)
    state = rested()
    taken = gemm(core(ramp_share=1.0), state, case[0], np.zeros(WORK))
    ideal = 8 * 2 * 16 * 512 / 2.4e9
    assert state.busy[0] == pytest.approx(ideal)
    assert ideal < taken < 1.5 * ideal
    assert case[0].block_m > 0


def test_few_tokens_wait_for_the_weights() -> None:
    case = one(
        DECODE, tokens=4, hidden=4096, inner=1024, cores=1, gated=1, mlp=1, element=2,
        weight=2, norm=1, up_columns=1, down_columns=1, down_layout=1,
    )  # fmt: skip
    weights = 3 * 4096 * 1024 * 2
    stream = weights / (16 * 23.6e9)
    taken = decode(core(), rested(), case[0], np.zeros(WORK))
    assert stream < taken < stream + 30e-6
    case.quantised, case.scales, case.weight = 1.0, 1.0, 1.0
    less = decode(core(), rested(), case[0], np.zeros(WORK))
    assert less < taken
    case.up_columns = case.down_columns = case.down_layout = 0.0
    case.bias, case.cores, case.tokens, case.fused_add = 1.0, 2.0, 70.0, 1.0
    for norm in (0, 1, 2):
        case.norm = norm
        assert 0 < decode(core(), rested(), case[0], np.zeros(WORK)) < 1e-3


@pytest.mark.parametrize(
    ("fill", "name"),
    [(fill_gemm, "gemm"), (fill_mlp, "mlp"), (fill_attention, "attention"),
     (fill_rows, "rows")],
)  # fmt: skip
def test_tables_are_filled_row_by_row(fill: Callable[..., None], name: str) -> None:
    run, cases = SMALL[name]
    chips, answers = one(NEURON, **CORE), np.zeros(2, ANSWER).view(np.recarray)
    fill(chips, one(STATE), np.concatenate([cases, cases]).view(np.recarray), answers)
    alone = 15e-6 + run(chips[0], rested(), cases[0], np.zeros(WORK))
    np.testing.assert_allclose(answers.seconds, alone)
    assert np.all(answers.busy[0] == answers.busy[1])


def test_one_product_is_one_call() -> None:
    chips, case = one(NEURON, **CORE), SMALL["gemm"][1]
    alone = gemm_seconds(chips[0], rested(), case[0], np.zeros(WORK))
    answers = np.zeros(1, ANSWER).view(np.recarray)
    fill_gemm(chips, one(STATE), case, answers)
    assert alone == answers.seconds[0]
    few = one(DECODE, tokens=1, hidden=256, inner=128, cores=1, element=2, weight=2)
    few.up_columns = 1.0
    fill_decode(chips, one(STATE), few, answers)
    assert 15e-6 < answers.seconds[0] < 40e-6
