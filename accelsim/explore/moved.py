"""A run on a chip that is moved to another process, and what is uncertain of the move.

The chip gains clock or saves power as `silicon.scale` says; what it costs more to make
is added to the price of owning it, at cost, and what it draws less to its power. A rent
stays as it is. This file knows questions and moves; it knows no claim.
"""

from dataclasses import replace

import numpy as np

from accelsim.catalog import override
from accelsim.explore.uncertain import Further
from accelsim.overrides import Override
from accelsim.question import Question
from accelsim.silicon.cost import chip_cost
from accelsim.silicon.draws import Draws
from accelsim.silicon.scale import At, Ratios, moved, ratios
from accelsim.specs.figure import Figure
from accelsim.specs.price import PriceSpec


def on_process(q: Question, to: str, at: At) -> Question:
    """Return a question whose chip is made on another process.

    Raises
    ------
    InputError, NoAnswerError
        An unknown process; a chip that does not tell what it is made of.
    """
    found = ratios(q.chip, to, at)
    new = moved(q.chip, to, found)
    more = float(chip_cost(new).total - chip_cost(q.chip).total)
    return _with(q, to, found, more)


def _with(q: Question, to: str, found: Ratios, more: float) -> Question:
    """Return a question with its chip moved by ratios, dearer by an amount [USD]."""
    new = moved(q.chip, to, found)
    price = q.price and _priced(q, q.price, found, more, f"moved to {to}")
    return replace(q, chip=new, price=price)


def _priced(
    q: Question, price: PriceSpec, found: Ratios, more: float, why: str
) -> PriceSpec:
    if price.own is None:
        return price
    saved = float(q.chip.power.tdp) * (1.0 - float(found.power)) * float(q.system.pue)
    share = 1.0 - saved / float(price.own.power)
    extra = Figure(more, f"{more:.6g} USD", "money", why, "assumed")
    power = price.own.power.scaled(share, why) if saved else price.own.power
    changes = [Override(("own", "extra"), extra), Override(("own", "power"), power)]
    return override(price, changes, f"price {price.name}")


def uncertainty(q: Question, to: str, at: At, samples: int, seed: int) -> list[Further]:
    """Return what is uncertain of a move: its gain, and its cost.

    q : the question before the move, its plan held.
    """
    draws = Draws(samples, seed)
    drawn, usual = ratios(q.chip, to, at, draws), ratios(q.chip, to, at)
    new = moved(q.chip, to, usual)
    cost = chip_cost(new, take=draws).total - chip_cost(q.chip, take=draws).total
    more = float(chip_cost(new).total - chip_cost(q.chip).total)
    what = "clock" if at == "iso-power" else "power"

    def gained(ratio: float) -> Question:
        return _with(q, to, replace(usual, **{what: ratio}), more)

    def dearer(money: float) -> Question:
        return _with(q, to, usual, money)

    gain = np.asarray(getattr(drawn, what)) * np.ones(samples)
    made = [Further(f"{to}.{what}", float(getattr(usual, what)), gain, gained)]
    if q.price is not None and q.price.own is not None:
        made.append(Further(f"{to}.cost", more, np.asarray(cost), dearer))
    return made
