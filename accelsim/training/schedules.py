"""Which schedules a pipeline may follow, and what each asks of a plan.

This file knows the rules of the papers (`kernels/orders.py`), not how long it takes.
"""

import numpy as np

from accelsim.kernels import tables
from accelsim.kernels.tables import DUALPIPE, INTERLEAVED, SCHEDULES, ZB_V, Rows
from accelsim.question import Question


def offered(q: Question, pp: int, vp: int) -> list[int]:
    """Return the schedules to be tried: what the run fixes, or what the stack has."""
    if pp == 1:
        return [tables.ONE_F_ONE_B]
    if vp > 1:
        return [INTERLEAVED]
    names = [q.plan.schedule] if q.plan.schedule else q.software.schedules
    kinds = [SCHEDULES.index(name) for name in names if name != "interleaved"]
    if q.plan.stage_layers and not q.plan.schedule:  # two chunks a stage
        kinds = [kind for kind in kinds if kind not in (ZB_V, DUALPIPE)]
    return kinds


def unoffered(plans: Rows, q: Question) -> np.ndarray:
    """Return which plans follow a schedule that the stack does not have."""
    kinds = [SCHEDULES.index(name) for name in (*q.software.schedules, "interleaved")]
    wrong = (plans.vp > 1) != (q.plan.schedule == "interleaved")
    clash = wrong & (q.plan.schedule is not None) & (plans.pp > 1)
    return np.asarray(((plans.pp > 1) & ~np.isin(plans.schedule, kinds)) | clash)


def unfit(plans: Rows, q: Question) -> np.ndarray:
    """Return which plans have stages or micro-batches that their schedule cannot take.

    ZB-V cuts the layers into two chunks a stage and needs 2 pp - 1 micro-batches;
    DualPipe feeds an even number of stages from both ends, with 2 pp at least.
    """
    count, pp = plans.micro_batches, plans.pp
    v = plans.schedule == ZB_V
    dual = plans.schedule == DUALPIPE
    short = (v & (count < 2 * pp - 1)) | (dual & (count < 2 * pp))
    odd = dual & ((pp % 2 != 0) | (count % 2 != 0))
    uneven = (v & (q.model.layers % (2 * pp) != 0)) & (q.plan.pp is None)
    return np.asarray(short | odd | uneven)


def stages_error(q: Question) -> str:
    """Return what is wrong with the layers that a run states for each stage."""
    plan, model = q.plan, q.model
    layers = plan.stage_layers
    if layers is None:
        return ""
    told = f"plan.stage_layers: {', '.join(str(n) for n in layers)}"
    if len(layers) != plan.pp:
        return f"{told}: {len(layers)} stages, but pp is {plan.pp}"
    if sum(layers) != model.layers:
        return f"{told}: {sum(layers)} layers, but {model.name} has {model.layers}"
    if 0 in layers[1:-1]:
        return f"{told}: only the first and the last stage may have none"
    if (plan.vp or 1) > 1 or plan.schedule in ("interleaved", "zb-v", "dualpipe"):
        return f"{told}: each stage must be one chunk of layers (1f1b, gpipe or zb-h1)"
    return ""


def schedule_error(q: Question) -> str:
    """Return what is wrong with the schedule that the user fixed, by itself."""
    plan, stack = q.plan, q.software
    name = plan.schedule
    if name is None:
        return ""
    names = [*stack.schedules, *(["interleaved"] if stack.interleaved else [])]
    if name not in names:
        return (
            f"plan.schedule: software {stack.name} offers {', '.join(names)}, "
            f"not {name}"
        )
    if plan.vp is not None and (plan.vp > 1) != (name == "interleaved"):
        fits = "more than 1" if name == "interleaved" else "1"
        return f"plan.vp: {plan.vp}: schedule {name} takes {fits}"
    return ""
