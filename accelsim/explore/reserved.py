"""What the allocator of a worker takes from the device, cached blocks included.

That is what a framework's log calls reserved (`torch.cuda.max_memory_reserved`), and in
a tight plan it decides: before it fails, the allocator gives back the segments that
nothing uses (`release_cached_blocks`), but not those that are partly used. The tensors
of a step are followed through its rules where their order is known.
"""

from accelsim.explore.plan import row_of
from accelsim.explore.result import Estimate
from accelsim.training.lower import lower
from accelsim.training.reserved import Held, known, pace_of, replay, slowed

TIGHT = 0.8  # of the capacity: below it a plan fits whatever is lost between tensors


def reserved(
    estimate: Estimate, stage: int | None = None, micro_batch: float | None = None
) -> float:
    """Return what the allocator of one worker of a stage holds after some steps [B].

    stage : of the pipeline; the fullest one unless named. micro_batch : what one was
    seen to take a worker, both ways [s]: a host that needs longer than assumed is less
    ahead of its device. Where the order of the step's tensors is not followed, or they
    do not fit, it is what they need.
    """
    stages = estimate.stages
    if stage is None:
        stage = max(range(len(stages)), key=lambda s: stages[s].memory.total)
    memory = stages[stage].memory
    least = memory.total - memory.context
    if memory.total > estimate.memory_capacity:
        return least
    held = _held(estimate, [stage], micro_batch)
    return held[0].reserved if held else least


def runs_out(estimate: Estimate) -> bool:
    """Return whether a tight plan's allocator finds no room for a tensor.

    The first stage has most in flight, the second does without the embedding, the last
    has the logits.
    """
    if estimate.memory.total < TIGHT * estimate.memory_capacity:
        return False
    last = len(estimate.stages) - 1
    held = _held(estimate, sorted({0, min(1, last), last}))
    return any(one.ran_out for one in held)


def _held(
    estimate: Estimate, stages: list[int], micro_batch: float | None = None
) -> list[Held]:
    """Return what the allocators of some stages hold, nothing where it is not known."""
    plan, rows = row_of(estimate.plan), lower([estimate.question])
    if not known(rows, plan):
        return []
    pace, found = pace_of(rows, plan), []
    for stage in stages:
        here = estimate.stages[stage]
        mine = pace if micro_batch is None else slowed(pace, here.layers, micro_batch)
        found.append(replay(rows, plan, stage, here.layers, here.in_flight, mine))
    return found
