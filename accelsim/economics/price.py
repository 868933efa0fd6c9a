"""What the chips of a job cost: rented at a dated offer, or owned.

This file knows offers, annuities and rent units; it knows no step time.
"""

from datetime import date

from accelsim.errors import InputError
from accelsim.question import Question
from accelsim.specs.figure import Figure
from accelsim.specs.price import OfferSpec, OwnSpec, PriceSpec
from accelsim.units import UNITS

# A capacity block is how these clusters are sold; on-demand is the list price.
PREFERRED = ("capacity-block", "on-demand", "reserved", "own", "spot")
YEAR = UNITS["time"][1]["year"]
HOUR = 3600.0


def own_usd_per_second(own: OwnSpec) -> dict[str, float]:
    """Return what a chip of one's own costs in an hour with work, by part [USD/s].

    capital : equal payments over the life, A = P r / (1 - (1 + r)^-n) a year. staff and
    power : while it has work or not, but for the power, which an idle chip does not
    draw.
    """
    extra = 0.0 if own.extra is None else float(own.extra)
    paid = (float(own.capex) + extra) * (1.0 + float(own.network))
    years, rate = float(own.life) / YEAR, float(own.interest)
    share = 1.0 / years if rate == 0.0 else rate / (1.0 - (1.0 + rate) ** -years)
    used = float(own.used) * YEAR
    return {
        "capital": paid * share / used,
        "staff": paid * float(own.staff) / used,
        "power": float(own.power) * float(own.electricity),
    }


def own_offer(own: OwnSpec) -> OfferSpec:
    """Return what owning one chip costs as an offer."""
    hourly = HOUR * sum(own_usd_per_second(own).values())
    usd = Figure(
        hourly / HOUR,
        f"{hourly:.6g} USD/h",
        "money_rate",
        f"annuity of {own.capex.text} ({own.capex.source}), network, staff and power",
        "assumed",
    )
    return OfferSpec(offer="own", usd=usd, chips=1, date=own.date)


def choose_offer(
    price: PriceSpec, wanted: str | None, when: date | None = None
) -> OfferSpec:
    """Return the newest offer of the wanted kind, or of the first preferred kind.

    when : the newest of that day.

    Raises
    ------
    InputError
        The price has no offer of the wanted kind, or none so early.
    """
    offers = [*price.offers, *([own_offer(price.own)] if price.own else [])]
    kinds = {offer.offer for offer in offers}
    if wanted is not None and wanted not in kinds:
        raise InputError(
            f"run: offer: price {price.name} has no {wanted!r}; "
            f"valid: {', '.join(sorted(kinds))}"
        )
    known = [o for o in offers if wanted in (None, o.offer)]
    early = [o for o in known if when is None or o.date <= when]
    if not early:
        first = min(o.date for o in known)
        raise InputError(
            f"run: price_date: {when}: price {price.name} begins on {first}"
        )
    kinds = {offer.offer for offer in early}
    kind = wanted or next(k for k in PREFERRED if k in kinds)
    return max((o for o in early if o.offer == kind), key=lambda o: o.date)


def rented_chips(q: Question, spare: int = 0) -> int:
    """Return the chips that are paid for: whole rent units, spare chips included."""
    unit = q.system.rent_unit
    return -(-(q.run.chips + spare) // unit) * unit


def usd_per_second(q: Question, offer: OfferSpec, spare: int = 0) -> float:
    """Return the price of all rented chips, spare ones included [USD/s]."""
    return rented_chips(q, spare) / offer.chips * float(offer.usd)
