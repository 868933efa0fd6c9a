"""One collective on a system: how long, by which algorithm, at which bus bandwidth.

    accelsim.system("dgx-h100").collective("all_reduce", bytes=2**30, ranks=16)

This file knows the words of a question and how its arrays become tables; formulas are
in `kernels/collectives.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim import catalog
from accelsim.errors import InputError, NoAnswerError, nearest
from accelsim.fabric.lower import fill_tiers
from accelsim.fabric.nccl import FITTED, Fitted
from accelsim.kernels import fabric_tables, tables
from accelsim.kernels.software_tables import SOFTWARE
from accelsim.kernels.tables import Rows
from accelsim.overrides import Overrides, read_overrides
from accelsim.specs.chip import ChipSpec
from accelsim.specs.link import LinkSpec
from accelsim.specs.software import SoftwareSpec
from accelsim.specs.system import SystemSpec

if TYPE_CHECKING:
    from accelsim.fabric.congestion import Congestion, JobLike

LARGEST = 1e15  # B
NEVER = 1e290  # s, of what an algorithm does not do
CODES = {
    "all_gather": fabric_tables.ALL_GATHER,
    "reduce_scatter": fabric_tables.ALL_GATHER,
    "all_reduce": fabric_tables.ALL_REDUCE,
    "all_to_all": fabric_tables.ALL_TO_ALL,
    "broadcast": fabric_tables.BROADCAST,
    "send_recv": fabric_tables.SEND,
}
KINDS = tuple(CODES)
WANTS = fabric_tables.WANTS
Values = NDArray[Any]
# What answers are made of: as objects, so that a million share their texts.
NAMES = np.array(fabric_tables.ALGORITHMS, dtype=object)
BOUNDS = np.array(["bandwidth", "latency"], dtype=object)


def bus_factor(kind: str, ranks: ArrayLike) -> Any:
    """Return bus bandwidth over bytes per second, as nccl-tests define it.

    All-reduce 2 (n - 1) / n, all-gather, reduce-scatter and all-to-all (n - 1) / n,
    broadcast, send and receive 1 (NVIDIA/nccl-tests, doc/PERFORMANCE.md).
    """
    n = np.asarray(ranks, dtype=np.float64)
    if kind in ("send_recv", "broadcast"):
        return np.ones_like(n)
    return (2.0 if kind == "all_reduce" else 1.0) * (n - 1.0) / n


@dataclass(frozen=True, slots=True)
class Collective:
    """What a collective takes; scalars for scalars, else arrays of one shape.

    Attributes
    ----------
    time : float or array
        Seconds from the call to the end on the slowest rank.
    algorithm : str or array
        What the library runs, as in `ring, LL128`.
    busbw : float or array
        Bus bandwidth [B/s], see `bus_factor`.
    latency : float or array
        Seconds of `time` that would be left with infinite bandwidth.
    bound : str or array
        `latency` or `bandwidth`, whichever is the larger part of the time.
    sent : float or array
        Bytes that one rank sends.
    """

    time: Any
    algorithm: Any
    busbw: Any
    latency: Any
    bound: Any
    sent: Any


@dataclass(frozen=True)
class System:
    """A system whose names are specs, ready to be asked."""

    spec: SystemSpec
    chip: ChipSpec
    links: Mapping[str, LinkSpec]
    software: SoftwareSpec
    fitted: Fitted = FITTED

    @property
    def workers(self) -> int:
        """Return the ranks of the whole system."""
        return self.spec.max_chips * self.chip.workers_per_chip

    @cached_property
    def software_row(self) -> Any:
        """Return the SOFTWARE row of the system's own stack, as far as it counts."""
        row = np.zeros(1, SOFTWARE).view(np.recarray)[0]
        row.pipelined = self.software.pipelined_collectives
        row.collective_start = float(self.software.collective_start)
        return row

    def tiers(self, ranks: int, placement: int | None = None) -> Rows:
        """Return the TIER rows of a job of so many ranks, inside out.

        placement : ranks in each innermost domain; None fills as few domains as
        hold the job, evenly.
        """
        rows = np.zeros(tables.MAX_TIERS, tables.TIER).view(np.recarray)
        per_chip = self.chip.workers_per_chip
        fill_tiers(
            rows, self.spec, self.chip, self.links, -(-ranks // per_chip), self.fitted
        )
        if placement is not None:
            first = 1 if self.chip.core_link is not None and per_chip > 1 else 0
            scale = placement / rows[first].workers
            rows[first].workers = placement
            for row in rows[first + 1 :]:
                row.workers *= scale
        return rows

    def collective(
        self,
        kind: str,
        *,
        bytes: ArrayLike,  # noqa: A002 - the field's own word
        ranks: ArrayLike,
        placement: int | None = None,
        algorithm: str = "auto",
    ) -> Collective:
        """Return the time of a collective, its algorithm and what bounds it.

        Parameters
        ----------
        kind : str
            One of `KINDS`.
        bytes : float or array
            The whole buffer of one rank as nccl-tests count it [B]: what an all-gather
            ends with, what a reduce-scatter begins with.
        ranks : int or array
            Members of the group; shapes broadcast.
        placement : int, optional
            Ranks in each innermost domain (node); packed as densely as the job fits,
            and evenly, if left out.
        algorithm : str
            One of `WANTS`, tier by tier; `auto` is what the library chooses.

        Raises
        ------
        InputError
            An unknown kind or algorithm, sizes or ranks that cannot be, or more than
            the system has.
        NoAnswerError
            The algorithm does not do this collective here.
        """
        from accelsim.kernels.collectives import fill_collectives

        sizes, counts = self._checked(kind, bytes, ranks, placement)
        self._check_algorithm(kind, algorithm)
        # one job a number of ranks, however many sizes it is asked
        distinct, each = np.unique(counts.ravel(), return_inverse=True)
        which = each.reshape(counts.shape).astype(np.int64)
        size, count, which = np.broadcast_arrays(sizes, counts, which)
        rows = np.stack([self.tiers(int(n), placement) for n in distinct])
        found = np.zeros(size.size, fabric_tables.COLLECTIVE).view(np.recarray)
        fill_collectives(
            rows.view(np.recarray),
            np.ascontiguousarray(which.ravel()),
            fabric_tables.want(algorithm),
            CODES[kind],
            np.ascontiguousarray(size.ravel(), dtype=np.float64),
            np.ascontiguousarray(count.ravel(), dtype=np.float64),
            self.software_row,
            found,
        )
        if np.any(found.time >= NEVER):
            raise NoAnswerError(f"{self.spec.name}: no {kind} by {algorithm} here")
        return _answer(kind, found, count)

    def _check_algorithm(self, kind: str, algorithm: str) -> None:
        if algorithm not in WANTS:
            raise InputError(f"algorithm {algorithm!r}; {nearest(algorithm, WANTS)}")
        torus = any(tier.topology == "torus" for tier in self.spec.tiers.values())
        if algorithm in ("bucket", "hamiltonian") and not torus:
            raise NoAnswerError(f"{self.spec.name}: no torus, so no {algorithm}")
        if kind == "send_recv" and algorithm != "auto":
            raise NoAnswerError(f"{kind} has no algorithm to choose")

    def congestion(self, jobs: "Sequence[JobLike]", **options: Any) -> "Congestion":
        """Return what concurrent collectives do to each other, see `congestion.py`."""
        from accelsim.fabric.congestion import congestion

        return congestion(self, jobs, **options)

    def _checked(
        self, kind: str, size: ArrayLike, ranks: ArrayLike, placement: int | None
    ) -> tuple[Values, Values]:
        if kind not in KINDS:
            raise InputError(f"collective {kind!r} is unknown; {nearest(kind, KINDS)}")
        sizes = _numbers("bytes", size)
        if sizes.size and (sizes.min() < 0.0 or sizes.max() > LARGEST):
            raise InputError(f"bytes: from 0 to {LARGEST:.0e}, not {_shown(sizes)}")
        counts = _numbers("ranks", ranks)
        name = self.spec.name
        if np.any(counts < 1.0) or np.any(counts != np.floor(counts)):
            raise InputError(f"ranks: a whole number above zero, not {_shown(counts)}")
        if np.any(counts > self.workers):
            raise InputError(f"ranks: {name} has {self.workers}, not {_shown(counts)}")
        if placement is not None:
            inner = next(iter(self.spec.tiers.values())).chips
            most = inner * self.chip.workers_per_chip
            if placement not in range(1, most + 1):
                raise InputError(
                    f"placement: {name} has room for 1 to {most} ranks in a domain, "
                    f"not {placement!r}"
                )
        return sizes, counts


def _numbers(name: str, values: ArrayLike) -> Values:
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name}: numbers are needed, not {values!r}") from None
    if not np.all(np.isfinite(found)):
        raise InputError(f"{name}: finite numbers are needed")
    return found


