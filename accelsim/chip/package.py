"""One chip that can be asked how long an operator takes: `accelsim.chip(name)`.

This file knows the operators' names and what may be left out of a question; the models
are `gemm`, `attention`, `memory_bound` and `neuron_workers`. A chip is a whole package,
all its workers together; sizes are whole numbers or arrays of them, which broadcast.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from accelsim.chip import memory_bound
from accelsim.chip.attention import Passes, attention
from accelsim.chip.gemm import GemmOptions, Products
from accelsim.chip.kernel_time import KernelTime
from accelsim.chip.neuron_workers import ENGINES, NeuronWorkers
from accelsim.specs.chip import ChipSpec


class Chip:
    """A chip and its operators.

    Every operator returns a `KernelTime`: seconds, the parts that they add up from, and
    what bounds them. A size, type or name that is impossible raises an `InputError`.

    Attributes
    ----------
    spec : ChipSpec
        What the catalog says, changes applied.
    """

    def __init__(self, spec: ChipSpec) -> None:
        self.spec = spec
        self._products = Products(spec)
        self._row = self._products.row
        self._neuron: NeuronWorkers | None = None
        if spec.neuron is not None:
            self._neuron = NeuronWorkers(spec)

    def __repr__(self) -> str:
        return f"<chip {self.name}>"

    @property
    def name(self) -> str:
        """Return the chip's name in the catalog."""
        return self.spec.name

    def gemm(
        self, m: ArrayLike, n: ArrayLike, k: ArrayLike, *, dtype: str = "bf16",
        layout: str = "tn", batch: ArrayLike = 1, accumulate: bool = False,
        grouped: bool = False, apart: bool = False, scaling: str = "none",
        weight_sets: float = math.inf, repeats: float = math.inf, hot: bool = True,
    ) -> KernelTime:  # fmt: skip
        """Return the time of `batch` products m x k times k x n.

        Parameters
        ----------
        dtype : str
            Precision of the factors, such as bf16, fp8 or nvfp4.
        layout : str
            Of forward ("tn"), input gradient ("nn") and weight gradient ("nt").
        accumulate : bool
            Whether the output is added to what is there, in fp32.
        grouped, apart : bool
            Whether the batch holds products of different experts, and whether each of
            these has a kernel of its own.
        scaling : str
            What narrows 16-bit activations in front of the product: "none", "tensor",
            "block" or "nvfp4".
        weight_sets, repeats : float
            Right factors used in turn, and products one after the other. By default
            both are endless, as in training: weights always come from memory, and the
            clock has settled under the power cap.
        hot : bool
            Whether the chip has been at work for minutes.
        """
        how = GemmOptions(
            dtype, layout, accumulate, grouped, apart, scaling, weight_sets, repeats,
            hot,
        )  # fmt: skip
        if self._neuron is not None:
            return self._neuron.gemm(m, n, k, batch, how)
        return self._products.time(m, n, k, batch, how)

    def attention(
        self, batch: ArrayLike, heads: ArrayLike, seq_q: ArrayLike, head_dim: ArrayLike,
        *, kv_heads: ArrayLike | None = None, seq_kv: ArrayLike | None = None,
        v_dim: ArrayLike | None = None, causal: ArrayLike = True, window: ArrayLike = 0,
        dtype: str = "bf16", passes: Passes = "forward", kernel: str | None = None,
        steady: bool = True,
    ) -> KernelTime:  # fmt: skip
        """Return the time of fused attention.

        Parameters
        ----------
        batch, heads, seq_q, head_dim : int
            Sequences, heads of the queries, their tokens and the size of a head.
        kv_heads, seq_kv, v_dim : int, optional
            Heads that query heads share, keys, and the size of a head's values, where
            they are others: the queries are the last of the keys.
        causal, window : bool, int
            Whether a query sees no later key; how many it sees, 0 for all.
        passes : str
            "forward", "backward" or "both".
        kernel : str, optional
            One of the chip's fused kernels; the one of its library if not given.
        steady : bool
            Whether the clock has settled under the power cap, as in training.
        """
        kv_heads = heads if kv_heads is None else kv_heads
        seq_kv = seq_q if seq_kv is None else seq_kv
        v_dim = head_dim if v_dim is None else v_dim
        engines = passes == "forward" and kernel is None and isinstance(causal, bool)
        if self._neuron is not None and engines and np.array_equal(v_dim, head_dim):
            return self._neuron.attention(
                batch, heads, seq_q, head_dim, kv_heads=kv_heads, keys=seq_kv,
                causal=bool(causal), window=window, dtype=dtype,
            )  # fmt: skip
        found = attention(
            self.spec, batch, heads, seq_q, head_dim, kv_heads=kv_heads, seq_kv=seq_kv,
            v_dim=v_dim, causal=causal, window=window, dtype=dtype, passes=passes,
            kernel=kernel, steady=steady,
        )  # fmt: skip
        return found.kernel_time(float(self._row.memory_bandwidth))

    def stream(self, size: ArrayLike, kernels: int = 1) -> KernelTime:
        """Return the time of kernels that only move `size` bytes of memory [B]."""
        return memory_bound.stream(self._row, 1.0, kernels, size=size)

    def rmsnorm(
        self, rows: ArrayLike, columns: ArrayLike, dtype: str = "bf16", *,
        backward: bool = False,
    ) -> KernelTime:  # fmt: skip
        """Return the time of an RMS norm over rows."""
        return self._rows("rmsnorm", dtype, rows, columns, backward=backward)

    def layernorm(
        self, rows: ArrayLike, columns: ArrayLike, dtype: str = "bf16", *,
        backward: bool = False,
    ) -> KernelTime:  # fmt: skip
        """Return the time of a layer norm over rows."""
        return self._rows("layernorm", dtype, rows, columns, backward=backward)

    def softmax(
        self, rows: ArrayLike, columns: ArrayLike, dtype: str = "bf16", *,
        backward: bool = False,
    ) -> KernelTime:  # fmt: skip
        """Return the time of a softmax over rows."""
        return self._rows("softmax", dtype, rows, columns, backward=backward)

    def residual(
        self, rows: ArrayLike, columns: ArrayLike, dtype: str = "bf16", *,
        backward: bool = False,
    ) -> KernelTime:  # fmt: skip
        """Return the time of adding a block's input to its output."""
        return self._rows("residual", dtype, rows, columns, backward=backward)

    def dropout(
        self, rows: ArrayLike, columns: ArrayLike, dtype: str = "bf16", *,
        backward: bool = False,
    ) -> KernelTime:  # fmt: skip
        """Return the time of a dropout that keeps a mask of one byte an element."""
        return self._rows("dropout", dtype, rows, columns, backward=backward)

    def rotary(
        self, tokens: ArrayLike, width: ArrayLike, dtype: str = "bf16", *,
        backward: bool = False,
    ) -> KernelTime:  # fmt: skip
        """Return the time of turning the queries and keys of `width` in all."""
        return self._rows("rotary", dtype, tokens, width, backward=backward)

    def swiglu(
        self, tokens: ArrayLike, width: ArrayLike, dtype: str = "bf16", *,
        backward: bool = False,
    ) -> KernelTime:  # fmt: skip
        """Return the time of a gated activation whose output has `width` columns."""
        return self._rows("swiglu", dtype, tokens, width, backward=backward)

    def gelu(
        self, tokens: ArrayLike, width: ArrayLike, dtype: str = "bf16", *,
        backward: bool = False,
    ) -> KernelTime:  # fmt: skip
        """Return the time of an activation function of one input."""
        return self._rows("gelu", dtype, tokens, width, backward=backward)

    def embedding(
        self, tokens: ArrayLike, hidden: ArrayLike, dtype: str = "bf16", *,
        backward: bool = False,
    ) -> KernelTime:  # fmt: skip
        """Return the time of looking tokens up, or of adding into the table."""
        return self._rows("embedding", dtype, tokens, hidden, backward=backward)

    def permutation(
        self, tokens: ArrayLike, hidden: ArrayLike, dtype: str = "bf16", *,
        backward: bool = False,
    ) -> KernelTime:  # fmt: skip
        """Return the time of sorting tokens by expert, and back again."""
        return self._rows("permutation", dtype, tokens, hidden, backward=backward)

    def cross_entropy(
        self, tokens: ArrayLike, vocabulary: ArrayLike, *, backward: bool = False
    ) -> KernelTime:
        """Return the time of a fused loss over 16-bit logits."""
        return self._rows(
            "cross_entropy", "bf16", tokens, vocabulary, backward=backward
        )

    def adam(
        self, parameters: ArrayLike, *, gradient: float = 4, state: float = 12,
        weight: float = 2,
    ) -> KernelTime:  # fmt: skip
        """Return the time of a fused Adam, by the bytes that a parameter has.

        Parameters
        ----------
        gradient, state, weight : float
            Bytes of the gradient, of master weight and moments, and of the weight.
        """
        each = memory_bound.adam_bytes(gradient, state, weight)
        if self._neuron is not None:
            return self._neuron.adam(parameters, each)
        return memory_bound.stream(self._row, each, 1, parameters=parameters)

    def _rows(
        self, name: str, dtype: str, rows: Any, columns: Any, *, backward: bool
    ) -> KernelTime:
        each = memory_bound.operator_bytes(name, dtype, backward=backward)
        if self._neuron is not None and name in ENGINES and not backward:
            return self._neuron.over_rows(name, rows, columns, dtype, each)
        kernels = memory_bound.STREAMS[name].kernels
        return memory_bound.stream(self._row, each, kernels, rows=rows, columns=columns)
