"""Run the kernels over a table of plans: layers, memory, steps.

Most plans share their layers: each distinct shard is evaluated once and its rows are
gathered by index. A single estimate takes this same path with a table of one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from accelsim.kernels import tables
from accelsim.kernels.layer_tables import LAYER
from accelsim.kernels.memory import fill_memory, fill_stages
from accelsim.kernels.memory_tables import MEMORY
from accelsim.kernels.plan_tables import EXCHANGE, STAGE
from accelsim.kernels.shards import fill_layers
from accelsim.kernels.space import EMPTY, index_shards
from accelsim.kernels.steps import Scratch, fill_steps
from accelsim.kernels.tables import Rows
from accelsim.kernels.use_tables import MOMENT, MOMENTS
from accelsim.training.lower import SHARDINGS, Cases, bare

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
        plans, memory = self.plans.view(np.ndarray), self.memory.view(np.ndarray)
        return np.asarray(memory["total"] <= rows.capacity(plans["case"]))


def evaluate(
    rows: Cases,
    plans: Rows,
    *,
    only_fitting: bool,
    bounds: bool = False,
    layers: Rows | None = None,
    into: Evaluated | None = None,
) -> Evaluated:
    """Return memory and time of legal plans.

    only_fitting : time none of the plans that do not fit (a search); otherwise all.
    layers : the LAYER rows that the plans point to already, if they do. into : tables
    that may be filled again, so that a search asks for memory once.
    bounds : where a schedule has no closed form give a lower bound of the step time,
    which `settle` replaces where it matters; the results say which (`bound`).
    """
    count, (cases, chips, models, software, tiers) = len(plans), rows.bare
    ours = plans.view(np.ndarray)
    if layers is None:
        layers = layers_of(rows, shards_of(ours))
    four = layers.view(np.ndarray)
    if into is None:
        memory, results = bare(MEMORY, count), bare(tables.RESULT, count)
    else:
        memory = into.memory[:count].view(np.ndarray)
        results = into.results[:count].view(np.ndarray)
    fill_memory(
        cases, chips, models, software, ours, four, memory,
        bare(STAGE, max(3, int(ours["pp"].max(initial=1)))), bare(MEMORY, 1),
    )  # fmt: skip
    timed = np.ones(count, dtype=bool)
    if only_fitting:
        timed = memory["total"] <= rows.capacity(ours["case"])
    results["step_time"] = np.nan
    fill_steps(
        cases, chips, models, software, tiers, ours, four, timed, results,
        step_scratch(ours, bounds=bounds),
    )  # fmt: skip
    return Evaluated(plans, memory.view(np.recarray), results.view(np.recarray), layers)


def shards_of(plans: Rows) -> Rows:
    """Return the distinct shards of plans (SHARD), and point the plans to them."""
    shards = bare(tables.SHARD, len(plans))
    slots = np.full(2 << len(plans).bit_length(), EMPTY)
    count = index_shards(plans.view(np.ndarray), shards, slots)
    return shards[:count].view(np.recarray)


def layers_of(rows: Cases, shards: Rows) -> Rows:
    """Return the four LAYER rows of each shard."""
    layers = bare(LAYER, len(shards), tables.N_LAYER_KINDS)
    operators = bare(tables.OPERATOR, tables.MAX_OPERATORS)
    fill_layers(*rows.bare, shards.view(np.ndarray), layers, operators)
    return layers.view(np.recarray)


def settle(
    rows: Cases, done: Evaluated, among: np.ndarray, score: Score, count: int = 1
) -> np.ndarray:
    """Return the `count` best of some plans, in order, all of them timed exactly.

    among : indices of plans. score : what is least at the best and never falls when the
    step time rises, from rows of PLAN and RESULT. Bounds that might be among the best
    are replaced in `done`.
    """
    if len(among) == 1 and done.results.view(np.ndarray)["bound"][among[0]] == 0.0:
        return among
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
    pipe = bare(tables.PIPELINE, 1)
    pipe["bound"] = bounds
    stages = int(plans["pp"].max(initial=1))
    return Scratch(
        work=bare(tables.RESULT, 1),
        nothing=bare(tables.RESULT, 1),
        exchange=bare(EXCHANGE, len(SHARDINGS)),
        pipe=pipe,
        sums=np.empty((4, stages)),
        moments=bare(MOMENT, MOMENTS),
    )


def memory_by_stage(rows: Cases, done: Evaluated, i: int) -> Rows:
    """Return one row of MEMORY for each stage of a plan that was evaluated."""
    plans, layers = done.plans.view(np.ndarray), done.layers.view(np.ndarray)
    memory = bare(MEMORY, int(plans["pp"][i]))
    one, held = plans[i : i + 1], bare(STAGE, 1)
    fill_stages(*rows.bare[:4], one, layers, memory, held)
    return memory.view(np.recarray)
