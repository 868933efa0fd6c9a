"""Sensitivities: differences of estimates, and indices of functions that are known."""

import math
from typing import Any

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.explore import sobol as room
from accelsim.explore.estimate import estimate
from accelsim.explore.result import Estimate
from accelsim.explore.sensitivity import sensitivity
from accelsim.explore.sobol import sobol
from accelsim.explore.uncertain import uncertain
from accelsim.silicon.draws import shaped

PLAN = {"tp": 2, "dp": 8, "micro_batch": 1, "sharding": "zero1", "recompute": "none"}
RUN = {"model": "llama3-8b", "system": "dgx-h100", "chips": 16, "global_batch": 64,
       "plan": PLAN}  # fmt: skip


@pytest.fixture(scope="module")
def run() -> Estimate:
    return estimate(RUN)


def test_rows_are_differences_and_ends_are_estimates(run: Estimate) -> None:
    path = "chip.hbm.bandwidth"
    found = sensitivity(run, "j_per_token", [path], share=0.2)
    row = found.rows[0]
    now = float(run.question.chip.hbm.bandwidth) / 1e12

    def at(factor: float) -> Estimate:
        return estimate(RUN, {path: f"{now * factor!r} TB/s"})

    slope = math.log(at(1.01).joule_per_token / at(0.99).joule_per_token)
    assert row.slope["j_per_token"] == pytest.approx(slope / math.log(1.01 / 0.99))
    assert row.low["step_time_s"] == pytest.approx(at(0.8).step_time, rel=1e-12)
    assert row.high["mfu"] == pytest.approx(at(1.2).mfu, rel=1e-12)
    assert row.ends == ("2.68 TB/s", "4.02 TB/s")
    assert not row.spread


def test_laws_of_elasticities(run: Estimate) -> None:
    rows = {r.path: r for r in sensitivity(run, "usd_per_million_tokens").rows}
    price = rows["price.offers.1.usd"].slope
    # a price passes through to money and to nothing else
    assert price["usd_per_million_tokens"] == pytest.approx(1.0)
    assert price["step_time_s"] == 0.0
    for row in rows.values():  # what tokens take more of, they are fewer of
        pairs = row.slope["tokens_per_s"] + row.slope["step_time_s"]
        assert pairs == pytest.approx(0.0, abs=1e-9)
    spread = rows["chip.gemm.hot_clock"]
    assert spread.spread  # its own, not a share
    assert spread.ends == ("0.81", "1")


def test_a_count_goes_by_whole_steps(run: Estimate) -> None:
    row = sensitivity(run, paths=["chip.hbm.stacks"]).rows[0]
    four, six = (estimate(RUN, {"chip.hbm.stacks": n}).tokens_per_s for n in (4, 6))
    assert row.slope["tokens_per_s"] == pytest.approx(
        math.log(six / four) / math.log(6 / 4)
    )
    assert row.ends == ("4", "6")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"of": "tokens"}, "did you mean 'tokens_per_s'"),
        ({"of": "days"}, "this run has no days"),
        ({"paths": ["chip.hbm.bandwith"]}, "did you mean 'chip.hbm.bandwidth'"),
        ({"share": 1.0}, "between 0 and 1"),
    ],
)
def test_bad_questions(run: Estimate, asked: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError) as refused:
        sensitivity(run, **asked)
    assert reason in str(refused.value)


@pytest.mark.parametrize("samples", [0, 3, 100, 2**17])
def test_bad_samples(run: Estimate, samples: int) -> None:
    with pytest.raises(InputError, match="power of two"):
        sobol(run, samples)


def test_indices_of_a_product_are_those_of_the_formula(
    run: Estimate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The output put in place of the kernels' is y = prod x_i, x_i independent.

    With c_i = Var(x_i) / E(x_i)^2, 1 + V/E^2 = prod (1 + c_i), the first order is
    c_i / (V/E^2) and the total c_i prod_j!=i (1 + c_j) / (V/E^2) (Saltelli, Global
    Sensitivity Analysis, 2008, section 4.4).
    """
    figures: dict[str, Any] = {}

    def product(_q: Any, inputs: Any, points: Any, _read: Any) -> Any:
        figures.update(inputs)
        return np.prod(points, axis=0)

    monkeypatch.setattr(room, "_outputs", product)
    found = sobol(run, 4096, of="step_time_s")
    u = (np.arange(100_000) + 0.5) / 100_000
    c = {p: shaped(f, u).var() / shaped(f, u).mean() ** 2 for p, f in figures.items()}
    whole = math.prod(1.0 + v for v in c.values()) - 1.0
    for one in found.indices:
        first = c[one.path] / whole
        total = first * math.prod(1.0 + v for p, v in c.items() if p != one.path)
        assert one.first == pytest.approx(first, abs=0.04)
        assert one.total == pytest.approx(total, abs=0.04)
        low, high = one.total_interval
        assert low <= one.total <= high
    assert found.estimates == 4096 * (len(figures) + 2)


def test_first_order_agrees_with_the_drivers_of_intervals(run: Estimate) -> None:
    found = sobol(run, 16, of="step_time_s")
    told = uncertain([run], 20_000)[0].to_dict("step_time_s")["drivers"]
    own = told.pop(
        "chip.step_error"
    )  # the estimate's own error is no figure of the run
    first = found.indices[0]
    assert next(iter(told)) == first.path
    low, high = first.first_interval
    assert low <= told[first.path] / (1.0 - own) <= high
    assert found.mean == pytest.approx(run.step_time, rel=0.1)


def test_assumptions_may_be_uncertain_too(run: Estimate) -> None:
    few, again = (sobol(run, 2, of="step_time_s") for _ in range(2))
    assert few == again  # seeded, intervals too
    many = sobol(run, 2, of="step_time_s", assumed=0.2)
    assert len(many.indices) > len(few.indices)
    paths = {one.path for one in many.indices}
    assert paths >= {one.path for one in few.indices}
