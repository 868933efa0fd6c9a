"""What the spreads of figures do to answers: intervals, probabilities and drivers.

The plan is held at the nominal best. For each figure with a spread the kernels answer
at both of its bounds; between them an output goes with exp of a straight line, and
figures act by the product of their factors. So 10^5 samples cost no kernel call, and
along each axis the bounds are exact. Figures that two systems share share their draws.
This file knows questions and outputs; it knows no physics.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from accelsim.errors import InputError
from accelsim.explore.comparison import Comparison
from accelsim.explore.estimate import answer
from accelsim.explore.figures import FIGURES, WHOLE
from accelsim.explore.held import held, moved, named_figures
from accelsim.explore.result import Estimate
from accelsim.question import Question
from accelsim.silicon.draws import Draws, drivers, interval
from accelsim.silicon.nodes import Values
from accelsim.specs.figure import Figure

OUTPUTS = {
    name: FIGURES[name]
    for name in (
        *("step_time_s", "tokens_per_s", "tokens_per_s_per_chip", "mfu", "power_w"),
        *("j_per_token", "usd_per_hour", "usd_per_million_tokens"),
        "kg_co2_per_million_tokens",
    )
} | WHOLE
ERROR = "chip.step_error"
# How an output goes with the time of a step: to this power.
OF_STEP = dict.fromkeys(
    (
        *("step_time_s", "j_per_token", "usd_per_million_tokens", "days", "usd"),
        *("kg_co2_per_million_tokens", "usd_per_million_useful_tokens"),
    ),
    1.0,
) | dict.fromkeys(
    ("tokens_per_s", "tokens_per_s_per_chip", "mfu", "useful_tokens_per_s"), -1.0
)
# No output of a training run rests on these.
UNUSED = ("chip.die*", "chip.headline.*", "chip.hbm.memory.*", "chip.neuron.*")
MOST_SAMPLES = 10_000_000
MOST_DRIVERS = 8


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Samples of an estimate's outputs, and of the figures that they follow from."""

    outputs: dict[str, Values]
    inputs: dict[str, Values]

    def to_dict(self, main: str = "usd_per_million_tokens") -> dict[str, Any]:
        """Return intervals, and the drivers of one output, as plain data."""
        key = main if main in self.outputs else "step_time_s"
        return {
            "intervals": {k: interval(v) for k, v in self.outputs.items()},
            "drivers_of": key,
            "drivers": leading(self.inputs, self.outputs[key]),
        }


@dataclass(frozen=True, slots=True)
class Further:
    """What is uncertain beside the figures of a question: a number by its samples.

    name : of it, as a driver. usual : its nominal value. values : its samples, (N,).
    ask : the question at a value of it.
    """

    name: str
    usual: float
    values: Values
    ask: Callable[[float], Question]

    @property
    def ends(self) -> tuple[float, float]:
        """Return the least and the largest sample, the nominal value within."""
        low, high = float(self.values.min()), float(self.values.max())
        return min(low, self.usual), max(high, self.usual)


def leading(inputs: Mapping[str, Values], output: Values) -> dict[str, float]:
    """Return the largest first-order Sobol indices by path."""
    every = drivers(dict(inputs), output)
    return dict(list(every.items())[:MOST_DRIVERS])


def spreads(q: Question) -> dict[str, Figure]:
    """Return the figures of a question that have a spread, by path."""
    return {
        path: figure
        for path, figure in named_figures(q).items()
        if figure.spread is not None
        and figure.spread[0] < figure.spread[1]
        and not any(fnmatchcase(path, pattern) for pattern in UNUSED)
    }


def _bounds(q: Question, path: str, figure: Figure) -> list[Question]:
    """Return a question with one figure at either bound of its spread."""
    text = f"{figure.text}, bound"
    ends = [
        replace(figure, value=bound, text=text, spread=None)
        for bound in figure.spread or ()
    ]
    return [moved(q, path, end) for end in ends]


