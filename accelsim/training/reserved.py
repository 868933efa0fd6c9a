"""What the allocator of a stage's worker holds that no tensor uses.

A step's tensors are followed through the allocator's rules where their order is known
(`kernels.step_tensors`). It costs milliseconds: it is asked of one plan, not of a
search.
"""

from dataclasses import dataclass, replace

import numpy as np

from accelsim.kernels import tables
from accelsim.kernels.allocator import FAILED, PEAK, QUEUE, STATE, WIDTH, Heap
from accelsim.kernels.groups import sharers
from accelsim.kernels.layer_tensors import KEPT, Stage
from accelsim.kernels.memory_tables import MEMORY, PACE, TENSORS
from accelsim.kernels.step_tensors import BUCKET, MORE, STEPS, follow, followed
from accelsim.kernels.tables import Record
from accelsim.training.evaluate import evaluate
from accelsim.training.lower import Cases, table

# Tensors of a layer at most on one micro-batch (two passes forward, one backward), and
# of a stage's ends; the blocks that one makes at most: itself and the segment's rest.
OF_A_LAYER, OF_ENDS, OF_ONE = 64, 32, 2
COPIES = 3  # of each weight: itself and two moments
# Of a collective: an event recorded and waited for, the kernel, an event
# (torch/csrc/distributed/c10d/ProcessGroupNCCL.cpp, `collective`).
DRIVER_CALLS = 4.0
WAYS, TICK = ("forward", "backward"), 1e-9  # s
PARTS = {"": tables.DENSE, "embed_": tables.EMBED, "head_": tables.HEAD}


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
    rows: Cases, plan: Record, stage: int, layers: float, depth: float, pace: Record
) -> Held:
    """Return what the allocator of one worker of a stage holds.

    rows : tables of one question. layers, depth : of the stage, and micro-batches in
    flight. pace : PACE.
    """
    row = table(MEMORY, 1)[0]
    row.layers, row.depth = layers, depth
    made = _stage(rows, plan, int(layers), int(depth), pace)
    room = rows.chips[0].memory_capacity - rows.software[0].reserved_memory
    held = follow(made, rows.cases[0], rows.models[0], plan, row, stage, room)
    state = made.heap.state
    return Held(float(held), float(state[PEAK]), bool(state[FAILED]))


def _stage(rows: Cases, plan: Record, layers: int, depth: int, pace: Record) -> Stage:
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
    return Stage(heap, table(TENSORS, 1)[0], software, pace, kept, grads)


def pace_of(rows: Cases, plan: Record) -> Record:
    """Return one row of PACE: what the passes of one micro-batch take.

    rows : tables of one question. The host is as long at a collective, and at what is
    around a layer, as its stack says (`collective_calls`, `layer_calls`); in the
    driver's queue are a collective's calls to it alone.
    """
    plans = table(tables.PLAN, 1)
    plans[0] = plan
    told = evaluate(rows, plans, only_fitting=False).layers[0]
    bare = rows.software.copy()
    bare.collective_calls = DRIVER_CALLS
    bare.layer_calls = 0.0
    queued = evaluate(replace(rows, software=bare), plans, only_fitting=False).layers[0]
    pace, launch = table(PACE, 1)[0], float(rows.software.launch[0])
    for part, kind in PARTS.items():
        for way in WAYS:
            row, name = told[kind], f"{part}{way}"
            of_host = launch * float(row[f"{way}_kernels"])
            count = float(queued[kind][f"{way}_kernels"])
            parts = ("matmul", "attention", "elementwise", "tp", "cp")
            pace[f"{name}_seconds"] = sum(float(row[f"{way}_{p}"]) for p in parts)
            pace[f"{name}_launches"] = count
            pace[f"{name}_host"] = of_host / max(1.0, count)
    pace.layer_sums = rows.software[0].tensor_kernels[0] * rows.models[0].tensors
    return pace


def slowed(pace: Record, layers: float, micro_batch: float) -> Record:
    """Return the pace of a host with which a stage's micro-batch takes so long [s].

    No faster than it was; the layers are what a stage's host has to do.
    """
    host = sum(float(pace[f"{w}_launches"] * pace[f"{w}_host"]) for w in WAYS)
    more = max(1.0, micro_batch / max(layers * host, TICK))
    slower = pace.copy()
    for part in PARTS:
        for way in WAYS:
            slower[f"{part}{way}_host"] *= more
    return slower
