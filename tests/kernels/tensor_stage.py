"""An empty stage for tests that follow tensors; segments expand: nothing is lost."""

import numpy as np

from accelsim.kernels.allocator import STATE, WIDTH, Heap, clear
from accelsim.kernels.layer_tensors import KEPT, Stage
from accelsim.kernels.memory_tables import TENSORS
from accelsim.kernels.tables import Record
from accelsim.training.lower import table

BLOCKS = 20_000


def stage(software: Record, layers: int, depth: int = 1) -> Stage:
    """Return a worker without any tensor."""
    heap = Heap(np.zeros((BLOCKS, WIDTH), np.int64), np.zeros(STATE, np.int64))
    clear(heap, 1)
    kept = np.zeros((depth, layers + 1, KEPT), np.int64)
    grads = np.zeros(8 * (layers + 1), np.int64)
    return Stage(heap, table(TENSORS, 1)[0], software, kept, grads)
