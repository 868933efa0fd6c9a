"""Every built-in price: it loads, is dated and sourced, and comes to what is charged.

The expected prices are those of the pages that the files cite, by the chip.
"""

import datetime as dt
import re

import pytest

from accelsim import catalog
from accelsim.specs.figure import KINDS, figures
from accelsim.specs.price import OfferSpec, PriceSpec

PRICES = [
    "trn1",
    "trn2",
    "trn3",
    "trn4",
    "p4d",
    "p4de",
    "p5",
    "p5e",
    "p5en",
    "p6-b200",
    "p6-b300",
    "gb200",
    "gb300",
    "rubin",
    "h800",
    "a100-pcie",
    "l40s",
    "v100",
    "gh200",
    "h200-nvl",
    "mi300x",
    "mi325x",
    "mi350x",
    "mi355x",
    "tpu-v3",
    "tpu-v4",
    "tpu-v5e",
    "tpu-v5p",
    "tpu-v6e",
    "tpu-v7",
]
# USD an hour and chip of the offer that a comparison takes.
CHARGED = {
    "trn1": 0.59575,  # 9.532 / 16
    "trn2": 2.23505,  # 35.7608 / 16
    "p4d": 1.696,
    "p4de": 2.546,
    "p5": 5.97,
    "p5e": 6.866,
    "p5en": 7.89475,
    "p6-b200": 14.208,
    "p6-b300": 16.146,
    "gb200": 10.582,
    "mi300x": 6.0,
    "tpu-v5e": 1.2,
    "tpu-v5p": 4.2,
    "tpu-v6e": 2.7,
    "tpu-v7": 12.0,
    "h800": 2.0,
}


def load(name: str) -> PriceSpec:
    spec: PriceSpec = catalog.load("prices", name)
    return spec


def taken(price: PriceSpec) -> OfferSpec:
    """Return the newest capacity block, or else the newest on-demand price."""
    blocks = [o for o in price.offers if o.offer == "capacity-block"]
    on_demand = [o for o in price.offers if o.offer == "on-demand"]
    return max(blocks or on_demand, key=lambda offer: offer.date)


def hourly(offer: OfferSpec) -> float:
    """Return USD an hour and chip."""
    return float(offer.usd) * 3600 / offer.chips


def test_no_price_is_untested() -> None:
    assert set(catalog.names("prices")) == set(PRICES)


@pytest.mark.parametrize("name", PRICES)
def test_can_be_rented(name: str) -> None:
    assert {o.offer for o in load(name).offers} & {"capacity-block", "on-demand"}


@pytest.mark.parametrize("name", PRICES)
def test_every_offer_is_dated_and_sourced(name: str) -> None:
    price = load(name)
    for offer in price.offers:
        assert dt.date(2024, 1, 1) <= offer.date <= dt.date(2026, 11, 30)
        assert 0.1 < hourly(offer) < 50
    for path, figure in figures(price).items():
        assert len(figure.source) > 20, path
        assert figure.kind in KINDS, path
    text = catalog.find("prices", name).read_text()
    assert not re.search(r"/work|/tmp|shared/|truth/", text)


@pytest.mark.parametrize("name", PRICES)
def test_the_newest_offer_of_a_kind_is_one(name: str) -> None:
    price = load(name)
    newest = taken(price)
    rivals = [o for o in price.offers if o.offer == newest.offer]
    assert sum(o.date == newest.date for o in rivals) == 1


@pytest.mark.parametrize("name", CHARGED)
def test_charge_of_a_chip(name: str) -> None:
    assert hourly(taken(load(name))) == pytest.approx(CHARGED[name], rel=1e-6)


@pytest.mark.parametrize("name", PRICES)
def test_a_system_pays_it(name: str) -> None:
    payers = [
        system
        for system in catalog.names("systems")
        if catalog.load("systems", system).price == name
    ]
    assert payers


def dense_fp8(chip: str) -> float:
    """Return the dense peak in the widest-used 8-bit format [FLOP/s]."""
    peak = catalog.load("chips", chip).matrix.peak
    return float(peak.get("fp8") or peak["mxfp8"])


def test_trainium3_costs_as_much_per_flop_as_trainium2() -> None:
    """2.23505 USD/h x 2517 / 1299 TFLOP/s = 4.3307 USD/h."""
    ratio = hourly(taken(load("trn3"))) / hourly(taken(load("trn2")))
    assert ratio == pytest.approx(2517 / 1299, rel=1e-4)
    peaks = dense_fp8("trainium3") / dense_fp8("trainium2")
    assert ratio == pytest.approx(peaks, rel=1e-3)


def test_derived_prices_follow_from_what_they_cite() -> None:
    def of(name: str) -> float:
        return hourly(taken(load(name)))

    gb300 = of("gb200") * of("p6-b300") / of("p6-b200")
    assert of("gb300") == pytest.approx(gb300, rel=1e-3)
    assert of("trn4") == pytest.approx(3 * of("trn3"), rel=1e-4)
    assert of("rubin") == pytest.approx(of("gb300") * (1.6 * 3.5) ** 0.5, rel=1e-3)
    assert of("mi325x") == pytest.approx(of("mi300x") * 1.95 / 1.50, rel=1e-6)
    assert of("h200-nvl") == of("p5e")


@pytest.mark.parametrize("name", ["trn3", "trn4", "gb300", "rubin", "h200-nvl"])
def test_a_derived_price_is_marked_as_assumed(name: str) -> None:
    assert taken(load(name)).usd.kind == "assumed"
