"""A NeuronCore, or two that share a kernel: what an operator takes, and why.

This file knows the operators and checks what it is asked. Costs are those of
`kernels.neuron`; figures those of the chip file; kernels those of the Neuron
libraries.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.chip import neuron_cases as build
from accelsim.chip.neuron_lower import engines, lower, peak
from accelsim.errors import InputError, nearest
from accelsim.kernels import neuron_run, neuron_tables
from accelsim.kernels.tables import ELEMENT_BYTES, PRECISIONS, Rows
from accelsim.specs.chip import ChipSpec

Seconds = float | NDArray[np.float64]
Norm = Literal["none", "rms", "layer"]
NORMS: tuple[Norm, ...] = get_args(Norm)
LARGEST = 2**31 - 1  # of a size
PARTS = (*neuron_tables.ENGINES, "launch")
MANY = 96  # tokens from which an MLP is a kernel of blocks of tokens
MOST_SCORES = 2.0**44  # of a call of attention: seconds


@dataclass(frozen=True, slots=True)
class NeuronKernel:
    """What a kernel takes: numbers, or arrays in the shape that was asked.

    Attributes
    ----------
    time : float
        From launch to end [s].
    tensor, vector, scalar, gpsimd, dma, launch : float
        How long each engine of the slower core works [s], and the launch. They
        overlap: none is longer than the time, their sum may be.
    flops : float
        Of the operator [FLOP].
    peak : float
        Of the cores in use [FLOP/s].
    """

    time: Seconds
    tensor: Seconds
    vector: Seconds
    scalar: Seconds
    gpsimd: Seconds
    dma: Seconds
    launch: Seconds
    flops: Seconds
    peak: float

    @property
    def utilisation(self) -> Seconds:
        """Return the share of the cores' peak rate over the whole time."""
        share: Seconds = _plain(np.asarray(self.flops) / (self.time * self.peak))
        return share

    @property
    def bound_by(self) -> Any:
        """Return the name of what works longest: an engine, or the launch."""
        parts = np.stack([np.asarray(getattr(self, name)) for name in PARTS])
        names = np.array(PARTS)[np.argmax(parts, axis=0)]
        return str(names) if names.ndim == 0 else names


