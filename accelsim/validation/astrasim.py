"""`validate astrasim`: ASTRA-sim's runs beside its own assumptions in closed form.

This file knows the columns of a table of its runs; rows that beat the capacity of their
links are no truth. The naive baseline is the time that the bytes alone take.
"""

from collections import Counter
from pathlib import Path

from accelsim.fabric.astra import HOPS, Flat, seconds
from accelsim.validation import table
from accelsim.validation.contract import Pair, Validation, validation
from accelsim.validation.left_out import BAD_VALUE, LeftOutError
from accelsim.validation.table import Row

REQUIRED = (
    *("topology", "npus", "bw_GiBps", "latency_ns", "collective", "bytes", "time_ns"),
    *("backend", "algorithm", "splits", "endpoint_delay_ns"),
)
UNPHYSICAL = "beats the capacity of its links: no truth"
DIMENSIONS = "several dimensions or chunks under way: not modelled in this mode"
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
    if row["topology"] not in HOPS or row["splits"] != "1":
        raise LeftOutError(DIMENSIONS)
    kind, algorithm = row["collective"], row["algorithm"]
    net, size, measured = _numbers(row)
    if kind not in KINDS:
        raise LeftOutError(BAD_VALUE)
    time = seconds(net, kind, algorithm, size)
    if time is None:
        raise LeftOutError(NO_ALGORITHM)
    twice = 2.0 if kind == "all_reduce" else 1.0
    return Pair(
        id=f"{net.topology} {net.ranks} {kind} {algorithm} {size:.0f}:{number}",
        source="astra-sim",
        chip=net.topology,
        subset=row["backend"],
        measured=measured,
        predicted=time,
        naive=twice * size * (net.ranks - 1) / net.ranks / net.bandwidth,
        also=(("collective", kind), ("algorithm", algorithm)),
    )


def _numbers(row: Row) -> tuple[Flat, float, float]:
    """Return the network, the bytes and the time [s] of a run."""
    try:
        ranks = table.count(row, "npus")
        found = [
            table.number(row, name)
            for name in ("latency_ns", "endpoint_delay_ns", "bw_GiBps", "bytes")
        ]
        measured = table.number(row, "time_ns")
    except ValueError:
        raise LeftOutError(BAD_VALUE) from None
    latency, endpoint, rate, size = (value or 0.0 for value in found)
    if ranks is None or ranks < 2 or not rate or not size or measured is None:
        raise LeftOutError(BAD_VALUE)
    net = Flat(
        topology=row["topology"],
        ranks=ranks,
        latency=latency * 1e-9,
        endpoint=endpoint * 1e-9,
        bandwidth=rate * 2**30,
        aware=row["backend"] == "aware",
    )
    return net, size, measured * 1e-9
