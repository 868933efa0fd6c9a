from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim import catalog
from accelsim.errors import InputError
from accelsim.specs.chip import ChipSpec
from accelsim.specs.link import LinkSpec


def chip(*changes: str) -> ChipSpec:
    spec: ChipSpec = catalog.load("chips", "h100-sxm", catalog.parse_overrides(changes))
    return spec


def link(*changes: str) -> LinkSpec:
    spec: LinkSpec = catalog.load("links", "nvlink4", catalog.parse_overrides(changes))
    return spec


def test_bandwidth_of_a_memory_scales_its_pin_rate() -> None:
    old, new = chip(), chip('hbm.bandwidth="6.7 TB/s"')
    assert old.hbm.pin_rate is not None
    assert new.hbm.pin_rate is not None
    assert new.hbm.pin_rate.value == pytest.approx(2 * old.hbm.pin_rate.value)
    assert new.hbm.pin_rate.kind == "assumed"
    assert "hbm.bandwidth=6.7 TB/s" in new.hbm.pin_rate.source


def test_pin_rate_scales_the_bandwidth() -> None:
    old = chip()
    assert old.hbm.pin_rate is not None
    new = chip(f'hbm.pin_rate="{1.5 * old.hbm.pin_rate.value / 1e9} Gb/s"')
    assert new.hbm.bandwidth.value == pytest.approx(1.5 * old.hbm.bandwidth.value)


def test_another_stack_brings_bandwidth_and_capacity() -> None:
    old, new = chip(), chip("hbm.stacks=6")
    assert new.hbm.bandwidth.value == pytest.approx(1.2 * old.hbm.bandwidth.value)
    assert new.hbm.capacity.value == pytest.approx(1.2 * old.hbm.capacity.value)


def test_a_clock_carries_every_rate_that_runs_on_it() -> None:
    old, new = chip(), chip('clock="3.66 GHz"')
    for precision, rate in old.matrix.peak.items():
        assert new.matrix.peak[precision].value == pytest.approx(2 * rate.value)
    assert new.vector.peak.value == pytest.approx(2 * old.vector.peak.value)


@given(st.floats(0.1, 10.0))
def test_lane_and_link_rate_stay_in_proportion(factor: float) -> None:
    old = link()
    assert old.bandwidth is not None
    by_lane = link(f'lane_rate="{factor * old.lane_rate.value} b/s"')
    by_link = link(f'bandwidth="{factor * old.bandwidth.value} B/s per direction"')
    for new in (by_lane, by_link):
        assert new.bandwidth is not None
        assert new.coding_efficiency == pytest.approx(old.coding_efficiency)
        assert new.bandwidth.value == pytest.approx(factor * old.bandwidth.value)


def test_a_path_may_lead_through_a_list_and_a_keyed_table() -> None:
    change = catalog.parse_overrides(['offers.0.usd="10 USD/h"'])
    assert catalog.load("prices", "p5", change).offers[0].usd.text == "10 USD/h"
    assert chip("matrix.sustained.tf32=0.5").matrix.sustained["tf32"].value == 0.5
    mine = chip("attention.mine={forward = 0.5, backward = 0.4}").attention["mine"]
    assert mine.forward is not None
    assert mine.backward is not None
    assert (mine.forward.value, mine.backward.value) == (0.5, 0.4)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ('hbm.bandwith="8 TB/s"', "unknown field 'bandwith'; did you mean 'bandwidth'"),
        ('hbm.bandwidth="8 GHz"', "'8 GHz' is a frequency"),
        ('hbm.bandwidth="8"', "has no unit"),
        ('hbm.bandwidth="-8 TB/s"', "must be more than zero"),
        ("hbm.bandwidth=true", "is not a quantity"),
        ("hbm.stacks=0", "hbm.stacks: 0: input should be greater than 0"),
        ("clock.fast=1", "clock has no fields"),
        ('matrix.peak.fp9="1 TFLOP/s"', "fp9"),
        ("status=4", "status: 4"),
    ],
)
def test_a_bad_change_is_one_line(change: str, expected: str) -> None:
    with pytest.raises(InputError) as error:
        chip(change)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "=3", "clock", " = 3"])
def test_a_change_needs_path_and_value(text: str) -> None:
    with pytest.raises(InputError, match="write path=value"):
        catalog.parse_overrides([text])


@pytest.mark.parametrize(
    ("given_", "value"),
    [
        ("a=3", 3),
        ("a=true", True),
        ('a="x y"', "x y"),
        ("a=x y", "x y"),
        ("a=1e3", 1e3),
    ],
)
def test_values_are_read_as_toml_reads_them(given_: str, value: Any) -> None:
    assert catalog.parse_overrides([given_])[0].value == value
