"""`validate attention`: fused attention on a chip beside published measurements.

Two kinds of tables, recognised by their columns: benchmarks of the FlashAttention
papers, and prefill latencies of an inference engine. Kernels that nobody uses any more
(eager PyTorch, FlashAttention-1, the first Triton ones) are shown apart.

The naive baseline is a roofline with two constants: a share of the peak rate and a
share of the memory bandwidth, whose mean error is least on the rows that count. Where
a table measures a call more than once, the mean of the others is told as well: no model
can be nearer than that.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.chip.attention import PASSES, attention
from accelsim.chip.lower import fill_chip
from accelsim.kernels import tables
from accelsim.kernels.attention_operators import add_unfused_attention
from accelsim.kernels.layer_tables import LAYER
from accelsim.kernels.layers import add_operator
from accelsim.kernels.operators import FIRST
from accelsim.kernels.software_tables import SOFTWARE
from accelsim.validation import table
from accelsim.validation.attention_rows import EAGER, Measured, check, reader
from accelsim.validation.contract import Pair, Validation, validation
from accelsim.validation.left_out import OLD_KERNEL, LeftOutError
from accelsim.validation.naive import Floats, best_shares, repeated

APART = (EAGER, "flash1", "triton")  # kernels that are shown, and not scored
REPEATED = "noise floor: calls measured twice"
SHARES = np.geomspace(0.02, 1.0, 60)  # that the roofline's are chosen from
SAMPLE = 0  # seed


def validate_attention(path: Path | str) -> Validation:
    """Return how far our attention times are from a table's.

    Raises
    ------
    InputError
        The file is no such table.
    """
    rows = table.read(Path(path), ("chip", "head_dim"))
    read = reader(path, rows[0])
    left_out: Counter[str] = Counter()
    found: list[Measured] = []
    details: list[dict[str, Any]] = []
    for number, row in enumerate(rows, start=1):
        try:
            found.append(check(read(row)))
        except LeftOutError as error:
            left_out[str(error)] += 1
            details.append({"id": f"row {number}", "left_out": str(error)})
    predicted, bounds = predict(found)
    old = np.array([each.kernel in APART for each in found], dtype=bool)
    naive = _roofline(found, ~old)
    pairs = [_pair(*each) for each in zip(found, predicted, naive, strict=True)]
    left_out.update([OLD_KERNEL] * int(old.sum()))
    details += [
        _detail(pair, bound, OLD_KERNEL if apart else "")
        for pair, bound, apart in zip(pairs, bounds, old, strict=True)
    ]
    apart = [
        replace(pair, subset=f"reported only: {each.kernel}")
        for pair, each, old_one in zip(pairs, found, old, strict=True)
        if old_one
    ]
    scored = [p for p, old_one in zip(pairs, old, strict=True) if not old_one]
    measured = [m for m, old_one in zip(found, old, strict=True) if not old_one]
    apart += repeated(scored, [each.shape for each in measured], REPEATED)
    return validation("attention", str(path), scored, left_out, apart, details)


def _pair(each: Measured, predicted: float, naive: float) -> Pair:
    return Pair(
        id=each.id,
        source=each.source,
        chip=each.chip.name,
        subset=each.subset,
        measured=each.seconds,
        predicted=float(predicted),
        naive=float(naive),
        also=(("kernel", each.kernel), ("dtype", each.types)),
    )


def _detail(pair: Pair, bound: str, left_out: str) -> dict[str, Any]:
    return {
        "id": pair.id,
        "left_out": left_out,
        "chip": pair.chip,
        **dict(pair.also),
        "measured_s": pair.measured,
        "predicted_s": pair.predicted,
        "naive_s": pair.naive,
        "ape": pair.ape,
        "bound": bound,
    }


def predict(found: Sequence[Measured]) -> tuple[Floats, list[str]]:
    """Return the time [s] of every row and what bounds it, kernel by kernel."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, each in enumerate(found):
        groups[each.chip.name, each.kernel, each.passes, each.dtype].append(index)
    seconds = np.zeros(len(found))
    bounds = [""] * len(found)
    for members in groups.values():
        first = found[members[0]]
        if first.kernel == EAGER:
            for index in members:
                seconds[index], bounds[index] = _unfused(found[index]), "memory"
            continue
        answer = attention(
            first.chip,
            passes=first.passes,
            dtype=first.dtype,
            kernel=first.kernel,
            **_columns([found[index] for index in members]),
        )
        seconds[members] = answer.time
        for index, bound in zip(members, np.atleast_1d(answer.bound), strict=True):
            bounds[index] = str(bound)
    return seconds, bounds


def _columns(found: Sequence[Measured]) -> dict[str, Any]:
    sizes = ("batch", "heads", "seq_q", "head_dim", "kv_heads", "seq_kv", "window")
    columns: dict[str, Any] = {
        name: np.array([getattr(each, name) for each in found]) for name in sizes
    }
    return columns | {"causal": np.array([each.causal for each in found])}


def _unfused(each: Measured) -> float:
    """Return the time [s] of attention as products with the scores in memory."""
    chip, model, case, shard, stack, layer = (
        np.zeros(1, dtype).view(np.recarray)[0]
        for dtype in (
            *(tables.CHIP, tables.MODEL, tables.CASE, tables.SHARD),
            *(SOFTWARE, LAYER),
        )
    )
    fill_chip(chip, each.chip, "unfused")
    model.head_dim = model.v_dim = each.head_dim
    case.seq_len, case.activation_bytes = each.seq_q, 2.0
    case.precision = case.wide_precision = tables.BF16
    shard.micro_batch, shard.heads, shard.cp = each.batch, each.heads, 1
    shard.a2a = shard.ring = 1.0
    ops = np.zeros(tables.MAX_OPERATORS, tables.OPERATOR).view(np.recarray)
    for index in range(add_unfused_attention(ops, FIRST, model, case, shard)):
        add_operator(layer, chip, case, stack, ops[index])
    return float(sum(layer[f"{name}_attention"] for name in PASSES[each.passes]))


def _roofline(found: Sequence[Measured], counts: NDArray[np.bool_]) -> Floats:
    """Return a roofline's times [s], its two shares the best for what counts."""
    compute = np.array([_flops(m) / float(_peak(m)) for m in found])
    memory = np.array([_bytes(m) / float(m.chip.hbm.bandwidth) for m in found])
    measured = np.array([each.seconds for each in found])
    of_peak, of_bandwidth = best_shares(
        compute[counts], memory[counts], measured[counts], SHARES, SAMPLE
    )
    times: Floats = np.maximum(compute / of_peak, memory / of_bandwidth)
    return times


def _peak(each: Measured) -> float:
    return float(each.chip.matrix.peak[each.dtype])  # type: ignore[index]


def _flops(each: Measured) -> float:
    keys = each.seq_kv - (0.5 * each.seq_q if each.causal else 0.0)
    products = {"forward": 2.0, "backward": 5.0, "both": 7.0}[each.passes]
    heads = float(each.batch) * each.heads
    return 2.0 * products * heads * each.seq_q * keys * each.head_dim


def _bytes(each: Measured) -> float:
    queries, keys = each.heads * each.seq_q, each.kv_heads * each.seq_kv
    passes = {"forward": 1.0, "backward": 3.0, "both": 4.0}[each.passes]
    return passes * 4.0 * each.batch * each.head_dim * (queries + keys)
