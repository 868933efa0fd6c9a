"""From tiers and links to one worker's share: by hand, then two built-in systems."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim import catalog
from accelsim.fabric.lower import fill_tiers, filled, slice_of
from accelsim.fabric.nccl import FITTED
from accelsim.kernels import tables
from accelsim.kernels.tables import Rows
from accelsim.specs.chip import ChipSpec
from accelsim.specs.link import LinkSpec
from accelsim.specs.system import SystemSpec
from accelsim.training.lower import table
from tests.examples import (
    CHIP_SPEC,
    LINK_SPEC,
    SYSTEM_SPEC,
    merged,
    question,
)


def tiers_of(
    chips: int = 1024,
    system: dict[str, object] | None = None,
    chip: dict[str, object] | None = None,
) -> Rows:
    """Return the tiers of the example system with changes."""
    rows = table(tables.TIER, tables.MAX_TIERS)
    fill_tiers(
        rows,
        SystemSpec.model_validate(merged(SYSTEM_SPEC, system or {})),
        ChipSpec.model_validate(merged(CHIP_SPEC, chip or {})),
        {"example-link": LinkSpec.model_validate(LINK_SPEC)},
        chips,
    )
    return rows


def test_switch_by_hand() -> None:
    node, fabric, *rest = tiers_of()
    # 9 ports of 50 GB/s at 0.8; 1 port at 0.9; the hop's 500 ns beside the software's
    assert node.bandwidth == pytest.approx(9 * 50e9 * 0.8)
    assert fabric.bandwidth == pytest.approx(50e9 * 0.9)
    assert node.latency == pytest.approx(2.5e-6)
    assert fabric.latency == pytest.approx(10.5e-6)
    assert node.energy == pytest.approx(40e-12)
    assert (node.workers, fabric.workers) == (8.0, 1024.0)
    assert node.topology == fabric.topology == tables.SWITCH
    assert node.reduce_bandwidth == 0.0
    assert not any(tier.workers for tier in rest)


def test_a_switch_that_adds_has_a_rate_of_its_own() -> None:
    adding = {"in_network_reduction": True, "reduction_efficiency": 0.6}
    node = tiers_of(system={"tiers": {"node": adding}})[0]
    assert node.reduce_bandwidth == pytest.approx(9 * 50e9 * 0.6)
    assert node.bandwidth == pytest.approx(9 * 50e9 * 0.8)


def test_oversubscription_divides_the_port() -> None:
    fabric = tiers_of(system={"tiers": {"fabric": {"oversubscription": 3.0}}})[1]
    assert fabric.bandwidth == pytest.approx(50e9 * 0.9 / 3)


def test_workers_of_a_package_share_its_ports() -> None:
    cores = {
        "workers_per_chip": 4,
        "core_link": {"bandwidth": "2 TB/s", "latency": "1 us"},
    }
    core, node, fabric = tiers_of(chip=cores)[:3]
    assert (core.workers, node.workers, fabric.workers) == (4.0, 32.0, 4096.0)
    assert core.bandwidth == 0.5e12
    assert core.latency == 1e-6
    assert core.energy < node.energy
    assert node.bandwidth == pytest.approx(9 * 50e9 * 0.8 / 4)


def test_torus_has_ports_in_each_dimension() -> None:
    square = {"topology": "torus", "dims": (4, 2), "links_per_chip": (2, 1)}
    node = tiers_of(system={"tiers": {"node": square}})[0]
    assert node.topology == tables.TORUS
    assert node.dims == 2
    assert list(node.extent) == [4.0, 2.0, 0.0]
    assert list(node.port_bandwidth) == pytest.approx([80e9, 40e9, 0.0])
    # one number for all dimensions is shared out
    square["links_per_chip"] = (4,)
    node = tiers_of(system={"tiers": {"node": square}})[0]
    assert list(node.port_bandwidth) == pytest.approx([80e9, 80e9, 0.0])


@pytest.mark.parametrize(
    ("chips", "sides"),
    # Google Cloud TPU v5p documentation, supported configurations: 4x4x8, 4x8x8,
    # 8x8x16, 8x16x16, 16x16x24; half a cube has no ring of its own
    [
        (64, (4, 4, 4)),
        (128, (8, 4, 4)),
        (256, (8, 8, 4)),
        (1024, (16, 8, 8)),
        (2048, (16, 16, 8)),
        (6144, (16, 16, 24)),
        (32, (16, 20, 28)),
    ],
)
def test_a_slice_is_a_box_of_whole_cubes(chips: int, sides: tuple[int, ...]) -> None:
    tier = catalog.load("systems", "tpu-v5p-pod").tiers["pod"]
    assert slice_of(tier, chips) == sides


def test_mesh_counts_its_members() -> None:
    node = tiers_of(system={"tiers": {"node": {"topology": "mesh"}}})[0]
    assert node.topology == tables.MESH
    assert node.extent[0] == 8.0


@pytest.mark.parametrize(
    ("domain", "chips", "used"),
    # 512 take 64 of each of eight racks; 500 do not divide by 7, so racks fill up
    [
        (72, 512, 64),
        (72, 72, 72),
        (72, 16, 16),
        (72, 144, 72),
        (72, 500, 72),
        (8, 512, 8),
        (16, 24, 12),
    ],
)
def test_a_job_spreads_evenly(domain: int, chips: int, used: int) -> None:
    assert filled(domain, chips) == used


@given(st.integers(1, 200), st.integers(1, 5_000))
def test_a_job_takes_no_more_domains_than_it_needs(domain: int, chips: int) -> None:
    used = filled(domain, chips)
    assert 1 <= used <= domain
    assert -(-chips // used) == -(-chips // domain)


def test_a_question_places_its_own_job() -> None:
    rows = table(tables.TIER, tables.MAX_TIERS)
    q = question(12)
    fill_tiers(rows, q.system, q.chip, q.links, q.run.chips)
    assert (rows[0].workers, rows[1].workers) == (6.0, 12.0)


def built_in(name: str, chips: int) -> tuple[Rows, SystemSpec]:
    """Return the tiers of a system of the catalog."""
    system: SystemSpec = catalog.load("systems", name)
    chip = catalog.load("chips", system.chip)
    links = {t.link: catalog.load("links", t.link) for t in system.tiers.values()}
    rows = table(tables.TIER, tables.MAX_TIERS)
    fill_tiers(rows, system, chip, links, chips)
    return rows, system


def test_dgx_h100() -> None:
    rows, system = built_in("dgx-h100", 512)
    node, fabric = system.tiers["node"], system.tiers["fabric"]
    # 18 NVLink 4 ports of 25 GB/s each way, and one 400G port
    assert rows[0].bandwidth == pytest.approx(450e9 * float(node.efficiency))
    assert rows[1].bandwidth == pytest.approx(50e9 * float(fabric.efficiency))
    assert (rows[0].workers, rows[1].workers) == (8.0, 512.0)
    # NVLS: 0.85 of the ports' rate as NCCL's tuner has it, and what of it was measured
    assert rows[0].reduce_bandwidth == pytest.approx(
        rows[0].bandwidth * 0.85 * FITTED.add_rate
    )
    assert rows[0].nccl.on == 1.0
    assert rows[1].nccl.on == 0.0


def test_trn2_ultraserver() -> None:
    rows, system = built_in("trn2-ultraserver", 256)
    workers = catalog.load("chips", system.chip).workers_per_chip
    core, node, ultraserver, fabric = rows[:4]
    assert [t.workers for t in rows[:4]] == [workers * n for n in (1, 16, 64, 256)]
    # 4 x 4 of two ports of 128 GB/s a dimension; a ring of 4 with two of 64 GB/s
    share = float(system.tiers["node"].efficiency) / workers
    assert list(node.extent) == [4.0, 4.0, 0.0]
    assert list(node.port_bandwidth) == pytest.approx([256e9 * share] * 2 + [0.0])
    share = float(system.tiers["ultraserver"].efficiency) / workers
    assert list(ultraserver.port_bandwidth) == pytest.approx([128e9 * share, 0.0, 0.0])
    # 200 Gb/s of EFA a chip
    share = float(system.tiers["fabric"].efficiency) / workers
    assert fabric.bandwidth == pytest.approx(25e9 * share)
    assert core.bandwidth > node.bandwidth > fabric.bandwidth
