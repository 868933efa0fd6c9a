"""The tensors of a step: what outlives it, and its fullest moment."""

import pytest

from accelsim.kernels.allocator import ALLOCATED, PEAK
from accelsim.kernels.memory import fill_held, fill_stage
from accelsim.kernels.memory_tables import MEMORY
from accelsim.kernels.plan_tables import STAGE
from accelsim.kernels.step_tensors import follow, followed
from accelsim.kernels.tables import ADAM, ADAM_8BIT, FULL, KEEP, SGD
from accelsim.training.lower import table
from tests.examples import mixture, plan, software, world
from tests.kernels.tensor_stage import stage

HIDDEN = 1024.0
STACK = software(segments=2.0)  # expandable: no block is larger than its tensor
# of 8 layers and two tables; norms' weights are not in the example's count
PARAMETERS = 8 * 12 * HIDDEN**2 + 2 * 32000 * HIDDEN
NORMS = 8 * 2 * HIDDEN


@pytest.mark.parametrize(
    ("optimizer", "moments"), [(ADAM, 8.0), (SGD, 4.0), (ADAM_8BIT, 2 * (1 + 4 / 256))]
)
def test_a_step_leaves_weights_gradients_and_optimizer(
    optimizer: int, moments: float
) -> None:
    made, row = world(software=STACK), table(MEMORY, 1)[0]
    row.layers, row.depth = 8.0, 1.0
    here = stage(STACK, 8)
    chosen = plan(optimizer=optimizer, micro_batches=4)
    assert followed(made.chip, made.model, STACK, chosen)
    kept = follow(here, made.case, made.model, chosen, row, 0, 0.0)
    size = (2 + 4 + 4 + moments) * (PARAMETERS + NORMS)
    assert here.heap.state[ALLOCATED] == pytest.approx(size, rel=1e-4)
    assert kept >= 0.0


@pytest.mark.parametrize("recompute", [KEEP, FULL])
@pytest.mark.parametrize(("pp", "number"), [(1, 0), (4, 0), (4, 1), (4, 3)])
def test_the_fullest_moment_is_that_of_memory(
    recompute: int, pp: int, number: int
) -> None:
    # two counts of the same tensors: the closed form has fewer moments of a layer
    made = world(software=STACK)
    sizes = {"pp": pp, "micro_batch": 2, "micro_batches": 8, "recompute": recompute}
    row = table(MEMORY, 1)[0]
    held, asked = table(STAGE, 1)[0], plan(**sizes)
    four = made.layers(micro_batch=2)
    fill_held(held, four, made.case, made.chip, made.model, STACK, asked, number)
    fill_stage(row, held, made.case, made.model, STACK, asked, number)
    here = stage(STACK, int(row.layers), int(row.depth))
    follow(here, made.case, made.model, plan(**sizes), row, number, 0.0)
    tensors = row.total - row.context - row.fragmentation
    assert here.heap.state[PEAK] == pytest.approx(tensors, rel=0.06)


def test_mixtures_are_not_followed() -> None:
    made = world(software=STACK, model=mixture())
    assert not followed(made.chip, made.model, STACK, plan())
