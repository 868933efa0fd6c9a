"""Chakra traces: read back by another reader, replayed rank by rank."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from accelsim.errors import InputError
from accelsim.explore.estimate import answer
from accelsim.explore.result import Estimate
from accelsim.explore.timeline import timeline
from accelsim.report.chakra import group_of, write_chakra
from accelsim.report.protobuf import varint, whole
from tests.examples import question

# et_def.proto: numbers of the fields, of the kinds of nodes and of the collectives
NODE = {1: "id", 2: "name", 3: "type", 5: "deps", 6: "start", 7: "duration"}
COMPUTE, SEND, RECEIVE, COLLECTIVE = 4, 5, 6, 7
ALL_REDUCE, ALL_GATHER, ALL_TO_ALL, REDUCE_SCATTER = 0, 2, 6, 7
RANKS = 16


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield number and value of each field of a message: a whole number or bytes."""
    at = 0

    def number() -> int:
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = data[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        if key & 7 == 0:
            yield key >> 3, number()
            continue
        size = number()
        yield key >> 3, data[at : at + size]
        at += size


def messages(data: bytes) -> Iterator[bytes]:
    """Yield the messages of a file, each behind its length."""
    at = 0
    while at < len(data):
        size, shift = 0, 0
        while True:
            byte = data[at]
            at, size, shift = at + 1, size | (byte & 127) << shift, shift + 7
            if byte < 128:
                break
        yield data[at : at + size]
        at += size


@dataclass
class Node:
    id: int = 0
    type: int = 0
    name: str = ""
    start: int = 0
    duration: int = 0
    deps: list[int] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)


def read(path: Path) -> list[Node]:
    """Return the nodes of a trace."""
    first, *rest = messages(path.read_bytes())
    assert dict(fields(first)) == {1: b"0.0.4"}
    nodes = []
    for message in rest:
        node = Node()
        for number, value in fields(message):
            if number == 10:
                told = dict(fields(value))
                name = told.pop(1).decode()
                (node.attributes[name],) = told.values()
            elif number == 5:
                packed = b"".join(b"\x08" + v for v in split(value))
                node.deps = [one for _, one in fields(packed)]
            else:
                decoded = value.decode() if number == 2 else value
                setattr(node, NODE[number], decoded)
        nodes.append(node)
    return nodes


def split(data: bytes) -> Iterator[bytes]:
    """Yield the varints of a packed field."""
    one = b""
    for byte in data:
        one += bytes([byte])
        if byte < 128:
            yield one
            one = b""


class Replay:
    """Ranks that run their nodes as soon as they can; times in us."""

    def __init__(self, traces: list[list[Node]], groups: dict[str, list[int]]) -> None:
        self.left = [list(nodes) for nodes in traces]
        self.groups = groups
        self.ends: list[dict[int, float]] = [{} for _ in traces]
        self.sent: dict[tuple[int, int, int], float] = {}
        # who came to a group's collectives, in turn, and which of them a node is
        self.came: dict[tuple[str, int], dict[int, float]] = defaultdict(dict)
        self.turns: list[dict[str, int]] = [defaultdict(int) for _ in traces]
        self.turn: dict[tuple[int, int], int] = {}

    def end(self, rank: int, node: Node) -> float | None:
        """Return when a node ends, or None if it cannot yet.

        A collective begins when all of its group have come to it, and a receive ends
        with its send.
        """
        done, told = self.ends[rank], node.attributes
        if any(dep not in done for dep in node.deps):
            return None
        start = max((done[dep] for dep in node.deps), default=0.0)
        if node.type == COLLECTIVE:
            return self.together(rank, node, start)
        ends = start + node.duration
        if node.type == COMPUTE:
            return ends
        hand_over = (told["comm_src"], told["comm_dst"], told["comm_tag"])
        if node.type == SEND:
            self.sent[hand_over] = ends
            return ends
        there = self.sent.get(hand_over)
        return None if there is None else max(start, there)

    def together(self, rank: int, node: Node, start: float) -> float | None:
        """Return when a collective ends, or None if somebody is missing."""
        name = node.attributes["pg_name"].decode()
        if (rank, node.id) not in self.turn:
            self.turn[rank, node.id] = self.turns[rank][name]
            self.turns[rank][name] += 1
        there = self.came[name, self.turn[rank, node.id]]
        there[rank] = start
        if len(there) < len(self.groups[name]):
            return None
        return max(there.values()) + node.duration

    def run(self) -> float:
        """Return when the last node ends."""
        moved = True
        while moved:
            moved = False
            for rank, nodes in enumerate(self.left):
                for node in list(nodes):
                    end = self.end(rank, node)
                    if end is not None:
                        self.ends[rank][node.id] = end
                        nodes.remove(node)
                        moved = True
        assert not any(self.left), "a rank waits for ever"
        return max(max(done.values()) for done in self.ends)


