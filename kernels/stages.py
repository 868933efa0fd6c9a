"""How many layers each stage of a pipeline has: as stated, by cost, or evenly.

Memory, time and replicas ask here; what a layer is made of they know.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import Record

ROUNDING = 1e-9  # of a layer, so that equal shares are equal


@kernel
def even_layers(model: Record, plan: Record) -> tuple[float, float]:
    """Return the layers of the fullest and of the last stage, cut evenly.

    Layers go to the pp x vp chunks as evenly as they can, the first chunks fuller.
    """
    chunks = plan.pp * plan.vp
    fullest = -(-model.layers // chunks) * plan.vp
    last = model.layers - fullest * (plan.pp - 1.0)
    return fullest, max(last, model.layers // chunks * plan.vp)


@kernel
def uneven(case: Record, software: Record, plan: Record) -> bool:
    """Return whether stages between the first and the last may differ."""
    return bool(plan.pp > 1 and (case.stages > 0 or software.head_counts > 0.0))


@kernel
def stage_layers(
    case: Record, model: Record, software: Record, plan: Record, stage: int
) -> float:
    """Return the layers of a stage.

    As the run states them; or, where the software counts the LM head as the layers that
    it costs, each stage takes layers until it has its share; or cut evenly.
    """
    if not uneven(case, software, plan):
        full, last = even_layers(model, plan)
        return last if stage == plan.pp - 1 and plan.pp > 1 else full
    if case.stages > 0:
        return float(case.stage_layers[stage])
    layer = model.layer_parameters
    share = (model.layers + model.vocab * model.hidden / layer) / plan.pp
    before = -(-(share * stage - ROUNDING) // 1.0)
    after = -(-(share * (stage + 1.0) - ROUNDING) // 1.0)
    if stage == plan.pp - 1:
        after = model.layers
    return float(min(model.layers, after) - min(model.layers, max(0.0, before)))


@kernel
def fullest_layers(
    case: Record, model: Record, software: Record, plan: Record
) -> float:  # fmt: skip
    """Return the layers of the stage that has most."""
    if not uneven(case, software, plan):
        return even_layers(model, plan)[0]
    most = 0.0
    for stage in range(plan.pp):
        most = max(most, stage_layers(case, model, software, plan, stage))
    return most


@kernel
def fill_shares(
    pipe: Record, case: Record, model: Record, software: Record, plan: Record,
    full: float,
) -> None:  # fmt: skip
    """Fill the layers of each stage over those of the fullest one, in a PIPELINE."""
    pipe.even = 1.0
    for stage in range(plan.pp):
        share = stage_layers(case, model, software, plan, stage) / full
        pipe.share[stage] = share
        if share != 1.0:
            pipe.even = 0.0
