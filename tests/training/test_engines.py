"""The engines of a layer: what its operators wrote down, beside their own times."""

import pytest

import accelsim
from accelsim.explore.held import asked_again
from accelsim.kernels import tables
from accelsim.kernels.neuron_tables import ENGINES
from accelsim.training.engines import Engines, engines_of

PLAN = {"tp": 8, "pp": 1, "micro_batch": 1, "recompute": "full", "sharding": "zero1"}
RUN = {"model": "llama3-8b", "system": "trn1-32xlarge", "chips": 64, "plan": PLAN}


def passes(changes: dict[str, object]) -> tuple[Engines, Engines] | None:
    rows, done = asked_again(accelsim.estimate(RUN, changes))
    return engines_of(rows, done.plans[0])


def test_no_engine_works_longer_than_the_layer_takes() -> None:
    rows, done = asked_again(accelsim.estimate(RUN))
    found = engines_of(rows, done.plans[0])
    assert found is not None
    layer = done.layers[done.plans[0].shard, tables.DENSE]
    for one, way in zip(found, ("forward", "backward"), strict=True):
        parts = ("matmul", "attention", "elementwise")
        assert one.time == pytest.approx(sum(layer[f"{way}_{p}"] for p in parts))
        assert tuple(one.busy) == ENGINES
        assert all(
            0.0 <= busy <= one.time - one.attention for busy in one.busy.values()
        )
        assert one.attention == pytest.approx(layer[f"{way}_attention"])


def test_backward_has_twice_the_products() -> None:
    # Trainium2 turns nothing by TensorE: tiles that are not full make the difference
    run = RUN | {"system": "trn2-48xlarge"}
    rows, done = asked_again(accelsim.estimate(run))
    found = engines_of(rows, done.plans[0])
    assert found is not None
    forward, backward = (one.busy["tensor"] for one in found)
    assert backward == pytest.approx(2.0 * forward, rel=0.05)


def test_attention_without_a_fused_kernel_is_on_the_engines() -> None:
    found = passes({"software.attention": "unfused"})
    fused = passes({})
    assert found is not None
    assert fused is not None
    assert found[0].attention == 0.0
    assert found[0].busy["tensor"] > fused[0].busy["tensor"]


def test_a_gpu_has_none() -> None:
    run = RUN | {"system": "dgx-h100"}
    rows, done = asked_again(accelsim.estimate(run))
    assert engines_of(rows, done.plans[0]) is None
