"""What each schedule asks of a plan, and what a search makes of it."""

import pytest

from accelsim import estimate
from accelsim.errors import InputError
from accelsim.kernels import tables
from accelsim.kernels.legal import SCHEDULE

RUN = {"model": "llama3-8b", "system": "dgx-h100", "chips": 64, "software": "hai-llm"}
SIZES = {"tp": 1, "cp": 1, "pp": 8, "dp": 8, "micro_batch": 1, "recompute": "full"}


def seconds(schedule: str, **more: object) -> float:
    plan = SIZES | {"schedule": schedule} | more
    return estimate(RUN | {"plan": plan, "global_batch": 256}).time.bubble


def test_what_the_papers_order() -> None:
    # DeepSeek-V3, table 2: 1F1B waits longest, DualPipe least
    assert seconds("dualpipe") < seconds("zb-h1") < seconds("1f1b")


def test_a_search_takes_the_quickest_that_the_stack_has() -> None:
    found = estimate(RUN | {"plan": SIZES, "global_batch": 256})
    assert found.plan.schedule == "dualpipe"
    assert "dualpipe" in found.plan.text()


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"schedule": "gpipe"}, "hai-llm offers dualpipe, zb-h1, 1f1b, not gpipe"),
        ({"schedule": "zb-h1", "vp": 2}, "no interleaved pipeline"),
    ],
)
def test_what_a_stack_does_not_offer(plan: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        estimate(RUN | {"plan": SIZES | plan, "global_batch": 256})


def test_dualpipe_needs_two_micro_batches_a_stage() -> None:
    with pytest.raises(InputError, match=tables.REASONS[SCHEDULE]):
        estimate(RUN | {"plan": SIZES | {"schedule": "dualpipe"}, "global_batch": 64})


def test_an_interleaved_schedule_has_several_chunks() -> None:
    run = RUN | {"software": "megatron-core", "global_batch": 256}
    found = estimate(run | {"plan": SIZES | {"schedule": "interleaved"}})
    assert found.plan.vp > 1
    assert found.plan.schedule == "interleaved"
