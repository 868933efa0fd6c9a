"""Waiting for the slowest: the closed forms beside draws of every kernel of a step."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim import catalog, estimate
from accelsim.kernels.layer_tables import LAYER
from accelsim.kernels.tables import RESULT, SHARD
from accelsim.kernels.variation import fullest, slowest_replica, vary
from accelsim.training.lower import table
from tests.examples import chip, mixture, model, plan, row, software

KERNELS, LAYERS, MICRO_BATCHES = 5, 6, 4


def layer(
    jitter: float, *, mixture_of: int = 0, blocks: float = 2.0, **sizes: int
) -> Any:
    """Return the LAYER of `blocks` of KERNELS kernels of 1 s each way, varied."""
    made = table(LAYER, 1)[0]
    made.forward_squares = made.backward_squares = blocks * KERNELS
    made.forward_experts, made.backward_experts = 1.0, 2.0
    made.forward_ep, made.backward_ep = 0.5, 0.5
    shard = row(
        SHARD, **{"tp": 1, "cp": 1, "ep": 1, "etp": 1, "tokens": 4096.0} | sizes
    )
    shape = mixture() if mixture_of else model()
    vary(made, chip(jitter=jitter), shape, software(), shard[0], mixture_of, blocks)
    return made


@pytest.mark.parametrize(
    ("tp", "cp", "replicas"), [(8, 1, 1), (4, 4, 1), (1, 1, 32), (4, 2, 16)]
)
def test_a_step_as_drawn_kernel_by_kernel(tp: int, cp: int, replicas: int) -> None:
    # every kernel of every worker by itself; maxima over tp after each block, over cp
    # after each layer, over replicas at the end
    sigma, blocks, draws = 0.05, 2, 150
    random = np.random.default_rng(7)
    kernels = (draws, replicas, MICRO_BATCHES * LAYERS, cp, tp, 2 * blocks, KERNELS)
    times = 1.0 + sigma * random.standard_normal(kernels, dtype=np.float32)
    block = times.sum(-1).max(-2)  # over tp
    ways = block.reshape(*block.shape[:-1], 2, blocks).sum(-1)
    waited = ways.max(-2).sum(-1)  # over cp, forward and backward
    end = float(waited.sum(-1).max(-1).mean())

    one = layer(sigma, tp=tp, cp=cp)
    count = MICRO_BATCHES * LAYERS
    result = table(RESULT, 1)[0]
    result.variance = count * one.variance
    jitter = count * (one.forward_jitter + one.backward_jitter)
    jitter += slowest_replica(result, plan(dp=replicas))
    work = count * 2 * blocks * KERNELS
    # of what is waited; the draws themselves are good for a few percent
    assert end - work == pytest.approx(jitter, rel=0.05, abs=2e-4 * work)


@given(
    tp=st.sampled_from([1, 2, 8]), cp=st.sampled_from([1, 4]),
    jitter=st.floats(0.0, 0.1), more=st.floats(1.0, 3.0),
)  # fmt: skip
def test_larger_groups_and_jitter_wait_longer(
    tp: int, cp: int, jitter: float, more: float
) -> None:
    one, wider = layer(jitter, tp=tp, cp=cp), layer(jitter, tp=2 * tp, cp=cp)
    worse = layer(jitter * more, tp=tp, cp=cp)
    assert one.forward_jitter <= wider.forward_jitter
    assert one.forward_jitter <= worse.forward_jitter
    assert wider.variance <= one.variance
    assert layer(0.0, tp=tp, cp=cp).forward_jitter == 0.0
    assert layer(jitter, tp=1, cp=1).forward_jitter == 0.0


@pytest.mark.parametrize(("ranks", "spread"), [(8, 0.0), (4, 0.0), (8, 0.3)])
def test_fullest_experts_as_drawn(ranks: int, spread: float) -> None:
    # 512 tokens of each worker with 2 of 8 experts: by lot, or by preferences
    shape = mixture(load_spread=spread)
    shard = row(SHARD, tp=1, ep=ranks, etp=1, tokens=512.0)[0]
    random = np.random.default_rng(3)
    found = []
    for _ in range(400):
        likes = np.maximum(1e-3, 1.0 + spread * random.standard_normal(8))
        counts = random.multinomial(512 * ranks * 2, likes / likes.sum())
        load = counts.reshape(ranks, -1).sum(1)
        found.append(load.max() / load.mean())
    assert fullest(shape, software(), shard) - 1.0 == pytest.approx(
        np.mean(found) - 1.0, rel=0.1
    )


def test_balance_of_router_and_benchmark() -> None:
    shard = row(SHARD, tp=1, ep=8, etp=1, tokens=1e9)[0]
    shape = mixture(load_spread=0.3)
    assert fullest(shape, software(), shard) == pytest.approx(
        1.0 + 1.4236 * 0.3, rel=1e-3
    )
    assert fullest(shape, software(forced_balance=1.0), shard) < 1.001
    assert fullest(mixture(load_spread=-1.0), software(), shard) == 1.0
    one = layer(0.0, mixture_of=1, ep=8)
    more = one.forward_imbalance
    assert 0.0 < more < 0.1
    assert one.backward_imbalance == pytest.approx(2.0 * more)
    assert one.forward_ep == pytest.approx(0.5 * (1.0 + more))
    assert layer(0.0, mixture_of=0, ep=8).forward_imbalance == 0.0


def test_an_estimate_tells_what_it_waits_for() -> None:
    sizes = {"tp": 2, "ep": 8, "pp": 1, "micro_batch": 1}
    run = {"name": "r", "model": "mixtral-8x7b", "system": "dgx-h100", "chips": 64}
    run |= {"global_batch": 64, "plan": sizes}
    found = estimate(run)
    assert found.time.jitter > 0.0
    assert found.time.imbalance > 0.0
    assert found.step_time == pytest.approx(found.time.total)
    # 0.25 % a kernel: far below a percent of the step
    assert found.time.jitter < 0.01 * found.step_time
    alike = estimate(run, {"chip.jitter": 0.0})
    assert alike.time.jitter == 0.0
    assert float(catalog.load("chips", "gb200").jitter) == 0.0126
