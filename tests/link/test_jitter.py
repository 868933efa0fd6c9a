"""Random jitter through retimers: by hand, against a spectrum, laws."""

from dataclasses import replace
from math import atan, pi, sqrt
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim import catalog
from accelsim.errors import InputError
from accelsim.link.answer import explain, question
from accelsim.link.jitter import Wander, judged
from accelsim.link.path import Path, Placed, read_link_path
from accelsim.specs.device import DeviceSpec

RATE = 212.5e9
SIGMA = 0.01  # UI, of 8023dj-kr


def changed(name: str, fields: dict[str, Any]) -> DeviceSpec:
    """Return a device of the catalog with other fields."""
    spec = catalog.load("devices", name)
    own = {field: getattr(spec, field) for field in DeviceSpec.model_fields}
    return DeviceSpec.model_validate(own | fields)


def device(corner: float, peaking: float = 0.0, *, reclocks: bool = False) -> Placed:
    """Return a retimer with a corner [MHz]."""
    fresh = {
        "corner": {"value": f"{corner} MHz", "source": "a test", "kind": "assumed"},
        "peaking": f"{peaking} dB",
        "reclocks": reclocks,
    }
    return Placed(changed("retimer-dsp-224g", fresh))


def chain(devices: list[Placed], length: float = 1.0) -> Path:
    """Return wires with retimers between them."""
    plain = read_link_path(f"twinax-28awg {length} m")
    first, wire, last = plain.items
    inside = [item for each in devices for item in (each, wire)]
    return Path((first, wire, *inside, last), "a chain")


def passed(devices: list[Placed]) -> list[float]:
    return [each.passed for each in judged(chain(devices).spans(), RATE)]


def by_spectrum(corners: list[float], peaking: float, followed: float) -> float:
    """Return what reaches the last receiver, summed over frequency (4 MHz SerDes)."""
    f = np.geomspace(1e3, 1e12, 400_001)
    power = np.zeros(len(f))
    loop = 4e6
    for corner in corners:
        power += SIGMA**2 / (pi / 4.0) / loop / (1.0 + (f / loop) ** 2)
        power = np.where(f < corner, power * 10.0 ** (peaking / 10.0), 0.0)
        loop = corner
    return sqrt(float(np.trapezoid(np.where(f > followed, power, 0.0), f)))


def test_a_wide_clock_recovery_by_hand() -> None:
    # between 4 and 10 MHz: (atan 2.5 - atan 1) / (pi/4) of the variance
    share = (atan(2.5) - atan(1.0)) / (pi / 4.0)
    assert passed([device(10.0)]) == pytest.approx([0.0, SIGMA * sqrt(share)])
    made = judged(chain([device(10.0)]).spans(), RATE)[1]
    assert made.sheet.random_jitter == pytest.approx(SIGMA * sqrt(1.0 + share))
    assert Wander.of(SIGMA, 4e6).above(4e6) == pytest.approx(SIGMA**2)


@given(
    corners=st.lists(st.floats(1.0, 40.0), min_size=1, max_size=4),
    peaking=st.floats(0.0, 0.5),
)
@settings(deadline=None, max_examples=10)
def test_jitter_is_what_a_spectrum_says(corners: list[float], peaking: float) -> None:
    found = passed([device(corner, peaking) for corner in corners])[-1]
    expected = by_spectrum([c * 1e6 for c in corners], peaking, 4e6)
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-5)


@given(corners=st.lists(st.floats(1.0, 40.0), min_size=1, max_size=4))
@settings(deadline=None, max_examples=15)
def test_laws_of_what_passes(corners: list[float]) -> None:
    devices = [device(corner) for corner in corners]
    found = passed(devices)
    assert found[0] == 0.0
    # above the corner of the last retimer nothing passes, whatever came before
    if corners[-1] <= 4.0:
        assert found[-1] == 0.0
    # wider passes more, more retimers add up, a clock of its own ends it
    assert passed([*devices[:-1], device(corners[-1] + 5.0)])[-1] >= found[-1]
    again = passed([*devices, device(corners[-1])])
    assert again[-1] >= found[-1] * (1.0 - 1e-12)
    assert passed([*devices[:-1], device(corners[-1], reclocks=True)])[-1] == 0.0


def test_jitter_that_is_followed_changes_nothing() -> None:
    spans = judged(chain([device(2.0), device(4.0)]).spans(), RATE)
    assert [each.passed for each in spans] == [0.0, 0.0, 0.0]
    assert {each.sheet.random_jitter for each in spans} == {SIGMA}


@pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="links of plain Python",
)
def test_a_retimer_resets_what_its_clock_recovery_does_not_follow() -> None:
    plain = question("twinax-28awg 1 m", rate=RATE)
    alone = explain(plain)
    narrow, wide = (
        explain(replace(plain, path=chain([device(corner)]))) for corner in (4.0, 20.0)
    )
    assert narrow.spans[1].com_db == pytest.approx(alone.spans[0].com_db, abs=1e-9)
    assert wide.spans[0].jitter == alone.spans[0].jitter
    assert wide.spans[1].com_db < narrow.spans[1].com_db
    assert wide.spans[1].jitter ** 2 == pytest.approx(
        SIGMA**2 + wide.spans[1].passed ** 2
    )
    for found in (narrow, wide):
        for figure in ("latency", "energy", "price", "failures"):
            assert getattr(found, figure) > getattr(alone, figure)


def test_a_device_states_its_own_jitter() -> None:
    own = changed("retimer-dsp-224g", {"jitter": "0.02 UI"})
    spans = judged(chain([Placed(own)]).spans(), RATE)
    assert [each.sheet.random_jitter for each in spans] == [SIGMA, 0.02]


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("retimer-dsp-224g", {"corner": None}, "a device that retimes has a corner"),
        ("redriver-112g", {"reclocks": True}, "are of what retimes"),
        ("serdes-pcie6", {"cables": ({"wire": "via", "longest": "1 m"},)},
         "cables are of a retimer"),
    ],
)  # fmt: skip
def test_bad_devices_are_refused(
    name: str, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        changed(name, fields)


def test_an_active_cable_is_its_ends_and_the_thinnest_wire() -> None:
    path = read_link_path("connector, aec-taurus-100g 4 m, connector")
    assert [item.spec.name for item in path.items[1:-1]] == [
        "connector", "aec-taurus-100g", "twinax-28awg", "aec-taurus-100g", "connector",
    ]  # fmt: skip
    assert [len(span.items) for span in path.spans()] == [1, 1, 1]
    with pytest.raises(InputError, match="'4' has no unit"):
        read_link_path("aec-taurus-100g 4")


@pytest.mark.parametrize(
    ("path", "beyond"),
    [
        ("twinax-28awg 3 m", ()),
        ("twinax-28awg 3.1 m", ("twinax-28awg 3 m",)),
        ("aec-taurus-100g 7 m", ()),  # more than the wire alone is sold in
        ("aec-taurus-100g 7.5 m", ("twinax-26awg 7 m",)),
        ("aec-taurus-100g, twinax-26awg 4 m", ("twinax-26awg 3 m",)),  # one end only
        ("optics-lpo-200g 60 m", ("optics-lpo-200g 50 m",)),
    ],
)
@pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="links of plain Python",
)
def test_wires_longer_than_sold_are_named(path: str, beyond: tuple[str, ...]) -> None:
    found = accelsim.link(path, rate="106.25 Gb/s")
    assert found.beyond == beyond
    if found.reach_left is not None and found.reach_of.startswith("twinax"):
        assert (found.reach_left < 0.0) >= bool(beyond)
