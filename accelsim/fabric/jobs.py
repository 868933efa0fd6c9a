"""Jobs on a fabric: axes of a plan, their groups of ranks, and what these exchange.

    read_job("tp=8:all_reduce:64MiB,dp=64")

This file knows how a plan's axes lie on ranks, as the training room has them: tp
innermost, then cp, dp and pp; ep goes through cp x dp. It knows no graph.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from accelsim.errors import InputError, nearest
from accelsim.fabric.stages import Ints
from accelsim.fabric.steps import ALGORITHMS, KINDS
from accelsim.specs.figure import MAX_SIZE

ORDER = ("tp", "cp", "dp", "pp")  # inside out
AXES = ("tp", "cp", "ep", "dp", "pp")
USUAL = {  # collective, bytes, algorithm
    "tp": ("all_reduce", 64 * 2.0**20, "auto"),
    "cp": ("all_gather", 64 * 2.0**20, "auto"),
    "ep": ("all_to_all", 64 * 2.0**20, "pairwise"),
    "dp": ("all_reduce", 2.0**30, "auto"),
    "pp": ("send_recv", 64 * 2.0**20, "auto"),
}


@dataclass(frozen=True, slots=True)
class Axis:
    """What the groups of one axis do.

    Attributes
    ----------
    ranks : int
        Of a group.
    kind : str
        Collective; what is usual for the axis if empty.
    size : float
        Bytes as nccl-tests count them; 0 for what is usual.
    algorithm : str
        What is usual for the axis if empty and `kind` is, too; else `auto`.
    """

    ranks: int
    kind: str = ""
    size: float = 0.0
    algorithm: str = ""

    def asked(self, axis: str) -> tuple[str, float, str]:
        """Return collective, bytes and algorithm, what is usual where none is named."""
        kind, size, algorithm = USUAL[axis]
        if self.kind not in ("", kind):
            algorithm = "auto"
        return self.kind or kind, self.size or size, self.algorithm or algorithm


@dataclass(frozen=True)
class Job:
    """Axes of a plan and where its ranks sit.

    Attributes
    ----------
    axes : dict of str to Axis
    at, every : int
        Rank i sits on rank at + i x every of the system.
    """

    axes: Mapping[str, Axis]
    at: int | None = None
    every: int = 1
    extents: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Check the axes and fill their extents."""
        for name, axis in self.axes.items():
            _check(name, axis)
        sizes = {name: axis.ranks for name, axis in self.axes.items()}
        extents = {name: sizes.get(name, 1) for name in ORDER}
        ep, inside = sizes.get("ep", 1), extents["cp"] * extents["dp"]
        if ep > 1 and "dp" not in sizes and "cp" not in sizes:
            extents["dp"] = inside = ep
        if inside % ep:
            raise InputError(f"job: ep {ep} does not divide cp x dp = {inside}")
        object.__setattr__(self, "extents", extents)

    @property
    def ranks(self) -> int:
        """Return the ranks of the job."""
        return int(np.prod(list(self.extents.values())))

    def stride(self, name: str) -> int:
        """Return how many ranks apart the members of an axis are."""
        before = ORDER[: ORDER.index("cp" if name == "ep" else name)]
        return int(np.prod([self.extents[axis] for axis in before], initial=1))

    def groups(self, name: str) -> Ints:
        """Return the ranks of every group of an axis, (groups, members)."""
        n, stride = self.axes[name].ranks, self.stride(name)
        ranks = np.arange(self.ranks)
        first = ranks[ranks // stride % n == 0]
        members = first[:, None] + stride * np.arange(n)
        return np.asarray((self.at or 0) + self.every * members, np.int64)


def _check(name: str, axis: Axis) -> None:
    if name not in AXES:
        raise InputError(f"job: axis {name!r} is unknown; {nearest(name, AXES)}")
    if not 1 <= axis.ranks <= MAX_SIZE:
        raise InputError(f"job: {name} must be 1 to {MAX_SIZE}, not {axis.ranks}")
    if axis.kind and axis.kind not in KINDS:
        hint = nearest(axis.kind, KINDS)
        raise InputError(f"job: {name}: collective {axis.kind!r} is unknown; {hint}")
    if axis.algorithm and axis.algorithm not in ALGORITHMS:
        hint = nearest(axis.algorithm, ALGORITHMS)
        raise InputError(
            f"job: {name}: algorithm {axis.algorithm!r} is unknown; {hint}"
        )
    if not 0.0 <= axis.size <= 1e15:
        raise InputError(f"job: {name}: bytes from 0 to 1e15, not {axis.size:g}")


def read_job(text: str) -> Job:
    """Return a job from `AXIS=RANKS[:KIND[:BYTES[:ALGORITHM]]]`, by commas.

    `at=RANK` and `every=N` say where it sits.

    Raises
    ------
    InputError
        With what is wrong and what is allowed.
    """
    axes: dict[str, Axis] = {}
    place: dict[str, int] = {}
    for part in text.split(","):
        name, equals, rest = (word.strip() for word in part.partition("="))
        if not equals:
            raise InputError(f"--job {text!r}: write AXIS=RANKS, such as tp=8,dp=64")
        if name in axes or name in place:
            raise InputError(f"--job {text!r}: {name} is given twice")
        words = rest.split(":")
        count = _whole(text, name, words[0])
        if name in ("at", "every"):
            if len(words) > 1 or count < (name == "every"):
                raise InputError(f"--job {text!r}: {name}={rest} is no place")
            place[name] = count
        else:
            axes[name] = _axis(text, name, count, words[1:])
    if not axes:
        raise InputError(f"--job {text!r}: no axis; {', '.join(AXES)}")
    return Job(axes, place.get("at"), place.get("every", 1))


def _whole(text: str, name: str, word: str) -> int:
    if not word.isascii() or not word.isdigit() or len(word) > 9:
        raise InputError(f"--job {text!r}: {name}: a whole number, not {word!r}")
    return int(word)


def _axis(text: str, name: str, count: int, words: list[str]) -> Axis:
    from accelsim.units import parse

    if len(words) > 3:
        raise InputError(f"--job {text!r}: {name}: RANKS:KIND:BYTES:ALGORITHM at most")
    kind, size, algorithm = (*words, *("",) * (3 - len(words)))
    try:
        value = parse(size, "bytes") if size else 0.0
    except InputError as error:
        raise InputError(f"--job {text!r}: {name}: {error}") from None
    return Axis(count, kind, value, algorithm)
