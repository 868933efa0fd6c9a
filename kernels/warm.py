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
from accelsim.kernels.memory import fill_memory
from accelsim.kernels.memory_tables import MEMORY
from accelsim.kernels.software_tables import SOFTWARE
from accelsim.kernels.step import fill_steps


@contextmanager
def compiling_beside() -> Iterator[None]:
    """Compile the step kernels in a second process meanwhile, if the cache lacks them.

    Does nothing where there is no cache to hand them over.
    """
    if not sys.executable or cached("step.fill_steps") in (None, True):
        yield
        return
    command = [sys.executable, "-m", "accelsim.kernels.warm"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet):
        yield


def compile_steps() -> None:
    """Compile the step kernels by running them on tables without rows."""
    one = (tables.CASE, tables.CHIP, tables.MODEL, SOFTWARE)
    cases, chips, models, software = (
        np.zeros(1, dtype).view(np.recarray) for dtype in one
    )
    tiers = np.zeros((1, tables.MAX_TIERS), tables.TIER).view(np.recarray)
    plans = np.zeros(0, tables.PLAN).view(np.recarray)
    layers = np.zeros((0, tables.N_LAYER_KINDS), tables.LAYER).view(np.recarray)
    memory = np.zeros(0, MEMORY).view(np.recarray)
    other = np.zeros(1, MEMORY).view(np.recarray)
    results = np.zeros(0, tables.RESULT).view(np.recarray)
    pipe = np.zeros(1, tables.PIPELINE).view(np.recarray)
    fill_steps(
        cases, chips, models, software, tiers, plans, layers, results, pipe,
        np.zeros((4, 1)),
    )  # fmt: skip
    fill_memory(cases, chips, models, software, plans, layers, memory, other)


if __name__ == "__main__":
    compile_steps()
