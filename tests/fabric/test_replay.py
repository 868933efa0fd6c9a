"""Collectives replayed as flows: beside the closed forms, and what must always hold."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim.errors import InputError
from accelsim.fabric.collective import System, system
from accelsim.fabric.graph import fabric_of
from accelsim.fabric.listing import bisection
from accelsim.fabric.replay import Replay, replay
from accelsim.fabric.steps import steps_of

GIB = 2.0**30
RINGS = ("all_reduce", "all_gather", "reduce_scatter")


def asked(
    name: str, kind: str, size: float, ranks: int, algorithm: str = "auto",
    changes: Any = (), grain: int | None = 1,
) -> Replay:  # fmt: skip
    on = system(name, changes)
    graph = fabric_of(on, -(-ranks // on.chip.workers_per_chip))
    steps = steps_of(graph, kind, range(ranks), size, algorithm)
    return replay(graph, [steps], grain=grain)


def on_wires(name: str) -> System:
    on = accelsim.system(name)
    if on.chip.core_link is None:
        return on
    link = on.chip.core_link.model_copy(update={"touches": None})
    return replace(on, chip=on.chip.model_copy(update={"core_link": link}))


@pytest.mark.parametrize("kind", RINGS)
@pytest.mark.parametrize(
    ("name", "ranks"),
    [
        ("trn2-48xlarge", 64),
        ("trn2-ultraserver", 256),
        ("trn2-ultraserver", 512),
        ("trn3-ultraserver-gen2", 16),
        ("trn3-ultraserver-gen2", 288),
        ("trn3-ultraserver-gen2", 576),
        ("tpu-v4-pod", 4096),
        ("tpu-v5e-pod", 256),
        ("mi300x-8", 8),
        ("trn1-32xlarge", 64),
    ],
)
def test_closed_forms_agree_where_nothing_contends(
    name: str, ranks: int, kind: str
) -> None:
    # The same steps, rates and latencies: what is left is the start of a collective,
    # which the library adds, and rounding; where a tree has more than one switch in
    # the way, these add their latency (under a microsecond in 15). Hence 1 %. A replay
    # knows wires, and not how often Neuron's collectives touch memory.
    on = on_wires(name)
    start = float(on.software.collective_start)
    found = asked(name, kind, GIB, ranks).time[0] + start
    want = on.collective(kind, bytes=GIB, ranks=ranks, algorithm="hierarchy").time
    assert found == pytest.approx(want, rel=0.01)


@pytest.mark.parametrize(
    ("name", "ranks"), [("mi300x-8", 8), ("trn3-ultraserver-gen2", 16)]
)
def test_all_to_all_agrees_where_nothing_contends(name: str, ranks: int) -> None:
    on = accelsim.system(name)
    want = on.collective("all_to_all", bytes=GIB, ranks=ranks).time
    assert asked(name, "all_to_all", GIB, ranks).time[0] == pytest.approx(
        want, rel=0.02
    )


def test_a_ring_on_a_switch_by_hand() -> None:
    # 18 ports of 25 GB/s at 0.824; a fitted step of 4.04 us and nothing to start
    found = asked("dgx-h100", "all_gather", GIB, 8, "ring").time[0]
    assert found == pytest.approx(7 / 8 * GIB / (450e9 * 0.824), rel=0.02)


def test_the_grain_does_not_matter_alone() -> None:
    times = [
        asked("tpu-v5e-pod", "all_reduce", 2.0**24, 256, grain=g) for g in (1, 4, None)
    ]
    assert times[0].time[0] == pytest.approx(times[2].time[0], rel=1e-9)
    assert times[1].time[0] == pytest.approx(times[2].time[0], rel=1e-9)
    assert times[0].carried == pytest.approx(times[2].carried)


@pytest.mark.parametrize("algorithm", ["ring", "rings", "halving", "direct"])
def test_scatter_and_gather_make_an_all_reduce(algorithm: str) -> None:
    parts = [asked("dgx-h100", kind, 2.0**26, 8, algorithm).time[0] for kind in RINGS]
    assert parts[0] == pytest.approx(parts[1] + parts[2], rel=1e-9)


def test_an_all_reduce_in_the_switch_crosses_each_port_once() -> None:
    added = asked("gb200-nvl72", "all_reduce", GIB, 72, "nvls")
    assert added.carried.sum() == pytest.approx(2 * 72 * GIB)
    assert added.time[0] < asked("gb200-nvl72", "all_reduce", GIB, 72, "ring").time[0]


@pytest.mark.parametrize("kind", [*RINGS, "all_to_all", "send_recv"])
def test_one_rank_or_no_byte_costs_nothing(kind: str) -> None:
    assert asked("dgx-h100", kind, GIB, 1).time[0] == 0.0
    assert asked("dgx-h100", kind, 0.0, 8).time[0] == 0.0


PLACES = (
    ("dgx-h100", 16, ()),
    ("dgx-h100", 64, ("tiers.fabric.oversubscription=4", "tiers.fabric.routing=hash")),
    ("trn2-48xlarge", 64, ()),
    ("mi300x-8", 8, ()),
    ("trn3-ultraserver-gen2", 288, ()),
)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(PLACES),
    st.sampled_from([*RINGS, "all_to_all"]),
    st.sampled_from(["auto", "ring", "halving", "direct", "pairwise", "rings"]),
    st.integers(10, 30),
    st.integers(0, 2**31),
)
def test_laws_of_any_collective_anywhere(
    place: tuple[str, int, tuple[str, ...]], kind: str, algorithm: str, log_size: int,
    seed: int,
) -> None:  # fmt: skip
    name, ranks, changes = place
    if (algorithm == "pairwise") != (kind == "all_to_all") or ranks & (ranks - 1):
        algorithm = "auto"
    on = system(name, changes)
    graph = fabric_of(on, -(-ranks // on.chip.workers_per_chip))
    members = (
        np.random.default_rng(seed).permutation(ranks) if seed % 2 else np.arange(ranks)
    )
    size = 2.0**log_size

    def ask(size: float) -> Replay:
        steps = steps_of(graph, kind, members, size, algorithm)
        return replay(graph, [steps], grain=2)

    found = ask(size)
    edges, carried = graph.edges, found.carried
    # what goes into a node that is no rank comes out
    nodes = len(graph.nodes)
    into = np.bincount(edges.target, carried, nodes)
    out = np.bincount(edges.source, carried, nodes)
    inner = np.ones(nodes, bool)
    inner[graph.node_of(np.arange(graph.ranks))] = False
    assert into[inner] == pytest.approx(out[inner], rel=1e-9)
    assert into.sum() == pytest.approx(out.sum(), rel=1e-9)
    # no edge above its rate, on the whole
    assert np.all(carried <= edges.rate * found.time[0] * (1 + 1e-6))
    # what must leave a rank, at the rate of all of its edges; what crosses the halves
    least = size * (ranks - 1) / ranks * (2.0 if kind == "all_reduce" else 1.0)
    first = graph.node_of(members[:1])[0]
    assert found.time[0] >= least / edges.rate[edges.source == first].sum() * (1 - 1e-9)
    if kind == "all_to_all" and ranks == graph.ranks:
        assert found.time[0] >= size * ranks / 4 / bisection(graph) * (1 - 1e-3)
    assert found.time[0] >= float(graph.ways(members[:1], members[1:2]).latency[0])
    # more bytes take longer
    assert ask(2 * size).time[0] > found.time[0]


def test_half_the_bandwidth_takes_longer() -> None:
    whole, half = (
        asked(
            "trn2-48xlarge",
            "all_reduce",
            GIB,
            64,
            changes=[f"tiers.node.efficiency={e}"],
        )
        for e in (0.8, 0.4)
    )
    assert half.time[0] == pytest.approx(2 * whole.time[0], rel=0.2)


@pytest.mark.parametrize(
    ("kind", "algorithm", "ranks", "message"),
    [
        ("all_reduce", "rnig", 8, "did you mean 'ring'"),
        ("all_sum", "ring", 8, "collective 'all_sum' is unknown"),
        ("all_reduce", "halving", 6, "a power of two, not 6"),
        ("all_to_all", "ring", 8, "direct, pairwise"),
        ("all_gather", "nvls", 8, "an all_reduce only"),
        ("all_reduce", "torus", 8, "fill one torus"),
        ("all_reduce", "hierarchy", 12, "unequal|hold 4 to 8 members"),
    ],
)
def test_what_cannot_be_is_refused(
    kind: str, algorithm: str, ranks: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        asked("dgx-h100", kind, GIB, ranks, algorithm)