def uncertain(
    estimates: Sequence[Estimate],
    samples: int,
    seed: int = 1,
    further: Mapping[int, Sequence[Further]] | None = None,
) -> list[Uncertain]:
    """Return samples of the outputs of several estimates, with common draws.

    further : what else is uncertain, by the place of the estimate.

    Raises
    ------
    InputError
        Samples below 2 or above 10^7.
    """
    if not 2 <= samples <= MOST_SAMPLES:
        raise InputError(f"uncertain: {samples} samples; 2 to {MOST_SAMPLES:,} are")
    asked: list[Question] = []
    places: list[tuple[int, str, Figure | Further]] = []
    for index, estimate in enumerate(estimates):
        kept = held(estimate)
        for path, figure in spreads(kept).items():
            if path != ERROR:
                places.append((index, path, figure))
                asked += _bounds(kept, path, figure)
        for more in (further or {}).get(index, ()):
            places.append((index, more.name, more))
            asked += [more.ask(end) for end in more.ends]
    found = answer(asked, must_fit=False)
    draws, shared = Draws(samples, seed), dict[tuple[Any, ...], Values]()
    logs: list[dict[str, Values]] = [{} for _ in estimates]
    inputs: list[dict[str, Values]] = [{} for _ in estimates]
    for k, (index, path, one) in enumerate(places):
        ends = [_ratios(e, estimates[index]) for e in found[2 * k : 2 * k + 2]]
        if all(abs(v) < 1e-9 for end in ends for v in end.values()):
            continue
        if isinstance(one, Further):
            values, usual, bounds = one.values, one.usual, one.ends
        else:
            stream, bounds = f"{path}|{one.stream}", one.spread or (0.0, 0.0)
            key, usual = (stream, float(one), bounds), float(one)
            values = shared.setdefault(key, draws(stream, one))
        inputs[index][path] = values
        _add(logs[index], ends, values, usual, bounds)
    for index, estimate in enumerate(estimates):
        _add_error(estimate, draws, logs[index], inputs[index])
    return [
        Uncertain(_outputs(estimate, logs[i], samples), inputs[i])
        for i, estimate in enumerate(estimates)
    ]


def _ratios(found: Any, base: Estimate) -> dict[str, float]:
    """Return the logarithms of outputs over the nominal ones; none of a failure."""
    if not isinstance(found, Estimate):
        return {}
    made = {}
    for name, read in OUTPUTS.items():
        new, old = read(found), read(base)
        if new and old:
            made[name] = float(np.log(new / old))
    return made


def _add(
    logs: dict[str, Values],
    ends: list[dict[str, float]],
    x: Values,
    value: float,
    bounds: tuple[float, float],
) -> None:
    """Add to each output's logarithm what a figure's samples do to it."""
    low, high = bounds
    down = np.clip((value - x) / max(value - low, 1e-300), 0.0, None)
    up = np.clip((x - value) / max(high - value, 1e-300), 0.0, None)
    for name in OUTPUTS:
        first, last = (end.get(name, 0.0) for end in ends)
        if first or last:
            logs[name] = logs.get(name, 0.0) + first * down + last * up


def _add_error(
    estimate: Estimate, draws: Draws, logs: dict[str, Values], inputs: dict[str, Values]
) -> None:
    """Add what published runs take over ours, where the chip tells it."""
    error = estimate.question.chip.step_error
    if error is None or error.spread is None:
        return
    values = draws(f"{ERROR}|{error.stream}", error)
    inputs[ERROR] = values
    for name, power in OF_STEP.items():
        logs[name] = logs.get(name, 0.0) + power * np.log(values)


def _outputs(
    estimate: Estimate, logs: dict[str, Values], samples: int
) -> dict[str, Values]:
    made = {}
    for name, read in OUTPUTS.items():
        value = read(estimate)
        if value is not None:
            made[name] = value * np.exp(logs.get(name, np.zeros(samples)))
    return made


def with_intervals(
    comparison: Comparison, samples: int, seed: int = 1
) -> dict[str, Any]:
    """Return a comparison as plain data, each row with intervals.

    `relative` : of the ratios to the baseline; `probability_cheaper` : that a row's
    tokens cost less than the baseline's.
    """
    made = comparison.to_dict()
    rows = [i for i, row in enumerate(comparison.rows) if row.estimate is not None]
    estimates = [comparison.rows[i].estimate for i in rows]
    found = uncertain([e for e in estimates if e is not None], samples, seed)
    names = [comparison.rows[i].system for i in rows]
    base = dict(zip(names, found, strict=True)).get(comparison.baseline)
    for i, one in zip(rows, found, strict=True):
        told = one.to_dict()
        if base is not None:
            ratios = {
                k: v / base.outputs[k]
                for k, v in one.outputs.items()
                if k in base.outputs
            }
            told["relative"] = {k: interval(v) for k, v in ratios.items()}
            cost = ratios.get("usd_per_million_tokens")
            told["probability_cheaper"] = (
                None if cost is None else float((cost < 1.0).mean())
            )
        made["rows"][i]["uncertain"] = told
    return made | {"samples": samples, "seed": seed}