@dataclass(frozen=True, slots=True)
class NeuronCore:
    """One NeuronCore of a chip, or the two that share a kernel (LNC=2).

    Attributes
    ----------
    spec : ChipSpec
        A chip with a `[neuron]` table.
    cores : int
        1 or 2.
    alone : bool
        Whether the neighbouring core leaves the memory of both to this one.
    """

    spec: ChipSpec
    cores: int = 1
    alone: bool = False

    def __post_init__(self) -> None:
        engines(self.spec)
        if self.cores not in (1, 2):
            raise InputError(f"cores: {self.cores!r} is not allowed; give 1 or 2")
        if self.alone and self.cores == 2:
            raise InputError("alone: a pair of cores shares its memory; give one core")

    def chip(self, dtype: str = "bf16", sparsity: float = 1.0) -> Rows:
        """Return the NEURON row that kernels take."""
        return lower(self.spec, dtype, self.cores, alone=self.alone, sparsity=sparsity)

    def gemm(
        self, m: ArrayLike, n: ArrayLike, k: ArrayLike, dtype: str = "bf16", *,
        sparsity: float = 1.0, blocks: Sequence[int] | None = None,
        kept: bool = False, by_tile: bool = False,
    ) -> NeuronKernel:  # fmt: skip
        """Return what (m x k) by (k x n) products take; m, n, k broadcast.

        Parameters
        ----------
        sparsity : float
            Gain of structured sparsity of one operand, up to the chip's.
        blocks : (m, n, k) or None
            Of a step; None for those that SBUF has room for.
        kept : bool
            Whether rows of A stay in SBUF for all of B.
        by_tile : bool
            Whether a transfer brings one tile of an operand, not a block.

        Raises
        ------
        InputError
            A size, type or blocking is impossible on the chip.
        """
        chips = self.chip(dtype, sparsity)
        sizes, shape = _sizes(m=m, n=n, k=k)
        names = ("block_m", "block_n", "block_k")
        steps = dict(zip(names, _blocks(blocks), strict=True))
        cases = build.gemm_cases(
            sizes, chips[0], self.cores, element=_bytes(dtype),
            out=4.0 if dtype == "fp32" else 2.0, kept=kept, tiles=by_tile, **steps,
        )  # fmt: skip
        found = solve(neuron_run.fill_gemm, chips, [cases])
        flops = 2.0 * sizes["m"] * sizes["n"] * sizes["k"]
        rate = peak(chips[0], self.cores)
        return told(found, chips, flops, rate, shape)

    def mlp(
        self, tokens: ArrayLike, hidden: ArrayLike, inner: ArrayLike,
        dtype: str = "bf16", *, gated: bool = True, norm: Norm = "none",
        scaled: bool = True, fused_add: bool = False, store_add: bool = False,
        bias: bool = False,
    ) -> NeuronKernel:  # fmt: skip
        """Return what up, gate and down projections in one kernel take.

        Fewer than 96 tokens stream the weights past them; more go in blocks, each with
        all of the weights.

        Parameters
        ----------
        scaled : bool
            Whether the norm has a weight.
        fused_add, store_add : bool
            Whether a residual is added before, and whether the sum is stored.
        bias : bool
            Whether every projection adds a vector.
        """
        chips = self.chip(dtype)
        sizes, shape = _sizes(tokens=tokens, hidden=hidden, inner=inner)
        _known_norm(norm)
        shared = {"gated": gated, "norm": NORMS.index(norm), "element": _bytes(dtype)}
        shared["fused_add"] = fused_add
        many = {"scaled": scaled and norm != "none", "store_add": store_add}
        many |= dict.fromkeys(("gate_bias", "up_bias", "down_bias"), bias)
        found = build.table(neuron_tables.ANSWER, sizes["tokens"].size)
        where = sizes["tokens"] >= MANY
        part = {name: size[where] for name, size in sizes.items()}
        cases = build.mlp_cases(part, self.cores, **shared, **many)
        found[where] = solve(neuron_run.fill_mlp, chips, [cases])
        part = {name: size[~where] for name, size in sizes.items()}
        cases = build.decode_cases(part, self.cores, mlp=1.0, bias=bias, **shared)
        found[~where] = solve(neuron_run.fill_decode, chips, [cases])
        each = 6.0 if gated else 4.0
        flops = each * sizes["tokens"] * sizes["hidden"] * sizes["inner"]
        return told(found, chips, flops, peak(chips[0], self.cores), shape)

    def projection(
        self, tokens: ArrayLike, hidden: ArrayLike, out: ArrayLike,
        dtype: str = "bf16", *, norm: Norm = "none", added: int = 0,
    ) -> NeuronKernel:  # fmt: skip
        """Return what queries, keys and values of few tokens take, with their norm.

        Parameters
        ----------
        out : int
            Columns of the fused weight.
        added : int
            Tensors that are added to the tokens before.
        """
        chips = self.chip(dtype)
        sizes, shape = _sizes(tokens=tokens, hidden=hidden, inner=out)
        _known_norm(norm)
        cases = build.decode_cases(
            sizes, self.cores, norm=NORMS.index(norm), fused_add=float(added),
            element=_bytes(dtype),
        )  # fmt: skip
        found = solve(neuron_run.fill_decode, chips, [cases])
        flops = 2.0 * sizes["tokens"] * sizes["hidden"] * sizes["inner"]
        return told(found, chips, flops, peak(chips[0], self.cores), shape)

    def attention(
        self, queries: ArrayLike, keys: ArrayLike, head: ArrayLike,
        heads: ArrayLike = 1, dtype: str = "bf16", *, causal: bool = True,
        window: int = 0, prior: int = 0, sink: bool = False, out_columns: bool = True,
        query_rows: bool = False, key_rows: bool = False,
    ) -> NeuronKernel:  # fmt: skip
        """Return what fused attention over prompts takes.

        Grouped queries take as long as others: every head loads its keys.

        Parameters
        ----------
        head : int
            Its size.
        heads : int
            Of all sequences together.
        window : int
            Keys that a query looks back on; 0 for all. Causal only.
        prior : int
            Keys of a prefix before the first query, all of which are looked at.
        out_columns, query_rows, key_rows : bool
            Layouts: whether the result is stored a column a token, and whether queries
            and keys are stored a row a token.
        """
        chips = self.chip()
        sizes, shape = _sizes(queries=queries, keys=keys, head=head, heads=heads)
        if np.max(sizes["head"], initial=1) > self.spec.matrix.rows:
            raise InputError(f"head: at most {self.spec.matrix.rows}, the array's rows")
        if window < 0 or prior < 0 or (window and not causal):
            raise InputError("window, prior: 0 or more; a window is causal")
        scores = sizes["queries"] * (sizes["keys"] + float(prior))
        if np.max(scores, initial=0.0) > MOST_SCORES:
            raise InputError("queries, keys: more than 2^44 scores of a head")
        cases = build.attention_cases(
            sizes, self.cores, float(self.spec.matrix.columns), causal=causal,
            window=window, prior=prior, sink=sink, out_columns=out_columns,
            query_rows=query_rows, key_rows=key_rows, element=_bytes(dtype),
        )  # fmt: skip
        found = solve(neuron_run.fill_attention, chips, cases)
        share = 0.5 if causal else 1.0
        looked = sizes["queries"] * (share * sizes["keys"] + prior)
        if window:
            looked = np.minimum(looked, sizes["queries"] * float(window))
        flops = 4.0 * looked * sizes["head"] * sizes["heads"]
        return told(found, chips, flops, peak(chips[0], self.cores), shape)

    def rmsnorm(
        self, rows: ArrayLike, columns: ArrayLike, dtype: str = "bf16", *,
        quantise: bool = False, norm: bool = True,
    ) -> NeuronKernel:  # fmt: skip
        """Return what an RMS norm takes, and 8-bit quantisation by row if asked."""
        passes = {"scalar": float(norm), "gain": float(norm), "serial": 1.0}
        passes |= {"vector_fast": 0.0 if norm else 1.0}
        if quantise:
            passes |= {"vector": 1.0, "vector_fast": 1.0, "serial": 3.0 + norm}
        stores = 1.0 if quantise else _bytes(dtype)
        return self._over_rows(rows, columns, dtype, stores=stores, **passes)

    def softmax(
        self, rows: ArrayLike, columns: ArrayLike, dtype: str = "bf16"
    ) -> NeuronKernel:
        """Return what a softmax over rows takes: maximum, exponential, scaling."""
        passes = {"vector": 1.0, "vector_fast": 1.0, "scalar": 1.0, "serial": 2.0}
        return self._over_rows(rows, columns, dtype, **passes)

    def elementwise(
        self, rows: ArrayLike, columns: ArrayLike, dtype: str = "bf16", *,
        inputs: int = 2, activation: bool = False,
    ) -> NeuronKernel:  # fmt: skip
        """Return what an elementwise operator of one or more inputs takes."""
        wide = 2.0 / float(engines(self.spec).vector.pair_mode)
        slow = (inputs - 1) * (wide if _bytes(dtype) <= 2.0 else 2.0)
        passes = {"vector": float(np.ceil(slow)), "scalar": float(activation)}
        if inputs == 1 and not activation:
            passes["vector_fast"] = 1.0
        return self._over_rows(rows, columns, dtype, loads=float(inputs), **passes)

    def transpose(
        self, rows: ArrayLike, columns: ArrayLike, dtype: str = "bf16"
    ) -> NeuronKernel:
        """Return what a transpose through TensorE takes."""
        return self._over_rows(rows, columns, dtype, turned=1.0)

    def optimizer(self, parameters: ArrayLike) -> NeuronKernel:
        """Return what an Adam update of fp32 master weights takes.

        Weights, both moments and a gradient are loaded, the first three stored and a
        bf16 copy; eight passes of VectorE, one root of ScalarE.
        """
        columns = 2048
        sizes, _ = _sizes(parameters=parameters)
        rows = -(-sizes["parameters"].astype(np.int64) // columns)
        rows = rows.reshape(np.shape(parameters))
        passes = {"vector": 8.0, "scalar": 1.0, "stores": 14.0}
        return self._over_rows(rows, columns, "fp32", loads=4.0, **passes)

    def _over_rows(
        self, rows: ArrayLike, columns: ArrayLike, dtype: str, **passes: float
    ) -> NeuronKernel:
        chips = self.chip(dtype)
        sizes, shape = _sizes(rows=rows, columns=columns)
        each = {"loads": 1.0, "element": _bytes(dtype), "stores": _bytes(dtype)}
        cases = build.rows_cases(
            sizes["rows"], self.cores, columns=sizes["columns"], **(each | passes)
        )
        found = solve(neuron_run.fill_rows, chips, [cases])
        flops = np.zeros(sizes["rows"].size)
        return told(found, chips, flops, peak(chips[0], self.cores), shape)


def solve(
    fill: Callable[[Rows, Rows, Rows, Rows], None], chips: Rows, cases: Sequence[Rows]
) -> Rows:
    """Return the answers of the slower core, a row for each row of its cases."""
    state = build.table(neuron_tables.STATE, 1)
    found = []
    for mine in cases:
        answers = build.table(neuron_tables.ANSWER, len(mine))
        fill(chips, state, mine, answers)
        found.append(answers)
    if len(found) == 1:
        return found[0]
    slower = found[1].seconds > found[0].seconds
    found[0][slower] = found[1][slower]
    return found[0]


def told(
    found: Rows, chips: Rows, flops: NDArray[Any], rate: float, shape: tuple[int, ...]
) -> NeuronKernel:
    """Return answers in the shape that was asked."""
    parts = {
        name: _plain(found.busy[:, i].reshape(shape))
        for i, name in enumerate(neuron_tables.ENGINES)
    }
    time = _plain(found.seconds.reshape(shape))
    launch = _plain(np.full(shape, float(chips[0].launch)))
    work = _plain(np.asarray(flops, dtype=np.float64).reshape(shape))
    return NeuronKernel(time=time, launch=launch, flops=work, peak=rate, **parts)


def _bytes(dtype: str) -> float:
    return ELEMENT_BYTES[PRECISIONS.index(dtype)]


def _known_norm(norm: str) -> None:
    if norm not in NORMS:
        raise InputError(f"norm: {norm!r} is unknown; {nearest(str(norm), NORMS)}")


def _blocks(blocks: Sequence[int] | None) -> Sequence[float]:
    if blocks is None:
        return (0.0, 0.0, 0.0)
    if len(blocks) != 3 or min(blocks) < 1:
        raise InputError(f"blocks: {blocks!r} is not allowed; give m, n and k, above 0")
    return [float(size) for size in blocks]


def _sizes(**given: ArrayLike) -> tuple[dict[str, NDArray[Any]], tuple[int, ...]]:
    """Return whole numbers above zero, broadcast and in one row, and their shape."""
    checked = []
    for name, value in given.items():
        size = np.asarray(value)
        if size.dtype.kind not in "iu":
            raise InputError(f"{name}: {value!r} is no whole number, or array of them")
        if size.size and (size.min() < 1 or size.max() > LARGEST):
            raise InputError(f"{name}: sizes go from 1 to {LARGEST}")
        checked.append(size)
    whole = np.broadcast_arrays(*checked)
    made = {
        name: np.ravel(size).astype(np.float64)
        for name, size in zip(given, whole, strict=True)
    }
    return made, whole[0].shape


def _plain(values: Any) -> Any:
    """Return a Python number for an array without dimensions, else the array."""
    return values.item() if np.ndim(values) == 0 else values
