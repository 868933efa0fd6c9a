"""`validate astrasim`: ASTRA-sim's runs beside its own assumptions in closed form.

This file knows the columns of a table of its runs; rows that beat the capacity of their
links are no truth. The naive baseline is the time that the bytes alone take.
"""

from collections import Counter
from pathlib import Path

from accelsim.fabric.astra import HOPS, Flat, chunked, seconds
from accelsim.validation import table
from accelsim.validation.contract import Pair, Validation, validation
from accelsim.validation.left_out import BAD_VALUE, LeftOutError
from accelsim.validation.table import Row

REQUIRED = (
    *("topology", "npus", "bw_GiBps", "latency_ns", "collective", "bytes", "time_ns"),
    *("backend", "algorithm", "dims", "splits", "active_chunks", "endpoint_delay_ns"),
)
UNPHYSICAL = "beats the capacity of its links: no truth"
DIMENSIONS = "topology is not modelled in this mode"
NO_ALGORITHM = "algorithm is not modelled in this mode"
KINDS = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all")


def validate_astrasim(path: Path | str) -> Validation:
    """Return how far the closed forms are from ASTRA-sim's runs.

    Raises
    ------
    InputError
        The file is no such table.
    """
    left_out: Counter[str] = Counter()
    pairs: list[Pair] = []
    for number, row in enumerate(table.read(Path(path), REQUIRED), start=1):
        try:
            pairs.append(_pair(number, row))
        except LeftOutError as reason:
            left_out[str(reason)] += 1
    details = [
        {
            "id": pair.id,
            "measured_s": pair.measured,
            "predicted_s": pair.predicted,
            "error": pair.predicted / pair.measured - 1.0,
        }
        for pair in pairs
    ]
    return validation("astrasim", str(path), pairs, left_out, details=details)


def _pair(number: int, row: Row) -> Pair:
    if "UNPHYSICAL" in row.get("note", ""):
        raise LeftOutError(UNPHYSICAL)
    nets, size, measured = _numbers(row)
    kind, algorithms = row["collective"], row["algorithm"].split("/")
    if kind not in KINDS:
        raise LeftOutError(BAD_VALUE)
    algorithms *= len(nets) if len(algorithms) == 1 else 1
    if len(algorithms) != len(nets):
        raise LeftOutError(BAD_VALUE)
    splits, active = _chunks(row)
    if len(nets) == 1 and splits == 1:
        time = seconds(nets[0], kind, algorithms[0], size)
    else:
        time = chunked(nets, kind, algorithms, size, splits, active)
    if time is None:
        raise LeftOutError(NO_ALGORITHM)
    twice = 2.0 if kind == "all_reduce" else 1.0
    return Pair(
        id=" ".join((row["topology"], row["npus"], kind, row["algorithm"]))
        + f" {size:.0f}:{number}",
        source="astra-sim",
        chip=row["topology"],
        subset=row["backend"],
        measured=measured,
        predicted=time,
        naive=twice * size * _share(nets[0].ranks) / nets[0].bandwidth,
        also=(("collective", kind), ("algorithm", row["algorithm"])),
    )


def _share(ranks: int) -> float:
    return (ranks - 1) / ranks


def _chunks(row: Row) -> tuple[int, int]:
    """Return the chunks of a collective, and those under way at once."""
    try:
        splits = table.count(row, "splits") or 1
        active = table.count(row, "active_chunks") or 1
    except ValueError:
        raise LeftOutError(BAD_VALUE) from None
    return splits, active


def _numbers(row: Row) -> tuple[list[Flat], float, float]:
    """Return the dimensions of the network, the bytes and the time [s] of a run."""
    names = row["topology"].split("x")
    if any(name not in HOPS for name in names):
        raise LeftOutError(DIMENSIONS)
    try:
        total = table.count(row, "npus")
        endpoint = table.number(row, "endpoint_delay_ns") or 0.0
        size, measured = table.number(row, "bytes"), table.number(row, "time_ns")
        extents = [int(text) for text in row["dims"].split("x") if text]
        latencies = [float(text) for text in row["latency_ns"].split("/")]
        rates = [float(text) for text in row["bw_GiBps"].split("/")]
    except ValueError:
        raise LeftOutError(BAD_VALUE) from None
    extents = extents if len(names) > 1 else [total or 0]
    if len({len(names), len(extents), len(latencies), len(rates)}) > 1:
        raise LeftOutError(BAD_VALUE)
    if min(extents) < 2 or min(rates) <= 0.0 or not size or measured is None:
        raise LeftOutError(BAD_VALUE)
    nets = [
        Flat(
            topology=name,
            ranks=extent,
            latency=latency * 1e-9,
            endpoint=endpoint * 1e-9,
            bandwidth=rate * 2**30,
            aware=row["backend"] == "aware",
        )
        for name, extent, latency, rate in zip(
            names, extents, latencies, rates, strict=True
        )
    ]
    return nets, size, measured * 1e-9
