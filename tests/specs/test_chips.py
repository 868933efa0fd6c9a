"""The built-in chips and links: they load, are sourced and agree with themselves."""

import re

import pytest

from accelsim import catalog
from accelsim.chip.lower import reached
from accelsim.link.port import port
from accelsim.specs.chip import ChipSpec
from accelsim.specs.figure import figures
from accelsim.specs.link import LinkSpec

CHIPS = (
    *("trainium1", "trainium2", "trainium3", "trainium4-projected", "v100-32gb"),
    *(
        "a100-40gb",
        "a100-80gb",
        "a100-pcie",
        "l40s",
        "rtx-pro-6000",
        "h100-sxm",
        "h100-96gb-500w",
    ),
    *("h200", "h200-nvl", "h800", "gh200", "b200", "gb200", "b300", "gb300", "rubin"),
    *("mi300x", "mi325x", "mi350x", "mi355x"),
    *("tpu-v3", "tpu-v4", "tpu-v5e", "tpu-v5p", "tpu-v6e", "tpu-v7"),
)
LINKS = (
    *("nvlink2", "nvlink3", "nvlink4", "nvlink5", "nvlink6", "xgmi3", "xgmi4"),
    *("neuronlink-v2", "neuronlink-v3", "neuronlink-v3-z", "neuronlink-v4"),
    *("efa-v1", "efa-v2", "efa-v3", "efa-v4", "ethernet-100g", "dcn-100g"),
    *("infiniband-hdr", "infiniband-ndr", "infiniband-xdr", "roce-200g", "roce-400g"),
    *("pcie4-x16", "pcie5-x16"),
    *("ici-v3", "ici-v4", "ici-v5e", "ici-v5p", "ici-v6e", "ici-v7"),
)
# What may not stand in a source: a path of somebody's machine.
LOCAL = re.compile(r"(^|[\s(])/[a-z]+/|\.csv")


def chip(name: str) -> ChipSpec:
    spec = catalog.load("chips", name)
    assert isinstance(spec, ChipSpec)
    return spec


def link(name: str) -> LinkSpec:
    spec = catalog.load("links", name)
    assert isinstance(spec, LinkSpec)
    return spec


def test_nothing_is_missing() -> None:
    assert set(CHIPS) <= set(catalog.names("chips"))
    assert set(LINKS) <= set(catalog.names("links"))


@pytest.mark.parametrize("name", catalog.names("chips"))
def test_chip_is_sourced(name: str) -> None:
    spec = chip(name)
    assert spec.name == name
    assert spec.source
    assert spec.note
    for path, figure in figures(spec).items():
        assert len(figure.source) > 5, path
        assert not LOCAL.search(figure.source), path


@pytest.mark.parametrize("name", catalog.names("links"))
def test_link_is_sourced(name: str) -> None:
    spec = link(name)
    if spec.bandwidth is not None:
        assert spec.bandwidth.text.endswith("per direction")
    assert 0.8 < port(spec).bandwidth * 8.0 / spec.raw_rate <= 1.0005
    for path, figure in figures(spec).items():
        assert len(figure.source) > 5, path
        assert not LOCAL.search(figure.source), path


# Gb/s of a pin: bandwidth x 8 / (stacks x pins). H100 and B200 as HBM3 at 5.2 and HBM3e
# at 8 Gb/s nominal; Trainium3 is reported with 9.6 Gb/s pins.
@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("a100-40gb", 2.43),
        ("a100-80gb", 3.19),
        ("h100-sxm", 5.23),
        ("h200", 6.25),
        ("b200", 7.81),
        ("mi300x", 5.18),
        ("trainium1", 3.2),
        ("trainium2", 5.66),
        ("trainium3", 9.57),
        ("tpu-v5p", 3.6),
        ("l40s", 18.0),  # GDDR6, NVIDIA L40S datasheet
    ],
)
def test_pin_rate_is_known(name: str, rate: float) -> None:
    assert chip(name).hbm.derived_pin_rate / 1e9 == pytest.approx(rate, rel=0.03)


@pytest.mark.parametrize("name", CHIPS)
def test_pin_rate_is_given(name: str) -> None:
    # `--set chip.hbm.pin_rate=…` scales the bandwidth by the ratio to the old rate.
    hbm = chip(name).hbm
    assert hbm.pin_rate is not None
    assert float(hbm.pin_rate) == pytest.approx(hbm.derived_pin_rate, rel=0.01)


@pytest.mark.parametrize("name", [n for n in CHIPS if n.startswith(("train", "tpu"))])
def test_systolic_peak_is_arrays_times_clock(name: str) -> None:
    # Each cell multiplies and adds once a cycle.
    spec = chip(name)
    cells = spec.matrix.units * spec.matrix.rows * spec.matrix.columns
    peak = 2 * cells * float(spec.clock)
    assert peak == pytest.approx(float(spec.matrix.peak["bf16"]), rel=0.01)


# FLOP a cycle of a multiprocessor in dense bf16: NVIDIA A100, H100 and Blackwell
# architecture papers; AMD CDNA 3 and 4 white papers.
@pytest.mark.parametrize(
    ("name", "flop_per_cycle"),
    [
        ("v100-32gb", 1024),
        ("a100-80gb", 2048),
        ("h100-sxm", 4096),
        ("h200-nvl", 4096),
        ("b200", 8192),
        ("gb200", 8192),
        ("gb300", 8192),
        ("mi300x", 2048),
        ("mi355x", 4096),
        ("mi350x", 4096),
    ],
)
def test_gpu_peak_is_units_times_clock(name: str, flop_per_cycle: int) -> None:
    spec = chip(name)
    peak = spec.matrix.units * flop_per_cycle * float(spec.clock)
    assert peak == pytest.approx(float(spec.matrix.peak["bf16"]), rel=0.02)


