"""What waits on the host, and the link to it."""

import numpy as np
import pytest

from accelsim.kernels import tables
from accelsim.kernels.offload import add_offload, update_on_host
from accelsim.kernels.tables import ADAM_8BIT, FULL, MUON
from accelsim.training.lower import table
from tests.examples import case, model, plan, software, world

HOST = 50e9  # B/s


def seen(kept: float, busy: float, offload: float = 1.0) -> float:
    """Return the seconds of 4 micro-batches whose chip computes for `busy` s in all."""
    result = table(tables.RESULT, 1)[0]
    result.matmul = busy
    made = plan(micro_batches=4, offload=offload)
    add_offload(result, case(host_bandwidth=HOST), made, kept)
    return float(result.host)


def test_what_is_longer_than_the_passes_is_seen() -> None:
    # 4 x 25 GB take 2 s each way; forward is a third of the work, backward the rest
    assert seen(25e9, 0.0) == 4.0
    assert seen(25e9, 3.0) == pytest.approx((2.0 - 1.0) + 0.0)
    assert seen(25e9, 60.0) == 0.0
    assert seen(25e9, 0.0, offload=0.5) == 2.0
    assert seen(25e9, 0.0, offload=0.0) == 0.0


def test_update_on_the_host() -> None:
    # 10^9 parameters: 4 B of gradient leave, 2 B of weight come back
    with np.errstate(divide="ignore"):  # plain Python warns of what a kernel divides
        assert update_on_host(software(), case(), 1e9) == float("inf")
    time = update_on_host(software(), case(host_bandwidth=HOST), 1e9)
    assert time == pytest.approx(6e9 / HOST)


def test_options_of_memory_change_the_step() -> None:
    made = world(case=case(host_bandwidth=HOST), model=model(layers=8.0))
    whole = made.step(recompute=FULL)
    half = made.step(recompute=FULL, kept_share=0.5)
    assert half.recompute == pytest.approx(whole.recompute / 2)
    assert made.step(optimizer=ADAM_8BIT).optimizer < whole.optimizer
    assert made.step(optimizer=MUON).optimizer > whole.optimizer
    assert made.step(offload_optimizer=1).optimizer > whole.optimizer
