"""What the allocator of a stage's worker holds that no tensor uses.

A step's tensors are followed through the allocator's rules where their order is known
(`kernels.step_tensors`). It costs milliseconds: it is asked of one plan, not of a
search.
"""

import numpy as np

from accelsim.kernels.allocator import STATE, WIDTH, Heap
from accelsim.kernels.layer_tensors import KEPT, Stage
from accelsim.kernels.memory_tables import MEMORY, TENSORS
from accelsim.kernels.step_tensors import BUCKET, STEPS, follow, followed
from accelsim.kernels.tables import Record
from accelsim.training.lower import Cases, table

# Tensors of a layer at most on one micro-batch (two passes forward, one backward), and
# of a stage's ends; the blocks that one makes at most: itself and the segment's rest.
OF_A_LAYER, OF_ENDS, OF_ONE = 64, 32, 2
COPIES = 3  # of each weight: itself and two moments


def cached(
    rows: Cases, plan: Record, stage: int, layers: float, depth: float
) -> float | None:
    """Return what one worker's allocator keeps beside its tensors at the peak [B].

    rows : tables of one question. layers, depth : of the stage, and micro-batches in
    flight. None where the order of the step's tensors, or the allocator, is not known.
    """
    chip, model, software = rows.chips[0], rows.models[0], rows.software[0]
    if not followed(chip, model, software, plan):
        return None
    row = table(MEMORY, 1)[0]
    row.layers, row.depth = layers, depth
    made = _stage(rows, int(layers), int(depth))
    return float(follow(made, rows.cases[0], model, plan, row, stage))


def _stage(rows: Cases, layers: int, depth: int) -> Stage:
    """Return empty tables, large enough for all blocks that are ever made."""
    model, software = rows.models[0], rows.software[0]
    held = model.layer_parameters * layers + 2.0 * model.vocab * model.hidden
    taken = COPIES * OF_A_LAYER * (layers + 1)
    taken += int(software.bucket_bytes * held / BUCKET) + OF_ENDS
    taken += STEPS * (depth + 1) * (OF_A_LAYER * layers + OF_ENDS)
    blocks = np.empty((OF_ONE * taken, WIDTH), np.int64)
    heap = Heap(blocks, np.zeros(STATE, np.int64))
    kept = np.empty((depth, layers + 1, KEPT), np.int64)
    grads = np.zeros(OF_A_LAYER * (layers + 1), np.int64)
    return Stage(heap, table(TENSORS, 1)[0], software, kept, grads)
