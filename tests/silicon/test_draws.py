"""Samples of figures: shapes, common streams, and what drives a result."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.silicon.draws import Draws, drivers, shaped, uniform
from accelsim.specs.figure import read_figure

SAMPLES = 20_000


def draw(raw: object) -> np.ndarray:
    return shaped(read_figure(raw, "money"), uniform("x", SAMPLES, 3))


def test_a_range_is_uniform() -> None:
    drawn = draw("19_900..27_000 USD")
    assert (drawn.min(), drawn.max()) == pytest.approx((19900, 27000), rel=1e-3)
    assert drawn.mean() == pytest.approx(23450, rel=1e-3)
    assert drawn.std() == pytest.approx(7100 / 12**0.5, rel=1e-2)


def test_a_deviation_is_normal() -> None:
    drawn = draw("100 ~ 10 USD")
    assert drawn.mean() == pytest.approx(100, rel=1e-3)
    assert drawn.std() == pytest.approx(10, rel=1e-2)


def test_a_spread_is_triangular() -> None:
    # mean (a + b + c) / 3, variance (a2 + b2 + c2 - ab - ac - bc) / 18
    drawn = draw({"value": "20 USD", "spread": ["10 USD", "60 USD"]})
    assert drawn.mean() == pytest.approx(30, rel=1e-3)
    assert drawn.var() == pytest.approx(2100 / 18, rel=1e-2)


@pytest.mark.parametrize("text", ["27..19 USD", "1.. USD", "5 ~ -1 USD", "3..4"])
def test_a_range_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"USD|quantity|rise|negative|unit"):
        read_figure(text, "money")


def test_a_stream_belongs_to_its_path_and_seed() -> None:
    first = uniform("a", 100, 1)
    assert (first == uniform("a", 100, 1)).all()
    assert (first != uniform("b", 100, 1)).any()
    assert (first != uniform("a", 100, 2)).any()
    draws = Draws(50, 1)
    figure = read_figure("1..2 USD", "money")
    assert (draws("x", figure) == draws("x", figure)).all()
    assert set(draws.found) == {"x"}


@given(st.floats(0.1, 10.0), st.floats(0.1, 10.0))
def test_indices_of_a_sum_are_shares_of_the_variance(a: float, b: float) -> None:
    x, y = (uniform(key, SAMPLES, 1) for key in "xy")
    found = drivers({"x": x, "y": y}, a * x + b * y)
    share = a**2 / (a**2 + b**2)
    assert found["x"] == pytest.approx(share, abs=0.02)
    assert found["y"] == pytest.approx(1 - share, abs=0.02)


def test_ishigami() -> None:
    # S1 = 0.3139, S2 = 0.4424, S3 = 0 for a = 7, b = 0.1 (Ishigami and Homma, 1990)
    x, y, z = (np.pi * (2 * uniform(k, SAMPLES, 1) - 1) for k in "xyz")
    out = np.sin(x) + 7 * np.sin(y) ** 2 + 0.1 * z**4 * np.sin(x)
    found = drivers({"x": x, "y": y, "z": z}, out)
    expected = {"x": 0.3139, "y": 0.4424, "z": 0.0}
    assert found == pytest.approx(expected, abs=0.03)
