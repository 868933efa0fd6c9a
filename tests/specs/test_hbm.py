"""The memories of the catalog: their timings are the reference's, in whole cycles."""

import csv

import pytest

from accelsim import catalog
from accelsim.errors import InputError
from accelsim.overrides import override, parse_overrides
from accelsim.specs.figure import figures
from accelsim.specs.hbm import HbmSpec

# Ramulator 2.1 (CMU-SAFARI/ramulator2@c5b1c3a python/ramulator/dram/hbm[234].py) as
# nCL nCWL nRCDRD nRCDWR nRP nRAS nRC nWR nRTP nCCDS nCCDL nRRDS nRRDL nFAW nWTRS nWTRL
# nRFC nRFCpb nREFI nREFIpb
NAMES = (
    *("cl", "cwl", "rcd_rd", "rcd_wr", "rp", "ras", "rc", "wr", "rtp", "ccd_s"),
    *("ccd_l", "rrd_s", "rrd_l", "faw", "wtr_s", "wtr_l", "rfc", "rfc_pb", "refi"),
    "refi_pb",
)
CYCLES = {
    "hbm2-2.0": "14,5,14,12,14,34,48,16,5,2,4,4,4,15,6,8,350,160,3900,122",
    "hbm2-2.4": "17,6,17,14,17,40,57,19,6,2,4,5,5,19,8,10,421,193,4682,147",
    # HBM2's times at 0.625 ns, HBM3's at 1/2.4 ns, rounded up
    "hbm2e-3.2": "23,8,23,20,23,55,77,26,8,2,4,7,7,24,10,13,560,256,6240,196",
    "hbm3e-9.6": "30,15,47,23,39,68,108,50,14,2,5,6,8,36,11,15,1080,480,9360,293",
    "hbm3-6.4": "20,10,31,15,26,45,72,33,9,2,4,4,5,24,7,10,560,320,6240,195",
    "hbm4-8.0": "20,10,39,19,33,57,90,42,12,2,4,5,7,30,9,13,900,560,7800,244",
    "hbm4-16.0": "40,20,78,38,66,114,180,84,24,2,4,10,14,60,18,26,1800,1120,15600,488",
}
# a stack: bandwidth [GB/s] = pins x pin rate, capacity [GiB]
# = channels x pseudo-channels x banks x rows x 1 KiB a row
STACKS = {
    "hbm2-2.0": (256.0, 16.0),
    "hbm2-2.4": (307.2, 16.0),
    "hbm2e-3.2": (409.6, 16.0),
    "hbm3-6.4": (819.2, 16.0),
    "hbm3e-9.6": (1228.8, 32.0),
    "hbm4-8.0": (2048.0, 32.0),
    "hbm4-16.0": (4096.0, 32.0),
}


def memory(name: str) -> HbmSpec:
    spec: HbmSpec = catalog.load("hbm", name)
    return spec


def test_every_memory_is_checked() -> None:
    assert set(catalog.names("hbm")) == set(CYCLES) == set(STACKS)


@pytest.mark.parametrize("name", CYCLES)
def test_timings_are_the_reference_cycles(name: str) -> None:
    found = memory(name).timing.cycles(memory(name).clock)
    (line,) = csv.reader([CYCLES[name]])
    expected = dict(zip(NAMES, map(int, line), strict=True))
    assert {key: found[key] for key in NAMES} == expected


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_has_the_bandwidth_of_its_pins(name: str) -> None:
    bandwidth, capacity = STACKS[name]
    assert memory(name).bandwidth / 1e9 == pytest.approx(bandwidth)
    assert memory(name).capacity / 2**30 == capacity


@pytest.mark.parametrize("name", CYCLES)
def test_every_figure_has_a_source(name: str) -> None:
    assert all(figure.source for figure in figures(memory(name)).values())


@pytest.mark.parametrize("order", ["PGCBSRR", "PGCBS", "PGCBSRX"])
def test_an_order_holds_each_field_once(order: str) -> None:
    changes = parse_overrides([f"controller.order={order}"])
    with pytest.raises(InputError, match="must hold each of"):
        override(memory("hbm3-6.4"), changes, "hbm3-6.4")
