"""From the rows of a table of measured collectives to what the model is asked.

This file knows the columns of nccl-tests and nccom-test tables, which built-in system
stands for the words of a table, and what each source's clock sees beside the collective
itself. It predicts nothing.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from accelsim import catalog
from accelsim.fabric.collective import KINDS, System, system
from accelsim.validation import table
from accelsim.validation.left_out import BAD_VALUE, NO_SYSTEM, SUSPECT, LeftOutError
from accelsim.validation.table import Row

REQUIRED = ("system", "op", "ranks", "nodes", "bytes", "time_us")
SMALLEST, LARGEST = 64 * 2**10, 16 * 2**30  # B
TOO_SMALL = "smaller than 64 KiB"
TOO_BIG = "larger than 16 GiB"
NO_HARDWARE = "hardware or network is not stated by the source"
NO_KIND = "collective is not modelled"
NOT_PLACED = "ranks do not fit the system"
INSIDE, ACROSS = "one node", "inter-node or rack-scale"
# Samples of Neuron's documentation, which says neither on what nor when they ran; 32
# ranks an instance are trn1's. They are shown, and count nowhere.
APART = "Neuron's samples, as trn1"

# Words of a table, in the order they are tried, and the built-in system they mean.
# None: the source does not say what it ran on.
_SYSTEMS: tuple[tuple[str, str | None], ...] = (
    (r"neuron.*not stated", "trn1-32xlarge"),
    (r"unspecified|not stated", None),
    (r"a100.*(pairwise|pairs)", "a100-pairs-4"),
    (r"p4de", "p4de"),
    (r"p4d\b", "p4d"),
    (r"p5en", "p5en-h200"),
    (r"p5\b|p5e?\.", "p5-h100"),
    (r"p6-b200", "p6-b200"),
    (r"p6-b300", "p6-b300"),
    (r"rubin|vr200|nvl144", "rubin-nvl144"),
    (r"gb300", "gb300-nvl72"),
    (r"gb200", "gb200-nvl72"),
    (r"gh200", "gh200-nvl"),
    (r"b300", "dgx-b300"),
    (r"b200", "dgx-b200"),
    (r"h200.*nvl", "h200-nvl-8"),
    (r"h200", "dgx-h200"),
    (r"h100.*(roce|ethernet)", "roce-h100"),
    (r"h100", "dgx-h100"),
    (r"h[82]00", "dgx-h800"),
    (r"a100.*(roce|ethernet)", "roce-a100-80gb"),
    (r"a100.*pcie", "a100-pcie-8"),
    (r"a100", "dgx-a100"),
    (r"v100|dgx-?2\b", "dgx2-v100"),
    (r"l40s?", "l40s-8"),
    (r"rtx.*6000", "rtx-pro-6000-8"),
    (r"mi300x", "mi300x-8"),
    (r"mi325x", "mi325x-8"),
    (r"mi350x", "mi350x-8"),
    (r"mi355x", "mi355x-8"),
    (r"tpu.?v?7|ironwood", "tpu-v7-pod"),
    (r"tpu.?v6e|trillium", "tpu-v6e-pod"),
    (r"tpu.?v5e", "tpu-v5e-pod"),
    (r"tpu.?v5p?", "tpu-v5p-pod"),
    (r"tpu.?v4", "tpu-v4-pod"),
    (r"tpu.?v3", "tpu-v3-pod"),
    (r"(trn|trainium).?1", "trn1-32xlarge"),
    (r"(trn|trainium).?2.*ultra", "trn2-ultraserver"),
    (r"(trn|trainium).?2", "trn2-48xlarge"),
    (r"(trn|trainium).?3.*gen.?1", "trn3-ultraserver-gen1"),
    (r"(trn|trainium).?3", "trn3-ultraserver-gen2"),
)
# Names of collectives without their underlines.
_SPELLINGS = {kind.replace("_", ""): kind for kind in KINDS} | {
    "allreduceperf": "all_reduce",
    "allgatherperf": "all_gather",
    "reducescatterperf": "reduce_scatter",
    "alltoallperf": "all_to_all",
    "sendrecv": "send_recv",
    "send": "send_recv",
    "bcast": "broadcast",
}
# A kernel profiler that calls from PyTorch sees its host where the collective is
# shorter: the median of what a source prints below 64 KiB in one node, where nothing
# is scored [s].
_HOSTS = {"microsoft/vidur": 38e-6, "stas00/ml-engineering": 46e-6}
# Words of a network that change the built-in system, and how.
_NETWORKS: tuple[tuple[str, dict[str, Any]], ...] = (
    (r"\bXDR\b", {"tiers.fabric.link": "infiniband-xdr"}),
    (
        # CoreWeave's H100 runs have it switched on, its README says
        r"\bSHARP\b|collnet|\bH100\b.*coreweave/nccl-tests",
        {
            "tiers.fabric.in_network_reduction": True,
            "tiers.fabric.reduction_efficiency": 0.95,
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One measured collective.

    Attributes
    ----------
    words : str
        The system in the table's words; `system` is the built-in one.
    per_node : int or None
        Ranks in each node, None where the ranks fill domains one after the other.
    host : float
        What the source's clock shows at least [s].
    """

    id: str
    source: str
    words: str
    system: System
    kind: str
    size: float
    ranks: int
    per_node: int | None
    seconds: float
    host: float
    subset: str


