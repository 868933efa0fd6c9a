"""Which schedules a pipeline is to try, and what is wrong with one that is stated.

This file knows what a run and a stack say; what a schedule asks of a plan is known to
`kernels.legal`.
"""

from accelsim.kernels import tables
from accelsim.kernels.tables import DUALPIPE, INTERLEAVED, SCHEDULES, ZB_V
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
