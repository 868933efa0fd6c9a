"""A whole training run: what failures leave of a step's throughput, days and money.

The step's own numbers stay as they are; this file puts the goodput of a job of these
chips, links and checkpoints beside them. It knows finished estimates; how often parts
fail is `training.goodput`'s.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelsim.economics.energy import standby_power
from accelsim.economics.price import choose_offer, rented_chips, usd_per_second
from accelsim.errors import InputError
from accelsim.fabric.lower import ports
from accelsim.question import Question
from accelsim.specs.run import TrainingSpec
from accelsim.training.goodput import (
    Goodput,
    Recovery,
    checkpoint_bytes,
    cluster_of,
    goodput,
    margin_flaps,
)

if TYPE_CHECKING:
    from accelsim.explore.result import Estimate

DAY, HOUR = 86400.0, 3600.0


@dataclass(frozen=True, slots=True)
class Whole:
    """A run from its first to its last token, failures and spare nodes included.

    Attributes
    ----------
    reliability : str
        Fleet whose failure rates count.
    failures : Goodput
        How often the job fails, and what a failure takes.
    share : float
        Of the time that makes progress: of the job as a whole, or with replicas that
        go on where the run is elastic; evaluations make none.
    tokens : float or None
        Of the whole run, if it is told.
    chips, chips_rented : int
        That work, and that are paid for, spare nodes included.
    tokens_per_s : float
        Useful ones, over all of the time.
    power : float
        At the meter, spare nodes included [W]; work that is lost takes what work takes.
    usd_per_second : float or None
    carbon : float or None
        CO2 of the grid by energy [kg/J].
    """

    reliability: str
    failures: Goodput
    share: float
    tokens: float | None
    chips: int
    chips_rented: int
    tokens_per_s: float
    power: float
    usd_per_second: float | None
    carbon: float | None

    @property
    def usd_per_million_tokens(self) -> float | None:
        """Return the price of 10^6 useful tokens, or None if there is none."""
        price = self.usd_per_second
        return None if price is None else price / self.tokens_per_s * 1e6

    @property
    def joule_per_token(self) -> float:
        """Return the energy of a useful token [J]."""
        return self.power / self.tokens_per_s

    @property
    def days(self) -> float | None:
        """Return how long the run takes, or None where it has no end."""
        return self._over_all(1.0 / DAY)

    def _over_all(self, rate: float | None) -> float | None:
        """Return what a rate [1/s] adds up to over the whole run."""
        if self.tokens is None or rate is None:
            return None
        return rate * self.tokens / self.tokens_per_s

    @property
    def usd(self) -> float | None:
        """Return the price of the whole run."""
        return self._over_all(self.usd_per_second)

    @property
    def interruptions(self) -> float | None:
        """Return how often the whole run is struck, in the mean."""
        return self._over_all(1.0 / self.failures.mttf)

    def to_dict(self) -> dict[str, Any]:
        """Return the run as plain data; every key carries its unit."""
        carbon = self.carbon
        return {
            "reliability": self.reliability,
            "goodput": self.share,
            "useful_tokens_per_s": self.tokens_per_s,
            "usd_per_million_useful_tokens": self.usd_per_million_tokens,
            "j_per_useful_token": self.joule_per_token,
            "power_w": self.power,
            "chips_rented": self.chips_rented,
            "tokens": self.tokens,
            "days": self.days,
            "chip_hours": self._over_all(self.chips / HOUR),
            "usd": self.usd,
            "energy_j": self._over_all(self.power),
            "kg_co2": None if carbon is None else self._over_all(self.power * carbon),
            "interruptions": self.interruptions,
            "failures": self.failures.to_dict(),
        }


def of_whole(figure: str) -> Callable[["Estimate"], float | None]:
    """Return what reads a figure of an estimate's whole run; None where it has none."""

    def read(estimate: "Estimate") -> float | None:
        told = estimate.whole
        return None if told is None else getattr(told, figure)

    return read


def whole(estimate: "Estimate") -> Whole | None:
    """Return the whole run of an estimate, or None where it tells of a step alone.

    Raises
    ------
    InputError
        Nothing says how long a checkpoint takes.
    """
    q = estimate.question
    told = q.run.training
    if told is None or q.reliability is None:
        return None
    cluster = cluster_of(q.system, estimate.chips, q.links)
    recovery = Recovery(
        write=_write(q, told),
        interval=None if told.interval is None else float(told.interval),
        spares=told.spares,
        replicas=estimate.plan.dp if told.elastic else 0,
    )
    links = sum(cluster.links.values())
    found = goodput(q.reliability, cluster, recovery, _margin(q) / links)
    share = found.goodput if found.elastic is None else found.elastic
    if share <= 0.0:
        raise InputError(
            f"run: training: {estimate.chips} chips make no progress: a failure every "
            f"{found.mttf:.3g} s, a checkpoint every {found.interval:.3g} s"
        )
    share *= _between_evaluations(told, estimate.step_time)
    carbon = q.system.carbon
    spare = found.spares * q.system.node.chips
    return Whole(
        reliability=q.reliability.name,
        failures=found,
        share=share,
        tokens=None if told.tokens is None else float(told.tokens),
        chips=estimate.chips,
        chips_rented=rented_chips(q, spare),
        tokens_per_s=estimate.tokens_per_s * share,
        power=estimate.power + standby_power(q, found.spares),
        usd_per_second=_usd_per_second(q, spare),
        carbon=None if carbon is None else float(carbon),
    )


def _between_evaluations(told: TrainingSpec, step: float) -> float:
    """Return the share of the time that evaluations leave; a step takes `step` [s]."""
    if told.evaluation is None or told.evaluate_every is None:
        return 1.0
    trained = told.evaluate_every * step
    return trained / (trained + float(told.evaluation))


def _write(q: Question, told: TrainingSpec) -> float:
    """Return how long a checkpoint stops the work [s]."""
    if told.checkpoint is not None:
        return float(told.checkpoint)
    fleet = q.reliability
    storage = told.storage or (None if fleet is None else fleet.storage)
    if storage is None:
        raise InputError(
            f"run: training: fleet {told.reliability} tells no storage; give "
            "training.checkpoint (a time) or training.storage (a bandwidth)"
        )
    return checkpoint_bytes(q.model) / float(storage)


def _margin(q: Question) -> float:
    """Return how often all links of the job fall for want of margin [1/s]."""
    total, inner = 0.0, 1
    for name, one in ports(q.system, q.links, q.run.chips).items():
        tier = q.system.tiers[name]
        if inner < q.run.chips:
            each = sum(tier.links_per_chip) * margin_flaps(one.loss, one.bandwidth)
            total += q.run.chips * each
        inner = tier.chips
    return total


def _usd_per_second(q: Question, spare: int) -> float | None:
    if q.price is None:
        return None
    offer = choose_offer(q.price, q.run.offer, q.run.price_date)
    return usd_per_second(q, offer, spare)
