"""`validate collectives`: our collectives beside those that nccl-tests measured.

This file knows how rows are asked of the model, and the naive baseline: a start-up and
a rate for each system and collective, fitted to the very rows that are scored.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.fabric.collective import bus_factor
from accelsim.validation import collective_fit
from accelsim.validation.collective_rows import (
    APART,
    NO_HARDWARE,
    Measured,
    read_collectives,
)
from accelsim.validation.contract import Pair, Validation, validation

Floats = NDArray[np.float64]
NOT_FITTED = "its tiers were fitted on it, and no other system is of its kind"
ROUNDS = 30  # of reweighting towards the least absolute error


def validate_collectives(
    path: Path | str, *, leave_one_out: bool = False
) -> Validation:
    """Return how far our collectives are from those of a table.

    Parameters
    ----------
    leave_one_out : bool
        Ask each system of the table with figures that were fitted without it.

    Raises
    ------
    InputError
        The file is no such table.
    """
    found, left_out = read_collectives(Path(path))
    rows = [row for row in found if row.subset != APART]
    apart = [row for row in found if row.subset == APART]
    if apart:
        left_out[NO_HARDWARE] += len(apart)
    if leave_one_out:
        kept = collective_fit.left_out(rows)
        if len(kept) < len(rows):
            left_out[NOT_FITTED] = len(rows) - len(kept)
        rows = kept
    predicted, algorithms = ask(rows)
    naive = alpha_beta(rows)
    pairs = [_pair(*each) for each in zip(rows, predicted, naive, strict=True)]
    details = [
        _detail(row, pair, algorithm)
        for row, pair, algorithm in zip(rows, pairs, algorithms, strict=True)
    ]
    shown = zip(apart, ask(apart)[0], alpha_beta(apart), strict=True)
    beside = [_pair(*each) for each in shown]
    return validation(
        "collectives", str(path), pairs, left_out, beside, details=details
    )


def _pair(row: Measured, ours: float, base: float) -> Pair:
    return Pair(
        id=row.id,
        source=row.source,
        chip=row.system.chip.name,
        subset=row.subset,
        measured=row.seconds,
        predicted=float(ours),
        naive=float(base),
        also=(
            ("system", row.words),
            ("collective", row.kind),
            ("ranks", f"{row.ranks}"),
            ("collective, by place", f"{row.kind}, {row.subset}"),
        ),
    )


def _detail(row: Measured, pair: Pair, algorithm: str) -> dict[str, Any]:
    carried = row.size * float(bus_factor(row.kind, row.ranks))
    return {
        "id": row.id,
        "system": row.system.spec.name,
        "collective": row.kind,
        "bytes": row.size,
        "ranks": row.ranks,
        "measured_s": row.seconds,
        "predicted_s": pair.predicted,
        "naive_s": pair.naive,
        "error": pair.predicted / row.seconds - 1.0,
        "algorithm": algorithm,
        "measured_busbw_bytes_per_s": carried / row.seconds,
        "predicted_busbw_bytes_per_s": carried / pair.predicted,
    }


def ask(rows: Sequence[Measured]) -> tuple[Floats, list[str]]:
    """Return the time [s] and the algorithm of each row, asked a system at a time."""
    times = np.zeros(len(rows))
    algorithms = [""] * len(rows)
    groups: dict[tuple[int, str, int | None], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        groups[id(row.system), row.kind, row.per_node].append(index)
    for (_, kind, per_node), members in groups.items():
        found = rows[members[0]].system.collective(
            kind,
            bytes=np.array([rows[i].size for i in members]),
            ranks=np.array([rows[i].ranks for i in members]),
            placement=per_node,
        )
        times[members] = found.time
        for index, name in zip(members, found.algorithm, strict=True):
            algorithms[index] = str(name)
    hosts = np.array([row.host for row in rows])
    return np.maximum(times, hosts), algorithms


def alpha_beta(rows: Sequence[Measured]) -> Floats:
    """Return the times [s] of a + b x bytes on the wire, fitted by system and kind.

    The least sum of relative errors, by least squares that are weighted anew.
    """
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        groups[row.words, row.kind].append(index)
    times = np.zeros(len(rows))
    for members in groups.values():
        seconds = np.array([rows[i].seconds for i in members])
        wire = [rows[i].size * bus_factor(rows[i].kind, rows[i].ranks) for i in members]
        times[members] = line(np.array(wire), seconds)
    return times


def line(wire: Floats, seconds: Floats) -> Floats:
    """Return the times [s] of a + b x bytes of least relative error."""
    columns = np.stack([1.0 / seconds, wire / seconds], axis=1)
    weights = np.ones(len(seconds))
    ones = np.ones(len(seconds))
    found = np.array([0.0, np.median(seconds / wire)])
    for _ in range(ROUNDS if len(seconds) > 1 else 0):
        root = np.sqrt(weights)[:, None]
        scale = np.array([1.0, 1.0 / np.median(wire)])
        found = np.linalg.lstsq(columns * root * scale, ones * root[:, 0])[0] * scale
        weights = 1.0 / np.maximum(1e-3, np.abs(columns @ found - 1.0))
    start, slope = np.maximum(found, 0.0)
    return np.asarray(np.maximum(start + slope * wire, 1e-12))
