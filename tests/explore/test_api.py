"""The forms in which a Python caller may ask, and what is told to one that errs."""

from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

import accelsim
from accelsim.errors import InputError

RUN: dict[str, Any] = {"model": "llama3-8b", "system": "dgx-h100", "chips": 8}
TOML = 'model = "llama3-8b"\nsystem = "dgx-h100"\nchips = 8\n'


def test_a_run_is_a_spec_a_mapping_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(TOML)
    times = {
        accelsim.estimate(run).step_time
        for run in (RUN, accelsim.RunSpec(**RUN), path, str(path))
    }
    assert len(times) == 1


def test_overrides_come_in_every_form() -> None:
    change = 'chip.clock="1 GHz"'
    forms: list[Any] = [{"chip.clock": "1 GHz"}, change, [change], (change,)]
    times = {accelsim.estimate(RUN, form).step_time for form in forms}
    assert len(times) == 1
    assert times.pop() > accelsim.estimate(RUN).step_time
    compared = accelsim.compare(
        "llama3-8b", ["dgx-h100"], chips=8, overrides={"chip.clock": "1 GHz"}
    )
    assert compared.rows[0].estimate is not None


@pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="thousands of requests of plain Python take too long",
)
@pytest.mark.parametrize(
    "change",
    [
        "chip.hbm.memory.controller.order=CPGBSR",
        "chip.hbm.memory.timing.faw=80 ns",
        "chip.hbm.memory.controller.refresh_rate=4",
        "chip.hbm.stacks=4",
    ],
)
def test_a_worse_memory_costs_tokens(change: str) -> None:
    plan = {**RUN, "plan": {"tp": 1}}
    worse, built = (accelsim.estimate(plan, changes) for changes in (change, ()))
    assert worse.step_time > built.step_time


def test_numpy_counts_are_counts() -> None:
    asked = {**RUN, "chips": np.int64(8), "plan": {"tp": np.int32(2)}}
    assert accelsim.estimate(asked).plan.tp == 2


def test_a_failure_stands_in_its_runs_place() -> None:
    good, bad = accelsim.estimate_many([RUN, {**RUN, "model": "nosuch"}])
    assert not isinstance(good, Exception)
    assert isinstance(bad, InputError)


@pytest.mark.parametrize(
    ("run", "overrides", "expected"),
    [
        (None, (), "must be a RunSpec, a mapping or a path"),
        (3, (), "must be a RunSpec, a mapping or a path"),
        ({**RUN, "plan": "tp8"}, (), "must be a table of sizes"),
        (RUN, None, "must be a mapping or path=value texts"),
        (RUN, 3, "must be a mapping or path=value texts"),
        (RUN, {3: 4}, "must be a dotted path"),
        (RUN, [3], "must be a path=value text"),
        ({**RUN, "chips": True}, (), "chips: True: must be a whole number"),
    ],
)
def test_a_wrong_form_is_one_line(run: Any, overrides: Any, expected: str) -> None:
    with pytest.raises(InputError) as error:
        accelsim.estimate(run, overrides)
    assert expected in str(error.value)


def test_a_kind_that_is_none_is_named() -> None:
    with pytest.raises(InputError, match="unknown kind 'chip'; did you mean 'chips'"):
        accelsim.load("chip", "h100-sxm")
    with pytest.raises(InputError, match="must be a list of names"):
        accelsim.compare("llama3-8b", "dgx-h100", chips=8)
