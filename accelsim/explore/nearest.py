"""When no plan fits: the nearest question that has an answer.

Looks in this order: the same chips with every fixed plan size freed, then more chips.
"""

from dataclasses import replace

from accelsim.explore.plan import plan_of
from accelsim.kernels import tables
from accelsim.question import Question
from accelsim.specs.run import PlanSpec
from accelsim.training.evaluate import evaluate
from accelsim.training.lower import lower
from accelsim.training.plans import candidates

DOUBLINGS = 12


def nearest_that_fits(q: Question) -> str:
    """Return one clause that names the nearest plan or size that would fit."""
    freed = _with(q, q.run.chips, PlanSpec())
    text = _smallest_fit(freed)
    if text:
        return f"nearest plan that would fit: {text}"
    chips = q.run.chips
    for _ in range(DOUBLINGS):
        chips *= 2
        if chips > q.system.max_chips:
            break
        text = _smallest_fit(_with(q, chips, PlanSpec()))
        if text:
            return f"it would fit on {chips} chips: {text}"
    return "no larger job on this system fits either"


def _with(q: Question, chips: int, plan: PlanSpec) -> Question:
    return replace(q, run=q.run.model_copy(update={"chips": chips, "plan": plan}))


def _smallest_fit(q: Question) -> str:
    rows = lower([q])
    plans = candidates(q, 0)
    plans = plans[plans.reason == tables.OK]
    if not len(plans):
        return ""
    done = evaluate(rows, plans, only_fitting=True)
    fits = done.fits(rows)
    if not fits.any():
        return ""
    row = done.plans[fits][int(done.results.step_time[fits].argmin())]
    return plan_of(row).text()
