"""Explanations: bars that add up, and elasticities against plain differences."""

import math
from typing import Any

import pytest

from accelsim import InputError
from accelsim.explore.estimate import estimate
from accelsim.explore.explanation import (
    CAPACITY,
    Elasticity,
    Explanation,
    elasticities,
    explain,
    waterfall,
)

H100 = {"model": "llama3-8b", "system": "dgx-h100", "chips": 16, "global_batch": 64}
TRN2 = H100 | {"system": "trn2-ultraserver"}
PLAN = {"tp": 2, "pp": 2, "micro_batch": 1, "recompute": "full", "sharding": "zero1"}
PIPED = H100 | {"plan": PLAN}
MOE = H100 | {"model": "mixtral-8x7b", "chips": 64}


@pytest.fixture(scope="module")
def trn2() -> Explanation:
    return explain(TRN2)


@pytest.mark.parametrize("run", [H100, TRN2, PIPED, MOE])
def test_the_bars_add_up_to_the_step(run: dict[str, Any]) -> None:
    found = estimate(run)
    bars = waterfall(found)
    assert math.fsum(bars.values()) == pytest.approx(found.step_time, rel=1e-12)
    assert bars["ideal"] == pytest.approx(found.mfu_causal * found.step_time, rel=1e-12)
    assert all(v >= 0.0 for k, v in bars.items() if k not in ("head", "matmul"))
    for part in ("elementwise", "tp", "dp", "bubble", "optimizer", "host", "launch"):
        # a slower chip may hide more traffic or wait less for the host, never adds any
        assert bars[part] == pytest.approx(getattr(found.time, part), rel=0.1)


def test_only_gpus_lag(trn2: Explanation) -> None:
    assert trn2.bars["lagging"] == 0.0
    assert waterfall(estimate(H100))["lagging"] > 0.0


def test_an_elasticity_is_a_difference_of_two_estimates() -> None:
    base = estimate(PIPED)
    found = {one.path: one for one in elasticities(base)}
    path = "chip.hbm.bandwidth"
    now = float(base.question.chip.hbm.bandwidth) / 1e12
    up, down = (
        estimate(PIPED, {path: f"{now * by} TB/s"}).step_time for by in (1.01, 0.99)
    )
    slope = math.log(down / up) / math.log(1.01 / 0.99)
    assert found[path].gain == pytest.approx(slope, rel=1e-6)
    assert found[path].text == base.question.chip.hbm.bandwidth.text


def test_rates_less_delays_add_up_to_one(trn2: Explanation) -> None:
    # all rates k times higher and all delays k times shorter: a step k times shorter
    def counts(one: Elasticity) -> bool:
        # peaks and the vector units' rate go with the clock; a share is no rate
        shares = ("chip.core_link.touches", "chip.sram", CAPACITY)
        return one.path == "chip.clock" or not one.path.startswith(
            ("chip.matrix", "chip.vector", *shares)
        )

    total = sum(abs(one.gain) for one in trn2.elasticities if counts(one))
    assert total == pytest.approx(1.0, abs=0.02)


def test_the_largest_effect_stands_first(trn2: Explanation) -> None:
    sizes = [abs(one.gain) for one in trn2.elasticities]
    assert sizes == sorted(sizes, reverse=True)
    assert all(
        one.gain < 0.0 for one in trn2.elasticities if one.path.endswith("latency")
    )


def test_more_memory_never_loses() -> None:
    # 8 chips leave llama3-8b short of room for its activations
    tight = estimate(H100 | {"chips": 8}, {CAPACITY: "37 GB"})
    (room,) = [one for one in elasticities(tight) if one.path == CAPACITY]
    assert room.gain > 0.0
    assert room.plan != tight.plan.text()


def test_a_layer_of_trainium_is_told_by_engine(trn2: Explanation) -> None:
    told = trn2.to_dict()["layer_engines_s"]
    assert trn2.engines is not None
    for way, one in zip(("forward", "backward"), trn2.engines, strict=True):
        assert told[way] == {**one.busy, "attention": one.attention, "time": one.time}
    assert explain(H100).to_dict()["layer_engines_s"] is None


def test_an_estimate_takes_no_overrides(trn2: Explanation) -> None:
    with pytest.raises(InputError, match="takes no overrides"):
        explain(trn2.estimate, {"chip.clock": "1 GHz"})
