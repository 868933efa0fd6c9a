"""What a step sees of a communication: by hand, and what is too long is seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.overlap import bucketed, exposed

SECONDS = st.floats(0.0, 10.0)


def test_what_is_longer_than_its_cover_is_seen() -> None:
    # 2 of 3 s hide, and take a tenth of the units for as long
    assert exposed(1.0, 3.0, 2.0, 0.1) == pytest.approx(1.0 + 0.2)
    assert exposed(0.0, 3.0, 2.0, 0.1) == 3.0


def test_the_last_bucket_is_seen() -> None:
    assert bucketed(1.0, 4.0, 100.0, 4.0, 0.0) == pytest.approx(1.0)
    assert bucketed(1.0, 4.0, 100.0, 1.0, 0.0) == 4.0


@given(time=SECONDS, behind=SECONDS, calls=st.integers(1, 50))
def test_cover_never_costs_time_and_never_hides_more_than_itself(
    time: float, behind: float, calls: int
) -> None:
    seen = bucketed(1.0, time, behind, float(calls), 0.0)
    assert max(0.0, time - behind) - 1e-9 <= seen <= time + 1e-9
