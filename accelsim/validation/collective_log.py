"""The text that nccl-tests and nccom-test print, read as measured collectives.

This file knows the layouts: a header that names columns (`size`, `time`, `busbw`), the
first of them out of place; comments that begin with #; what MPI launchers put before a
line. It does not know what the figures mean.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from accelsim.errors import InputError, nearest
from accelsim.fabric.collective import KINDS
from accelsim.validation.table import check_file, text_of

_NAMES = {
    "all_reduce": r"all_reduce|allreduce|\ballr\b",
    "all_gather": r"all_gather|allgather|\ballg\b",
    "reduce_scatter": r"reduce_scatter|reducescatter|\bredsct\b|\breds\b",
    "all_to_all": r"alltoall|all_to_all|\balltoall\b",
    "broadcast": r"broadcast",
    "send_recv": r"sendrecv|send_recv|\bpermute\b",
}
# `0: `, `[1,0]<stdout>:`, `node-3: ` before a line
_PREFIX = re.compile(r"^(\[\d+,\d+\](<\w+>)?:?|\d+:|[\w.-]+:)\s*(?=[#\d\s]|size)")
_RANK = re.compile(r"\bRank\s+(\d+)\b.*?\bon\s+(\S+)", re.IGNORECASE)
_TIMES = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
LONGEST = 2**26  # characters of a log
# What bus over message bandwidth says about the ranks, all-reduce 2 (n - 1) / n.
_FACTORS = {"all_reduce": 2.0, "all_gather": 1.0, "reduce_scatter": 1.0}


@dataclass(frozen=True, slots=True)
class Logged:
    """One line of a log.

    Attributes
    ----------
    size, seconds : float
        As the tool counts bytes [B], and the time out of place [s].
    """

    kind: str
    size: float
    ranks: int
    nodes: int
    seconds: float


def read_log(
    path: Path, kind: str | None = None, ranks: int | None = None, nodes: int = 0
) -> list[Logged]:
    """Return the collectives of a log.

    kind, ranks, nodes : instead of what the log says, or where it says nothing.

    Raises
    ------
    InputError
        The file cannot be read, has no table, or does not say what it measured.
    """
    lines = [_PREFIX.sub("", line.strip()) for line in _text(path).splitlines()]
    kind = kind or _kind(path, lines)
    if kind not in KINDS:
        raise InputError(f"--kind {kind!r} is unknown; {nearest(kind, KINDS)}")
    rows, ratios = _rows(path, lines)
    named, hosts = _ranks(lines)
    count = ranks or named or _ranks_of(kind, ratios)
    if count is None or count < 2:
        raise InputError(f"{path}: does not say how many ranks; give --ranks")
    found = nodes or hosts or 1
    if count % found:
        raise InputError(f"{path}: {count} ranks do not fill {found} nodes evenly")
    return [Logged(kind, size, count, found, seconds) for size, seconds in rows]


def _text(path: Path) -> str:
    check_file(path)
    text = text_of(path)
    if len(text) > LONGEST:
        raise InputError(f"{path}: is longer than {LONGEST >> 20} MiB")
    return text


def _kind(path: Path, lines: list[str]) -> str:
    """Return the collective that the log or the name of its file tells of."""
    said = [line for line in lines if not re.match(r"\d+\s+\d+\s", line)]
    for text in (*said, path.stem):
        for kind, pattern in _NAMES.items():
            if re.search(pattern, text, re.IGNORECASE):
                return kind
    raise InputError(f"{path}: does not say which collective it is; give --kind")


def _columns(line: str) -> dict[str, tuple[int, float]] | None:
    """Return the place of size, time and bandwidths in a header, and their units."""
    words = line.lstrip("# ").split()
    if not words or not words[0].lower().startswith("size"):
        return None
    found: dict[str, tuple[int, float]] = {}
    for place, word in enumerate(words):
        name = re.match(r"[a-z]+", word.lower())
        unit = re.search(r"\((\w+)", word)
        if name and name[0] in ("size", "time", "algbw", "busbw"):
            scale = _TIMES.get(unit[1], 1e-6) if unit else 1e-6
            found.setdefault(name[0], (place, scale))
    return found if {"size", "time"} <= set(found) else None


def _rows(
    path: Path, lines: list[str]
) -> tuple[list[tuple[float, float]], list[float]]:
    """Return (bytes, seconds) of each line, and bus over message bandwidths."""
    columns: dict[str, tuple[int, float]] | None = None
    rows, ratios = [], []
    for number, line in enumerate(lines, start=1):
        columns = _columns(line) or columns
        words = line.split()
        if columns is None or not words or not words[0].isdigit():
            continue
        try:
            size = float(words[columns["size"][0]])
            time = float(words[columns["time"][0]]) * columns["time"][1]
            rates = [
                float(words[columns[n][0]]) for n in ("algbw", "busbw") if n in columns
            ]
        except (IndexError, ValueError):
            raise InputError(f"{path}: line {number}: no time: {line[:60]!r}") from None
        if not math.isfinite(time) or time < 0.0:
            raise InputError(f"{path}: line {number}: no time: {line[:60]!r}")
        if size > 0.0 and time > 0.0:
            rows.append((size, time))
        if len(rates) == 2 and rates[0] >= 1.0:
            ratios.append(rates[1] / rates[0])
    if columns is None:
        raise InputError(f"{path}: no table of nccl-tests or nccom-test in it")
    if not rows:
        raise InputError(f"{path}: the table has no rows")
    return rows, ratios


def _ranks(lines: list[str]) -> tuple[int, int]:
    """Return the ranks and the hosts that the log lists, zero for none."""
    listed = {int(m[1]): m[2] for line in lines if (m := _RANK.search(line))}
    if listed:
        return max(listed) + 1, len(set(listed.values()))
    for line in lines:
        if "nccom-test" in line:
            ranks = re.search(r"(?:-r|--nworkers)[ =](\d+)", line)
            hosts = re.search(r"(?:-N|--nnodes)[ =](\d+)", line)
            if ranks:
                return int(ranks[1]), int(hosts[1]) if hosts else 0
    return 0, 0


def _ranks_of(kind: str, ratios: list[float]) -> int | None:
    """Return the ranks that bus over message bandwidth stands for, None if unclear."""
    if kind not in _FACTORS or not ratios:
        return None
    share = sorted(ratios)[len(ratios) // 2] / _FACTORS[kind]
    if not 0.49 < share < 0.99:  # of more ranks two decimals say too little
        return None
    return round(1.0 / (1.0 - share))
