"""What an estimate says of its question, whatever the plan.

Prices, powers, model FLOPs and the notes that a reader must know. This file knows
questions; it knows no plan and no time.
"""

from dataclasses import dataclass

from accelsim.chip.lower import attention_kernel
from accelsim.economics.energy import Draw, draw_of
from accelsim.economics.price import choose_offer, rented_chips, usd_per_second
from accelsim.explore.result import Cost
from accelsim.fabric.lower import filled, ports
from accelsim.overrides import BY_HAND
from accelsim.question import Question
from accelsim.training.lower import attention_of
from accelsim.workload.lower import flops_per_token


@dataclass(frozen=True, slots=True)
class Facts:
    """See `Estimate`. draw : what the job draws. tokens : of a step."""

    draw: Draw
    cost: Cost | None
    tokens: float
    model_flops: float
    model_flops_causal: float
    peak: float
    notes: tuple[str, ...]


def facts_of(q: Question) -> Facts:
    """Return what is said of a question whatever its plan is."""
    tokens = float(q.global_batch) * q.seq_len
    return Facts(
        draw=draw_of(q),
        cost=_cost(q),
        tokens=tokens,
        model_flops=tokens * flops_per_token(q.model, q.seq_len, causal=False),
        model_flops_causal=tokens * flops_per_token(q.model, q.seq_len, causal=True),
        peak=float(q.chip.matrix.peak[q.precision]) * q.run.chips,
        notes=_notes(q),
    )


def _cost(q: Question) -> Cost | None:
    if q.price is None:
        return None
    offer = choose_offer(q.price, q.run.offer, q.run.price_date)
    return Cost(
        offer=offer.offer,
        date=offer.date.isoformat(),
        source=offer.usd.source,
        kind=offer.usd.kind,
        chips_rented=rented_chips(q),
        usd_per_second=usd_per_second(q, offer),
    )


def _notes(q: Question) -> tuple[str, ...]:
    notes = []
    rented = rented_chips(q)
    if rented != q.run.chips:
        notes.append(
            f"{q.run.chips} chips are no multiple of {q.system.rent_unit}: "
            f"{rented} are rented, the last unit is partly filled"
        )
    for name, tier in q.system.tiers.items():
        filled_chips = filled(tier.chips, q.run.chips)
        if tier.chips < q.run.chips and q.run.chips % tier.chips:
            domains = -(-q.run.chips // tier.chips)
            each = (
                f"{filled_chips} of {tier.chips}"
                if filled_chips < tier.chips
                else "the last partly"
            )
            notes.append(
                f"{q.run.chips} chips fill {domains} domains of tier {name}, {each}"
            )
    notes += _link_notes(q)
    asked = attention_of(q)
    used = attention_kernel(q.chip, asked)
    if asked != "unfused" and used != asked:
        notes.append(
            f"{q.chip.name} has no figure for {asked} attention: "
            f"{used or 'unfused'} is taken"
        )
    if q.chip.gemm is None and q.chip.power.tdp.source == BY_HAND[0]:
        notes.append(
            f"power.tdp of {q.chip.name} was set: its power follows, its clock does not"
        )
    if q.chip.status == "projected" or q.system.status == "projected":
        notes.append(f"{q.system.name} is projected from announced multipliers")
    return tuple(notes)


def _link_notes(q: Question) -> list[str]:
    """Return which links of the job are not inside the budgets of their wires."""
    notes, inner = {}, 1
    for name, one in ports(q.system, q.links, q.run.chips).items():
        tier = q.system.tiers[name]
        link, asked = tier.link, float(q.links[tier.link].lane_rate) / 1e9
        if inner < q.run.chips and one.regime == "marginal":
            notes[link] = (
                f"link {link} is marginal: frames of {one.loss:.1g} come again"
            )
        elif inner < q.run.chips and one.regime == "over":
            notes[link] = (
                f"link {link} is over its budget at {asked:g} Gb/s a lane: "
                f"it runs at {one.lane_rate / 1e9:g} Gb/s"
            )
        inner = tier.chips
    return list(notes.values())
