"""How often the parts of a cluster fail, as one fleet has measured it."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from accelsim.specs.figure import (
    MAX_SIZE,
    Bandwidth,
    FailureRate,
    Figure,
    NamedSpec,
    PositiveCount,
    Spec,
    Time,
    quantity,
)

Exponent = Annotated[Figure, quantity("fraction", low=0.0, high=1.0)]


class FailureSpec(Spec):
    """One kind of failure that stops a job.

    Attributes
    ----------
    per : str
        What the rate belongs to: a chip, a node, a link of the outer network, or the
        whole job.
    medium : str
        Of a link: only links of this medium; empty for all.
    hardware : bool
        Whether a node has to be replaced.
    """

    per: Literal["chip", "node", "link", "job"]
    rate: FailureRate
    medium: str = ""
    hardware: bool = True


class ReliabilitySpec(NamedSpec):
    """A fleet's failures.

    Attributes
    ----------
    measured : date
        When; hazards of the field age.
    node : int
        Chips of a node of that fleet.
    failures : dict
        By name.
    job_chips, job_exponent : count, fraction
        Size of the jobs whose rate `per = "job"` is, and how it falls with size:
        (job_chips / N)^exponent. Large jobs run riper software.
    job_grown : count
        Size up to which it grows in proportion instead.
    detect, restart, repair : times
        Until a failure is seen; until the job runs again on spare nodes; until a
        broken node is back.
    storage : Bandwidth, optional
        At which a checkpoint is written, by all nodes together.
    """

    measured: date
    node: int = Field(gt=0, le=MAX_SIZE)
    failures: dict[str, FailureSpec]
    job_chips: PositiveCount
    job_grown: PositiveCount
    job_exponent: Exponent
    detect: Time
    restart: Time
    repair: Time
    storage: Bandwidth | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.failures:
            raise ValueError("failures: a fleet has at least one kind")
        return self
