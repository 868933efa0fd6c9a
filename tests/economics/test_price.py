"""Which price counts, and for how many chips."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.economics.price import choose_offer, rented_chips, usd_per_second
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
