"""The tables of a NeuronCore: what its engines can do, and where each of them stands.

A row of NEURON is one core with its share of the memory; times are in seconds, rates in
units a second. A cost of an instruction is counted in cycles of its engine, as the
Neuron documentation does. STATE is the core at one moment of a run.
"""

from typing import Any, TypeAlias

import numpy as np

ENGINES = ("tensor", "vector", "scalar", "gpsimd", "dma")
N_ENGINES = len(ENGINES)
GAPS = 4  # times that the queues were idle that are remembered
_CODES: Any = np.arange(N_ENGINES)
TENSOR, VECTOR, SCALAR, GPSIMD, DMA = _CODES
NO_NORM, RMS_NORM, LAYER_NORM = _CODES[:3]
NORMS = ("none", "rms", "layer")


def _floats(*names: str) -> list[tuple[str, str]]:
    return [(name, "f8") for name in names]


NEURON = np.dtype(
    _floats(
        # TensorE
        "partitions",  # of SBUF: rows of the array
        "rows",  # the longest contraction of one product, in the operands' type
        "columns",  # of the array: the widest stationary operand; tokens of a subtile
        "moving",  # columns of the widest moving operand
        "passes",  # through the array, of a product in the operands' type
        "tensor_clock",
        "least_moving",  # cycles between products, at least
        "load_rate",  # stationary columns loaded in a cycle, behind the last product
        "issue",  # cycles that a product takes beyond its columns
        "ramp_share",  # of its rate after idling
        "ramp_time",  # to the full rate; and the window of the utilisation
        "turns",  # 1 if it turns tensors that a graph needs in both ways
        # VectorE, ScalarE, GpSimd
        "vector_clock",
        "scalar_clock",
        "gpsimd_clock",
        "least",  # cycles of an instruction of VectorE or ScalarE, at least
        "overhead",  # cycles beyond its elements
        "accumulate",  # cycles to read a reduction out
        "gpsimd_start",
        "copy_mode",  # elements a cycle and partition of 16 bit: SBUF to SBUF
        "psum_mode",  # one side in PSUM
        "scalar_mode",  # ScalarE, 16-bit copies
        "pair_mode",  # two inputs in SBUF, over the rate of other types
        "shared_port",  # 1: VectorE and GpSimd exclude each other
        # memories of the core
        "psum_banks",
        "sbuf",  # bytes
        # DMA
        "queues",
        "queue_rate",
        "descriptor",  # seconds of one that hardware generates, at least
        "prepared",  # of one that lies in memory before the start
        "start",  # from semaphore to the first byte
        "transpose_memory",  # share of the rate of a transposing copy from memory
        "transpose_sbuf",
        "memory_rate",  # of the core
        # whole kernels
        "launch",
    )
)

STATE = np.dtype(
    [
        ("free", "f8", (N_ENGINES,)),  # when each engine is done
        ("busy", "f8", (N_ENGINES,)),
        ("gaps", "f8", (GAPS, 2)),  # times without transfers, which others may fill
        ("gap", "i8"),  # how many there were
        ("rate", "f8"),  # of TensorE, as a share
        ("usage", "f8"),  # of TensorE over the window before the present run
        ("since", "f8"),  # when that began
    ]
)
# What a kernel took: with its launch; and the time that each engine worked.
ANSWER = np.dtype([("seconds", "f8"), ("busy", "f8", (N_ENGINES,))])
WORK = (10, 20)  # shape of the table of times that every kernel has for itself
# A product, see `neuron_gemm`.
GEMM = np.dtype(
    _floats(
        "m",
        "n",
        "k",
        "element",  # bytes of both operands
        "out",  # bytes of a result
        "block_m",
        "block_n",
        "block_k",
        "kept",  # 1: rows of A stay in SBUF for all of B
        "whole",  # 1: run every step, also where they repeat
        "tiles",  # 1: a transfer brings one tile, with its rows as descriptors
    )
)
PASSES = 3  # kinds of passes over elements, see `streams`
# The NeuronCores of a worker: how many share a graph, one of them in each of the eight
# precisions of `tables`, and elements a second of a pass.
ENGINES_OF = np.dtype(
    [("cores", "f8"), ("core", NEURON, (8,)), ("pass_rate", "f8", (PASSES,))]
)
# An operator of a step on these: elements that it passes over; bytes that SBUF needs
# room for if its tensors are to stay there, 0 = they are in memory anyway; scratch.
ON_ENGINES = np.dtype(
    [
        ("forward", "f8", (PASSES,)),
        ("backward", "f8", (PASSES,)),
        ("held", "f8"),
        ("turned", "f8"),  # elements of a product's operands that lie the wrong way
        ("spent", "f8", (2, N_ENGINES)),  # s that engines work, forward and backward
        ("way", "i8"),  # 1 backward
        ("state", STATE),
        ("case", GEMM),
        ("work", "f8", WORK),
    ]
)

Neuron: TypeAlias = Any  # a record of dtype NEURON
State: TypeAlias = Any  # a record of dtype STATE
