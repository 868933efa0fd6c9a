"""Tables of runs: the very numbers of single estimates, and what is refused."""

from typing import Any

import numpy as np
import pytest

import accelsim
from accelsim.errors import AccelsimError, InputError
from accelsim.explore.columns import coded
from accelsim.kernels import tables

FIXED: dict[str, Any] = {
    "model": "llama3-8b", "system": "dgx-h100", "chips": 16, "global_batch": 64,
    "plan.cp": 1, "plan.vp": 1, "plan.sharding": "zero1",
}  # fmt: skip
ROWS: dict[str, Any] = FIXED | {
    "plan.tp": np.array([1, 2, 4, 8, 3, 2, 1, 2]),
    "plan.pp": np.array([1, 2, 4, 2, 1, 4, 64, 2]),
    "plan.micro_batch": np.array([1, 1, 2, 4, 1, 1, 1, 3]),
    "plan.recompute": np.array(["none", "full"] * 4),
    "chip.hbm.bandwidth": np.array(["3.35 TB/s", "4 TB/s"] * 4),
    "link.nvlink4.lane_rate": np.array(["100 Gb/s"] * 3 + ["106.25 Gb/s"] * 5),
}


def row_of(table: dict[str, Any], i: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return one row of a table as a run and its overrides."""
    plain = {k: v[i].item() if np.ndim(v) else v for k, v in table.items()}
    plan = {k[5:]: v for k, v in plain.items() if k.startswith("plan.")}
    changes = {k: v for k, v in plain.items() if k.split(".")[0] in ("chip", "link")}
    run = {k: v for k, v in plain.items() if "." not in k}
    return run | {"plan": plan}, changes


def assert_is_estimate(found: dict[str, Any], i: int, told: dict[str, Any]) -> None:
    """Compare a row of columns with an estimate, exactly."""
    assert told["step_time_s"] == found["step_time_s"][i]
    for name, column in found.items():
        whole, dot, part = name.partition(".")
        if dot:
            value = told[whole].get(part) if whole != "cost" else None
        else:
            value = told.get(whole)
        if value is not None:
            assert column[i] == value, name


def test_rows_are_single_estimates_bit_for_bit() -> None:
    found = accelsim.estimate_many(ROWS)
    reasons = []
    for i in range(8):
        run, changes = row_of(ROWS, i)
        try:
            told = accelsim.estimate(run, changes).to_dict()
        except AccelsimError as failure:
            reasons.append(str(failure))
            assert found["reason"][i] != tables.OK
            continue
        assert found["reason"][i] == tables.OK
        assert_is_estimate(found, i, told)
    assert 2 <= len(reasons) <= 6


def test_what_is_open_is_searched_as_an_estimate_does() -> None:
    rates = np.array(["3.35 TB/s", "5 TB/s", "3.35 TB/s"])
    table: dict[str, Any] = {
        "model": "llama3-8b",
        "system": "dgx-h100",
        "chips": np.array([8, 8, 16]),
    }
    table |= {
        "global_batch": 64,
        "chip.hbm.bandwidth": rates,
        "pp": np.array([0, 2, 0]),
    }
    found = accelsim.estimate_many(table)
    for i, pp in enumerate([None, 2, None]):
        run = {"model": "llama3-8b", "system": "dgx-h100", "global_batch": 64}
        run |= {"chips": int(table["chips"][i]), "plan": {"pp": pp}}
        change = {"chip.hbm.bandwidth": str(rates[i])}
        assert_is_estimate(found, i, accelsim.estimate(run, change).to_dict())


def test_kinds_of_tables() -> None:
    pa = pytest.importorskip("pyarrow")
    columns = {"tp": np.array([1, 2]), "pp": np.array([1, 1])}
    rest = {"model": ["llama3-8b"] * 2, "chips": [8, 8], "system": ["dgx-h100"] * 2}
    rest |= {
        "micro_batch": [1, 1],
        "sharding": ["zero1"] * 2,
        "recompute": ["full"] * 2,
    }
    rest |= {"cp": [1, 1], "global_batch": [64, 64]}
    plain = accelsim.estimate_many(columns | rest)
    arrow = accelsim.estimate_many(pa.table(columns | rest))
    assert arrow.column("step_time_s").to_pylist() == plain["step_time_s"].tolist()
    table = np.zeros(2, [("tp", "i8"), ("pp", "i4"), ("chips", "i8"), ("model", "U9"),
                         ("system", "U8"), ("micro_batch", "i8"), ("cp", "i8"),
                         ("sharding", "U5"), ("recompute", "U4"),
                         ("global_batch", "i8")])  # fmt: skip
    for name, values in (columns | rest).items():
        table[name] = values
    found = accelsim.estimate_many(table)
    assert found["step_time_s"].tolist() == plain["step_time_s"].tolist()


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_chunks_and_threads_change_nothing(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelsim.explore import batch

    whole = accelsim.estimate_many(ROWS)
    monkeypatch.setattr(
        batch.answered, "__kwdefaults__", {"workers": 2, "chunk": chunk}
    )
    for name, column in accelsim.estimate_many(ROWS, workers=2).items():
        assert np.array_equal(column, whole[name], equal_nan=column.dtype.kind == "f")


def test_codes() -> None:
    some = coded({"a": np.array([2, 1, 2, 2]), "b": np.array(["x", "y", "x", "z"]),
                  "c": np.asarray(7)}, 4)  # fmt: skip
    rows = [some.values[code] for code in some.codes]
    assert rows == [
        {"a": a, "b": b, "c": 7} for a, b in ((2, "x"), (1, "y"), (2, "x"), (2, "z"))
    ]
    assert len(some.values) == 3


def test_a_table_without_rows() -> None:
    found = accelsim.estimate_many(FIXED | {"chips": np.array([], dtype=np.int64)})
    assert {len(column) for column in found.values()} == {0}


def test_more_chips_than_there_are() -> None:
    found = accelsim.estimate_many(FIXED | {"chips": np.array([10**6, 16])})
    assert tables.REASONS[found["reason"][0]] == "the system has no answer"
    assert np.isnan(found["step_time_s"][0])
    assert found["reason"][1] == tables.OK


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": np.array([1])}, "colour: no field of a run"),
        ({"chip.colour": np.array([1])}, "row 0: .*unknown field 'colour'"),
        ({"chips": np.array([8, 0])}, "row 1: run: chips"),
        ({"model": np.array(["llama3-8b", "nosuch"])}, "row 1: unknown model 'nosuch'"),
        ({"plan.tp": np.array([1.5])}, "plan.tp: 1.5 must be a whole number"),
        ({"plan.tp": np.array(["two"])}, "plan.tp: must be whole numbers"),
        ({"plan.sharding": np.array(["zero9"])}, "plan.sharding: 'zero9' is unknown"),
        ({"plan.tp": np.array([1, 2]), "chips": np.array([8])}, "one length"),
        ({"plan.tp": np.ones((2, 2))}, "plan.tp: a column has one dimension"),
    ],
)
def test_bad_columns(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        accelsim.estimate_many(FIXED | change)


def test_no_table() -> None:
    with pytest.raises(InputError, match="must be a list of runs, or columns"):
        accelsim.estimate_many(3)
