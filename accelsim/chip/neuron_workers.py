"""A whole Neuron chip: operators shared out evenly over its workers.

This file knows how work is cut so that no worker waits for another: products along the
longer side of the output, attention by heads, the rest by rows. What a worker takes is
the answer of `neuron`; here it becomes a `KernelTime`.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.chip.gemm import (
    DTYPES,
    GemmOptions,
    flops_of,
    precision_code,
    size_of,
    sized,
    sizes,
    template,
)
from accelsim.chip.kernel_time import KernelTime, told
from accelsim.chip.neuron import NeuronCore, NeuronKernel
from accelsim.errors import InputError
from accelsim.kernels import tables
from accelsim.kernels.tables import Rows
from accelsim.specs.chip import ChipSpec

Floats = NDArray[np.float64]
BYTES = 2.0  # of an element of queries, keys, values and outputs


class NeuronWorkers:
    """The workers of a Neuron chip, each one or two NeuronCores."""

    def __init__(self, spec: ChipSpec) -> None:
        self.spec = spec
        self.count = spec.workers_per_chip
        self.core = NeuronCore(spec, min(2, spec.matrix.units // self.count))

    def gemm(
        self, m: ArrayLike, n: ArrayLike, k: ArrayLike, batch: ArrayLike,
        how: GemmOptions,
    ) -> KernelTime:  # fmt: skip
        """Return the time of `batch` products; sizes broadcast.

        Products are cut so that every worker has as many parts as any other. What is
        added to the output passes through VectorE in fp32. The clock does not follow
        the load: repeats and heat change nothing.

        Raises
        ------
        InputError
            For a size or name that is not known, or activations that are to be narrowed
            in front.
        """
        made = template(self.spec, how)
        if how.scaling != "none":
            raise InputError(
                f"scaling: {how.scaling!r} is not known for {self.spec.name}; give none"
            )
        shape, given = sizes(m=m, n=n, k=k, batch=batch)
        rows = sized(made, int(np.prod(shape)), given)
        dtype = DTYPES[how.dtype]
        alike = np.gcd(_whole(rows["batch"]), self.count)
        parts, rounds = self.count / alike, rows["batch"] / alike
        tall = rows["m"] >= rows["n"]
        mine_m = _whole(np.where(tall, rows["m"] / parts, rows["m"]))
        mine_n = _whole(np.where(tall, rows["n"], rows["n"] / parts))
        found = self._parts(
            self.core.gemm(mine_m, mine_n, _whole(rows["k"]), dtype), rounds
        )
        if how.accumulate:
            added = self.core.elementwise(mine_m, mine_n, "fp32")
            more = self._parts(added, rounds)
            for name in tables.KERNEL_PARTS[:-1]:  # in the same kernel
                found[name] += more[name]
                found["time"] += more[name]
        peak = float(self.spec.matrix.peak[dtype])  # type: ignore[index]
        return told(found, shape, flops_of(rows), size_of(rows), peak)

    def attention(
        self, batch: ArrayLike, heads: ArrayLike, queries: ArrayLike, head: ArrayLike,
        *, kv_heads: ArrayLike, keys: ArrayLike, causal: bool, window: ArrayLike,
        dtype: str,
    ) -> KernelTime:  # fmt: skip
        """Return the forward time of fused attention; the queries are the last keys."""
        precision_code(self.spec, dtype)
        kind = DTYPES[dtype]
        shape, given = sizes(
            batch=batch, heads=heads, queries=queries, head=head, kv_heads=kv_heads,
            keys=keys,
        )  # fmt: skip
        size = int(np.prod(shape))
        s = {name: np.broadcast_to(value, size) for name, value in given.items()}
        look = np.broadcast_to(np.asarray(window), shape).reshape(size)
        mine = np.ceil(s["batch"] * s["heads"] / self.count)
        found = np.zeros(size, tables.KERNEL)
        flops = np.zeros(size)
        # a prefix and a window are one each for all the calls of a question
        prior = s["keys"] - s["queries"] if causal else np.zeros(size)
        for before, sees in {*zip(prior, look, strict=True)}:
            where = (prior == before) & (look == sees)
            kernel = self.core.attention(
                _whole(s["queries"][where]), _whole((s["keys"] - prior)[where]),
                _whole(s["head"][where]), _whole(mine[where]), kind,
                causal=causal, window=int(sees), prior=int(before),
            )  # fmt: skip
            found[where] = self._parts(kernel, np.ones(int(where.sum())))
            flops[where] = kernel.flops
        flops *= s["batch"] * s["heads"] / mine
        rows = s["heads"] * s["queries"] + s["kv_heads"] * s["keys"]
        moved = 2.0 * BYTES * s["batch"] * rows * s["head"]
        peak = float(self.spec.matrix.peak[kind])  # type: ignore[index]
        return told(found, shape, flops, moved, peak)

    def over_rows(
        self, name: str, rows: ArrayLike, columns: ArrayLike, dtype: str, each: float
    ) -> KernelTime:
        """Return the time of an operator of the engines; `each` B move an element."""
        shape, given = sizes(rows=rows, columns=columns)
        size = int(np.prod(shape))
        lines, across = (np.broadcast_to(given[n], size) for n in ("rows", "columns"))
        mine, wide = _whole(lines / self.count), _whole(across)
        kind = tables.PRECISIONS[precision_code(self.spec, dtype)]
        core = self.core
        asked = {
            "rmsnorm": lambda: core.rmsnorm(mine, wide, kind),
            "softmax": lambda: core.softmax(mine, wide, kind),
            "residual": lambda: core.elementwise(mine, wide, kind),
            "gelu": lambda: core.elementwise(
                mine, wide, kind, inputs=1, activation=True
            ),
            "swiglu": lambda: core.elementwise(mine, wide, kind, activation=True),
        }
        found = self._parts(asked[name](), np.ones(size))
        moved = each * lines * across
        return told(found, shape, np.zeros(size), moved, float(self.spec.vector.peak))

    def adam(self, parameters: ArrayLike, each: float) -> KernelTime:
        """Return the time of Adam's update; `each` B move a parameter."""
        shape, given = sizes(parameters=parameters)
        count = np.broadcast_to(given["parameters"], int(np.prod(shape)))
        kernel = self.core.optimizer(_whole(count / self.count))
        found = self._parts(kernel, np.ones(count.size))
        flops, peak = np.zeros(count.size), float(self.spec.vector.peak)
        return told(found, shape, flops, each * count, peak)

    def _parts(self, kernel: NeuronKernel, rounds: Floats) -> Rows:
        """Return KERNEL rows of a kernel that goes its rounds after one launch.

        TensorE counts as a whole, and of the other engines and the DMA queues what they
        take longer than those before; the rest is waiting for each other.
        """
        busy = np.broadcast_to(kernel.tensor, rounds.shape)
        found = np.zeros(rounds.size, tables.KERNEL)
        found["matrix"] = rounds * busy
        longest = busy
        engines = np.maximum(np.maximum(kernel.vector, kernel.scalar), kernel.gpsimd)
        for name, times in (("vector", engines), ("memory", kernel.dma)):
            longer = np.maximum(longest, times)
            found[name] = rounds * (longer - longest)
            longest = longer
        working = kernel.time - kernel.launch
        found["overhead"] = rounds * (working - longest)
        found["launch"] = kernel.launch
        found["time"] = rounds * working + kernel.launch
        found["clock"] = 1.0
        return found


def _whole(count: Any) -> NDArray[np.int64]:
    return np.asarray(np.ceil(count), np.int64)


ENGINES = ("rmsnorm", "softmax", "residual", "gelu", "swiglu")
"""The operators over rows that `NeuronWorkers.over_rows` knows."""