def _shown(values: Values) -> str:
    low, high = float(np.min(values)), float(np.max(values))
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def system(name: str | Path, overrides: Overrides = ()) -> System:
    """Return a system by name or path, with changes, ready to be asked.

    Raises
    ------
    InputError
        For anything that is wrong with the name, the file or a change.
    """
    spec: SystemSpec = catalog.load("systems", name, read_overrides(overrides))
    return System(
        spec=spec,
        chip=catalog.load("chips", spec.chip),
        links={t.link: catalog.load("links", t.link) for t in spec.tiers.values()},
        software=catalog.load("software", spec.software),
    )


def _answer(kind: str, found: Rows, ranks: Values) -> Collective:
    shape = ranks.shape
    time = found.time.reshape(shape)
    latency = found.latency.reshape(shape)
    carried = found["size"].reshape(shape) * bus_factor(kind, ranks)
    busbw = np.divide(carried, time, out=np.zeros(shape), where=time > 0.0)
    names = NAMES[found.algorithm].reshape(shape)
    late = np.atleast_1d(latency > 0.5 * time).astype(np.int64)
    bound = BOUNDS[late].reshape(shape)
    sent = found.sent.reshape(shape)
    parts = (time, names, busbw, latency, bound, sent)
    return Collective(*(part[()] if shape == () else part for part in parts))
