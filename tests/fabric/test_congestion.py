"""Concurrent collectives: who slows whom down, by hand and by law."""

import numpy as np
import pytest

import accelsim
from accelsim.errors import InputError, NoAnswerError
from accelsim.fabric.congestion import Congestion, plan_shares
from accelsim.fabric.jobs import Axis, Job, read_job

MIB = 2.0**20


def ask(
    name: str, *jobs: str, changes: tuple[str, ...] = (), **more: object
) -> Congestion:
    on = accelsim.system(name, changes)
    return on.congestion([read_job(job) for job in jobs], **more)


def test_groups_that_share_nothing_do_not_slow_each_other_down() -> None:
    found = ask("dgx-h100", "tp=8,dp=4")
    assert [g.axis for g in found.groups] == ["tp", "dp"]
    assert all(g.slowdown == pytest.approx(1.0) for g in found.groups)
    assert np.all(found.utilisation <= 1.0 + 1e-9)


def test_two_rings_on_the_same_ports_have_half_each() -> None:
    same = "dp=8:all_reduce:256MiB:ring"
    found = ask("dgx-h100", f"{same},at=0", f"{same},at=0")
    for group in found.groups:
        assert group.slowdown == pytest.approx(2.0, rel=0.05)
        assert group.share == pytest.approx(0.5, rel=0.05)
        assert "node0" in group.bottleneck


def test_jobs_that_share_a_narrow_spine_slow_each_other_down() -> None:
    # every second node is the other job's: an all-to-all crosses the narrow spine
    narrow = ("tiers.fabric.oversubscription=8",)
    job = "dp=64:all_to_all:64MiB:direct,every=16"
    one = ask("dgx-h100", job, changes=narrow)
    both = ask("dgx-h100", job, f"{job},at=8", changes=narrow)
    assert both.groups[0].slowdown > 1.5 * one.groups[0].slowdown
    assert "leaf" in both.groups[0].bottleneck


def test_once_is_no_slower_than_always() -> None:
    jobs = ("tp=4,ep=6,dp=6",)
    once = ask("gb200-nvl72", *jobs, once=True)
    always = ask("gb200-nvl72", *jobs)
    for a, b in zip(once.groups, always.groups, strict=True):
        assert a.together <= b.together * (1 + 1e-9)
        assert a.alone <= a.together * (1 + 1e-9)


def test_a_finer_grain_changes_little() -> None:
    coarse, fine = (ask("gb200-nvl72", "tp=4,dp=18", grain=g) for g in (8, 34))
    for a, b in zip(coarse.groups, fine.groups, strict=True):
        assert a.together == pytest.approx(b.together, rel=0.15)


def test_a_link_down_is_gone_around_and_costs() -> None:
    found = ask("trn2-48xlarge", "tp=64", down=["chip0-chip1"])
    assert 1.3 < found.groups[0].slowdown < 3.0
    edge = found.graph.find("chip0>chip1")[0]
    assert found.utilisation[edge] == 0.0


def test_a_link_at_half_its_rate_halves_the_ring() -> None:
    found = ask("dgx-h100", "tp=8:all_gather:1GiB:ring", degrade={"chip3-node0": 0.5})
    assert found.groups[0].slowdown == pytest.approx(2.0, rel=0.02)
    assert "chip3" in found.groups[0].bottleneck


def test_a_chip_that_nothing_joins_has_no_answer() -> None:
    with pytest.raises(NoAnswerError, match="nothing joins"):
        ask("mi300x-8", "tp=8", down=[f"chip0-chip{n}" for n in range(1, 8)])


def test_axes_lie_as_the_training_room_has_them() -> None:
    job = Job(
        {name: Axis(n) for name, n in {"tp": 2, "dp": 4, "ep": 2, "pp": 2}.items()}
    )
    assert job.ranks == 16
    assert [job.stride(a) for a in ("tp", "ep", "dp", "pp")] == [1, 2, 2, 8]
    assert job.groups("tp")[0].tolist() == [0, 1]
    assert job.groups("ep")[:2].tolist() == [[0, 2], [1, 3]]
    assert job.groups("dp")[0].tolist() == [0, 2, 4, 6]
    assert job.groups("pp")[0].tolist() == [0, 8]
    for axis in job.axes:  # each rank is in one group of each axis
        assert sorted(job.groups(axis).ravel()) == list(range(16))


def test_shares_of_a_plan_for_the_training_step() -> None:
    on = accelsim.system("gb200-nvl72")
    found = plan_shares(on, {"tp": 4, "pp": 1, "dp": 18}, {"tp": 64 * MIB})
    assert set(found) == {"tp", "dp"}
    assert all(0.0 < group.share <= 1.0 + 1e-9 for group in found.values())
    assert plan_shares(on, {"tp": 1}, {}) == {}


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ("tp", "write AXIS=RANKS"),
        ("tpp=8", "did you mean 'tp'"),
        ("tp=eight", "a whole number, not 'eight'"),
        ("tp=0", "tp must be 1 to"),
        ("tp=8,tp=4", "given twice"),
        ("tp=8:allreduce", "did you mean 'all_reduce'"),
        ("tp=8:all_reduce:9 lb", "bytes|unit"),
        ("tp=8:all_reduce:1MiB:rng", "did you mean 'ring'"),
        ("dp=6,ep=4", "ep 4 does not divide"),
        ("at=3", "no axis"),
        ("tp=8,every=0", "no place"),
        ("tp=8,at=65530", "its last rank would be 65537"),
    ],
)
def test_a_job_that_cannot_be_is_refused_in_one_line(job: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        ask("dgx-h100", job)
    assert "\n" not in str(caught.value)


def test_a_fabric_that_is_too_small_is_refused() -> None:
    with pytest.raises(InputError, match="chips: the jobs need 64, not 8"):
        ask("dgx-h100", "tp=8,dp=8", chips=8)
    with pytest.raises(InputError, match="grain: 1 or more"):
        ask("dgx-h100", "tp=8", grain=0)
