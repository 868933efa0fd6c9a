"""Steps of many plans: what is kept from plan to plan changes no number."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.kernels import tables
from accelsim.kernels.plan_tables import EXCHANGE
from accelsim.kernels.steps import fill_steps
from accelsim.training.evaluate import evaluate, layers_of, shards_of, step_scratch
from accelsim.training.lower import SHARDINGS, table
from tests.examples import case, chip, mixture, plan, world

MADE = world(
    case=case(host_bandwidth=1e10, workers=64.0), chip=chip(), model=mixture(layers=8.0)
)
PLANS = st.fixed_dictionaries(
    {
        "tp": st.sampled_from([1, 2]), "pp": st.sampled_from([1, 2, 4]),
        "vp": st.sampled_from([1, 2]), "dp": st.sampled_from([1, 4]),
        "micro_batches": st.sampled_from([4, 8]), "sharding": st.integers(0, 3),
        "recompute": st.integers(0, 2), "schedule": st.sampled_from([0, 2, 3]),
        "kept_share": st.sampled_from([0.0, 0.5]),
        "offload": st.sampled_from([0.0, 1.0]),
        "offload_optimizer": st.integers(0, 1), "optimizer": st.integers(0, 3),
    }
)  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(st.lists(PLANS, min_size=1, max_size=6))
def test_a_plan_has_its_numbers_in_any_order(asked: list[dict[str, Any]]) -> None:
    rows = MADE.rows
    plans = np.array([plan(**one) for one in asked], tables.PLAN).view(np.recarray)
    done = evaluate(rows, plans, only_fitting=False)
    for i in range(len(plans)):
        alone = evaluate(rows, plans[i : i + 1].copy(), only_fitting=False)
        assert alone.results[0] == done.results[i]
        assert alone.memory[0] == done.memory[i]


def test_what_is_not_timed_is_left_alone() -> None:
    rows = MADE.rows
    plans = np.array([plan(sharding=s) for s in range(4)], tables.PLAN)
    plans = plans.view(np.recarray)
    layers, results = layers_of(rows, shards_of(plans)), table(tables.RESULT, 4)
    results.step_time = np.nan
    timed = np.array([False, True, False, True])
    fill_steps(
        rows.cases, rows.chips, rows.models, rows.software, rows.tiers, plans, layers,
        timed, results, step_scratch(plans),
    )  # fmt: skip
    assert list(np.isfinite(results.step_time)) == list(timed)
    assert len(step_scratch(plans).exchange) == len(SHARDINGS)
    assert EXCHANGE.names is not None
