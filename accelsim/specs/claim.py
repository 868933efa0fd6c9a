"""A claim: what, against what, when, on which work, and by how much."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from accelsim.specs.chip import Precision
from accelsim.specs.figure import MAX_SIZE, Figure, NamedSpec, Spec, quantity
from accelsim.specs.price import Offer

Bound = Annotated[Figure, quantity("fraction")]
RunMeasure = Literal[
    "usd_per_million_tokens", "j_per_token", "tokens_per_s_per_chip", "tokens_per_s"
]


class SideSpec(Spec):
    """One side: a system, the price that counts, and its precision.

    to, at : a process that its chip is moved to, at equal power or at equal speed.
    """

    system: str
    to: str = ""
    at: Literal["iso-power", "iso-speed"] = "iso-power"
    offer: Offer | None = None
    price_date: date | None = None
    precision: Precision | Literal["best"] = "bf16"


class RunClaim(Spec):
    """A training run on two systems; `chips` of `against`, the other matched to it.

    global_batch_tokens : of a step; that of `accelsim estimate` if left out.
    """

    model: str
    global_batch_tokens: int | None = Field(default=None, gt=0, le=MAX_SIZE)
    chips: int = Field(gt=0, le=MAX_SIZE)
    match: Literal["chips", "power", "usd_per_hour", "throughput"] = "throughput"
    measure: RunMeasure
    subject: SideSpec
    against: SideSpec


class SiliconClaim(Spec):
    """A chip moved to another process, over what it is.

    memory_over_dies : of the moved chip, what its memory costs over its dies.
    """

    chip: str
    to: str
    at: Literal["iso-power", "iso-speed"] = "iso-power"
    measure: Literal[
        "cost", "cost_per_flop", "power", "clock", "energy", "area", "memory_over_dies"
    ]


class ProcessClaim(Spec):
    """Wafers of a process on the claim's date, over those of another if one is named.

    measure : `wafer_usd`, the price of one; `wafers_per_month`, of all customers.
    """

    process: str
    over: str = ""
    measure: Literal["wafer_usd", "wafers_per_month"]


class SupplyClaim(Spec):
    """A fleet at a date where something goes wrong, as `accelsim supply` tells it.

    measure : `fleet_share_kept`, of the plan's fleet; `fleet_chips`.
    """

    supply: str
    until: date
    measure: Literal["fleet_share_kept", "fleet_chips"]
    lose_fab: date | None = None
    months: int = Field(default=6, ge=1, le=240)
    lost: float = Field(default=1.0, ge=0.0, le=1.0)
    packaging_late: int = Field(default=0, ge=0, le=120)
    slow_learning: float = Field(default=1.0, ge=1.0, le=100.0)


class ClaimSpec(NamedSpec):
    """One claim: what is asked (mostly a ratio) is at most or at least a number."""

    statement: str = Field(min_length=10)
    date: date
    at_most: Bound | None = None
    at_least: Bound | None = None
    run: RunClaim | None = None
    silicon: SiliconClaim | None = None
    process: ProcessClaim | None = None
    supply: SupplyClaim | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("give at_most or at_least, one of them")
        kinds = (self.run, self.silicon, self.process, self.supply)
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError(
                "give [run], [silicon], [process] or [supply], one of them"
            )
        return self
