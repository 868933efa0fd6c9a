"""Designs: the best of brute force is found, constraints hold, a stop loses nothing."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import accelsim
from accelsim.errors import InputError, NoAnswerError
from accelsim.explore.design import Design, design_of, propose
from accelsim.explore.expression import parse
from accelsim.explore.figures import silicon_figures
from accelsim.explore.optimise import front, optimise
from accelsim.explore.sweep.store import open_store
from accelsim.specs.checking import validate
from accelsim.specs.sweep import DesignSpec

pytest.importorskip("optuna")
RUN = {
    "model": "llama3-8b",
    "system": "dgx-h100",
    "chips": 16,
    "plan": {"dp": 8, "tp": 2},
}
STACKS, LANES = (4, 5, 6), (1, 2, 4)
AXES: tuple[dict[str, Any], ...] = (
    {"path": "chip.hbm.stacks", "values": STACKS},
    {"path": "link.nvlink4.lanes", "values": LANES},
)


def design(**more: Any) -> DesignSpec:
    raw = {"name": "d", "run": RUN, "axes": AXES, "trials": 32, "batch": 8}
    raw |= {"objectives": ({"maximise": "tokens_per_s"},)}
    return validate(DesignSpec, raw | more, "d")


def test_the_best_is_that_of_brute_force_under_the_constraint() -> None:
    limit = "silicon.cost_usd <= 3200"
    found = optimise(design(constraints=(limit,)))
    rows = []
    for stacks, lanes in itertools.product(STACKS, LANES):
        changes = {"chip.hbm.stacks": stacks, "link.nvlink4.lanes": lanes}
        one = accelsim.estimate(RUN, changes)
        cost = silicon_figures(one.question.chip)
        if cost["silicon.cost_usd"] <= 3200.0:
            rows.append(one.tokens_per_s)
    assert len(rows) < len(STACKS) * len(LANES)  # the constraint leaves some out
    assert found.best[0]["tokens_per_s"] == max(rows)
    assert found.best[0]["silicon.cost_usd"] <= 3200.0


def test_what_is_assigned_follows_from_the_axes() -> None:
    assign = {
        "chip.power.tdp": {"expression": "100 * chip.hbm.stacks", "unit": "W"},
        "chip.die.hbm_ports": {"expression": "chip.hbm.stacks", "whole": True},
        "free.cost": {"expression": "silicon.cost_usd * 2"},
    }
    spec = design(assign=assign, axes=AXES[:1], trials=8, show=("silicon.power.tdp_w",))
    for row in optimise(spec).table.to_pylist():
        assert row["chip.die.hbm_ports"] == row["chip.hbm.stacks"]
        assert row["silicon.power.tdp_w"] == 100.0 * row["chip.hbm.stacks"]
        # the ports and stacks count in what is assigned after them
        assert row["free.cost"] == 2.0 * row["silicon.cost_usd"]


def test_a_study_that_was_stopped_goes_on_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    span = {"low": "20 MB", "high": "200 MB", "scale": "log"}
    axes = (*AXES, {"path": "chip.sram.capacity", "sample": span})
    spec = design(axes=axes, trials=24)
    whole = optimise(spec, tmp_path / "whole")
    with monkeypatch.context() as patched:
        patched.setattr(PROPOSE, once)
        with pytest.raises(KeyboardInterrupt):
            optimise(spec, tmp_path / "cut")
    assert len(list((tmp_path / "cut" / "parts").iterdir())) == 1
    cut = optimise(spec, tmp_path / "cut")
    sums = [open_store(tmp_path / name).checksum() for name in ("whole", "cut")]
    assert sums[0] == sums[1]
    assert str(cut.table.to_pylist()) == str(whole.table.to_pylist())
    with monkeypatch.context() as patched:  # nothing is tried again
        patched.setattr(PROPOSE, None)
        assert len(optimise(spec, tmp_path / "cut").best) == len(whole.best)
    more = optimise(spec, tmp_path / "cut", trials=32)  # and more trials go on
    assert str(more.table.slice(0, 24).to_pylist()) == str(whole.table.to_pylist())
    assert more.table.num_rows == 32


PROPOSE = "accelsim.explore.optimise.propose"


def once(design: Design, batch: int, *more: Any) -> list[dict[str, Any]]:
    """Propose the first batch; be interrupted before the second."""
    if batch:
        raise KeyboardInterrupt
    return propose(design, batch, *more)


def test_two_objectives_give_a_front_that_nothing_beats() -> None:
    objectives = ({"maximise": "tokens_per_s"}, {"minimise": "silicon.cost_usd"})
    found = optimise(design(objectives=objectives))
    rows = found.table.to_pylist()
    for best in found.best:
        for row in rows:
            better = row["tokens_per_s"] >= best["tokens_per_s"]
            cheaper = row["silicon.cost_usd"] <= best["silicon.cost_usd"]
            same = row["silicon.cost_usd"] == best["silicon.cost_usd"]
            assert not (better and cheaper) or same


SMALL = st.integers(0, 5)


@given(st.lists(st.tuples(SMALL, SMALL, SMALL), min_size=1, max_size=20))
def test_front_is_what_no_other_beats(points: list[tuple[int, ...]]) -> None:
    scores = np.array(points, dtype=np.float64)
    kept = front(scores)
    for i, row in enumerate(scores):
        beaten = any((o <= row).all() and (o < row).any() for o in scores)
        equal = any((scores[k] == row).all() for k in kept)
        assert equal != beaten, i
    assert list(scores[kept][:, 0]) == sorted(scores[kept][:, 0])


@pytest.mark.parametrize(
    ("text", "gap"),
    [("x <= 10", 0.0), ("x < 4", 0.2), ("x >= 10", 0.5), ("x < 4 and x > 1", 1.0),
     ("x / y > 1", np.nan), ("t", 0.0), ("x == 4", 0.2)],
)  # fmt: skip
def test_how_far_a_constraint_is_from_true(text: str, gap: float) -> None:
    columns = {"x": np.array([5.0]), "y": np.array([np.nan]), "t": np.array([True])}
    found = parse(text, columns, "here").violation(columns)
    assert found[0] == pytest.approx(gap, nan_ok=True)


def test_without_a_feasible_trial_the_nearest_is_named() -> None:
    with pytest.raises(NoAnswerError, match=r"comes nearest and breaks mfu > 0\.9"):
        optimise(design(constraints=("mfu > 0.9", "power_w > 0"), trials=8))
    lost = RUN | {"chips": 1, "plan": "best"}
    with pytest.raises(NoAnswerError, match="no trial has an answer: no plan fits"):
        optimise(design(run=lost, trials=8))


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"constraints": ("mfuu > 1",)}, "did you mean 'mfu'"),
        ({"objectives": ()}, "objectives"),
        ({"objectives": ({"maximise": "mfu", "minimise": "mfu"},)}, "one of them"),
        ({"objectives": ({"minimise": "silicon.cost_us"},)}, "silicon.cost_usd"),
        ({"assign": {"chip.hbm.stacks": {"expression": "1"}}}, "swept and assigned"),
        ({"assign": {"chip.hbm": {"expression": "1"}}}, "lies inside chip.hbm"),
        ({"axes": ({"path": "chip.hbm.stack", "values": (4,)},), "trials": 8,
          "constraints": ("silicon.cost_usd > 1",)}, "unknown field"),
    ],
)  # fmt: skip
def test_bad_designs_are_refused(more: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError) as refused:
        design_of(design(**more))
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_chip_without_dies_has_no_silicon() -> None:
    run = RUN | {"system": "l40s-8"}
    with pytest.raises(NoAnswerError, match="die"):
        design_of(design(run=run, constraints=("silicon.cost_usd > 1",), axes=AXES[:1]))
