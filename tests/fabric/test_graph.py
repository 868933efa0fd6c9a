"""Systems as graphs: what joins what, how fast, by which way, and what cannot be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim import catalog
from accelsim.errors import InputError, NoAnswerError
from accelsim.fabric.collective import system
from accelsim.fabric.graph import Graph, fabric_of
from accelsim.fabric.listing import bisection, listing

FEW = (
    ("dgx-h100", 64),
    ("gb200-nvl72", 144),
    ("trn2-ultraserver", 128),
    ("trn3-ultraserver-gen2", 288),
    ("mi300x-8", 16),
    ("l40s-8", 16),
    ("tpu-v5e-pod", 256),
    ("trn1-32xlarge", 32),
)


def graph_of(name: str, chips: int | None = None, *changes: str) -> Graph:
    return fabric_of(system(name, changes), chips)


def walk(graph: Graph, source: int, target: int) -> list[str]:
    ways = graph.ways(np.array([source]), np.array([target]))
    return [graph.edge_name(int(e)) for e in ways.edges]


@pytest.mark.parametrize("name", catalog.names("systems"))
def test_every_system_has_a_graph_whose_edges_join_its_nodes(name: str) -> None:
    on = system(name)
    graph = fabric_of(on, min(4096, on.spec.max_chips))
    built = graph.edges[graph.edges.ports > 0]
    assert np.all(built.rate > 0)
    assert np.all(built.rate <= built.bandwidth * 1.000001)
    assert set(built.source) == set(built.target) == set(range(len(graph.nodes)))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(FEW), st.data())
def test_a_way_leads_from_its_beginning_to_its_end(
    which: tuple[str, int], data: st.DataObject
) -> None:
    name, chips = which
    routing = data.draw(st.sampled_from(["spread", "hash", "rail"]))
    one = data.draw(st.sampled_from(["1", "2.5"]))
    tree = [t for t, s in system(name).spec.tiers.items() if s.topology == "fat-tree"]
    changes = [
        f"tiers.{tree[-1]}.routing={routing}",
        f"tiers.{tree[-1]}.oversubscription={one}",
    ]
    graph = graph_of(name, chips, *changes)
    rank = st.integers(0, graph.ranks - 1)
    a, b = data.draw(rank), data.draw(rank)
    ways = graph.ways(np.array([a]), np.array([b]))
    at = int(graph.node_of(np.array([a]))[0])
    for edge in ways.edges:
        assert graph.edges.source[edge] == at
        assert graph.edges.ports[edge] > 0
        at = int(graph.edges.target[edge])
    assert at == graph.node_of(np.array([b]))[0]


def test_the_torus_of_trn2_is_as_wide_as_documented() -> None:
    graph = graph_of("trn2-ultraserver", 64)
    names = ("chip0>chip1", "chip0>chip4", "chip0>chip16")
    wide = [float(graph.edges.bandwidth[graph.find(n)[0]]) for n in names]
    assert wide == pytest.approx([128e9, 128e9, 64e9])


def test_trn3_has_three_ways_out_of_a_chip() -> None:
    tiers = listing(graph_of("trn3-ultraserver-gen2")).tiers
    wide = [t.chip_bandwidth for t in tiers]
    assert wide == pytest.approx([256e9, 320e9, 128e9])


@pytest.mark.parametrize(
    ("name", "chips", "bandwidth"),
    [
        ("dgx-h100", 8, 4 * 450e9),  # half of the GPUs at their ports' rate
        ("trn2-ultraserver", 64, 2 * 16 * 64e9),  # two cuts of 16 narrow rings
        ("trn3-ultraserver-gen2", 144, 72 * 128e9),  # the neck between the racks
        ("tpu-v4-pod", 4096, 2 * 256 * 45e9),
        ("mi300x-8", 8, 16 * 64e9),  # 4 x 4 direct links
        ("dgx-h100", 512, 256 * 50e9),  # a full fat tree
    ],
)
def test_bisection_by_hand(name: str, chips: int, bandwidth: float) -> None:
    assert bisection(graph_of(name, chips)) == pytest.approx(bandwidth, rel=1e-4)


def test_an_oversubscribed_tree_has_a_narrower_cut() -> None:
    # leaves of 48 down and 16 up; two units of 48 nodes, a leaf a rail in each
    narrow = graph_of("dgx-h100", 768, "tiers.fabric.oversubscription=3")
    assert bisection(narrow) == pytest.approx(8 * 16 * 50e9, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "chips", "tier", "switches"),
    [
        ("gb200-nvl72", 72, 0, 18),  # nine trays of two
        ("dgx-b200", 8, 0, 2),
        ("dgx-h100", 256, 1, 12),  # a scalable unit: 8 leaves and 4 spines
        ("dgx-h100", 1024, 1, 48),  # 32 leaves and 16 spines, as in the SuperPOD guide
        ("tpu-v4-pod", 4096, 0, 48),  # Jouppi et al. 2023
    ],
)
def test_switches_are_as_many_as_are_sold(
    name: str, chips: int, tier: int, switches: int
) -> None:
    assert listing(graph_of(name, chips)).tiers[tier].switches == switches


def test_diameter_by_hand() -> None:
    assert listing(graph_of("tpu-v5e-pod")).diameter == 16  # 8 + 8
    assert listing(graph_of("dgx-h100", 512)).diameter == 6  # NIC, leaf, spine, down


def test_a_way_goes_to_the_targets_place_first() -> None:
    graph = graph_of("trn3-ultraserver-gen2")
    assert walk(graph, 0, 73 * 4) == [
        "rank0>chip0",
        "chip0>sled0",
        "sled0>chip1",
        "chip1>chip73",
        "chip73>rank292",
    ]


def test_rails_meet_in_their_leaf() -> None:
    graph = graph_of("dgx-h100", 64)
    assert walk(graph, 0, 8) == [
        "chip0>nic0", "nic0>leaf0", "leaf0>nic8", "nic8>chip8",
    ]  # fmt: skip
    assert len(walk(graph, 0, 9)) == 6  # another rail: over the spine
    rail = graph_of("dgx-h100", 64, "tiers.fabric.routing=rail")
    assert walk(rail, 0, 9)[:3] == ["chip0>node0", "node0>chip1", "chip1>nic1"]


def test_what_is_down_is_gone_around() -> None:
    graph = graph_of("trn2-48xlarge", 16).with_faults(["chip0-chip1"])
    way = walk(graph, 0, 4)
    assert "chip0>chip1" not in way
    assert len(way) == 2 + 3  # three sides of a square in the place of one
    cut = graph_of("dgx-h100", 8).with_faults(["chip3-node0"])
    with pytest.raises(NoAnswerError, match="nothing joins rank 0 and rank 3"):
        cut.ways(np.array([0]), np.array([3]))


@pytest.mark.parametrize(
    ("edge", "share", "message"),
    [
        ("chip0-chip99", 0.5, "no node 'chip99'"),
        ("chip0-chip2", 0.5, "are not joined; chip0 leads to chip1, chip3"),
        ("chip0", 0.5, "write A-B"),
        ("chip0-chip1", 1.5, "a share from 0 to 1"),
    ],
)
def test_an_edge_that_is_not_there_is_refused(
    edge: str, share: float, message: str
) -> None:
    graph = graph_of("trn2-48xlarge", 16)
    with pytest.raises(InputError, match=message):
        graph.with_faults(degraded={edge: share})


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("gb200-nvl72", "tiers.rack.chips=144", "joins 72 chips at most, not 144"),
        ("dgx-h100", "tiers.node.switches=2", "need 3 nvswitch-3 of 64 ports, not 2"),
        ("tpu-v4-pod", "tiers.pod.cube=[2, 2, 2]", "512 cubes need"),
        ("dgx-a100", "tiers.fabric.links_per_chip=[1]", "not 16,384"),
    ],
)
def test_what_the_radix_cannot_build_is_refused(
    name: str, change: str, message: str
) -> None:
    changes = [change]
    if "rack" in change:
        changes += ["tiers.fabric.chips=36864"]
    on = system(name, changes)
    with pytest.raises(InputError, match=message) as caught:
        fabric_of(on, 16384 if "a100" in name else None)
    assert "\n" not in str(caught.value)


def test_chips_that_the_system_has_not_are_refused() -> None:
    with pytest.raises(InputError, match="chips: mi300x-8 has 1 to 65536"):
        graph_of("mi300x-8", 0)