def read_collectives(path: Path) -> tuple[list[Measured], Counter[str]]:
    """Return the rows of a table that can be asked, the others counted by reason.

    Raises
    ------
    InputError
        The file is no such table.
    """
    found: list[Measured] = []
    left_out: Counter[str] = Counter()
    for number, row in enumerate(table.read(path, REQUIRED), start=1):
        try:
            found.append(_measured(number, row))
        except LeftOutError as reason:
            left_out[str(reason)] += 1
    return found, left_out


def _measured(number: int, row: Row) -> Measured:
    try:
        ranks, nodes = table.count(row, "ranks"), table.count(row, "nodes") or 1
        size, microseconds = table.number(row, "bytes"), table.number(row, "time_us")
    except ValueError:
        raise LeftOutError(BAD_VALUE) from None
    if ranks is None or size is None or microseconds is None or ranks < 2:
        raise LeftOutError(BAD_VALUE)
    if size < SMALLEST:
        raise LeftOutError(TOO_SMALL)
    if size > LARGEST:
        raise LeftOutError(TOO_BIG)
    if "noisy" in row.get("note", ""):
        raise LeftOutError(SUSPECT)
    kind = re.sub(r"[\s-]+", "_", row["op"].lower())
    kind = _SPELLINGS.get(kind.replace("_", ""), kind)
    if kind not in KINDS:
        raise LeftOutError(NO_KIND)
    source = _short(row.get("source", ""))
    if source == "microsoft/vidur" and nodes > 1:
        raise LeftOutError(NO_HARDWARE)
    on = _system(row["system"], f"{source} {row.get('algo', '')} {row.get('note', '')}")
    per_node = _per_node(on, ranks, nodes)
    inside = ranks <= on.spec.node.chips and nodes == 1
    return Measured(
        id=f"{row['system']}:{kind}:{ranks}:{size:.0f}:{number}",
        source=source,
        words=row["system"],
        system=on,
        kind=kind,
        size=size,
        ranks=ranks,
        per_node=per_node,
        seconds=microseconds * 1e-6,
        host=_HOSTS.get(source, 0.0),
        subset=_subset(row["system"], inside=inside),
    )


def _subset(words: str, *, inside: bool) -> str:
    if re.search(r"neuron.*not stated", words, re.IGNORECASE):
        return APART
    return INSIDE if inside else ACROSS


def _short(source: str) -> str:
    """Return the repository of a source, as owner/name."""
    return source.removeprefix("github.com/").partition("@")[0] or "not stated"


def _per_node(on: System, ranks: int, nodes: int) -> int | None:
    """Return the ranks of each node where the table says more than the system."""
    if ranks > on.workers:
        raise LeftOutError(NOT_PLACED)
    innermost = next(iter(on.spec.tiers.values())).chips
    if nodes == 1 or innermost != on.spec.node.chips:
        return None
    if ranks % nodes or ranks // nodes > innermost * on.chip.workers_per_chip:
        raise LeftOutError(NOT_PLACED)
    return ranks // nodes


@lru_cache(maxsize=256)
def _system(words: str, about: str) -> System:
    """Return the built-in system that a table's words mean.

    about : more words, of the row's source, algorithm and note.
    """
    for pattern, name in _SYSTEMS:
        if re.search(pattern, words, re.IGNORECASE):
            if name is None:
                raise LeftOutError(NO_HARDWARE)
            changes: dict[str, Any] = {}
            if "fabric" in catalog.load("systems", name).tiers:
                for network, change in _NETWORKS:
                    if re.search(network, f"{words} {about}", re.IGNORECASE):
                        changes |= change
            return system(name, changes)
    raise LeftOutError(NO_SYSTEM)
