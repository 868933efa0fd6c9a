"""Compile on two cores when nothing has been compiled yet.

The first command on a machine compiles every kernel that it uses. The kernels of a
layer and those of a step do not need each other, so a second process can compile the
latter into the cache while the first one does the former.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from accelsim.kernels import tables
from accelsim.kernels.jit import cached
from accelsim.kernels.layer_tables import LAYER
from accelsim.kernels.memory import fill_memory
from accelsim.kernels.memory_tables import MEMORY
from accelsim.kernels.plan_tables import EXCHANGE, STAGE
from accelsim.kernels.software_tables import SOFTWARE
from accelsim.kernels.steps import Scratch, fill_steps
from accelsim.kernels.use_tables import MOMENT, MOMENTS


@contextmanager
def compiling_beside() -> Iterator[None]:
    """Compile the step kernels in a second process meanwhile, if the cache lacks them.

    Does nothing where there is no cache to hand them over.
    """
    if not sys.executable or cached("steps.fill_steps") in (None, True):
        yield
        return
    command = [sys.executable, "-m", "accelsim.kernels.warm"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet):
        yield


def compile_steps() -> None:
    """Compile the step kernels by running them on tables without rows."""

    def rows(dtype: "np.dtype[np.void]", *shape: int) -> tables.Rows:
        return np.zeros(shape, dtype).view(np.recarray)

    one = (tables.CASE, tables.CHIP, tables.MODEL, SOFTWARE)
    cases, chips, models, software = (rows(dtype, 1) for dtype in one)
    tiers, plans = rows(tables.TIER, 1, tables.MAX_TIERS), rows(tables.PLAN, 0)
    layers = rows(LAYER, 0, tables.N_LAYER_KINDS)
    scratch = Scratch(
        rows(tables.RESULT, 1), rows(tables.RESULT, 1), rows(EXCHANGE, 4),
        rows(tables.PIPELINE, 1), np.zeros((4, 1)), rows(MOMENT, MOMENTS),
    )  # fmt: skip
    timed, results = np.zeros(0, dtype=bool), rows(tables.RESULT, 0)
    fill_steps(
        cases, chips, models, software, tiers, plans, layers, timed, results, scratch
    )
    memory, other = rows(MEMORY, 0), rows(MEMORY, 1)
    held = rows(STAGE, 3)
    fill_memory(cases, chips, models, software, plans, layers, memory, held, other)


if __name__ == "__main__":
    compile_steps()
