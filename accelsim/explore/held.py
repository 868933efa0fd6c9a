"""An estimate asked again: its plan held, its figures by path, one of them moved.

This file knows questions; it does not know what is asked of the answers.
"""

import re
from dataclasses import replace
from typing import Any

from accelsim.catalog import override
from accelsim.explore.result import Estimate
from accelsim.kernels import tables
from accelsim.overrides import Override
from accelsim.question import Question
from accelsim.specs.figure import Figure, figures
from accelsim.specs.run import PlanSpec
from accelsim.training.evaluate import Evaluated, evaluate
from accelsim.training.lower import Cases, lower
from accelsim.training.plans import candidates

_QUANTITY = re.compile(
    r"([0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9]+)?)\s*([^.~0-9].*)?"
)


def held(estimate: Estimate) -> Question:
    """Return an estimate's question with the plan that it found."""
    q, plan = estimate.question, estimate.plan
    sizes = {f: getattr(plan, f, getattr(q.plan, f)) for f in PlanSpec.model_fields}
    if q.model.moe is None:
        sizes["etp"] = None  # there are no experts to cut
    told = {name: value for name, value in sizes.items() if value is not None}
    return replace(q, run=q.run.model_copy(update={"plan": PlanSpec(**told)}))


def asked_again(estimate: Estimate, *, alike: bool = False) -> tuple[Cases, Evaluated]:
    """Return the tables behind an estimate: one question, one plan.

    alike : every chip is as fast as the median one.
    """
    q = held(estimate)
    rows = lower([q])
    if alike:
        rows.chips.lag[:] = 0.0
    plans = candidates(q, 0)
    legal = plans[plans.reason == tables.OK]
    return rows, evaluate(rows, legal, only_fitting=False)


def named_figures(q: Question) -> dict[str, Figure]:
    """Return every figure of a question's specs by the path that overrides it."""
    parts: dict[str, Any] = {"chip": q.chip, "system": q.system}
    parts |= {"software": q.software}
    parts |= {f"link.{name}": link for name, link in q.links.items()}
    others = {"price": q.price, "reliability": q.reliability}
    parts |= {name: spec for name, spec in others.items() if spec is not None}
    return {
        f"{root}.{path}": figure
        for root, spec in parts.items()
        for path, figure in figures(spec).items()
    }


def counts(q: Question) -> dict[str, int]:
    """Return every whole number of a question's specs by the path that overrides it."""
    parts: dict[str, Any] = {"chip": q.chip, "system": q.system, "model": q.model}
    parts |= {f"link.{name}": link for name, link in q.links.items()}
    found: dict[str, int] = {}
    for root, spec in parts.items():
        _collect(spec.model_dump(), root, found)
    return found


def _collect(value: Any, path: str, found: dict[str, int]) -> None:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        found[path] = value
    elif isinstance(value, dict):
        for key, item in value.items():
            _collect(item, f"{path}.{key}", found)
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            _collect(item, f"{path}.{index}", found)


def at(figure: Figure, value: float) -> Figure:
    """Return a figure with another value [SI] and no spread."""
    made = figure.scaled(value / figure.value, "moved")
    told = _QUANTITY.fullmatch(figure.text)
    text = made.text
    if told is not None:  # in the unit of the figure
        number = float(told[1].replace("_", "")) * value / figure.value
        text = f"{number:.4g} {told[2] or ''}".strip()
    return replace(made, value=value, text=text, spread=None)


def moved(q: Question, path: str, figure: Figure | int) -> Question:
    """Return a question with another number at a path, and what follows from it.

    Raises
    ------
    InputError
        The value is impossible there.
    """
    root, *inner = path.split(".")
    if root == "link":
        name = next(n for n in q.links if path.startswith(f"link.{n}."))
        rest = path.removeprefix(f"link.{name}.").split(".")
        link = override(q.links[name], [Override(tuple(rest), figure)], name)
        return replace(q, links=q.links | {name: link})
    spec = override(getattr(q, root), [Override(tuple(inner), figure)], root)
    return replace(q, **{root: spec})