PLANS: list[dict[str, Any]] = [
    {"tp": 2, "pp": 1},
    {"tp": 4, "pp": 1, "recompute": "full", "sharding": "zero3"},
    {"tp": 2, "pp": 4, "vp": 2, "micro_batch": 1, "overlap": {"pp": True}},
    {"tp": 1, "cp": 2, "pp": 2, "vp": 1, "micro_batch": 1},
    *(
        {"tp": 2, "pp": 4, "vp": 1, "micro_batch": 4, "schedule": s}
        for s in ("1f1b", "gpipe", "zb-h1", "zb-v", "dualpipe")
    ),
    {"tp": 2, "stage_layers": (1, 3, 3, 1), "micro_batch": 4},
]


def written(folder: Path, **plan: Any) -> tuple[Estimate, list[list[Node]], Any]:
    overlap = plan.pop("overlap", {})
    schedules = ("1f1b", "gpipe", "zb-h1", "zb-v", "dualpipe")
    stack = {"schedules": schedules, "interleaved": True, "overlap": overlap}
    (found,) = answer([question(software=stack, plan=plan)])
    assert isinstance(found, Estimate), found
    write_chakra(folder, timeline(found), found.plan)
    traces = [read(folder / f"rank.{rank}.et") for rank in range(RANKS)]
    assert len(list(folder.iterdir())) == RANKS + 1
    return found, traces, json.loads((folder / "comm_groups.json").read_text())


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_the_replay_takes_the_step_time(plan: dict[str, Any], tmp_path: Path) -> None:
    found, traces, groups = written(tmp_path / "et", **plan)
    end = Replay(traces, groups).run()
    assert end / 1e6 == pytest.approx(found.step_time, rel=0.005)


def test_what_is_sent_is_what_the_estimate_says(tmp_path: Path) -> None:
    found, traces, groups = written(tmp_path, tp=2, pp=2, vp=1, micro_batch=4)
    sent: dict[str, float] = defaultdict(float)
    for nodes in traces:
        for node in nodes:
            told = node.attributes
            if node.type == COLLECTIVE and told["comm_size"] > 8:
                n = len(groups[told["pg_name"].decode()])
                turns = 2 if told["comm_type"] == ALL_REDUCE else 1
                kind = node.name.split()[-1]
                sent[kind] += turns * told["comm_size"] * (n - 1) / n / RANKS
            elif node.type == SEND:
                sent["pp"] += told["comm_size"] / RANKS
    assert sent["tp"] == pytest.approx(found.link_bytes["tp"], rel=1e-6)
    assert sent["dp"] == pytest.approx(found.link_bytes["dp"], rel=1e-6)
    # a step's hand-overs of a stage between two others; an end has half of them
    assert sent["pp"] == pytest.approx(found.link_bytes["pp"] / 2.0, rel=1e-6)


def test_groups_are_neighbours_in_their_dimension(tmp_path: Path) -> None:
    found, traces, groups = written(tmp_path, tp=2, cp=2, pp=2, vp=1, micro_batch=4)
    plan = found.plan
    assert (plan.tp, plan.cp, plan.dp, plan.pp) == (2, 2, 2, 2)
    assert group_of("tp", plan, 5) == (4, 5)
    assert group_of("cp", plan, 5) == (5, 7)
    assert group_of("dp", plan, 5) == (1, 3, 5, 7)
    sends = [n.attributes for n in traces[5] if n.type == SEND]
    assert {(one["comm_src"], one["comm_dst"]) for one in sends} == {(5, 13)}
    for group in groups.values():
        assert len(group) in (2, 4, RANKS)


def test_too_many_ranks_are_refused(tmp_path: Path) -> None:
    found, _, _ = written(tmp_path, tp=2, pp=1)
    big = type(found.plan)(**{
        name: getattr(found.plan, name) for name in found.plan.__slots__
    } | {"dp": 10_000})  # fmt: skip
    with pytest.raises(InputError, match="at most 16384"):
        write_chakra(tmp_path, timeline(found), big)


def test_numbers_on_the_wire() -> None:
    # protobuf.dev/programming-guides/encoding: 150 is 96 01; field 1 of it 08 96 01
    assert varint(150) == b"\x96\x01"
    assert whole(1, 150) == b"\x08\x96\x01"
    assert varint(-1) == b"\xff" * 9 + b"\x01"