@pytest.mark.parametrize("name", CHIPS)
def test_shares_are_plausible(name: str) -> None:
    spec = chip(name)
    best = reached(spec, "bf16")
    assert 0.3 < best < 0.95
    assert 0.5 < float(spec.hbm.efficiency) < 0.95
    assert float(spec.power.idle) < 0.5 * float(spec.power.tdp)
    for precision in spec.gemm.issue if spec.gemm else spec.matrix.sustained:
        assert precision in spec.matrix.peak
    for kernel, attention in spec.attention.items():
        if attention.forward is not None and attention.backward is not None:
            assert float(attention.forward) < max(best, 0.65), kernel
            assert float(attention.backward) <= 1.5 * float(attention.forward), kernel


@pytest.mark.parametrize("name", CHIPS)
def test_kernels_by_their_parts_are_plausible(name: str) -> None:
    for kernel, attention in chip(name).attention.items():
        if attention.pipeline is None:
            continue
        pipeline = attention.pipeline
        # softmax takes an exponential a score, some of them by multiply-adds
        assert 0.7 < float(pipeline.exponential) < 1.2, kernel
        # a block starts and drains within microseconds
        assert 500 < float(pipeline.ramp) < 10_000, kernel
        if pipeline.matrix_backward is not None:
            assert float(pipeline.matrix_backward) < float(pipeline.matrix), kernel


@pytest.mark.parametrize("name", CHIPS)
def test_clocks_are_in_order(name: str) -> None:
    spec = chip(name)
    if spec.clock_highest is not None:
        assert 1.0 <= float(spec.clock_highest) / float(spec.clock) < 1.3


def test_a_flop_takes_less_energy_in_each_generation() -> None:
    energy = [chip(name).power.fused_flop for name in ("h100-sxm", "b200")]
    assert energy[0] is not None
    assert energy[1] is not None
    assert float(energy[1]) < float(energy[0])
    # siblings have their generation's
    siblings = [chip(name).power.fused_flop for name in ("gb300", "h200")]
    assert [float(one or 0.0) for one in siblings] == [
        float(one or 0.0) for one in energy[::-1]
    ]


def test_conflicting_figures_are_kept() -> None:
    trainium2, trainium3 = chip("trainium2"), chip("trainium3")
    assert {"core_peak_nki", "bandwidth_nki", "clock_nki"} <= set(trainium2.headline)
    assert {
        "neuronlink_chip_io",
        "neuronlink_ultraserver",
        "neuronlink_wired",
        "bandwidth_nki",
    } <= set(trainium3.headline)
    wired = trainium3.headline["neuronlink_wired"]
    one = float(link("neuronlink-v4").bandwidth or 0.0)
    assert float(wired) == (4 + 5 + 2) * one  # links of trn3-arch.rst


@pytest.mark.parametrize(
    ("name", "workers"),
    [("trainium1", 2), ("trainium2", 4), ("trainium3", 4), ("gb200", 1), ("tpu-v7", 1)],
)
def test_workers(name: str, workers: int) -> None:
    assert chip(name).workers_per_chip == workers


def test_projection_is_marked() -> None:
    spec, base = chip("trainium4-projected"), chip("trainium3")
    assert spec.status == "projected"
    assert "rojected" in spec.note
    assert {f.kind for f in figures(spec).values()} <= {"press", "assumed"}
    # The announced multipliers over Trainium3.
    assert float(spec.matrix.peak["fp8"]) == 3 * float(base.matrix.peak["fp8"])
    assert float(spec.hbm.bandwidth) == pytest.approx(4 * float(base.hbm.bandwidth))
    assert float(spec.headline["fp4"]) == 6 * float(base.headline["mxfp4"])


# What a sibling did not measure itself must not pass as measured.
@pytest.mark.parametrize(
    "name", ["a100-40gb", "h200", "h200-nvl", "h800", "gh200", "h100-96gb-500w", "b300"]
)
def test_carried_figures_are_assumed(name: str) -> None:
    spec = chip(name)
    assert spec.gemm is not None
    assert all(figure.kind == "assumed" for figure in figures(spec.gemm).values())
    assert spec.hbm.efficiency.kind == "assumed"
    # a kernel's parts are those of its generation, and siblings run the same kernel
    for kernel in spec.attention.values():
        if kernel.forward is not None and kernel.backward is not None:
            assert kernel.forward.kind == kernel.backward.kind == "assumed"


@pytest.mark.parametrize(
    ("name", "ports", "one_way"),
    [
        ("nvlink2", 6, 150e9),
        ("nvlink3", 12, 300e9),
        ("nvlink4", 18, 450e9),
        ("nvlink5", 18, 900e9),
        ("nvlink6", 36, 1800e9),
        ("neuronlink-v2", 4, 192e9),
        ("neuronlink-v3", 4, 512e9),
        ("neuronlink-v3-z", 2, 128e9),
        ("xgmi3", 7, 448e9),
        ("xgmi4", 7, 535.5e9),
        ("ici-v7", 6, 600e9),
    ],
)
def test_ports_make_the_chip(name: str, ports: int, one_way: float) -> None:
    assert ports * port(link(name)).bandwidth == pytest.approx(one_way)
