"""How fast an answer is: one question, a search of thousands of plans, bare kernels.

Results are compared before they are timed, which also compiles. `make bench` prints
the times; the rate of each group (answers, plans or rows in a second) stands in
`extra_info`. Without `--benchmark-enable` each runs once, as a test.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from accelsim.explore.estimate import answer, estimate
from accelsim.explore.result import Estimate
from accelsim.kernels import tables
from accelsim.kernels.steps import fill_steps
from accelsim.kernels.tables import Rows
from accelsim.question import Question, resolve
from accelsim.specs.run import PlanSpec, RunSpec
from accelsim.training.evaluate import evaluate, layers_of, shards_of, step_scratch
from accelsim.training.lower import Cases, lower, table
from accelsim.training.plans import candidates

PLAN = PlanSpec(tp=8, cp=1, pp=4, dp=16, vp=5, ep=1, micro_batch=1, sp=True)


def ask(plan: PlanSpec) -> Question:
    """Return Llama 3 70B on 512 H100 with 4 Mi tokens a step."""
    run = RunSpec(model="llama3-70b", system="dgx-h100", chips=512, plan=plan)
    return resolve(run)


@pytest.fixture(scope="module")
def search() -> tuple[Cases, Rows]:
    """Return the question's tables and all its legal plans."""
    q = ask(PlanSpec())
    plans = candidates(q, 0)
    return lower([q]), plans[plans.reason == tables.OK]


def timed(
    benchmark: BenchmarkFixture, count: int, what: str, call: Callable[[], Any]
) -> Any:
    """Time a call that deals with `count` things and note their rate."""
    result = benchmark(call)
    if benchmark.stats is not None:  # not while benchmarks are disabled
        benchmark.extra_info[f"{what}_per_s"] = count / benchmark.stats.stats.median
    return result


@pytest.mark.benchmark(group="estimate")
def test_one_estimate(benchmark: BenchmarkFixture) -> None:
    # a run in words, its plan stated; its files are looked at anew in each call
    plan: dict[str, Any] = {"tp": 8, "cp": 1, "pp": 4, "vp": 1, "micro_batch": 1}
    plan |= {"sharding": "zero1", "recompute": "none", "schedule": "1f1b"}
    run = {"model": "llama3-70b", "system": "dgx-h100", "chips": 256, "plan": plan}
    found = timed(benchmark, 1, "answers", lambda: estimate(run))
    alone = answer([found.question])[0]
    assert isinstance(alone, Estimate)
    assert found.to_dict() == alone.to_dict()


@pytest.mark.benchmark(group="estimate")
@pytest.mark.parametrize("count", [1, 64])
def test_warm_estimates(benchmark: BenchmarkFixture, count: int) -> None:
    questions = [
        ask(PLAN.model_copy(update={"sharding": s, "recompute": r}))
        for s in ("none", "zero1")
        for r in ("none", "full")
    ] * (count // 4 or 1)
    questions = questions[:count]
    alone = [answer([q], must_fit=False)[0] for q in questions]
    found = timed(
        benchmark, count, "answers", lambda: answer(questions, must_fit=False)
    )
    for one, many in zip(alone, found, strict=True):
        assert isinstance(one, Estimate)
        assert many.to_dict() == one.to_dict()


@pytest.mark.benchmark(group="search")
def test_search(benchmark: BenchmarkFixture, search: tuple[Cases, Rows]) -> None:
    q, (rows, plans) = ask(PlanSpec()), search
    done = evaluate(rows, plans, only_fitting=True)
    best = float(np.nanmin(done.results.step_time))
    found = timed(benchmark, len(plans), "plans", lambda: answer([q]))[0]
    assert isinstance(found, Estimate)
    assert found.step_time == pytest.approx(best, rel=1e-12)


@pytest.mark.benchmark(group="kernels")
def test_fill_layers(benchmark: BenchmarkFixture, search: tuple[Cases, Rows]) -> None:
    rows, plans = search
    shards = shards_of(plans)
    whole = layers_of(rows, shards)
    for i in range(0, len(shards), 29):
        assert np.array_equal(layers_of(rows, shards[i : i + 1])[0], whole[i])
    found = timed(benchmark, len(shards), "rows", lambda: layers_of(rows, shards))
    assert np.array_equal(found, whole)


@pytest.mark.benchmark(group="kernels")
def test_fill_steps(benchmark: BenchmarkFixture, search: tuple[Cases, Rows]) -> None:
    rows, plans = search
    done = evaluate(rows, plans, only_fitting=False)  # fills plans.shard
    layers, every = done.layers, np.ones(len(plans), dtype=bool)

    def call() -> Rows:
        results = table(tables.RESULT, len(plans))
        fill_steps(
            rows.cases, rows.chips, rows.models, rows.software, rows.tiers, plans,
            layers, every, results, step_scratch(plans),
        )  # fmt: skip
        return results

    assert np.array_equal(call(), done.results)
    assert np.array_equal(timed(benchmark, len(plans), "rows", call), done.results)
