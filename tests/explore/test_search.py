"""Searches: exact, counted, ranked, and honest about what was rejected."""

import itertools
from typing import Any

import numpy as np
import pytest

import accelsim
from accelsim.errors import AccelsimError, InputError, NoAnswerError
from accelsim.explore.counts import counts_of, doublings
from accelsim.explore.estimate import estimate
from accelsim.explore.search import OBJECTIVES, search

RUN = {"model": "llama3-8b", "system": "dgx-h100", "chips": 16, "global_batch": 64}
SPACES = [
    {"chips": chips, "global_batch": batch, "plan": {"recompute": "none"} | plan}
    for chips, batch in [(8, 16), (16, 24)]
    for plan in ({"tp": 4}, {"pp": 2, "vp": 1}, {"sharding": "zero1", "cp": 1})
]


def brute(run: dict[str, Any]) -> list[float]:
    """Return the step times of all plans of a small space, one estimate each."""
    sizes = [1, 2, 4, 8, 16]
    fixed = run["plan"]
    axes: dict[str, list[Any]] = {
        "tp": sizes, "pp": sizes, "cp": [1], "ep": [1], "vp": [1, 2, 4, 8, 16],
        "micro_batch": [1, 2, 4, 8, 16], "recompute": ["none"],
        "sharding": ["none", "zero1", "zero2", "zero3"],
    }  # fmt: skip
    axes |= {name: [value] for name, value in fixed.items()}
    times = []
    for values in itertools.product(*axes.values()):
        plan = dict(zip(axes, values, strict=True))
        inner = plan["tp"] * plan["pp"] * plan["cp"]
        if run["chips"] % inner or 32 % (plan["pp"] * plan["vp"]):
            continue
        plan["dp"] = run["chips"] // inner
        # what a search leaves out on purpose, see `kernels.legal`
        replicas = plan["dp"] * plan["cp"]
        free = "sharding" not in fixed
        if free and plan["sharding"] != "none" and replicas == 1:
            continue
        if (
            plan["sharding"] in ("zero2", "zero3")
            and plan["pp"] > 1
            and "pp" not in fixed
        ):
            continue
        batches = run["global_batch"] // plan["dp"] // plan["micro_batch"]
        if plan["vp"] > 1 and (batches % plan["pp"] or plan["vp"] > 8):
            continue
        try:
            times.append(estimate(RUN | run | {"plan": plan}).step_time)
        except AccelsimError:
            continue
    return times


@pytest.mark.parametrize("run", SPACES)
def test_the_best_is_that_of_single_estimates(run: dict[str, Any]) -> None:
    found = search(RUN | run, whole=False)
    times = brute(run)
    assert found.best.step_time == min(times)
    assert found.plans_fit == len(times)


def test_the_best_is_what_estimate_takes() -> None:
    found = search(RUN, whole=False)
    assert found.best.to_dict() == estimate(RUN).to_dict()
    assert found.top[0].why == ""
    assert found.top[0].score == found.best.tokens_per_s


def test_every_plan_is_counted_once() -> None:
    from accelsim.question import resolve, run_from
    from accelsim.training.space import space_of

    found = search(RUN)
    tried = len(space_of(resolve(run_from(RUN)), whole=True))
    lost = "does not fit in memory"
    illegal = sum(n for reason, n in found.rejected.items() if reason != lost)
    assert illegal + found.plans_legal == tried
    assert found.plans_fit + found.rejected.get(lost, 0) == found.plans_legal


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_first_is_the_best_in_what_was_asked(objective: str) -> None:
    found = search(RUN, objective=objective, top=1000)
    values = {
        "tokens_per_s": lambda e: -e.tokens_per_s,
        "step_time": lambda e: e.step_time,
        "usd_per_mtoken": lambda e: e.usd_per_million_tokens,
        "j_per_token": lambda e: e.joule_per_token,
    }
    scores = [values[objective](one.estimate) for one in found.top]
    # joules are summed in another order for a table of plans
    assert scores == pytest.approx(sorted(scores), rel=1e-12)


def test_losers_say_what_they_take_more_of() -> None:
    found = search(RUN, top=40)
    for one in found.top[1:]:
        share = one.estimate.step_time / found.best.step_time - 1.0
        assert one.why.startswith(f"{share:+.1%}")


def test_a_front_is_beaten_by_nobody() -> None:
    found = search(RUN, objective="tokens_per_s", against="j_per_token", top=1000)
    front = [(e.estimate.tokens_per_s, e.estimate.joule_per_token) for e in found.front]
    assert front
    for speed, energy in ((e.estimate.tokens_per_s, e.estimate.joule_per_token)
                          for e in found.top):  # fmt: skip
        assert not any(speed > s and energy < j * (1 - 1e-12) for s, j in front)
        assert any(s >= speed and j <= energy * (1 + 1e-12) for s, j in front)


def test_head_room_is_kept() -> None:
    found = search(RUN, head_room=0.5, top=1000)
    assert all(
        one.estimate.memory.total <= 0.5 * one.estimate.memory_capacity
        for one in found.top
    )
    assert found.plans_fit < search(RUN).plans_fit


def test_chips_and_batches_are_searched_together() -> None:
    found = search(RUN, chips=[8, 16], global_batches=[32, 64], top=1000, whole=False)
    seen = {(o.estimate.chips, o.estimate.question.global_batch) for o in found.top}
    assert seen == {(8, 32), (8, 64), (16, 32), (16, 64)}
    assert np.all(np.diff([one.score for one in found.top]) <= 0.0)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("512", [512]),
        ("256..2048", [256, 512, 1024, 2048]),
        ("3..10", [3, 6]),
        ("8..20:6", [8, 14, 20]),
    ],
)
def test_counts(text: str, counts: list[int]) -> None:
    assert counts_of(text, "--chips") == counts


@pytest.mark.parametrize("text", ["", "0", "-8", "8..", "8..4", "8..16:0", "x", "1e3"])
def test_bad_counts(text: str) -> None:
    with pytest.raises(InputError, match="write 512"):
        counts_of(text, "--chips")


def test_doublings_end_in_time() -> None:
    assert doublings(64, 300) == [64, 128, 256]
    assert doublings(64, 10) == [64]


def test_no_plan_is_told_as_an_estimate_tells_it() -> None:
    run = {"model": "llama3-405b", "system": "dgx-h100", "chips": 8}
    with pytest.raises(NoAnswerError) as found:
        search(run, whole=False)
    with pytest.raises(NoAnswerError) as alone:
        accelsim.estimate(run)
    assert str(found.value) == str(alone.value)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"objective": "speed"}, "objective 'speed' is unknown"),
        ({"against": "tokens"}, "did you mean 'tokens_per_s'"),
        ({"top": 0}, "top: from 1"),
        ({"head_room": 1.0}, "head_room: from 0"),
        ({"chips": [10**6]}, "exceeds the"),
    ],
)
def test_bad_searches(more: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        search(RUN, **more)
