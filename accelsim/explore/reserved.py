"""What the allocator of a worker takes from the device, cached blocks included.

That is what a framework's log calls reserved (`torch.cuda.max_memory_reserved`). It
decides nothing: before it fails, the allocator gives back the segments that it caches
(`release_cached_blocks`), so that a plan fits where its tensors do and what is lost
between them, which is `memory.total`.
"""

from accelsim.explore.plan import row_of
from accelsim.explore.result import Estimate
from accelsim.training.lower import lower
from accelsim.training.reserved import cached


def reserved(estimate: Estimate, stage: int | None = None) -> float:
    """Return what the allocator of one worker of a stage takes at its peak [B].

    stage : of the pipeline; the fullest one unless named. Never less than its tensors
    and what is lost between them, and no more than the device has where these fit.
    Where the order of the step's tensors is not followed it is just that.
    """
    stages = estimate.stages
    if stage is None:
        stage = max(range(len(stages)), key=lambda s: stages[s].memory.total)
    found = stages[stage]
    memory, plan = found.memory, row_of(estimate.plan)
    least = memory.total - memory.context
    room = estimate.memory_capacity - memory.context
    if least >= room:
        return least
    rows = lower([estimate.question])
    beside = cached(rows, plan, stage, found.layers, found.in_flight)
    if beside is None:
        return least
    return max(least, min(room, memory.allocated + beside))
