"""How many kernels of a NeuronCore a second, by kind."""

from typing import Any

import numpy as np
import pytest

from accelsim import catalog
from accelsim.chip import neuron_cases as build
from accelsim.chip.neuron import NeuronCore, solve
from accelsim.kernels import neuron_run

CORE = NeuronCore(catalog.load("chips", "trainium2"), cores=2)
COUNT = 200


def products() -> tuple[Any, list[Any]]:
    """Products of a transformer's training: 2k to 16k tokens."""
    random = np.random.default_rng(0)
    sizes = {
        "m": random.integers(16, 128, COUNT) * 128.0,
        "n": random.integers(8, 112, COUNT) * 128.0,
        "k": random.integers(8, 112, COUNT) * 128.0,
    }
    chip = CORE.chip()[0]
    return neuron_run.fill_gemm, [build.gemm_cases(sizes, chip, 2, element=2, out=2)]


def heads() -> tuple[Any, list[Any]]:
    random = np.random.default_rng(0)
    length = random.integers(4, 64, COUNT) * 128.0
    sizes = {
        "queries": length, "keys": length, "head": np.full(COUNT, 128.0),
        "heads": np.full(COUNT, 16.0),
    }  # fmt: skip
    made = build.attention_cases(sizes, 2, 128.0, causal=1, out_columns=1, element=2)
    return neuron_run.fill_attention, made[:1]


def blocks() -> tuple[Any, list[Any]]:
    random = np.random.default_rng(0)
    sizes = {
        "tokens": random.integers(4, 128, COUNT) * 128.0,
        "hidden": random.integers(8, 128, COUNT) * 128.0,
        "inner": random.integers(1, 16, COUNT) * 128.0,
    }
    made = build.mlp_cases(sizes, 2, gated=1, norm=1, scaled=1, element=2)
    return neuron_run.fill_mlp, [made]


@pytest.mark.benchmark(group="neuron: 200 kernels")
@pytest.mark.parametrize("made", [products, heads, blocks])
def test_kernels(benchmark: Any, made: Any) -> None:
    fill, cases = made()
    found = benchmark(lambda: solve(fill, CORE.chip(), [rows.copy() for rows in cases]))
    assert np.all(found.seconds > 0)
    assert np.all(found.busy.max(axis=1) <= found.seconds)


@pytest.mark.benchmark(group="neuron: one product")
def test_one_product(benchmark: Any) -> None:
    found = benchmark(lambda: CORE.gemm(8192, 4096, 4096))
    assert found.bound_by == "tensor"
