"""Closed forms of a pipeline against the event-driven scheduler."""

import numba
import numpy as np
import pytest

from accelsim.kernels import tables
from accelsim.kernels.makespan import (
    HIDDEN,
    LONGER,
    least_seconds,
    makespan,
    scheduled_seconds,
    steady_seconds,
)
from accelsim.kernels.tables import (
    DUALPIPE,
    GPIPE,
    INTERLEAVED,
    ONE_F_ONE_B,
    ZB_H1,
    ZB_V,
    Record,
)
from accelsim.training.lower import table

WITHIN = 0.005
CLOSED = (ONE_F_ONE_B, INTERLEAVED, GPIPE)  # nine of ten; the rest is any schedule
PLAIN = 10 if numba.config.DISABLE_JIT else 0  # type: ignore[attr-defined]


def random_pipe(
    rng: np.random.Generator, schedule: int, vp: int, pp: int
) -> Record:  # fmt: skip
    """Return stages with a light embedding, a heavy head, perhaps of any length."""
    pipe = table(tables.PIPELINE, 1)[0]
    pipe.forward, pipe.backward = 1.0, rng.uniform(1.0, 3.0)
    pipe.weight, pipe.share, pipe.even = 0.4 * pipe.backward, 1.0, 1.0
    most = LONGER / vp if schedule == INTERLEAVED else 0.5
    pipe.embed_forward, pipe.embed_backward = rng.uniform(0.0, most, 2)
    pipe.head_forward, pipe.head_backward = rng.uniform(0.0, [0.7, 1.4])
    pipe.hop = rng.integers(2) * rng.uniform(0.0, HIDDEN / vp)
    if schedule == INTERLEAVED:
        pipe.hides = float(rng.integers(2))
    elif rng.integers(2):
        pipe.even = 0.0
        pipe.share[: pp - 1] = rng.uniform(0.0, 1.0, pp - 1)
        pipe.share[pp - 1] = rng.uniform(0.2, 1.0)
    return pipe


def worst(examples: int) -> tuple[float, str]:
    """Return the largest relative error of random pipelines, and where it is."""
    rng, sums = np.random.default_rng(7), np.empty((4, 32))
    found = (0.0, "")
    for _ in range(examples):
        any_one = int(CLOSED[rng.integers(3)]), int(rng.integers(6))
        schedule = any_one[0] if rng.integers(10) else any_one[1]
        vp = int(rng.integers(2, 6)) if schedule == INTERLEAVED else 1
        pp = int(rng.integers(2, 17))
        count = int(rng.integers(1, 60))
        if schedule == INTERLEAVED:
            count = pp * int(rng.integers(1, 9))
        if schedule in (ZB_V, DUALPIPE):
            pp, count = pp // 2 * 2, 2 * (count + pp)
        pipe = random_pipe(rng, schedule, vp, pp)
        quick = makespan(pipe, schedule, pp, vp, count, sums)
        exact = scheduled_seconds(pipe, schedule, pp, vp, count)
        error = abs(quick / exact - 1.0)
        if error > found[0]:
            what = f"{tables.SCHEDULES[schedule]} pp{pp} vp{vp} m{count}"
            found = (error, f"{what}: {quick} for {exact}, {pipe}")
    return found


@pytest.mark.parametrize(
    "examples",
    [PLAIN or 600, pytest.param(PLAIN or 10_000, marks=pytest.mark.slow)],
)
def test_closed_forms_equal_the_scheduler(examples: int) -> None:
    error, where = worst(examples)
    assert error <= WITHIN, where


def test_one_f_one_b_is_exact() -> None:
    # stages of any length: a short last one, a heavy head, an embedding
    rng, sums = np.random.default_rng(3), np.empty((4, 32))
    for count in range(1, 40):
        pipe = random_pipe(rng, ONE_F_ONE_B, 1, 7)
        quick = makespan(pipe, ONE_F_ONE_B, 7, 1, count, sums)
        exact = scheduled_seconds(pipe, ONE_F_ONE_B, 7, 1, count)
        assert quick == pytest.approx(exact, rel=1e-12)


def test_what_has_no_closed_form_is_scheduled() -> None:
    pipe, sums = random_pipe(np.random.default_rng(5), GPIPE, 1, 8), np.empty((4, 8))
    for schedule in (tables.ZB_H1, tables.ZB_V, tables.DUALPIPE):
        found = makespan(pipe, schedule, 8, 1, 32, sums)
        assert found == scheduled_seconds(pipe, schedule, 8, 1, 32)
        assert found >= 32 * (pipe.forward + pipe.backward) * float(
            pipe.share[:8].max()
        )


def any_pipe(rng: np.random.Generator, vp: int, pp: int, *, short: bool) -> Record:
    """Return stages of any length, a light embedding or none, a hand-over of any."""
    pipe = random_pipe(rng, ONE_F_ONE_B, vp, pp)
    pipe.embed_forward, pipe.embed_backward = rng.uniform(0.0, 0.5 / vp, 2)
    pipe.weight = rng.uniform(0.2, 0.6) * pipe.backward
    pipe.hop = rng.integers(2) * rng.uniform(0.0, 0.8 / vp)
    pipe.hides = float(rng.integers(2))
    if not short:
        pipe.share = 1.0
    pipe.even = 0.0
    return pipe


@pytest.mark.parametrize("schedule", [INTERLEAVED, ZB_H1, ZB_V, DUALPIPE])
def test_what_is_carried_on_is_what_would_be_scheduled(schedule: int) -> None:
    rng = np.random.default_rng(11)
    for _ in range(PLAIN // 5 or 20):
        pp, vp = 2 * int(rng.integers(1, 5)), 1
        if schedule == INTERLEAVED:
            vp = int(rng.integers(2, 5))
        folded = schedule in (ZB_V, DUALPIPE)
        pipe = any_pipe(rng, vp, pp, short=not folded and bool(rng.integers(2)))
        count = pp * int(rng.integers(2, 40))
        exact = scheduled_seconds(pipe, schedule, pp, vp, count)
        found = steady_seconds(pipe, schedule, pp, vp, count)
        assert found == pytest.approx(exact, rel=1e-5)
        assert least_seconds(pipe, schedule, pp, vp, count) <= exact * (1.0 + 1e-12)
