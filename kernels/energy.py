"""What the bytes of a step cost in energy: each pays for the tier that its group spans.

This file knows bytes, groups and joules a byte; what links draw is the fabric's.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.placement import replica_span, stage_stride
from accelsim.kernels.tables import MAX_TIERS, Rows


@kernel
def byte_joules(tiers: Rows, span: float) -> float:
    """Return the energy of a byte [J] that a group spanning `span` workers sends.

    It is that of the innermost tier that holds the whole group.
    """
    last = 0.0
    for t in range(MAX_TIERS):
        if tiers[t].workers > 0.0:
            last = tiers[t].carried
            if tiers[t].workers >= span:
                break
    return float(last)


@kernel
def fill_link_joules(
    cases: Rows, tiers: Rows, plans: Rows, results: Rows, joules: Rows
) -> None:
    """Fill the energy [J] of all bytes that the workers of each plan send in a step.

    plans : PLAN. results : RESULT. joules : float64, a plan each.
    """
    for i in range(len(plans)):
        plan, result = plans[i], results[i]
        case = cases[plan.case]
        own = tiers[case.tiers]
        tp, between = plan.tp, stage_stride(plan)
        joules[i] = case.workers * (
            result.tp_bytes * byte_joules(own, max(tp, plan.etp))
            + result.cp_bytes * byte_joules(own, tp * plan.cp)
            + result.ep_bytes * byte_joules(own, plan.etp * plan.ep)
            + result.dp_bytes * byte_joules(own, replica_span(plan))
            + result.pp_bytes * byte_joules(own, between * plan.pp)
        )
