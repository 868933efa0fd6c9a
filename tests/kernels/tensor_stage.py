"""An empty stage for tests that follow tensors; segments expand: nothing is lost."""

import numpy as np

from accelsim.kernels.allocator import QUEUE, STATE, WIDTH, Heap, clear
from accelsim.kernels.layer_tensors import KEPT, Stage
from accelsim.kernels.memory_tables import PACE, TENSORS
from accelsim.kernels.tables import Record
from accelsim.training.lower import table

BLOCKS = 20_000


def heap(count: int = BLOCKS, expands: int = 0) -> Heap:
    """Return an allocator without any block."""
    made = Heap(
        np.zeros((count, WIDTH), np.int64),
        np.zeros(STATE, np.int64),
        np.zeros(count),
        np.zeros(2),
        np.zeros(QUEUE),
    )
    clear(made, expands)
    return made


def stage(software: Record, layers: int, depth: int = 1) -> Stage:
    """Return a worker without any tensor."""
    kept = np.zeros((depth, layers + 1, KEPT), np.int64)
    grads = np.zeros(8 * (layers + 1), np.int64)
    size, pace = table(TENSORS, 1)[0], table(PACE, 1)[0]
    return Stage(heap(expands=1), size, software, pace, kept, grads)
