import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.validation.contract import (
    METRICS,
    SMALLEST_SOURCE,
    Pair,
    Validation,
    best_constant,
    metrics_of,
    spearman,
    validation,
    write_rows,
)

KEYS = ["kind", "file", "rows", "scored", "left_out", "metrics", "naive", "groups"]
positive = st.floats(1e-3, 1e3)


def pair(
    measured: float,
    predicted: float,
    source: str = "a",
    naive: float = 1.0,
    subset: str = "plan-stated",
) -> Pair:
    name = f"{source}{measured}{predicted}"
    return Pair(name, source, "chip", subset, measured, predicted, naive)


def example() -> Validation:
    pairs = [pair(10, 11), pair(10, 8), pair(10, 10), pair(2, 3, "b")]
    return validation("training", "t.csv", pairs, {"why": 3, "how": 1})


def test_metrics_by_hand() -> None:
    # errors +10 %, -20 %, 0 and +50 %; APE sorted: 0, 0.1, 0.2, 0.5
    found = example().metrics
    assert found["median_ape"] == pytest.approx(0.15)
    assert found["mape"] == pytest.approx(0.2)
    assert found["bias"] == pytest.approx(0.1)
    assert found["p90_ape"] == pytest.approx(0.2 + 0.7 * 0.3)  # linear, at 2.7 of 3


def test_metrics_without_meaning_are_none() -> None:
    found = example().metrics
    assert set(found) == set(METRICS)
    silent = ("spearman", "regret_median", "accuracy", "max_abs_difference")
    assert all(found[key] is None for key in (*silent, "exact_rows"))
    assert all(value is None for value in metrics_of([]).values())


def test_mean_over_sources_takes_sources_of_eight_rows() -> None:
    many = [pair(1.0, 1.1, "many")] * SMALLEST_SOURCE
    more = [pair(1.0, 1.3, "more")] * (SMALLEST_SOURCE + 5)
    few = [pair(1.0, 9.0, "few")] * (SMALLEST_SOURCE - 1)
    found = metrics_of([*many, *more, *few])["mean_over_sources_median_ape"]
    assert found == pytest.approx(0.2)
    assert metrics_of(few)["mean_over_sources_median_ape"] is None


def test_naive_metrics_compare_the_baseline() -> None:
    found = metrics_of([pair(2.0, 2.0, naive=3.0)], naive=True)
    assert found["median_ape"] == pytest.approx(0.5)


def test_contract_has_the_keys_of_every_kind() -> None:
    found = example().to_dict()
    assert list(found) == [*KEYS, "worst"]
    assert found["rows"] == 8
    assert found["scored"] == 4
    assert found["left_out"] == {"how": 1, "why": 3}
    assert set(found["groups"]) == {"source", "chip", "subset"}
    for members in found["groups"].values():
        for metrics in members.values():
            assert set(metrics) == {"rows", "naive", *METRICS}
    assert found["groups"]["source"]["a"]["rows"] == 3
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_worst_rows_come_first() -> None:
    worst = example().worst
    assert [row["ape"] for row in worst] == pytest.approx([0.5, 0.2, 0.1, 0.0])
    assert worst[0]["measured"] == 2
    assert worst[0]["predicted"] == 3


def test_rows_apart_are_a_subset_and_count_nowhere_else() -> None:
    bound = pair(1.0, 9.0, subset="bound")
    found = validation("training", "t", [pair(1.0, 1.0)], {"bound": 1}, apart=[bound])
    assert found.rows == 2
    assert found.metrics["mape"] == 0.0
    assert found.groups["subset"]["bound"]["median_ape"] == pytest.approx(8.0)
    assert found.groups["source"]["a"]["rows"] == 1
    assert len(found.worst) == 1


def test_no_rows_is_an_answer() -> None:
    found = validation("training", "t", [], {"why": 2}).to_dict()
    assert found["scored"] == 0
    assert found["rows"] == 2
    assert found["metrics"]["median_ape"] is None
    assert found["groups"]["source"] == {}


def test_spearman_by_hand() -> None:
    assert spearman([1, 2, 3], [10, 20, 30]) == pytest.approx(1.0)
    assert spearman([1, 2, 3], [3, 2, 1]) == pytest.approx(-1.0)
    # ranks 1 2 3 4 5 and 2 1 4 3 5: 1 - 6 x 4 / (5 x 24)
    assert spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]) == pytest.approx(0.8)
    # ties take their mean rank: 1.5 1.5 3 against 1 2 3
    assert spearman([7, 7, 9], [1, 2, 3]) == pytest.approx(math.sqrt(0.75))


@pytest.mark.parametrize(("a", "b"), [([], []), ([1.0], [2.0]), ([1, 1], [1, 2])])
def test_spearman_without_order_is_none(a: list[float], b: list[float]) -> None:
    assert spearman(a, b) is None


@given(st.lists(positive, min_size=3, max_size=20, unique=True))
def test_spearman_sees_only_order(values: list[float]) -> None:
    assert spearman(values, [2.0 * v for v in values]) == pytest.approx(1.0)


def test_best_constant_by_hand() -> None:
    # |1/c - 1| + |2/c - 1| + |4/c - 1|: 1.25 at c = 4, 2.5 / 2 at 2, 5 at 1
    assert best_constant([1.0, 2.0, 4.0]) in (2.0, 4.0)
    assert best_constant([0.4]) == 0.4


@given(st.lists(positive, min_size=1, max_size=30), positive)
def test_no_constant_errs_less_than_the_best(values: list[float], c: float) -> None:
    def error(constant: float) -> float:
        return float(np.mean(np.abs(np.array(values) / constant - 1.0)))

    assert error(best_constant(values)) <= error(c) + 1e-9


@given(
    st.lists(st.tuples(positive, positive), min_size=1, max_size=30), st.floats(0.1, 10)
)
def test_metrics_do_not_depend_on_the_unit(
    values: list[tuple[float, float]], scale: float
) -> None:
    plain = metrics_of([pair(m, p) for m, p in values])
    scaled = metrics_of([pair(m * scale, p * scale) for m, p in values])
    for key in ("median_ape", "mape", "bias", "p90_ape"):
        assert scaled[key] == pytest.approx(plain[key], abs=1e-9)
    assert abs(plain["bias"] or 0.0) <= (plain["mape"] or 0.0) + 1e-12


def test_rows_are_written(tmp_path: Path) -> None:
    details: list[dict[str, Any]] = [
        {"id": "1", "ape": 0.5},
        {"id": "2", "left_out": "why"},
    ]
    found = validation("training", "t", [], {"why": 2}, details=details)
    path = tmp_path / "rows.csv"
    write_rows(found, path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"id": "1", "ape": "0.5", "left_out": ""}
    assert rows[1] == {"id": "2", "ape": "", "left_out": "why"}
    assert [p.name for p in tmp_path.iterdir()] == ["rows.csv"]


def test_rows_that_cannot_be_written_leave_nothing(tmp_path: Path) -> None:
    found = validation("training", "t", [], {}, details=[{"id": "1"}])
    with pytest.raises(InputError, match="cannot be written"):
        write_rows(found, tmp_path / "no" / "rows.csv")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write_rows(found, tmp_path / "file" / "rows.csv")
    with pytest.raises(InputError, match="cannot be written"):
        write_rows(found, tmp_path / "folder")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]
