"""Run the kernels over a table of plans: layers, memory, steps.

Most plans share their layers: each distinct shard is evaluated once and its rows are
gathered by index. A single estimate takes this same path with a table of one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from accelsim.kernels import tables
from accelsim.kernels.layers import fill_layers
from accelsim.kernels.memory import fill_memory, fill_stages
from accelsim.kernels.memory_tables import MEMORY
from accelsim.kernels.plan_tables import EXCHANGE, STAGE
from accelsim.kernels.space import EMPTY, index_shards
from accelsim.kernels.steps import Scratch, fill_steps
from accelsim.kernels.tables import Record, Rows
from accelsim.training.lower import SHARDINGS, Cases, table

Score: TypeAlias = Callable[[Rows, Rows], np.ndarray]
AT_ONCE = 8  # bounds that are replaced beyond those that must be


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Plans with what they need and take, row by row.

    plans : PLAN. memory : MEMORY. results : RESULT; NaN step time where not timed.
    layers : the four LAYER rows of each shard that a plan points to.
    """

    plans: Rows
    memory: Rows
    results: Rows
    layers: Rows

    def fits(self, rows: Cases) -> np.ndarray:
        """Return which plans fit into their worker's memory."""
        return np.asarray(self.memory.total <= rows.capacity(self.plans.case))


def evaluate(
    rows: Cases,
    plans: Rows,
    *,
    only_fitting: bool,
    bounds: bool = False,
    layers: Rows | None = None,
) -> Evaluated:
    """Return memory and time of legal plans.

    only_fitting : time none of the plans that do not fit (a search); otherwise all.
    layers : the LAYER rows that the plans point to already, if they do.
    bounds : where a schedule has no closed form give a lower bound of the step time,
    which `settle` replaces where it matters; the results say which (`bound`).
    """
    if layers is None:
        layers = layers_of(rows, shards_of(plans))
    memory = table(MEMORY, len(plans))
    fill_memory(
        rows.cases, rows.chips, rows.models, rows.software, plans, layers, memory,
        table(STAGE, max(3, int(plans.pp.max(initial=1)))), table(MEMORY, 1),
    )  # fmt: skip
    done = Evaluated(plans, memory, table(tables.RESULT, len(plans)), layers)
    timed = done.fits(rows) if only_fitting else np.ones(len(plans), dtype=bool)
    done.results.step_time = np.nan
    fill_steps(
        rows.cases, rows.chips, rows.models, rows.software, rows.tiers, plans, layers,
        timed, done.results, step_scratch(plans, bounds=bounds),
    )  # fmt: skip
    return done


def shards_of(plans: Rows) -> Rows:
    """Return the distinct shards of plans (SHARD), and point the plans to them."""
    shards = table(tables.SHARD, len(plans))
    slots = np.full(2 << len(plans).bit_length(), EMPTY)
    return shards[: index_shards(plans, shards, slots)]


def layers_of(rows: Cases, shards: Rows) -> Rows:
    """Return the four LAYER rows of each shard."""
    layers = table(tables.LAYER, len(shards), tables.N_LAYER_KINDS)
    operators, volumes = table(tables.OPERATOR, tables.MAX_OPERATORS), np.zeros(2)
    fill_layers(
        rows.cases, rows.chips, rows.models, rows.software, rows.tiers, shards, layers,
        operators, volumes,
    )  # fmt: skip
    return layers


def settle(
    rows: Cases, done: Evaluated, among: np.ndarray, score: Score, count: int = 1
) -> np.ndarray:
    """Return the `count` best of some plans, in order, all of them timed exactly.

    among : indices of plans. score : what is least at the best and never falls when the
    step time rises, from rows of PLAN and RESULT. Bounds that might be among the best
    are replaced in `done`.
    """
    while True:
        scores = score(done.plans[among], done.results[among])
        order = among[np.argsort(scores, kind="stable")]
        loose = done.results.bound[order] > 0.0
        if not loose[:count].any():
            return np.asarray(order[:count])
        todo = order[: count + AT_ONCE][loose[: count + AT_ONCE]]
        again = evaluate(rows, done.plans[todo], only_fitting=False)
        done.results[todo] = again.results


def step_time(_plans: Rows, results: Rows) -> np.ndarray:
    """Return the step time [s]: the score of the fastest."""
    return np.asarray(results.step_time)


def step_scratch(plans: Rows, *, bounds: bool = False) -> Scratch:
    """Return what `fill_steps` works in."""
    pipe = table(tables.PIPELINE, 1)
    pipe.bound = bounds
    return Scratch(
        work=table(tables.RESULT, 1),
        nothing=table(tables.RESULT, 1),
        exchange=table(EXCHANGE, len(SHARDINGS)),
        pipe=pipe,
        sums=np.empty((4, int(plans.pp.max(initial=1)))),
    )


def memory_by_stage(rows: Cases, case: int, plan: Record, layers: Rows) -> Rows:
    """Return one row of MEMORY for each stage of a plan that was evaluated."""
    memory = table(MEMORY, int(plan.pp))
    row, chip, model, software, _ = rows.of(case)
    fill_stages(
        row, chip, model, software, plan, layers[plan.shard], memory, table(STAGE, 1)
    )
    return memory
