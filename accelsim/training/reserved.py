"""What the allocator of a stage's worker holds that no tensor uses.

A step's tensors are followed through the allocator's rules where their order is known
(`kernels.step_tensors`). It costs milliseconds: it is asked of one plan, not of a
search.
"""

from dataclasses import dataclass

import numpy as np

from accelsim.kernels import tables
from accelsim.kernels.allocator import FAILED, PEAK, QUEUE, STATE, WIDTH, Heap
from accelsim.kernels.groups import sharers
from accelsim.kernels.layer_tensors import KEPT, Stage
from accelsim.kernels.memory_tables import MEMORY, PACE, TENSORS
from accelsim.kernels.step_tensors import BUCKET, MORE, STEPS, follow, followed
from accelsim.kernels.tables import Record, Rows
from accelsim.training.lower import Cases, table

# Tensors of a layer at most on one micro-batch (two passes forward, one backward), and
# of a stage's ends; the blocks that one makes at most: itself and the segment's rest.
OF_A_LAYER, OF_ENDS, OF_ONE = 64, 32, 2
COPIES = 3  # of each weight: itself and two moments


@dataclass(frozen=True, slots=True)
class Held:
    """What one worker's allocator came to.

    reserved : bytes that it holds after the last step. peak : of its tensors [B].
    ran_out : it found no room for one of them.
    """

    reserved: float
    peak: float
    ran_out: bool


def known(rows: Cases, plan: Record) -> bool:
    """Return whether the order of the step's tensors, and the allocator, are known."""
    return bool(followed(rows.chips[0], rows.models[0], rows.software[0], plan))


def replay(
    rows: Cases, plan: Record, stage: int, layers: float, depth: float, times: Rows
) -> Held:
    """Return what the allocator of one worker of a stage holds.

    rows : tables of one question. layers, depth : of the stage, and micro-batches in
    flight. times : LAYER, what its passes take.
    """
    row = table(MEMORY, 1)[0]
    row.layers, row.depth = layers, depth
    made = _stage(rows, plan, int(layers), int(depth), times)
    room = rows.chips[0].memory_capacity - rows.software[0].reserved_memory
    held = follow(made, rows.cases[0], rows.models[0], plan, row, stage, room)
    state = made.heap.state
    return Held(float(held), float(state[PEAK]), bool(state[FAILED]))


def _stage(rows: Cases, plan: Record, layers: int, depth: int, times: Rows) -> Stage:
    """Return empty tables, large enough for all blocks that are ever made."""
    model, software = rows.models[0], rows.software[0]
    held = model.layer_parameters * layers + 2.0 * model.vocab * model.hidden
    taken = COPIES * OF_A_LAYER * (layers + 1)
    taken += int(software.bucket_bytes * held / BUCKET) + OF_ENDS
    taken += STEPS * (sharers(plan) + 2)
    taken += STEPS * (depth + MORE) * (OF_A_LAYER * layers + OF_ENDS)
    blocks = np.empty((OF_ONE * taken, WIDTH), np.int64)
    heap = Heap(
        blocks,
        np.zeros(STATE, np.int64),
        np.zeros(OF_ONE * taken),
        np.zeros(2),
        np.zeros(QUEUE),
    )
    kept = np.empty((depth, layers + 1, KEPT), np.int64)
    shards = sharers(plan)
    grads = np.zeros(max(OF_A_LAYER * (layers + 1), shards + 1) + 1, np.int64)
    pace = _pace(rows, times)
    return Stage(heap, table(TENSORS, 1)[0], software, pace, kept, grads)


def _pace(rows: Cases, times: Rows) -> Record:
    """Return one row of PACE: what the passes of one micro-batch take."""
    pace = table(PACE, 1)[0]
    for part, kind in (
        ("", tables.DENSE),
        ("embed_", tables.EMBED),
        ("head_", tables.HEAD),
    ):
        for way in ("forward", "backward"):
            row = times[kind]
            names = ("matmul", "attention", "elementwise", "tp", "cp")
            seconds = sum(float(row[f"{way}_{name}"]) for name in names)
            pace[f"{part}{way}_seconds"] = seconds
            pace[f"{part}{way}_launches"] = row[f"{way}_kernels"]
    pace.layer_sums = rows.software[0].tensor_kernels[0] * rows.models[0].tensors
    return pace
