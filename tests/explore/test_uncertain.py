"""Intervals of answers: exact at the bounds, common draws, laws."""

from typing import Any

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.explore.compare import compare
from accelsim.explore.estimate import estimate
from accelsim.explore.result import Estimate
from accelsim.explore.uncertain import uncertain, with_intervals

RUN = {"model": "llama3-8b", "system": "dgx-h100", "chips": 16, "global_batch": 64}
SURE = {"chip.step_error": 1.0}  # as if published runs took what ours do
PRICE = {"price.offers.1.usd": "10..30 USD/h"}


@pytest.fixture(scope="module")
def run() -> Estimate:
    return estimate(RUN, SURE)


def test_a_price_passes_through() -> None:
    # the newest capacity block, 8 chips: 16 chips cost 20 to 60 USD an hour
    made = uncertain([estimate(RUN, PRICE)], 4000)[0].outputs["usd_per_hour"]
    assert made.mean() == pytest.approx(40.0, rel=0.06)
    assert 19.0 < made.min() < 21.0


def test_one_figure_at_its_bounds_is_what_the_kernels_say(run: Estimate) -> None:
    path, (low, high) = "chip.gemm.hot_clock", (0.81, 1.0)
    told = uncertain([run], 50_000)[0]
    x, y = told.inputs[path], told.outputs["step_time_s"]
    slow, fast = y[x < low + 0.02], y[x > high - 0.02]
    worst, best = (
        estimate(RUN | {"plan": _sizes(run)}, {path: bound}) for bound in (low, high)
    )
    assert np.median(slow) / np.median(fast) == pytest.approx(
        worst.step_time / best.step_time, rel=0.04
    )


def test_between_the_bounds_the_line_is_near_the_kernels(run: Estimate) -> None:
    path, middle = "chip.gemm.hot_clock", 0.88
    exact = estimate(RUN | {"plan": _sizes(run)}, {path: middle}).step_time
    bound = estimate(RUN | {"plan": _sizes(run)}, {path: 0.81}).step_time
    share = (0.94 - middle) / (0.94 - 0.81)
    line = run.step_time * (bound / run.step_time) ** share
    assert line == pytest.approx(exact, rel=0.02)


def _sizes(run: Estimate) -> dict[str, Any]:
    names = ("tp", "pp", "vp", "cp", "dp", "micro_batch", "sharding", "recompute")
    return {name: getattr(run.plan, name) for name in names}


def test_what_published_runs_take_is_in_the_interval(run: Estimate) -> None:
    sure, told = (uncertain([e], 20_000)[0] for e in (run, estimate(RUN)))
    error = told.inputs["chip.step_error"]
    # a triangle of 0.85 to 1.6 around 1, whose factor every output takes
    assert error.mean() == pytest.approx((0.85 + 1.0 + 1.6) / 3.0, rel=0.01)
    for name, power in (("step_time_s", 1), ("mfu", -1), ("power_w", 0)):
        assert told.outputs[name] == pytest.approx(sure.outputs[name] * error**power)
    per_token = told.outputs["usd_per_million_tokens"] / told.outputs["step_time_s"]
    assert per_token.std() < 1e-9 * per_token.mean()


def test_the_same_system_twice_differs_by_nothing(run: Estimate) -> None:
    first, second = uncertain([run, run], 500)
    for name, values in first.outputs.items():
        assert (values == second.outputs[name]).all()


def test_seeds_repeat_and_differ(run: Estimate) -> None:
    once, again, other = (uncertain([run], 500, seed)[0] for seed in (1, 1, 2))
    key = "step_time_s"
    assert (once.outputs[key] == again.outputs[key]).all()
    assert (once.outputs[key] != other.outputs[key]).any()


def test_a_comparison_tells_intervals_and_chances() -> None:
    systems = ["dgx-h100", "trn2-ultraserver"]
    found = compare("llama3-8b", systems, chips=64, global_batch=128)
    told = with_intervals(found, 1000)
    base, other = (row["uncertain"] for row in told["rows"])
    assert base["relative"]["step_time_s"]["p5"] == pytest.approx(1.0)
    for row in (base, other):
        for one in row["intervals"].values():
            assert one["p5"] <= one["p50"] <= one["p95"]
    assert 0.0 <= other["probability_cheaper"] <= 1.0
    assert sum(other["drivers"].values()) < 1.1
    assert told["rows"][1]["break_even_mfu"] > 0.0


@pytest.mark.parametrize("samples", [1, 0, -5, 20_000_000])
def test_bad_counts_are_refused(run: Estimate, samples: int) -> None:
    with pytest.raises(InputError, match="samples"):
        uncertain([run], samples)
