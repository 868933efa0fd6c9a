"""Devices and codes of the catalog: what they say, what is refused."""

from pathlib import Path

import pytest

from accelsim import catalog
from accelsim.errors import InputError
from accelsim.specs.figure import figures

BOTH = [(kind, name) for kind in ("devices", "codes") for name in catalog.names(kind)]


@pytest.mark.parametrize(("kind", "name"), BOTH, ids=lambda value: value)
def test_every_figure_has_a_source(kind: str, name: str) -> None:
    spec = catalog.load(kind, name)
    assert spec.source
    for path, figure in figures(spec).items():
        assert figure.source, path


def test_the_power_of_aries_6_by_hand() -> None:
    # 11 W over 16 lanes of 64 Gb/s both ways
    spec = catalog.load("devices", "retimer-aries-6")
    both = 2 * spec.lanes * float(spec.lane_rate)
    assert float(spec.energy) * both == pytest.approx(11.0, rel=0.01)


def test_shares_of_codes_by_hand() -> None:
    share = {name: catalog.load("codes", name).share for name in catalog.names("codes")}
    assert share["kp4-1way"] == pytest.approx(514 / 544 * 256 / 257)
    assert share["kp4-inner"] == pytest.approx(514 / 544 * 256 / 257 * 120 / 128)
    assert share["pcie5"] == pytest.approx(128 / 130)
    assert catalog.load("codes", "kp4-1way").correct == 15
    assert catalog.load("codes", "rs272").correct == 7


@pytest.mark.parametrize(
    ("kind", "name", "change", "message"),
    [
        ("devices", "retimer-aries-6", 'sheet=""', "a device that retimes has a sheet"),
        ("devices", "retimer-aries-6", 'boost="3 dB"', "a redriver has a boost"),
        ("devices", "retimer-aries-6", 'reach="3 m"', "optics have a reach"),
        ("devices", "retimer-aries-6", 'what="repeater"', "what"),
        ("devices", "retimer-aries-6", "levels=3", "levels"),
        ("devices", "retimer-aries-6", 'energy="3 pJ"', "energy"),
        ("devices", "retimer-aries-6", 'failures="30 h"', "20 FIT"),
        ("devices", "redriver-112g", "retimes=true", "has a sheet"),
        ("codes", "kp4-1way", "data=600", "more than symbols"),
        ("codes", "kp4-1way", "inner=64", "must be 0 or 128"),
        ("codes", "kp4-1way", 'payload="1 kB"', "more than the frame"),
        ("codes", "kp4-1way", "symbol_bits=8", r"fewer than 2\^8"),
        ("codes", "kp4-1way", "interleave=0", "greater than 0"),
        ("codes", "kp4-1way", 'replay="twice"', "replay"),
    ],
)
def test_impossible_ones_are_refused(
    kind: str, name: str, change: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        catalog.load(kind, name, catalog.parse_overrides([change]))


def test_a_path_of_a_file_says_what_it_is(tmp_path: Path) -> None:
    for kind, name in (("devices", "redriver-112g"), ("codes", "raw")):
        path = tmp_path / f"{name}.toml"
        path.write_text(catalog.find(kind, name).read_text("utf-8"), "utf-8")
        assert catalog.any_named(str(path))[0] == kind


def test_an_unknown_case_of_a_sheet_is_refused() -> None:
    from dataclasses import replace

    from accelsim.link.answer import question
    from accelsim.link.budget import solve
    from accelsim.link.path import Path as Wire
    from accelsim.link.path import Placed, read_link_path

    link = question("connector")
    changes = catalog.parse_overrides(['case="A9"'])
    spec = catalog.load("devices", "serdes-synopsys-224g-lr", changes)
    items = (*read_link_path("connector").items[:-1], Placed(spec))
    with pytest.raises(InputError, match="8023dj-kr has no case 'A9'"):
        solve(replace(link, path=Wire(items, "x")))
