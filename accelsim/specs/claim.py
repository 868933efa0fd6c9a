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


class ClaimSpec(NamedSpec):
    """One claim: the ratio of subject to against is at most or at least a number."""

    statement: str = Field(min_length=10)
    date: date
    at_most: Bound | None = None
    at_least: Bound | None = None
    run: RunClaim | None = None
    silicon: SiliconClaim | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("give at_most or at_least, one of them")
        if (self.run is None) == (self.silicon is None):
            raise ValueError("give [run] or [silicon], one of them")
        return self
