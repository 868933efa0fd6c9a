"""The tensors of a step: what outlives it, and its fullest moment."""

import numpy as np
import pytest

from accelsim.kernels.activations import logit_bytes
from accelsim.kernels.allocator import ALLOCATED, PEAK, give
from accelsim.kernels.layer_tensors import KEPT
from accelsim.kernels.memory import fill_held, fill_stage
from accelsim.kernels.memory_tables import MEMORY, PACE
from accelsim.kernels.plan_tables import STAGE
from accelsim.kernels.software_tables import LOSSES
from accelsim.kernels.step_tensors import (
    first_gradient,
    follow,
    followed,
    lose,
    through_loss,
)
from accelsim.kernels.tables import ADAM, ADAM_8BIT, FULL, GPIPE, KEEP, SGD, Record
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


def test_the_first_gradient_has_been_through_the_pipeline() -> None:
    # Of 2 layers a stage, 3 s forward and 6 s backward each, on 4 stages: forward
    # through all, and back to the second; under GPipe behind 5 more micro-batches.
    pace = table(PACE, 1)[0]
    pace.forward_seconds, pace.backward_seconds = 3.0, 6.0
    sizes = {"pp": 4, "micro_batches": 6}
    assert first_gradient(pace, plan(**sizes), 1, 2) == 4 * 6 + 2 * 12
    assert first_gradient(pace, plan(**sizes), 3, 2) == 4 * 6
    gpipe = plan(**sizes, schedule=GPIPE)
    assert first_gradient(pace, gpipe, 1, 2) == 9 * 6 + 2 * 12
    # slow hosts launch side by side: the third stage's two passes forward, one backward
    pace.forward_launches, pace.forward_host = 10.0, 2.0
    pace.backward_launches, pace.backward_host = 20.0, 2.0
    assert first_gradient(pace, plan(**sizes), 1, 2) == 2 * 40 + 80


def test_a_loss_by_its_copies() -> None:
    # fused: logits and gradient in bf16. In place: with a copy in fp32. Copied: twice
    # fp32. A chain: logarithms and two gradients in fp32.
    peaks = [logit_bytes(of_loss(kind), 2.0) for kind in LOSSES]
    assert peaks == [4.0, 6.0, 8.0, 12.0]
    for kind, peak in zip(LOSSES, peaks, strict=True):
        here, row = stage(of_loss(kind), 0), np.full(KEPT, -1, np.int64)
        here.size.logits, here.size.wide_logits = 2.0**21, 2.0**22
        lose(here, row)
        gradient = through_loss(here, row)
        assert here.heap.state[PEAK] == peak * 2**20
        assert here.heap.state[ALLOCATED] == 2 * 2**20
        give(here.heap, gradient)
        assert here.heap.state[ALLOCATED] == 0


def of_loss(kind: str) -> Record:
    copies, gradients, held = LOSSES[kind]
    return software(loss_copies=copies, loss_gradients=gradients, loss_held=held)
