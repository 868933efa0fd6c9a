"""Every built-in system: it loads, nests, names what exists, and agrees with the wire.

The bandwidths are those of the vendors' pages; the collective times are published
measurements (their origin stands beside them), which ports, efficiency and latency
must give back.
"""

import re

import pytest

import accelsim
from accelsim import catalog
from accelsim.link.port import port
from accelsim.specs.figure import KINDS, figures
from accelsim.specs.link import LinkSpec
from accelsim.specs.system import SystemSpec, TierSpec

TRAINIUM = [
    "trn1-32xlarge",
    "trn2-48xlarge",
    "trn2-ultraserver",
    "trn3-ultraserver-gen1",
    "trn3-ultraserver-gen2",
    "trn4-rack-projected",
]
GPU = [
    "dgx2-v100",
    "dgx-a100",
    "dgx-a100-40gb",
    "p4d",
    "p4de",
    "roce-a100-40gb",
    "roce-a100-80gb",
    "a100-pcie-8",
    "dgx-h100",
    "p5-h100",
    "dgx-h100-500w",
    "roce-h100",
    "dgx-h800",
    "dgx-h200",
    "p5en-h200",
    "h200-nvl-8",
    "gh200-nvl",
    "l40s-8",
    "rtx-pro-6000-8",
    "a100-pairs-4",
    "dgx-b200",
    "dgx-b200-simumax",
    "p6-b200",
    "dgx-b300",
    "p6-b300",
    "gb200-nvl72",
    "gb300-nvl72",
    "rubin-nvl144",
    "mi300x-8",
    "mi325x-8",
    "mi350x-8",
    "mi355x-8",
]
TPU = [
    "tpu-v3-pod",
    "tpu-v4-pod",
    "tpu-v5e-pod",
    "tpu-v5p-pod",
    "tpu-v6e-pod",
    "tpu-v7-pod",
]
SYSTEMS = TRAINIUM + GPU + TPU

# One way, all ports of a chip into the tier [GB/s], from the vendors' pages.
SCALE_UP = {
    ("dgx2-v100", "node"): 150,
    ("dgx-a100", "node"): 300,
    ("dgx-h100", "node"): 450,
    ("p5-h100", "node"): 450,
    ("dgx-h800", "node"): 200,
    ("gh200-nvl", "node"): 450,
    ("h200-nvl-8", "bridge"): 450,
    ("dgx-b200", "node"): 900,
    ("p6-b300", "node"): 900,
    ("gb200-nvl72", "rack"): 900,
    ("gb300-nvl72", "rack"): 900,
    ("rubin-nvl144", "rack"): 1800,
    ("trn4-rack-projected", "rack"): 1800,
    ("trn1-32xlarge", "node"): 192,
    ("trn2-48xlarge", "node"): 512,
    ("trn2-ultraserver", "node"): 512,
    ("trn2-ultraserver", "ultraserver"): 128,
    ("trn3-ultraserver-gen2", "sled"): 256,
    ("trn3-ultraserver-gen2", "rack"): 320,
    ("trn3-ultraserver-gen2", "ultraserver"): 128,
    ("mi300x-8", "node"): 448,
    ("mi355x-8", "node"): 535.5,
    ("tpu-v4-pod", "pod"): 270,
    ("tpu-v5e-pod", "pod"): 180,
    ("tpu-v5p-pod", "pod"): 540,
    ("tpu-v6e-pod", "pod"): 360,
    ("tpu-v7-pod", "pod"): 600,
}
# Wire rate of a chip's NICs [Gb/s]; a link's payload rate may be a little less.
SCALE_OUT = {
    "dgx2-v100": 50,
    "dgx-a100": 200,
    "p4d": 50,
    "dgx-h100": 400,
    "p5-h100": 400,
    "p5en-h200": 400,
    "p6-b200": 400,
    "p6-b300": 800,
    "gb200-nvl72": 400,
    "gb300-nvl72": 800,
    "rubin-nvl144": 1600,
    "roce-a100-40gb": 200,
    "roce-h100": 400,
    "gh200-nvl": 200,
    "trn1-32xlarge": 50,
    "trn2-48xlarge": 200,
    "trn2-ultraserver": 200,
    "trn3-ultraserver-gen1": 200,
    "trn3-ultraserver-gen2": 200,
    "tpu-v4-pod": 50,
    "tpu-v5e-pod": 25,
    "tpu-v5p-pod": 50,
    "tpu-v6e-pod": 100,
    "tpu-v7-pod": 100,
}
# What a node draws at most [kW]: DGX data sheets; NVIDIA Mission Control's GB300
# planning example; DGX B300 documentation.
NODE_POWER = {
    "dgx2-v100": 10.0,
    "dgx-a100": 6.5,
    "dgx-h100": 10.2,
    "dgx-h200": 10.2,
    "dgx-b200": 14.3,
    "dgx-b300": 14.5,
    "gb300-nvl72": 7.5,
}
# All-gather of S bytes over n ranks of one tier, nccl-tests convention (S is the
# whole result): ai-dynamo/aiconfigurator@095f58a systems/data/*/comm/nccl.
ALL_GATHER = [
    ("dgx-a100", "node", 8, 536_870_912, 2.288e-3),
    ("dgx-h100", "node", 8, 536_870_912, 1.402e-3),
    ("dgx-b200", "node", 8, 536_870_912, 0.761e-3),
]
# All-reduce with NVLS: the same tables, and coreweave/nccl-tests README.md.
ALL_REDUCE = [
    ("dgx-h100", "node", 536_870_912, 2.111e-3),
    ("dgx-b200", "node", 536_870_912, 1.335e-3),
    ("gb200-nvl72", "rack", 8_589_934_592, 20.299e-3),
]


