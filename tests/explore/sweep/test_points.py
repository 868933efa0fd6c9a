"""Which point is the i-th: counting, ranges, samples."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.explore.sweep.points import points_of
from accelsim.specs.checking import validate
from accelsim.specs.sweep import SweepSpec

RUN = {"model": "llama3-8b", "system": "dgx-h100", "chips": 8}


def sweep(*axes: dict[str, Any], **more: Any) -> SweepSpec:
    return validate(SweepSpec, {"name": "s", "run": RUN, "axes": axes, **more}, "s")


def all_points(*axes: dict[str, Any], **more: Any) -> list[tuple[Any, ...]]:
    points = points_of(sweep(*axes, **more))
    columns = points.chunk(0, points.count)
    return [tuple(c[i] for c in columns.values()) for i in range(points.count)]


def test_the_last_axis_varies_fastest_and_zipped_axes_move_together() -> None:
    found = all_points(
        {"path": "chips", "values": (8, 16), "zip": "size"},
        {"path": "precision", "values": ("bf16", "fp8")},
        {"path": "plan.tp", "values": (1, 2), "zip": "size"},
    )
    assert found == [
        (8, 1, "bf16"), (8, 1, "fp8"), (16, 2, "bf16"), (16, 2, "fp8"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        ({"range": {"start": 1, "stop": 7, "step": 3}}, (1, 4, 7)),
        ({"range": {"start": 8, "stop": 2, "step": -3}}, (8, 5, 2)),
        ({"range": {"start": 0.1, "stop": 0.5, "step": 0.2}}, (0.1, 0.3, 0.5)),
        (
            {"range": {"start": "1 TB/s", "stop": "2 TB/s", "count": 3}},
            ("1.0 TB/s", "1.5 TB/s", "2.0 TB/s"),
        ),
        ({"log": {"start": 1, "stop": 100, "count": 3}}, (1.0, 10.0, 100.0)),
    ],
)
def test_ranges(axis: dict[str, Any], values: tuple[Any, ...]) -> None:
    assert [p[0] for p in all_points({"path": "x", **axis})] == list(values)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.data())
def test_any_slice_is_a_slice_of_the_product(sizes: list[int], data: Any) -> None:
    axes = [{"path": f"p{d}", "values": tuple(range(n))} for d, n in enumerate(sizes)]
    points = points_of(sweep(*axes))
    whole = list(itertools.product(*(range(n) for n in sizes)))
    assert points.count == len(whole)
    start = data.draw(st.integers(0, len(whole) - 1))
    stop = data.draw(st.integers(start + 1, len(whole)))
    columns = points.chunk(start, stop)
    found = list(zip(*(c.array() for c in columns.values()), strict=True))
    assert found == whole[start:stop]


@pytest.mark.parametrize("method", ["sobol", "lhs"])
@pytest.mark.parametrize("count", [1, 7, 64])
def test_samples_do_not_depend_on_how_they_are_cut(method: str, count: int) -> None:
    axes: tuple[dict[str, Any], ...] = (
        {"path": "a", "sample": {"low": 0.0, "high": 1.0}},
        {"path": "b", "sample": {"low": "1 TB/s", "high": "8 TB/s", "scale": "log"}},
        {"path": "c", "values": (1, 2)},
    )
    drawn = {"method": method, "points": count, "seed": 3}
    points = points_of(sweep(*axes, sample=drawn))
    assert points.count == 2 * count
    whole = points.chunk(0, points.count)
    for start in range(0, points.count, 5):
        stop = min(points.count, start + 5)
        for path, column in points.chunk(start, stop).items():
            assert np.array_equal(column.array(), whole[path].array()[start:stop])
    assert whole["b"].unit == "TB/s"
    assert whole["b"].array().min() >= 1.0
    assert whole["b"].array().max() <= 8.0


@given(st.integers(1, 500), st.integers(0, 99))
def test_a_latin_hypercube_has_one_sample_in_each_stratum(n: int, seed: int) -> None:
    axis = {"path": "a", "sample": {"low": 0.0, "high": 1.0}}
    drawn = {"method": "lhs", "points": n, "seed": seed}
    values = points_of(sweep(axis, sample=drawn)).chunk(0, n)["a"].array()
    assert sorted((values * n).astype(int)) == list(range(n))


def test_a_hundred_million_points_are_counted_not_listed() -> None:
    axis = {"values": tuple(range(10_000))}
    points = points_of(sweep({"path": "a", **axis}, {"path": "b", **axis}))
    assert points.count == 10**8
    last = points.chunk(10**8 - 1, 10**8)
    assert (last["a"][0], last["b"][0]) == (9999, 9999)


LIST = {"path": "a", "values": (1, 2)}


@pytest.mark.parametrize(
    ("axes", "reason"),
    [
        ([{"path": "a", "values": ()}], "values is empty"),
        ([{"path": "a"}], "give one of values"),
        ([LIST, LIST], "a is swept twice"),
        ([LIST, {"path": "a.b", "values": (1,)}], "lies inside a"),
        ([{"path": "a", "values": (1, 1)}], "1 is listed twice"),
        (
            [LIST | {"zip": "z"}, {"path": "b", "values": (1, 2, 3), "zip": "z"}],
            "as many values each, not a 2, b 3",
        ),
        (
            [{"path": "a", "range": {"start": "1 TB/s", "stop": "2 GB/s", "count": 2}}],
            "must be of one unit",
        ),
        ([{"path": "a", "range": {"start": 1, "stop": 2, "step": -1}}], "never lead"),
        ([{"path": "a", "range": {"start": 1, "stop": 1, "step": 1}}], "starts and"),
        ([{"path": "a", "range": {"start": 1, "stop": 2}}], "step or count"),
        ([{"path": "a", "range": {"start": 0, "stop": 1e9, "step": 1}}], "more than"),
        ([{"path": "a", "log": {"start": 0, "stop": 1, "count": 3}}], "more than zero"),
        ([{"path": "a", "range": {"start": "x", "stop": 2, "step": 1}}], "no number"),
        ([{"path": "a", "sample": {"low": 0, "high": 1}}], "[sample] is missing"),
        (
            [{"path": f"p{i}", "values": tuple(range(1000))} for i in range(6)],
            "1.00e+18 points are more than",
        ),
    ],
)
def test_bad_axes_are_refused_in_one_line(
    axes: list[dict[str, Any]], reason: str
) -> None:
    with pytest.raises(InputError) as refused:
        points_of(sweep(*axes))
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
