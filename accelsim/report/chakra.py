"""A timeline as MLCommons Chakra execution traces, one file a rank.

Format: mlcommons/chakra, schema/protobuf/et_def.proto: a GlobalMetadata and then Nodes,
each behind its length; names of attributes as in its src/feeder/et_feeder_node.cpp. A
pass is a node of computation and one for each kind of traffic, as large as what it
sends and as long as what nothing hides; hand-overs are sends and receives. Times are
whole microseconds, cut where the timeline cuts them. Groups stand beside the traces, in
the form that ASTRA-sim reads.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from accelsim.errors import InputError
from accelsim.explore.plan import Plan
from accelsim.files import replacing
from accelsim.report.protobuf import delimited, nested, packed, text, whole
from accelsim.training.timeline import Pass, Timeline

VERSION = "0.0.4"  # of the schema
MAX_RANKS = 16_384
COMPUTE, SEND, RECEIVE, COLLECTIVE = 4, 5, 6, 7  # NodeType
ALL_REDUCE, ALL_GATHER, ALL_TO_ALL, REDUCE_SCATTER = 0, 2, 6, 7  # CollectiveCommType
WORLD = "all"
NORM = 8.0  # B of the norm that all ranks sum before the update
US = 1e6
Key = tuple[str, int, int, int]  # of a pass: kind, stage, chunk, micro-batch


@dataclass(frozen=True, slots=True)
class Node:
    """A node of every rank of a stage: all but what differs between the ranks.

    start, end : in the timeline [s]. size : bytes of a collective or a hand-over.
    group : parallelism whose ranks take part. peer : stage at the other end. tag : of a
    hand-over, the same at both ends.
    """

    number: int
    name: str
    kind: int
    after: list[int]
    start: float = 0.0
    end: float = 0.0
    collective: int = 0
    size: float = 0.0
    group: str = ""
    peer: int = 0
    tag: int = 0

    def common(self) -> bytes:
        """Return what is the same on every rank."""
        start = round(self.start * US)
        made = whole(1, self.number) + text(2, self.name) + whole(3, self.kind)
        made += packed(5, self.after) + whole(6, start)
        made += whole(7, round(self.end * US) - start) + attribute("is_cpu_op", flag=0)
        if self.kind == COLLECTIVE:
            made += attribute("comm_type", self.collective)
        if self.kind != COMPUTE:
            made += attribute("comm_size", max(1, round(self.size)))
        if self.kind in (SEND, RECEIVE):
            made += attribute("comm_tag", short=self.tag)
        return made


def attribute(
    name: str,
    number: int | None = None,
    *,
    flag: int | None = None,
    short: int | None = None,
    words: str | None = None,
) -> bytes:
    """Return an attribute of a node: int64, bool, int32 or string."""
    value = b""
    for tag, one in ((7, number), (27, flag), (5, short)):
        if one is not None:
            value = whole(tag, one)
    return nested(10, text(1, name) + (value if words is None else text(29, words)))


@dataclass(slots=True)
class _Stage:
    """The nodes of one stage as they are made."""

    nodes: list[Node] = field(default_factory=list)
    last: list[int] = field(default_factory=list)  # what the next pass waits for
    wire: list[int] = field(default_factory=list)  # what the next hand-over waits for

    def add(self, name: str, kind: int, after: list[int], **more: object) -> int:
        """Add a node; returns its number."""
        number = len(self.nodes) + 1
        self.nodes.append(Node(number, name, kind, after, **more))  # type: ignore[arg-type]
        return number


def write_chakra(folder: Path, found: Timeline, plan: Plan) -> None:
    """Write `rank.N.et` for every rank, and `comm_groups.json`.

    Raises
    ------
    InputError
        The folder or a file cannot be written, or there are too many ranks.
    """
    ranks = plan.tp * plan.cp * plan.dp * plan.pp
    if ranks > MAX_RANKS:
        raise InputError(f"--chakra: {ranks} ranks; at most {MAX_RANKS} are written")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--chakra: {folder}: {error.strerror}") from None
    groups: dict[tuple[int, ...], int] = {}
    for stage, nodes in enumerate(stage_nodes(found, plan)):
        common = [node.common() for node in nodes]
        for rank in stage_ranks(plan, stage):
            with (
                replacing(folder / f"rank.{rank}.et") as temporary,
                temporary.open("wb") as file,
            ):
                file.write(delimited(text(1, VERSION)))
                for node, same in zip(nodes, common, strict=True):
                    file.write(delimited(same + _own(node, plan, stage, rank, groups)))
    with (
        replacing(folder / "comm_groups.json") as temporary,
        temporary.open("w", encoding="utf-8") as file,
    ):
        json.dump({str(name): list(group) for group, name in groups.items()}, file)


def _own(
    node: Node, plan: Plan, stage: int, rank: int, groups: dict[tuple[int, ...], int]
) -> bytes:
    """Return what a node says of this rank alone."""
    other = rank + (node.peer - stage) * stage_stride(plan)
    if node.kind == SEND:
        return attribute("comm_src", short=rank) + attribute("comm_dst", short=other)
    if node.kind == RECEIVE:
        return attribute("comm_src", short=other) + attribute("comm_dst", short=rank)
    if node.kind != COLLECTIVE:
        return b""
    group = group_of(node.group, plan, rank)
    return attribute("pg_name", words=str(groups.setdefault(group, len(groups))))


def stage_stride(plan: Plan) -> int:
    """Return how many ranks apart neighbours of a pipeline are."""
    inside = plan.tp * plan.cp
    return inside * (1 if plan.order == "tp-cp-pp-dp" else plan.dp)


def stage_ranks(plan: Plan, stage: int) -> list[int]:
    """Return the ranks of a stage, in the plan's order."""
    each = stage_stride(plan)
    ranks = range(plan.tp * plan.cp * plan.dp * plan.pp)
    return [rank for rank in ranks if rank // each % plan.pp == stage]


def group_of(kind: str, plan: Plan, rank: int) -> tuple[int, ...]:
    """Return the ranks that share a kind of parallelism with one."""
    if kind == WORLD:
        return tuple(range(plan.tp * plan.cp * plan.dp * plan.pp))
    inner, count = {
        "tp": (1, max(plan.tp, plan.etp)),
        "cp": (plan.tp, plan.cp),
        "ep": (plan.etp, plan.ep),
        "dp": (plan.tp, plan.cp * plan.dp),
    }[kind]
    if plan.order == "tp-cp-pp-dp" and kind == "dp":
        stage = rank // stage_stride(plan) % plan.pp
        same = rank % plan.tp
        return tuple(r for r in stage_ranks(plan, stage) if r % plan.tp == same)
    first = rank - rank // inner % count * inner
    return tuple(range(first, first + count * inner, inner))


def stage_nodes(found: Timeline, plan: Plan) -> list[list[Node]]:
    """Return the nodes of every stage, in the order of its passes."""
    sources = {
        (one.kind, *one.to, one.micro_batch): one
        for one in found.passes
        if one.to is not None and one.to[0] != one.stage
    }
    tags = {key: i + 1 for i, key in enumerate(sources)}
    stages = [_Stage() for _ in range(found.stages)]
    for one in found.passes:
        _add_pass(stages[one.stage], one, found, plan, sources, tags)
    last = max(one.end for one in found.passes)
    for stage in stages:
        _add_update(stage, found, plan, last)
    return [stage.nodes for stage in stages]


def _add_pass(
    stage: _Stage,
    one: Pass,
    found: Timeline,
    plan: Plan,
    sources: dict[Key, Pass],
    tags: dict[Key, int],
) -> None:
    """Add what a pass waits for, does and sends."""
    key = (one.kind, one.stage, one.chunk, one.micro_batch)
    name = f"{one.kind}{one.micro_batch}.{one.chunk}"
    after = list(stage.last)
    if key in sources:
        peer, size = sources[key].stage, found.hop_bytes
        more = {"size": size, "peer": peer, "tag": tags[key]}
        after.append(stage.add(f"{name} receive", RECEIVE, [], **more))
    at = one.end - sum(one.exposed.values())
    done = stage.add(name, COMPUTE, after, start=one.start, end=at)
    for kind, collective, size in collectives(one, plan):
        seconds = one.exposed[kind] / (2.0 if kind == "tp" and plan.sp else 1.0)
        told = {"group": kind, "collective": collective, "size": size}
        span = {"start": at, "end": at + seconds}
        done = stage.add(f"{name} {kind}", COLLECTIVE, [done], **told, **span)
        at += seconds
    stage.last = [done]
    if one.to is None or one.to[0] == one.stage:
        return
    taken = tags[one.kind, *one.to, one.micro_batch]
    span = {"start": one.end, "end": one.end + found.hop}
    more = {"size": found.hop_bytes, "peer": one.to[0], "tag": taken, **span}
    sent = stage.add(f"{name} send", SEND, [done, *stage.wire], **more)
    stage.wire = [sent]
    if not found.hides:
        stage.last = [sent]


def collectives(one: Pass, plan: Plan) -> Iterator[tuple[str, int, float]]:
    """Yield kind, type and bytes of the collectives of a pass.

    Bytes are those of the whole tensor, from what one rank of n sends of it: n - 1 of n
    parts to gather, scatter or exchange it, twice that to reduce it for all.
    """
    sizes = {"tp": max(plan.tp, plan.etp), "cp": plan.cp, "ep": plan.ep}
    for kind, count in sizes.items():
        sent = one.sent[kind]
        if sent <= 0.0 or count < 2:
            continue
        whole_size = sent * count / (count - 1.0)
        if kind == "tp" and plan.sp:
            yield kind, ALL_GATHER, whole_size / 2.0
            yield kind, REDUCE_SCATTER, whole_size / 2.0
        elif kind == "tp":
            yield kind, ALL_REDUCE, whole_size / 2.0
        else:
            gathered = kind == "cp" and not plan.cp_comm_type.startswith("a2a")
            yield kind, ALL_GATHER if gathered else ALL_TO_ALL, whole_size


def _add_update(stage: _Stage, found: Timeline, plan: Plan, last: float) -> None:
    """Add what follows the pipeline: all ranks wait for each other at the norm."""
    told = {"group": WORLD, "collective": ALL_REDUCE, "size": NORM}
    waits = sorted({*stage.last, *stage.wire})
    done = stage.add("norm", COLLECTIVE, waits, start=last, end=last, **told)
    spans = {span.engine: span for span in found.others if span.engine != "p2p"}
    for engine, span in spans.items():
        times = {"start": span.start, "end": span.end}
        if engine != "dp":
            done = stage.add(engine, COMPUTE, [done], **times)
            continue
        count = float(plan.dp * plan.cp)
        size = found.dp_bytes * count / max(1.0, count - 1.0)
        kind = ALL_REDUCE if plan.sharding == "none" else REDUCE_SCATTER
        size *= 0.5 if kind == ALL_REDUCE else 1.0
        told = {"group": "dp", "collective": kind, "size": size}
        done = stage.add(engine, COLLECTIVE, [done], **told, **times)
