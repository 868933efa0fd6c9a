"""Low-rank adapters: what they train, store and cost, by hand."""

import numpy as np
import pytest

from accelsim import estimate
from accelsim.catalog import model
from accelsim.workload.lower import flops_per_token, trained_share
from accelsim.workload.parameters import parameters

LLAMA = model("llama2-70b")
ADAPTED = LLAMA.model_copy(update={"adapter_rank": 16})


def test_share_that_is_trained() -> None:
    # 80 layers of 16 x (8192 + 8192 + 2 x 1024) for queries, keys and values joined,
    # and 16 x (8192 + 8192) for the output: 44.6 million of 69 billion
    adapters = 80 * 16 * ((8192 + 10240) + (8192 + 8192))
    assert trained_share(ADAPTED) == adapters / parameters(LLAMA).total
    assert trained_share(LLAMA) == 1.0


def test_two_thirds_of_the_products() -> None:
    whole, frozen = (flops_per_token(m, 1, causal=True) for m in (LLAMA, ADAPTED))
    assert frozen == pytest.approx(2 / 3 * whole, rel=1e-4)


def test_adapters_fit_where_all_weights_do_not() -> None:
    run = {
        "name": "adapters",
        "model": "llama2-70b",
        "system": "dgx-h100",
        "chips": 8,
        "global_batch": 8,
        "seq_len": 8192,
        "precision": "fp8",
        "software": "mlperf",
        "plan": {"tp": 4, "micro_batch": 1},
    }
    found = estimate(run, {"model.adapter_rank": 16})
    assert found.fits
    # a byte a frozen weight, and next to nothing of gradients and moments
    weights = parameters(LLAMA).total / 4
    assert found.memory.weights == pytest.approx(weights, rel=1e-6)
    assert found.memory.optimizer < 0.01 * weights
    assert np.isfinite(found.step_time)
