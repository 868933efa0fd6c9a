"""A sweep: one base run, and the axes along which it is changed.

This file knows what a sweep file and a design file may say; `explore/sweep` makes
points of the one, `explore/design` searches the space of the other.
"""

from typing import Any, Literal

from pydantic import Field, model_validator

from accelsim.specs.figure import NamedSpec, Spec

Value = str | int | float | bool
MAX_LIST = 100_000  # values that one axis may list or step through
MAX_POINTS = 10**15


class RangeSpec(Spec):
    """Values from `start` to `stop`, both inside: by steps, or a count of them.

    `start`, `stop` and `step` are numbers, or quantities of one unit ("3 TB/s").
    """

    start: str | int | float
    stop: str | int | float
    step: str | int | float | None = None
    count: int | None = Field(default=None, ge=2, le=MAX_LIST)

    @model_validator(mode="after")
    def _step_or_count(self) -> "RangeSpec":
        if (self.step is None) == (self.count is None):
            raise ValueError("give step or count, one of them")
        return self


class SpanSpec(Spec):
    """Where a sampled axis lies: numbers, or quantities of one unit."""

    low: str | int | float
    high: str | int | float
    scale: Literal["linear", "log"] = "linear"
    whole: bool = False


class AxisSpec(Spec):
    """One dotted path and the values that it takes.

    Attributes
    ----------
    path : str
        As `--set` takes it (`chip.hbm.stacks`, `link.nvlink5.latency`,
        `price.offers.0.usd`), or a field of the run: `model`, `system`, `chips`,
        `precision`, `plan.tp`, …
    values : list
        What it takes, in this order: numbers, quantities, names, true and false.
    range, log : RangeSpec
        Evenly spaced, or evenly spaced in the logarithm.
    sample : SpanSpec
        Drawn for each point by the sweep's `[sample]`.
    zip : str
        Axes of one `zip` move together; all others are crossed.
    """

    path: str = Field(min_length=1)
    values: tuple[Value, ...] | None = None
    range: RangeSpec | None = None
    log: RangeSpec | None = None
    sample: SpanSpec | None = None
    zip: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "AxisSpec":
        kinds = ("values", "range", "log", "sample")
        given = [kind for kind in kinds if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"axis {self.path}: give one of {', '.join(kinds)}")
        if self.values is not None and not self.values:
            raise ValueError(f"axis {self.path}: values is empty")
        if self.values is not None and len(self.values) > MAX_LIST:
            raise ValueError(f"axis {self.path}: more than {MAX_LIST:,} values")
        if self.log is not None and self.log.step is not None:
            raise ValueError(f"axis {self.path}: log takes a count, not a step")
        if self.sample is not None and self.zip is not None:
            raise ValueError(f"axis {self.path}: a sampled axis cannot be zipped")
        return self


class SampleSpec(Spec):
    """How sampled axes are drawn: a Sobol sequence or a Latin hypercube.

    Attributes
    ----------
    points : int
        Samples; each is crossed with the grid of the other axes.
    seed : int
        Of the scrambling or shuffling.
    """

    method: Literal["sobol", "lhs"] = "sobol"
    points: int = Field(gt=0, le=2**30)
    seed: int = Field(default=0, ge=0, le=2**32 - 1)


class AssignSpec(Spec):
    """What a path takes that follows from the axes.

    Attributes
    ----------
    expression : str
        Over the axes, what is assigned before, and `silicon.…`: what
        `accelsim silicon --json` tells of the point's chip.
    unit : str
        Of what it gives; none for counts and shares.
    whole : bool
        Rounded to a whole number.
    """

    expression: str
    unit: str = ""
    whole: bool = False


class UncertainSpec(Spec):
    """Samples of the figures that have a spread, the same for all points.

    With them each row has `…_p5`, `…_p50` and `…_p95` of what `--uncertain` tells.
    """

    samples: int = Field(ge=2, le=10_000_000)
    seed: int = Field(default=1, ge=0, le=2**32 - 1)


class PointsSpec(NamedSpec):
    """What sweeps and designs have in common: a base run, changed along axes.

    Attributes
    ----------
    question : str
        What is to be answered, in a sentence.
    run : dict
        Fields of the base run, as a run file has them.
    axes : list of AxisSpec
        The last one varies fastest.
    assign : dict
        Further paths, each a value that follows from the axes.
    columns : dict
        Further columns: name = "expression over other columns".
    uncertain : UncertainSpec, optional
        Intervals of every row.
    show : list of str
        Columns that are printed; all axes and the usual figures if left out.
    """

    question: str = ""
    run: dict[str, Any]
    axes: tuple[AxisSpec, ...] = Field(min_length=1, max_length=32)
    assign: dict[str, AssignSpec] = Field(default_factory=dict)
    columns: dict[str, str] = Field(default_factory=dict)
    uncertain: UncertainSpec | None = None
    show: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _axes_agree(self) -> "PointsSpec":
        paths = [axis.path for axis in self.axes] + list(self.assign)
        twice = sorted({path for path in paths if paths.count(path) > 1})
        if twice:
            words = "and assigned" if twice[0] in self.assign else "twice"
            raise ValueError(f"axes: {twice[0]} is swept {words}")
        for path in paths:
            above = [other for other in paths if path.startswith(f"{other}.")]
            if above:
                raise ValueError(f"axes: {path} lies inside {above[0]}, also swept")
        return self


class SweepSpec(PointsSpec):
    """A sweep file.

    Attributes
    ----------
    sample : SampleSpec, optional
        How the axes that are sampled are drawn.
    where : str
        An expression; points for which it is false are not asked. It may read the
        axes alone.
    """

    sample: SampleSpec | None = None
    where: str | None = None

    @model_validator(mode="after")
    def _samples_agree(self) -> "SweepSpec":
        sampled = [axis.path for axis in self.axes if axis.sample is not None]
        if sampled and self.sample is None:
            raise ValueError(f"axis {sampled[0]} is sampled: [sample] is missing")
        if self.sample is not None and not sampled:
            raise ValueError("[sample] is given, but no axis is sampled")
        return self


class ObjectiveSpec(Spec):
    """What a design should have more of or less of: an expression over columns."""

    maximise: str | None = None
    minimise: str | None = None

    @model_validator(mode="after")
    def _one(self) -> "ObjectiveSpec":
        if (self.maximise is None) == (self.minimise is None):
            raise ValueError("give maximise or minimise, one of them")
        return self

    @property
    def text(self) -> str:
        """Return the expression."""
        return self.maximise or self.minimise or ""


class DesignSpec(PointsSpec):
    """A design file: axes to choose from, what is sought, what must hold.

    An axis with `sample` is continuous between its ends; one with values, a range or a
    log is one of these. Axes of one `zip` are chosen together.

    Attributes
    ----------
    objectives : list of ObjectiveSpec
        One, or several that are weighed against each other (a Pareto front).
    constraints : list of str
        Expressions over columns that must be true of a design.
    trials, batch : int
        Designs that are tried, and how many of them at once before the next are
        chosen.
    seed : int
        Of the choices.
    """

    objectives: tuple[ObjectiveSpec, ...] = Field(min_length=1, max_length=4)
    constraints: tuple[str, ...] = Field(default=(), max_length=32)
    trials: int = Field(default=256, gt=0, le=100_000)
    batch: int = Field(default=16, gt=0, le=1024)
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
