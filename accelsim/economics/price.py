"""What the chips of a job cost while they are rented."""

from accelsim.errors import InputError
from accelsim.question import Question
from accelsim.specs.price import OfferSpec, PriceSpec

# A capacity block is how these clusters are sold; on-demand is the list price.
PREFERRED = ("capacity-block", "on-demand", "reserved", "own", "spot")


def choose_offer(price: PriceSpec, wanted: str | None) -> OfferSpec:
    """Return the newest offer of the wanted kind, or of the first preferred kind.

    Raises
    ------
    InputError
        The price has no offer of the wanted kind.
    """
    kinds = {offer.offer for offer in price.offers}
    if wanted is not None and wanted not in kinds:
        raise InputError(
            f"run: offer: price {price.name} has no {wanted!r}; "
            f"valid: {', '.join(sorted(kinds))}"
        )
    kind = wanted or next(k for k in PREFERRED if k in kinds)
    return max(
        (offer for offer in price.offers if offer.offer == kind), key=lambda o: o.date
    )


def rented_chips(q: Question) -> int:
    """Return the chips that are paid for: whole rent units."""
    unit = q.system.rent_unit
    return -(-q.run.chips // unit) * unit


def usd_per_second(q: Question, offer: OfferSpec) -> float:
    """Return the price of all rented chips [USD/s]."""
    return rented_chips(q) / offer.chips * float(offer.usd)
