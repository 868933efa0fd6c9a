"""One layer's traffic beside its computing: by hand, and moments make the pass."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.layer_overlap import share_layer
from accelsim.kernels.layer_tables import LAYER
from accelsim.kernels.use_tables import (
    ACROSS,
    BESIDE,
    INSIDE,
    MOMENT,
    MOMENTS,
    PRODUCTS,
    SCORES,
    STREAMS,
)
from accelsim.training.lower import table
from tests.examples import plan, software

TIMES = {
    "forward_matmul": 1.0, "backward_matmul": 2.0, "forward_attention": 0.5,
    "backward_attention": 1.0, "forward_elementwise": 0.25, "backward_elementwise": 0.5,
    "forward_tp": 0.4, "backward_tp": 0.4, "forward_cp": 0.5, "backward_cp": 1.5,
    "forward_cp_behind": 0.5, "backward_cp_behind": 1.5,
    "forward_ep": 0.3, "backward_ep": 0.3, "matmul_moved": 0.6,
    "elementwise_moved": 0.75,
}  # fmt: skip
BUSY = 5.25
ALL = {"overlap_tp": 1.0, "overlap_cp": 1.0, "overlap_ep": 1.0}


def shared(
    stack: dict[str, float], uses: dict[str, tuple[float, float, float, float]],
    again: float = 0.0,
) -> tuple[Any, tuple[float, float, float, float]]:  # fmt: skip
    """Return the moments of a layer, and (tp, cp, ep, contention)."""
    moments, row = table(MOMENT, MOMENTS), table(LAYER, 1)[0]
    for name, value in TIMES.items():
        row[name] = value
    row.tp_rings[0] = row.tp_rings[1] = 0.3
    for name, use in uses.items():
        row[f"{name}_use"] = use
    busy = BUSY + again * 1.75
    made = software(repeats_last=1.0, **stack)
    return moments, share_layer(moments, row, made, plan(tp=4), again, busy, 1.0)


def test_nothing_hides_unless_the_stack_hides_it() -> None:
    moments, (tp, cp, ep, contention) = shared({}, {"ep": (0.1, 0.2, 0.5, 1.0)})
    assert (tp, cp, ep, contention) == pytest.approx((0.8, 2.0, 0.6, 0.0))
    seconds = [float(one.seconds) for one in moments]
    assert seconds == pytest.approx([3.0, 1.5, 0.75, 0.0, 2.8, 0.6])
    assert moments[PRODUCTS].memory == pytest.approx(0.6)
    assert moments[STREAMS].memory == pytest.approx(0.75)
    assert moments[SCORES].memory == 0.0
    assert moments[ACROSS].inner == pytest.approx(0.3)


def test_a_layer_that_hides_all_it_may() -> None:
    # 3/4 of 0.8 s of chunks behind products; the ring outlasts its attention, which
    # loses a tenth of its multiprocessors; all that goes to experts behind the rest
    uses = {"tp": (0.0, 0.0, 1.0, 0.0), "cp": (0.1, 0.0, 0.0, 1.0),
            "ep": (0.0, 0.0, 0.0, 1.0)}  # fmt: skip
    moments, (tp, cp, ep, contention) = shared(ALL, uses)
    assert (tp, ep) == pytest.approx((0.2, 0.0))
    assert cp == pytest.approx(2.0 - 1.5 / 0.9)
    assert contention == pytest.approx(1.5 / 0.9 - 1.5)
    assert moments[BESIDE].seconds == pytest.approx(0.6 + 1.5 / 0.9 + 0.6)
    assert moments[BESIDE].units == pytest.approx(0.1 * 1.5 / 0.9)
    assert moments[INSIDE].seconds == pytest.approx(0.2)
    assert moments[ACROSS].seconds == pytest.approx(cp)


def test_streams_slow_down_beside_what_fills_the_memory() -> None:
    # of 5.25 s with 1.35 s of memory, 0.6 s run beside traffic that takes nine tenths
    _, (_, _, ep, contention) = shared(
        {"overlap_ep": 1.0}, {"ep": (0.0, 0.9, 0.0, 1.0)}
    )
    share = 1.35 / BUSY  # less than an even part: the traffic has the rest
    speed = (1.0 - share) / 0.9
    assert speed < 1.0
    assert ep == 0.0
    assert contention == pytest.approx(0.0)


SHARES = st.floats(0.0, 1.0)
USES = st.tuples(st.floats(0.0, 0.5), SHARES, SHARES, SHARES)
MAY = st.sampled_from([0.0, 1.0])


@given(
    may=st.tuples(MAY, MAY, MAY), tp=USES, cp=USES, ep=USES,
    again=st.sampled_from([0.0, 0.5, 1.0]),
)  # fmt: skip
def test_moments_make_the_pass(
    may: tuple[float, float, float], tp: Any, cp: Any, ep: Any, again: float
) -> None:
    stack = dict(zip(ALL, may, strict=True))
    moments, seen = shared(stack, {"tp": tp, "cp": cp, "ep": ep}, again)
    busy = BUSY + again * 1.75
    assert sum(moments.seconds) == pytest.approx(busy + sum(seen))
    kinds = ("tp", "cp", "ep")
    whole = sum(TIMES[f"forward_{kind}"] * (1.0 + again) for kind in kinds)
    whole += sum(TIMES[f"backward_{kind}"] for kind in kinds)
    assert min(seen) >= -1e-12
    # as long as all that there is to do at least, and no longer than one by one
    assert busy <= busy + sum(seen) <= (busy + whole) * (1 + 1e-9)
    for one in moments:
        assert max(one.memory, one.inner, one.outer) <= one.seconds * (1 + 1e-9)
