"""Which price counts, and for how many chips."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim import catalog
from accelsim.economics.price import (
    choose_offer,
    own_usd_per_second,
    rented_chips,
    usd_per_second,
)
from accelsim.errors import InputError
from accelsim.specs.price import PriceSpec
from tests.examples import OFFER, question


def offer(kind: str, usd: float, year: int = 2030, **more: Any) -> dict[str, Any]:
    made = {"offer": kind, "usd": f"{usd} USD/h", "date": date(year, 1, 1)}
    return OFFER | made | more


def price(*offers: dict[str, Any]) -> PriceSpec:
    return PriceSpec.model_validate({"name": "some-price", "offers": offers})


EVERY = price(
    offer("spot", 20),
    offer("capacity-block", 40, 2028),
    offer("capacity-block", 45, 2031),
    offer("capacity-block", 42, 2029),
    offer("on-demand", 80, 2032),
)


def test_newest_capacity_block_unless_asked() -> None:
    found = choose_offer(EVERY, None)
    assert (found.offer, found.date.year) == ("capacity-block", 2031)
    assert float(found.usd) * 3600 == pytest.approx(45)


def test_asked_kind() -> None:
    assert choose_offer(EVERY, "on-demand").date.year == 2032
    assert float(choose_offer(EVERY, "spot").usd) * 3600 == pytest.approx(20)


def test_what_a_cloud_prefers_where_there_is_no_block() -> None:
    assert choose_offer(price(offer("spot", 1), offer("reserved", 2)), None).offer == (
        "reserved"
    )
    assert choose_offer(price(offer("spot", 1), offer("own", 2)), None).offer == "own"
    assert choose_offer(price(offer("spot", 1)), None).offer == "spot"


def test_a_kind_that_is_not_offered() -> None:
    with pytest.raises(InputError, match="some-price has no 'reserved'") as caught:
        choose_offer(EVERY, "reserved")
    assert "valid: capacity-block, on-demand, spot" in str(caught.value)


@pytest.mark.parametrize(
    ("chips", "rented"), [(1, 16), (16, 16), (17, 32), (500, 512), (512, 512)]
)
def test_whole_units_are_rented(chips: int, rented: int) -> None:
    # the example rents 16 chips together
    assert rented_chips(question(chips)) == rented


@given(st.integers(1, 1000))
def test_rent_covers_the_job_and_less_than_a_unit_more(chips: int) -> None:
    rented = rented_chips(question(chips))
    assert rented % 16 == 0
    assert 0 <= rented - chips < 16


def test_price_of_all_rented_chips() -> None:
    # 80 USD/h for 8 chips; 20 chips rent 32
    q = question(20)
    assert q.price is not None
    per_second = usd_per_second(q, choose_offer(q.price, None))
    assert per_second * 3600 == pytest.approx(80 / 8 * 32)


def test_owning_by_hand() -> None:
    # 10,000 USD and a fifth of network over 5 years at 10 %: an annuity of 0.2638; 5 %
    # of staff; 1 kW at 0.1 USD/kWh; work in half of the hours
    own = catalog.load("prices", "trn2").own
    raw = {"capex": "10000 USD", "network": 0.2, "life": "5 year", "interest": 0.1}
    raw |= {"staff": 0.05, "power": "1 kW", "electricity": "0.1 USD/kWh", "used": 0.5}
    own = type(own).model_validate(raw | {"date": date(2030, 1, 1)})
    parts = {name: 3600 * value for name, value in own_usd_per_second(own).items()}
    hours = 0.5 * 8766
    assert parts["capital"] == pytest.approx(12000 * 0.263797 / hours, rel=1e-4)
    assert parts["staff"] == pytest.approx(12000 * 0.05 / hours)
    assert parts["power"] == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["trn2", "p5", "p6-b200", "gb200"])
def test_owning_costs_less_than_renting_and_more_than_power(name: str) -> None:
    price = catalog.load("prices", name)
    owned, rented = choose_offer(price, "own"), choose_offer(price, "capacity-block")
    each = float(rented.usd) / rented.chips
    assert 0.1 * each < float(owned.usd) < each
    assert owned.usd.kind == "assumed"


def test_a_price_of_a_day_is_the_newest_of_that_day() -> None:
    price = catalog.load("prices", "p5")
    old = choose_offer(price, "capacity-block", date(2024, 12, 31))
    assert float(old.usd) * 3600 == pytest.approx(39.33)
    with pytest.raises(InputError, match="price_date: 2020-01-01: price p5 begins on"):
        choose_offer(price, None, date(2020, 1, 1))
