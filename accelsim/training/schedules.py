"""Which schedules a pipeline is to try, and what is wrong with one that is stated.

This file knows what a run and a stack say; what a schedule asks of a plan is known to
`kernels.legal`.
"""

from accelsim.kernels import tables
from accelsim.kernels.tables import INTERLEAVED, SCHEDULES
from accelsim.question import Question


def offered(q: Question, pp: int, vp: int) -> list[int]:
    """Return the schedules to be tried: what the run fixes, or what the stack has."""
    if pp == 1:
        return [tables.ONE_F_ONE_B]
    if vp > 1:
        return [INTERLEAVED]
    names = [q.plan.schedule] if q.plan.schedule else q.software.schedules
    return [SCHEDULES.index(name) for name in names if name != "interleaved"]


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
