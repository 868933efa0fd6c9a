"""`validate moe`: dispatch and combine of experts beside measured kernels.

This file knows the columns of a table of TensorRT-LLM's all-to-all kernels. The naive
baseline is one start and one rate for each kernel, fitted to the rows that are scored.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accelsim.fabric.collective import System, system
from accelsim.fabric.experts import copies, exchange_seconds
from accelsim.validation import table
from accelsim.validation.chips import chip_named
from accelsim.validation.collectives import line
from accelsim.validation.contract import Pair, Validation, validation
from accelsim.validation.left_out import BAD_VALUE, NO_SYSTEM, PRECISION, LeftOutError
from accelsim.validation.table import Row

REQUIRED = (
    *("device", "op_name", "kernel_source", "moe_dtype", "num_tokens", "hidden_size"),
    *("topk", "num_experts", "moe_ep_size", "latency_us"),
)
# Bytes of an element on the wire; nvfp4 has a scale of one byte for each 16.
ELEMENT = {"bfloat16": 2.0, "fp8": 1.0, "nvfp4": 0.5625}
# What combine sends is bfloat16 whatever came in; low precision narrows it to nvfp4.
COMBINED = {"combine": 2.0, "combine_one_sided": 2.0, "combine_low_precision": 0.5625}
SYSTEMS = {
    "gb200": "gb200-nvl72",
    "gb300": "gb300-nvl72",
    "b200": "dgx-b200",
    "b300": "dgx-b300",
    "h100-sxm": "dgx-h100",
    "h200": "dgx-h200",
}
NO_EXCHANGE = "kernel is not modelled"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One measured kernel; `crossing` are the bytes of a rank that cross its port."""

    id: str
    chip: str
    kernel: str
    dtype: str
    ranks: int
    crossing: float
    seconds: float
    predicted: float


def validate_moe(path: Path | str) -> Validation:
    """Return how far our dispatch and combine are from those of a table.

    Raises
    ------
    InputError
        The file is no such table.
    """
    left_out: Counter[str] = Counter()
    rows: list[Exchange] = []
    for number, row in enumerate(table.read(Path(path), REQUIRED), start=1):
        try:
            rows.append(_exchange(number, row))
        except LeftOutError as reason:
            left_out[str(reason)] += 1
    naive = _naive(rows)
    pairs = [
        Pair(
            id=row.id,
            source="ai-dynamo/aiconfigurator",
            chip=row.chip,
            subset=row.kernel,
            measured=row.seconds,
            predicted=row.predicted,
            naive=base,
            also=(("dtype", row.dtype), ("ranks", f"{row.ranks}")),
        )
        for row, base in zip(rows, naive, strict=True)
    ]
    details = [
        {
            "id": pair.id,
            "measured_s": pair.measured,
            "predicted_s": pair.predicted,
            "naive_s": pair.naive,
            "error": pair.predicted / pair.measured - 1.0,
        }
        for pair in pairs
    ]
    return validation("moe", str(path), pairs, left_out, details=details)


def _exchange(number: int, row: Row) -> Exchange:
    names = ("num_tokens", "hidden_size", "topk", "num_experts", "moe_ep_size")
    try:
        counts = [table.count(row, name) for name in names]
        microseconds = table.number(row, "latency_us")
    except ValueError:
        raise LeftOutError(BAD_VALUE) from None
    tokens, hidden, top_k, experts, ranks = (value or 0 for value in counts)
    if microseconds is None or 0 in (tokens, hidden, top_k, experts) or ranks < 2:
        raise LeftOutError(BAD_VALUE)
    kernel = row["op_name"].removeprefix("alltoall_")
    if row["kernel_source"] == "NVLinkOneSided":
        kernel = f"{kernel}_one_sided"
    dtype = row["moe_dtype"]
    if dtype not in ELEMENT:
        raise LeftOutError(PRECISION)
    on = _system(row["device"])
    token_bytes = hidden * COMBINED.get(kernel, ELEMENT[dtype])
    remote = float(copies(experts, top_k, ranks))
    return Exchange(
        id=f"{kernel}:{dtype}:ep{ranks}:{tokens}:{number}",
        chip=on.chip.name,
        kernel=kernel,
        dtype=dtype,
        ranks=ranks,
        crossing=tokens * token_bytes * remote,
        seconds=microseconds * 1e-6,
        predicted=_predicted(on, kernel, tokens, token_bytes, remote),
    )


def _predicted(
    on: System, kernel: str, tokens: int, token_bytes: float, remote: float
) -> float:
    from accelsim.errors import InputError
    from accelsim.link.port import port

    tier = next(iter(on.spec.tiers.values()))
    rate = sum(tier.links_per_chip) * port(on.links[tier.link]).bandwidth
    try:
        time = exchange_seconds(
            kernel, tokens=tokens, token_bytes=token_bytes, remote=remote, port=rate
        )
    except InputError:
        raise LeftOutError(NO_EXCHANGE) from None
    return float(time)


def _system(device: str) -> System:
    name = SYSTEMS.get(chip_named(device).name)
    if name is None:
        raise LeftOutError(NO_SYSTEM)
    return system(name)


def _naive(rows: list[Exchange]) -> list[float]:
    groups: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        groups[row.kernel].append(index)
    times = np.zeros(len(rows))
    for members in groups.values():
        crossing = np.array([rows[i].crossing for i in members])
        times[members] = line(crossing, np.array([rows[i].seconds for i in members]))
    return [float(time) for time in times]
