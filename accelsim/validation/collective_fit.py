"""What NCCL's collectives cost, fitted to measured ones; a system left out at a time.

This file knows which of `fabric.nccl.Fitted` are free, and that a system whose own
tiers were fitted is asked with carried-over figures when it is left out. Robust least
squares on logarithms (SciPy); the rows of a generation of GPUs weigh so little more
than those of another as they are more (1 / sqrt(rows) each).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from accelsim.fabric.collective import CODES, System, system
from accelsim.fabric.nccl import FITTED, Fitted, fill_nccl
from accelsim.kernels import fabric_tables
from accelsim.kernels.collectives import fill_collectives
from accelsim.validation.collective_rows import Measured

Floats = NDArray[np.float64]
_Key: TypeAlias = tuple[int, str, int | None]  # system, kind, ranks in a node
# Hopper's pace is the unit; PCIe's figures come from servers that are not left out.
FIXED = ("hopper", "pcie", "pcie_ll")
FREE = tuple(each.name for each in fields(Fitted) if each.name not in FIXED)
SCALE = 0.08  # error at which a row counts less
ROUNDS = 8  # of the fit: it starts from what is fitted to all
# Figures of a system's own tiers that its own rows in public tables gave, and what one
# would take without them: EFA as it was measured on P5.
CARRIED: dict[str, dict[str, Any]] = {
    "p4de": {
        "tiers.fabric.latency": "79 us",
        "tiers.fabric.efficiency": 0.91,
    },
}


@dataclass(frozen=True, slots=True)
class _Group:
    """Rows of one system and kind, ready for the kernel; `index` is their place."""

    index: NDArray[np.int64]
    library: str
    tiers: Any
    which: NDArray[np.int64]
    kind: Any
    sizes: Floats
    ranks: Floats
    software: Any


class Fit:
    """Measured collectives of systems whose library is NCCL, and the free figures."""

    def __init__(self, rows: Sequence[Measured]) -> None:
        self.groups = _groups(rows)
        self.measured = np.array([row.seconds for row in rows])
        names = np.array([library_of(row.system) for row in rows])
        counts = {name: np.count_nonzero(names == name) for name in set(names)}
        self.weights = np.array([counts[name] ** -0.5 for name in names])
        self.weights /= self.weights.mean()

    def errors(self, logs: Floats) -> Floats:
        """Return weighted ln(predicted / measured) for logarithms of the figures."""
        fitted = replace(FITTED, **dict(zip(FREE, np.exp(logs).tolist(), strict=True)))
        times = np.zeros(len(self.measured))
        for group in self.groups:
            for job in group.tiers:
                fill_nccl(job[0], group.library, fitted)
            found = np.zeros(len(group.sizes), fabric_tables.COLLECTIVE).view(
                np.recarray
            )
            fill_collectives(
                group.tiers, group.which, fabric_tables.AUTO, group.kind, group.sizes,
                group.ranks, group.software, found,
            )  # fmt: skip
            times[group.index] = found.time
        return np.asarray(self.weights * np.log(times / self.measured))

    def best(self) -> Fitted:
        """Return the figures of least error on these rows."""
        from scipy.optimize import least_squares

        start = np.log([getattr(FITTED, name) for name in FREE])
        found = least_squares(
            self.errors, start, loss="soft_l1", f_scale=SCALE, diff_step=1e-3,
            max_nfev=ROUNDS,
        )  # fmt: skip
        values = np.exp(found.x).tolist()
        return replace(FITTED, **dict(zip(FREE, values, strict=True)))


def library_of(on: System) -> str:
    """Return the generation of NCCL's figures that a system goes by, blank if none."""
    return next(iter(on.spec.tiers.values())).library or ""


def _groups(rows: Sequence[Measured]) -> list[_Group]:
    members: dict[_Key, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        members[id(row.system), row.kind, row.per_node].append(place)
    groups = []
    for (_, kind, per_node), index in members.items():
        on = rows[index[0]].system
        ranks = np.array([float(rows[i].ranks) for i in index])
        distinct, which = np.unique(ranks, return_inverse=True)
        jobs = np.stack([on.tiers(int(n), per_node) for n in distinct])
        groups.append(
            _Group(
                index=np.array(index),
                library=library_of(on),
                tiers=jobs.view(np.recarray),
                which=which.astype(np.int64),
                kind=CODES[kind],
                sizes=np.array([rows[i].size for i in index]),
                ranks=ranks,
                software=on.software_row,
            )
        )
    return groups


def left_out(rows: Sequence[Measured]) -> list[Measured]:
    """Return the rows with systems whose figures were fitted without them.

    A source whose clock shows its host is asked, but nothing is fitted on it.
    Rows of systems that have no NCCL generation, or have PCIe between their GPUs, are
    not among them: their tiers were measured on these very systems and on no other of
    their kind.
    """
    mine = [row for row in rows if library_of(row.system) and not _of_its_own(row)]
    found = []
    for words in dict.fromkeys(row.words for row in mine):
        clean = [row for row in mine if row.words != words and row.host == 0.0]
        fitted = Fit(clean or mine).best()
        asked: dict[str, System] = {}
        for row in mine:
            if row.words == words:
                name = row.system.spec.name
                if name not in asked:
                    asked[name] = _without_own_figures(row.system, fitted)
                found.append(replace(row, system=asked[name]))
    return found


def _of_its_own(row: Measured) -> bool:
    """Return whether the rates of a system's PCIe tiers are from its very rows."""
    return any(tier.library == "nccl-pcie" for tier in row.system.spec.tiers.values())


def _without_own_figures(on: System, fitted: Fitted) -> System:
    carried = CARRIED.get(on.spec.name)
    on = on if carried is None else system(on.spec.name, carried)
    return replace(on, fitted=fitted)
