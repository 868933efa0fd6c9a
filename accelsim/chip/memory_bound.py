"""How long a chip takes for operators that only move memory.

This file knows which data each operator is asked about and in what type; how often it
passes over them stands in `kernels.streams`, where the training step reads it too.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from accelsim.chip.gemm import DTYPES, known, sizes
from accelsim.chip.kernel_time import FOUND, KernelTime, told
from accelsim.errors import InputError
from accelsim.kernels import streams, tables
from accelsim.kernels.tables import Record

Pair = tuple[float, float]  # forward, backward
ROWS = np.dtype((np.record, tables.STREAM_SIZE))  # see `kernel_time.FOUND`
MOST_BYTES = 64  # of a parameter


@dataclass(frozen=True, slots=True)
class Stream:
    """What one operator moves of each element, forward and backward.

    Attributes
    ----------
    passes : (float, float)
        Over data of the operator's type.
    bytes : (float, float)
        Beside these, whatever the type.
    kernels : int
        Started, each way.
    """

    passes: Pair = (0.0, 0.0)
    bytes: Pair = (0.0, 0.0)
    kernels: int = 1


def _activation(inputs: int) -> Pair:
    read, written = streams.ACTIVATION_INPUT, streams.ACTIVATION_OUTPUT
    return inputs * read[0] + written[0], inputs * read[1] + written[1]


STREAMS: Mapping[str, Stream] = {
    "rmsnorm": Stream(streams.NORM),
    "layernorm": Stream(streams.NORM),
    "residual": Stream(streams.RESIDUAL),
    "rotary": Stream(streams.ROTARY),
    "swiglu": Stream(_activation(inputs=2)),
    "gelu": Stream(_activation(inputs=1)),
    "softmax": Stream(streams.SOFTMAX),
    "dropout": Stream((2.0, 2.0), (1.0, 1.0)),
    "embedding": Stream(streams.EMBEDDING),
    "permutation": Stream(streams.PERMUTATION, kernels=4),
    "cross_entropy": Stream(bytes=streams.FUSED_LOSS),
}
"""The memory-bound operators by name; sizes are rows and columns of the result, for
`cross_entropy` those of the logits, for `rotary` all heads that it turns."""


def operator_bytes(name: str, dtype: str, *, backward: bool) -> float:
    """Return the bytes that an operator moves for one element.

    Raises
    ------
    InputError
        The operator or the type is not known.
    """
    op = STREAMS[known("operator", name, STREAMS)]
    code = tables.PRECISIONS.index(DTYPES[known("dtype", dtype, DTYPES)])
    return op.passes[backward] * tables.ELEMENT_BYTES[code] + op.bytes[backward]


def adam_bytes(gradient: float, state: float, weight: float) -> float:
    """Return the bytes that a fused Adam moves for one parameter.

    gradient, state, weight : bytes that a parameter has of each; the state is the
    master weight and two moments.

    Raises
    ------
    InputError
        One of them is no number of zero or more.
    """
    given = {"gradient": gradient, "state": state, "weight": weight}
    for name, value in given.items():
        if not 0.0 <= value <= MOST_BYTES:
            raise InputError(f"{name}: {value!r} must be 0 to {MOST_BYTES} bytes")
    return (
        streams.GRADIENT_PASSES * gradient
        + streams.STATE_PASSES * state
        + streams.WEIGHT_PASSES * weight
    )


def stream(row: Record, each: float, kernels: int, **counts: ArrayLike) -> KernelTime:
    """Return the time of kernels that move `each` bytes of the product of the counts.

    row : of CHIP.

    Raises
    ------
    InputError
        For a count that is no whole number above zero.
    """
    shape, given = sizes(**counts)
    asked = np.empty(math.prod(shape), ROWS)
    asked["moved"], asked["kernels"] = each, kernels
    for count in given.values():
        asked["moved"] *= count
    found = np.zeros(len(asked), FOUND)
    streams.fill_streams(row, asked, found)
    flops = np.zeros(len(asked))
    return told(found, shape, flops, asked["moved"], float(row.vector_rate))
