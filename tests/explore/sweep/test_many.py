"""Sweeps that are asked in tables: the very numbers of single estimates."""

from typing import Any

import numpy as np
import pytest

from accelsim.explore.sweep import ask
from accelsim.explore.sweep.ask import sweep_of
from accelsim.explore.sweep.many import answers_of
from accelsim.specs.checking import validate
from accelsim.specs.sweep import SweepSpec

RUN = {"model": "llama3-8b", "system": "dgx-h100", "chips": 16}
FIXED = {"tp": 2, "pp": 1, "cp": 1, "micro_batch": 1, "sharding": "zero1",
         "recompute": "none", "ep": 1, "vp": 1}  # fmt: skip
MEMORY = {"path": "chip.hbm.stacks", "values": (1, 4, 6)}
LINK = {"path": "link.nvlink4.bandwidth",
        "values": ("10 GB/s per direction", "25 GB/s per direction")}  # fmt: skip
SWEEPS: dict[str, dict[str, Any]] = {
    "best plans": {"axes": (MEMORY, LINK, {"path": "chips", "values": (1, 16, 64)})},
    "fixed plans": {
        "run": RUN | {"plan": FIXED},
        "axes": (MEMORY, LINK, {"path": "plan.tp", "values": (2, 4, 7, 8)}),
    },
    "what follows": {
        "run": RUN | {"plan": FIXED},
        "axes": (MEMORY, {"path": "free.x", "values": (1, 2)}),
        "assign": {"chip.power.tdp": {"expression": "700 - free.x", "unit": "W"},
                   "chips": {"expression": "16 * free.x", "whole": True}},
        "columns": {"each": "tokens_per_s / free.x"},
        "where": "chip.hbm.stacks > 1",
    },
    "names and batches": {
        "axes": (
            {"path": "system", "values": ("dgx-h100", "trn2-ultraserver")},
            {"path": "model", "values": ("llama3-8b", "mixtral-8x7b")},
            {"path": "global_batch", "values": (64, 128)},
        ),
        "run": RUN | {"chips": 64},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", SWEEPS)
def test_tables_give_the_numbers_of_single_estimates(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = validate(SweepSpec, {"name": "s", "run": RUN} | SWEEPS[name], "s")
    slow, fast = sweep_of(spec), sweep_of(spec)
    count = slow.points.count
    one_by_one = slow.ask(0, count)
    monkeypatch.setattr(ask, "MANY", 0)
    halves = [fast.ask(0, count // 2), fast.ask(count // 2, count)]
    for k, row in enumerate(one_by_one.to_pylist()):
        half = halves[0] if k < halves[0].num_rows else halves[1]
        other = half.to_pylist()[k - (0 if half is halves[0] else halves[0].num_rows)]
        assert list(other) == list(row)
        for column, value in row.items():
            if column != "reason":
                assert value == other[column], (row["point"], column)
        assert bool(row["reason"]) == bool(other["reason"])
        if row["reason"].startswith("no plan fits in memory"):
            assert other["reason"].startswith("no plan fits in memory")


def test_a_refused_value_is_a_row_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    axes = ({"path": "chip.hbm.stacks", "values": (0, 5)},)
    spec = validate(SweepSpec, {"name": "s", "run": RUN, "axes": axes}, "s")
    monkeypatch.setattr(ask, "MANY", 0)
    rows = sweep_of(spec).ask(0, 2).to_pylist()
    assert [row["status"] for row in rows] == ["bad-input", "ok"]


def test_distinct_specs_are_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelsim.fabric import lower

    filled: list[str] = []
    fill = lower._fill_tier

    def counted(row: Any, tier: Any, *more: Any) -> None:
        filled.append(tier.link)
        fill(row, tier, *more)

    monkeypatch.setattr(lower, "_fill_tier", counted)
    links = tuple(f"{n} GB/s per direction" for n in (20, 21, 22))
    asked = {
        "link.nvlink4.bandwidth": np.array(links * 40, dtype=object),
        "chip.hbm.stacks": np.array([5, 6] * 60, dtype=object),
        "plan.tp": np.array([1, 2, 2] * 40, dtype=object),
    }
    for _ in range(2):  # the second chunk works nothing out again
        answers_of(RUN | {"plan": FIXED}, asked, 120)
    assert filled == ["nvlink4", "infiniband-ndr"] * 3