def load(name: str) -> SystemSpec:
    spec: SystemSpec = catalog.load("systems", name)
    return spec


def ports(tier: TierSpec) -> float:
    """Return the payload rate of a chip's ports into a tier, one way [B/s]."""
    link: LinkSpec = catalog.load("links", tier.link)
    return sum(tier.links_per_chip) * port(link).bandwidth


@pytest.mark.parametrize("name", SYSTEMS)
def test_names_what_exists(name: str) -> None:
    system = load(name)
    assert system.chip in catalog.names("chips")
    assert system.price in catalog.names("prices")
    assert system.software in catalog.names("software")
    for tier in system.tiers.values():
        assert tier.link in catalog.names("links")


def test_no_system_is_untested() -> None:
    assert set(catalog.names("systems")) == set(SYSTEMS)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_figure_has_a_source_and_a_kind(name: str) -> None:
    for path, figure in figures(load(name)).items():
        assert figure.source.strip(), path
        assert figure.kind in KINDS, path
        if figure.kind == "assumed":
            # A guess says how it was derived.
            assert len(figure.source) > 40, path


@pytest.mark.parametrize("name", SYSTEMS)
def test_sources_are_public(name: str) -> None:
    text = catalog.find("systems", name).read_text()
    assert not re.search(r"/work|/tmp|shared/|truth/|\.csv\b", text)


@pytest.mark.parametrize("name", SYSTEMS)
def test_tiers_nest_and_the_fabric_is_large(name: str) -> None:
    system = load(name)
    inner = 1
    for tier in system.tiers.values():
        assert tier.chips % inner == 0
        assert tier.chips > inner
        inner = tier.chips
    assert list(system.tiers)[-1] == "fabric"
    assert system.max_chips >= (100_000 if name in TRAINIUM else 16_384)
    assert system.rent_unit % system.node.chips == 0
    scale_up = list(system.tiers.values())[-2].chips
    assert scale_up % system.node.chips == 0


@pytest.mark.parametrize("name", SYSTEMS)
def test_status_is_no_better_than_the_chip(name: str) -> None:
    system = load(name)
    assert system.status == catalog.load("chips", system.chip).status


@pytest.mark.parametrize(("name", "tier"), SCALE_UP)
def test_scale_up_bandwidth_of_a_chip(name: str, tier: str) -> None:
    expected = SCALE_UP[name, tier] * 1e9
    assert ports(load(name).tiers[tier]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", SCALE_OUT)
def test_scale_out_bandwidth_of_a_chip(name: str) -> None:
    wire = SCALE_OUT[name] * 1e9 / 8
    assert 0.93 * wire <= ports(load(name).tiers["fabric"]) <= wire * (1 + 1e-6)


@pytest.mark.parametrize(("name", "tier", "ranks", "size", "measured"), ALL_GATHER)
def test_a_large_all_gather_is_the_measured_one(
    name: str, tier: str, ranks: int, size: float, measured: float
) -> None:
    assert ranks <= load(name).tiers[tier].chips
    found = accelsim.system(name).collective("all_gather", bytes=size, ranks=ranks)
    # one figure for all GPUs (NCCL's own rate of a link): within 9 %
    assert found.time == pytest.approx(measured, rel=0.09)


@pytest.mark.parametrize(("name", "tier", "size", "measured"), ALL_REDUCE)
def test_a_switch_that_adds_takes_the_measured_time(
    name: str, tier: str, size: float, measured: float
) -> None:
    spec = load(name).tiers[tier]
    assert spec.in_network_reduction
    found = accelsim.system(name).collective("all_reduce", bytes=size, ranks=spec.chips)
    assert found.algorithm == "NVLS"
    assert found.time == pytest.approx(measured, rel=0.09)


@pytest.mark.parametrize("name", SYSTEMS)
def test_only_nvlink_switches_since_hopper_reduce(name: str) -> None:
    for tier in load(name).tiers.values():
        hopper = tier.link in ("nvlink4", "nvlink5", "nvlink6")
        trainium = name in TRAINIUM
        adds = tier.topology == "switch" and hopper and not trainium
        assert tier.in_network_reduction == adds
        # at the share of the ports that NCCL's generation has, not one of the file
        assert (tier.library in ("nccl-hopper", "nccl-blackwell")) == adds
        assert tier.reduction_efficiency is None


@pytest.mark.parametrize("name", NODE_POWER)
def test_node_draws_what_its_data_sheet_says(name: str) -> None:
    system = load(name)
    chip = catalog.load("chips", system.chip)
    watts = system.node.chips * float(chip.power.tdp)
    watts += float(system.node.overhead_power)
    assert watts == pytest.approx(NODE_POWER[name] * 1e3, rel=1e-6)


def test_trainium3_keeps_the_three_competing_bandwidths() -> None:
    note = load("trn3-ultraserver-gen2").note
    assert all(figure in note for figure in ("704 GB/s", "2,048 GiB/s", "2.56 TB/s"))


def test_a_rack_is_rented_whole() -> None:
    for name in ("gb200-nvl72", "gb300-nvl72", "rubin-nvl144"):
        system = load(name)
        assert system.rent_unit == 72
        assert system.node.chips == 4
        assert system.tiers["rack"].chips == 72
