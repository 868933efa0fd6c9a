"""What collectives take of a worker: bytes by hand, channels as NCCL logs them."""

import pytest

from accelsim import catalog
from accelsim.chip.lower import fill_chip
from accelsim.fabric.lower import fill_tiers
from accelsim.kernels.collectives import collective
from accelsim.kernels.fabric_tables import ALL_GATHER, ALL_REDUCE, ALL_TO_ALL, SEND
from accelsim.kernels.tables import CHIP, MAX_TIERS, TIER, Record, Rows
from accelsim.kernels.use_tables import USE
from accelsim.kernels.uses import fill_use
from accelsim.training.lower import table
from tests.examples import chip, software, switch, systolic, tiers, torus

STACK = software(communication_share=-1.0, tp_units=-1.0, ep_units=-1.0)


def use_of(
    kind: int, size: float, ranks: float, stride: float, time: float, *,
    worker: Record | None = None, fabric: Rows | None = None,
) -> Record:  # fmt: skip
    use = table(USE, 1)[0]
    fabric = tiers(switch(8), switch(512, 1e10)) if fabric is None else fabric
    worker = chip() if worker is None else worker
    fill_use(use, worker, STACK, fabric, int(kind), size, ranks, stride, time)
    return use


def test_a_gather_inside_reads_and_writes_what_it_sends() -> None:
    # 8 ranks of 1 GB: 0.875 GB sent in 8.75 ms fill a port of 100 GB/s; 2.5 touches a
    # byte (one of two rings adds) of a memory of 4 TB/s
    use = use_of(ALL_GATHER, 1e9, 8.0, 1.0, 8.75e-3)
    assert use.inner == pytest.approx(1.0)
    assert use.outer == 0.0
    assert use.memory == pytest.approx(2.5 * 1e11 / 4e12)
    # twice as long: half of the port
    assert use_of(ALL_GATHER, 1e9, 8.0, 1.0, 17.5e-3).inner == pytest.approx(0.5)


def test_an_exchange_across_fills_the_network_and_some_of_the_ports() -> None:
    # 64 ranks: 7/64 of 1 GB stay inside, 56/64 leave at 10 GB/s
    time = 0.875 * 1e9 / 1e10
    use = use_of(ALL_TO_ALL, 1e9, 64.0, 1.0, time)
    assert use.outer == pytest.approx(1.0)
    assert use.inner == pytest.approx(7 / 64 * 1e9 / (time * 1e11))
    assert use.memory == pytest.approx(2.0 * 63 / 64 * 1e9 / (time * 4e12))


def test_a_chain_of_stages_uses_its_last_border() -> None:
    use = use_of(SEND, 1e8, 4.0, 8.0, 1e-2)
    assert (use.inner, use.outer) == (0.0, pytest.approx(1.0))
    assert use_of(SEND, 1e8, 4.0, 2.0, 1e-3).inner == pytest.approx(1.0)


def test_nobody_to_talk_to_takes_nothing() -> None:
    for ranks, size in ((1.0, 1e9), (8.0, 0.0)):
        use = use_of(ALL_REDUCE, size, ranks, 1.0, 1.0)
        assert (use.units, use.memory, use.inner, use.outer) == (0.0,) * 4


def test_groups_of_a_torus_share_no_links() -> None:
    ring = tiers(torus(256, (16, 16)))
    use = use_of(ALL_GATHER, 1e9, 16.0, 1.0, 1e-2, worker=systolic(), fabric=ring)
    assert (use.units, use.inner, use.outer) == (0.0, 0.0, 0.0)
    assert use.memory > 0.0


@pytest.mark.parametrize(
    ("name", "system", "kind", "ranks", "blocks"),
    [
        # "24 coll channels, 16 nvls channels, 32 p2p channels" of 8 x H100
        ("h100-sxm", "dgx-h100", ALL_GATHER, 8.0, 24),
        ("h100-sxm", "dgx-h100", ALL_REDUCE, 8.0, 16),
        ("h100-sxm", "dgx-h100", ALL_TO_ALL, 8.0, 32),
        ("h100-sxm", "dgx-h100", ALL_GATHER, 64.0, 16),
        ("a100-80gb", "dgx-a100", ALL_REDUCE, 8.0, 24),
        ("b200", "dgx-b200", ALL_GATHER, 8.0, 32),
    ],
)
def test_channels_hold_multiprocessors(
    name: str, system: str, kind: int, ranks: float, blocks: int
) -> None:
    spec, machine = catalog.load("chips", name), catalog.load("systems", system)
    links = {t.link: catalog.load("links", t.link) for t in machine.tiers.values()}
    worker, fabric = table(CHIP, 1)[0], table(TIER, MAX_TIERS)
    fill_chip(worker, spec, "flash2")
    fill_tiers(fabric, machine, spec, links, int(ranks))
    time = collective(fabric, int(kind), 1e9, ranks, 1.0, STACK)[0]
    use = use_of(kind, 1e9, ranks, 1.0, time, worker=worker, fabric=fabric)
    assert use.units == pytest.approx(blocks / spec.matrix.units)
    # Lee et al. 2025 (arXiv:2507.03114): 18.9 % slower in the mean, at most 40 %
    assert 0.05 < use.units + 0.3 * use.memory < 0.4
    # a large message fills its narrowest link, but for steps and starts
    assert 0.65 < max(use.inner, use.outer) <= 1.0
