"""The pipeline of one step: which stage holds what, fill, drain and hand-over.

This file knows stages by their seconds on one micro-batch; what these are made of is
known to `step`.

1F1B: T = sum of all stages' times + (micro-batches - 1) x the slowest (Narayanan et al.
2021, sec. 2.2); v virtual stages divide the first term's rest by v (ibid.).
"""

from accelsim.kernels.collectives import send
from accelsim.kernels.jit import kernel
from accelsim.kernels.overlap import exposed
from accelsim.kernels.tables import Record, Rows


@kernel
def layers_of_stage(model: Record, plan: Record) -> tuple[float, float]:
    """Return the layers of the fullest and of the last stage.

    Layers go to the pp x vp chunks as evenly as they can, the first chunks fuller.
    """
    chunks = plan.pp * plan.vp
    fullest = -(-model.layers // chunks) * plan.vp
    last = model.layers - fullest * (plan.pp - 1.0)
    return fullest, max(last, model.layers // chunks * plan.vp)


@kernel
def add_pipeline(
    result: Record, model: Record, software: Record, case: Record, tiers: Rows,
    plan: Record, slowest: float, middle: float, last: float,
) -> None:  # fmt: skip
    """Add fill and drain and the hand-over of activations between stages.

    slowest, middle, last : seconds of a stage on one micro-batch. Activations cross
    cut over tp (Narayanan et al. 2021, sec. 4.1, scatter/gather).
    """
    if plan.pp == 1:
        return
    tokens = plan.micro_batch * case.seq_len / plan.cp
    size = case.activation_bytes * tokens * model.hidden / plan.tp
    stride = float(plan.tp * plan.cp * plan.dp)
    hop = send(tiers, size, stride, float(plan.pp))
    others = (plan.pp - 1.0) * middle + last - max(middle, last)
    result.bubble += max(0.0, others) / plan.vp + (plan.pp - 1.0) * 2.0 * hop
    chunk = slowest / plan.vp
    seen = exposed(software.overlap_pp, 2.0 * hop, chunk, 0.0)
    result.pp += plan.micro_batches * plan.vp * seen
    result.pp_bytes += 2.0 * plan.micro_batches * plan.vp * size
