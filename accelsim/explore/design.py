"""A design file that was read: its choices, what is sought of them, what to try next.

A design is a sweep whose axes are choices. Trials are proposed in batches by Optuna's
tree-structured Parzen estimator (Bergstra et al. 2011; several objectives: Ozaki et al.
2022; constraints: Watanabe and Hutter 2023). A batch follows from the file, its number
and the batches before it.

This file knows choices and Optuna, which it loads when it is asked. It knows no physics
and does not know where trials are kept.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from accelsim.errors import InputError
from accelsim.explore.expression import Column, Expression, parse
from accelsim.explore.sweep.many import OK
from accelsim.explore.sweep.points import Coded, Points, points_of, span_ends, with_unit
from accelsim.explore.sweep.rows import Rows, rows_of
from accelsim.specs.sweep import DesignSpec

OBJECTIVE, VIOLATION = "objective_", "violation"
UNANSWERED = 10.0  # violation of a design without an answer: below all others
Table = dict[str, Column]


@dataclass(frozen=True)
class Design:
    """A design file that was read and checked.

    Attributes
    ----------
    spec : DesignSpec
    choices : Points
        Groups of values to choose from, and continuous spans.
    rows : Rows
    constraints, objectives : tuple of Expression
    """

    spec: DesignSpec
    choices: Points
    rows: Rows
    constraints: tuple[Expression, ...]
    objectives: tuple[Expression, ...]

    @property
    def signs(self) -> tuple[float, ...]:
        """Return what each objective is multiplied by so that less is better."""
        return tuple(1.0 if one.minimise else -1.0 for one in self.spec.objectives)

    def ask(self, first: int, trials: Sequence[Mapping[str, Any]]) -> Table:
        """Return the rows of trials: columns of a sweep, objectives and violations."""
        index = np.arange(first, first + len(trials), dtype=np.int64)
        order = np.arange(len(trials), dtype=np.int64)
        axes = {
            path: Coded(tuple(trial[path] for trial in trials), order)
            for path in self.choices.paths
        }
        found = self.rows.of(index, axes)
        short = [one.violation(found) for one in self.constraints]
        total = np.sum(short, axis=0) if short else np.zeros(len(trials))
        known = (found["status"] == OK) & np.isfinite(total)
        for k, objective in enumerate(self.objectives):
            values = objective.over(found).astype(np.float64)
            found[f"{OBJECTIVE}{k + 1}"] = values
            known &= np.isfinite(values)
        found[VIOLATION] = np.where(known, total, UNANSWERED * (1 + len(short)))
        return found

    @cached_property
    def distributions(self) -> dict[str, Any]:
        """Return what Optuna may choose, by name: a position, or a number of a span."""
        from optuna import distributions as of

        found: dict[str, Any] = {}
        for group in self.choices.groups:
            last, name = group.count - 1, group.paths[0]
            ordered = any(_rises(values) for values in group.values)
            places = tuple(range(group.count))
            found[name] = (
                of.IntDistribution(0, last)
                if ordered
                else of.CategoricalDistribution(places)
            )
        for path, span in self.choices.spans:
            low, high, unit = span_ends(span, path)
            log = span.scale == "log"
            if span.whole and not unit:
                found[path] = of.IntDistribution(round(low), round(high), log=log)
            else:
                found[path] = of.FloatDistribution(low, high, log=log)
        return found

    def point(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of all paths for what Optuna chose."""
        found: dict[str, Any] = {}
        for group in self.choices.groups:
            place = int(chosen[group.paths[0]])
            for path, values in zip(group.paths, group.values, strict=True):
                found[path] = values[place]
        for path, span in self.choices.spans:
            found[path] = with_unit(chosen[path], span_ends(span, path)[2])
        return found

    def chosen(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return what Optuna chose for a row, whose columns are told by path."""
        found: dict[str, Any] = {}
        for group in self.choices.groups:
            order = np.arange(group.count, dtype=np.int64)
            shown = [Coded(values, order).array().tolist() for values in group.values]
            mine = tuple(row[path] for path in group.paths)
            found[group.paths[0]] = list(zip(*shown, strict=True)).index(mine)
        for path, _span in self.choices.spans:
            found[path] = row[path]
        return found


def _rises(values: Sequence[Any]) -> bool:
    """Return whether values are numbers or quantities in order."""
    shown = Coded(tuple(values), np.arange(len(values), dtype=np.int64)).array()
    if shown.dtype.kind not in "iuf":
        return False
    steps = np.diff(shown.astype(np.float64))
    return bool((steps > 0.0).all() or (steps < 0.0).all())


def design_of(spec: DesignSpec) -> Design:
    """Return a design, its axes and expressions checked.

    Raises
    ------
    InputError
        As for a sweep; a constraint or an objective that cannot be read.
    """
    where = f"design {spec.name}"
    texts = [*spec.constraints, *(one.text for one in spec.objectives)]
    rows = rows_of(spec, where, texts)
    return Design(
        spec,
        points_of(spec),
        rows,
        tuple(parse(t, rows.known, f"{where}: constraints") for t in spec.constraints),
        tuple(
            parse(one.text, rows.known, f"{where}: objectives")
            for one in spec.objectives
        ),
    )


def propose(
    design: Design, batch: int, before: Sequence[Mapping[str, Any]], count: int
) -> list[dict[str, Any]]:
    """Return the trials of a batch, from the rows of all batches before it.

    Raises
    ------
    InputError
        Optuna is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise InputError("optimise: Optuna is missing: pip install optuna") from None
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        sampler = optuna.samplers.TPESampler(
            n_startup_trials=design.spec.batch,
            multivariate=True,
            seed=(design.spec.seed + 7_919 * batch) % 2**31,
        )
        study = optuna.create_study(
            directions=["minimize" for _ in design.signs], sampler=sampler
        )
        study.add_trials([_told(design, row) for row in before])
        asked = [study.ask(design.distributions) for _ in range(count)]
    finally:
        optuna.logging.set_verbosity(level)
    return [design.point(trial.params) for trial in asked]


def _told(design: Design, row: Mapping[str, Any]) -> Any:
    """Return a row as a finished trial of Optuna."""
    from optuna.trial import create_trial

    violation = float(row[VIOLATION])
    scores = [
        math.nan if (told := row[f"{OBJECTIVE}{k + 1}"]) is None else sign * told
        for k, sign in enumerate(design.signs)
    ]
    return create_trial(
        params=design.chosen(row),
        distributions=design.distributions,
        # what is violated decides alone; a value that is no number would be refused
        values=[score if np.isfinite(score) else 0.0 for score in scores],
        constraints={VIOLATION: violation},
    )
