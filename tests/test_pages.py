"""The two pages that are made: what their baselines give, and these are whole."""

import copy
import json
import re

import pytest

from benchmarks import accuracy, performance
from benchmarks.pages import Row, put, rows_of, table


def test_the_accuracy_page_is_what_its_baseline_gives() -> None:
    text = accuracy.PAGE.read_text("utf-8")
    assert accuracy.page(text) == text, "`make accuracy` renews docs/accuracy.md"


def test_the_performance_page_is_what_its_baseline_gives() -> None:
    text = performance.PAGE.read_text("utf-8")
    made = performance.page(text, performance.baseline())
    assert made == text, "`make bench-write` renews docs/performance.md"


def test_the_performance_baseline_has_every_row() -> None:
    assert list(performance.lost(performance.baseline())) == []


def test_the_accuracy_baseline_has_every_table() -> None:
    part = accuracy.read("accuracy")
    assert list(part) == [one.name for one in accuracy.TABLES]
    assert all(told["scored"] > 0 for told in part.values())


@pytest.fixture
def held() -> dict[str, accuracy.Found]:
    return copy.deepcopy(accuracy.read("accuracy"))


def test_the_same_figures_are_no_difference(held: dict[str, accuracy.Found]) -> None:
    assert list(accuracy.differences(held, accuracy.read("accuracy"))) == []


@pytest.mark.parametrize(("scale", "word"), [(1.2, "WORSE"), (0.8, "better")])
def test_a_figure_that_moved_is_told(
    held: dict[str, accuracy.Found], scale: float, word: str
) -> None:
    metrics = held["training"]["metrics"]
    metrics["mape"] *= scale
    told = list(accuracy.differences(accuracy.read("accuracy"), held))
    assert len(told) == 1
    assert told[0].startswith(f"{word}: training: mape")


def test_less_of_what_is_good_is_worse(held: dict[str, accuracy.Found]) -> None:
    held["memory_oom"]["metrics"]["accuracy"] -= 0.05
    told = list(accuracy.differences(accuracy.read("accuracy"), held))
    assert [line.partition(":")[0] for line in told] == ["WORSE"]


def test_a_lost_table_and_lost_rows_are_told(held: dict[str, accuracy.Found]) -> None:
    held["training"]["scored"] -= 1
    del held["gemm"]
    told = list(accuracy.differences(accuracy.read("accuracy"), held))
    assert told[0] == "other tables: gemm"
    assert "rows scored" in told[1]


def test_a_source_that_got_worse_is_told(held: dict[str, accuracy.Found]) -> None:
    held["training"]["groups"]["source"]["Korthikanti"]["median_ape"] = 0.1
    told = list(accuracy.differences(accuracy.read("accuracy"), held))
    assert len(told) == 1
    assert "source Korthikanti" in told[0]


def test_a_row_that_lost_speed_is_told_but_a_slow_machine_is_not() -> None:
    rows = {str(n): {"seconds": 1.0} for n in range(9)}
    old, new = {"rows": rows}, {"rows": copy.deepcopy(rows)}
    for row in new["rows"].values():
        row["seconds"] = 3.0
    assert list(performance.slower(old, new)) == []
    new["rows"]["4"]["seconds"] = 6.0
    assert list(performance.slower(old, new)) == [
        "slower: 4 takes 2.00 times as long as it did"
    ]


def test_a_run_becomes_rows_and_a_table() -> None:
    node = "benchmarks/test_estimate.py::test_warm_estimates[64]"
    bench = {"fullname": node, "stats": {"min": 0.064}, "extra_info": {}}
    cpu = {"cpu": {"brand_raw": "CPU"}, "python_version": "3.11", "machine": "x"}
    held = performance.told({"benchmarks": [bench], "machine_info": cpu})
    told = held["rows"]["estimate::test_warm_estimates[64]"]
    assert told == {"seconds": 0.001, "peer_seconds": 0.109}
    assert "| × 109 | recorded |" in performance.speeds(json.loads(json.dumps(held)))


def test_a_table_leaves_out_empty_columns() -> None:
    made = table(Row("a", "b", "c"), [Row("1", "", "x|y"), Row("2", "", "z")])
    assert made.splitlines() == [
        "| a | c |",
        "| --- | --- |",
        "| 1 | x\\|y |",
        "| 2 | z |",
    ]
    assert rows_of(made).splitlines()[2] == "2  z"


def test_a_page_without_a_place_is_refused() -> None:
    with pytest.raises(LookupError, match="overall"):
        put("text", {"overall": "| a |"}, accuracy.PAGE)


CONSTANTS = (
    ("attention", "CALLS", ("test_arrays",)),
    ("collectives", "COUNT", ("test_all_reduces",)),
    ("gemm", "COUNT", ("test_many_products", "test_many_small_products")),
    ("hbm", "REQUESTS", ("test_requests_a_second",)),
    ("neuron", "COUNT", ("test_kernels",)),
    ("systolic", "PRODUCTS", ("test_kernel", "test_public_api")),
)


@pytest.mark.parametrize(("file", "constant", "names"), CONSTANTS)
def test_a_row_counts_what_its_benchmark_does(
    file: str, constant: str, names: tuple[str, ...]
) -> None:
    text = (performance.ROOT / "benchmarks" / f"test_{file}.py").read_text("utf-8")
    found = re.search(rf"^{constant} = ([\d_]+)$", text, re.MULTILINE)
    assert found is not None
    rows = [
        row
        for row in performance.SPEEDS
        if row.bench.partition("[")[0] in [f"{file}::{name}" for name in names]
    ]
    assert rows
    assert {row.count for row in rows} == {float(found[1])}
