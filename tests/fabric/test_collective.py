"""The question about one collective: words, shapes, limits, and measured anchors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import accelsim
from accelsim.errors import InputError, NoAnswerError
from accelsim.fabric.collective import KINDS, bus_factor
from accelsim.fabric.experts import copies, exchange_seconds
from accelsim.fabric.interval import interval, share_assumed

GIB = 2.0**30


def test_a_scalar_is_answered_with_scalars() -> None:
    found = accelsim.system("dgx-h100").collective("all_reduce", bytes=GIB, ranks=8)
    # 4.25 ms out of place (aws-samples/awsome-distributed-training, nccl-tests)
    assert found.time == pytest.approx(4.253e-3, rel=0.06)
    assert found.algorithm == "NVLS"
    assert found.busbw == pytest.approx(GIB * 2 * 7 / 8 / found.time)
    assert found.bound == "bandwidth"
    assert 0.0 < found.latency < found.time


def test_arrays_broadcast_and_agree_with_scalars() -> None:
    on = accelsim.system("p5-h100")
    sizes, ranks = np.array([[1e5], [1e9]]), np.array([4, 16, 64])
    found = on.collective("all_gather", bytes=sizes, ranks=ranks)
    assert found.time.shape == found.algorithm.shape == (2, 3)
    one = on.collective("all_gather", bytes=1e9, ranks=16)
    assert found.time[1, 1] == one.time
    assert found.algorithm[1, 1] == one.algorithm


def test_placement_puts_ranks_into_nodes() -> None:
    on = accelsim.system("dgx-h100")
    packed = on.collective("all_reduce", bytes=GIB, ranks=4)
    apart = on.collective("all_reduce", bytes=GIB, ranks=4, placement=2)
    assert packed.algorithm.startswith("ring")
    assert apart.time > 2 * packed.time  # two 400G ports a node, not NVLink


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["dgx-b200", "gb200-nvl72", "trn2-48xlarge", "l40s-8"])
def test_one_rank_or_no_byte_costs_nothing(name: str, kind: str) -> None:
    on = accelsim.system(name)
    found = on.collective(kind, bytes=[0.0, GIB], ranks=[8, 1])
    assert list(found.time) == [0.0, 0.0]
    assert list(found.algorithm) == ["none", "none"]


@given(st.sampled_from(KINDS), st.floats(1.0, 1e12), st.integers(2, 512))
def test_bus_bandwidth_is_bytes_over_time(kind: str, size: float, ranks: int) -> None:
    on = accelsim.system("trn2-ultraserver")
    found = on.collective(kind, bytes=size, ranks=ranks)
    carried = size * float(bus_factor(kind, ranks))
    assert found.busbw * found.time == pytest.approx(carried)


@pytest.mark.parametrize(
    ("kind", "size", "ranks", "placement", "words"),
    [
        ("allreduce", 1.0, 8, None, "all_reduce"),
        ("all_reduce", -1.0, 8, None, "bytes"),
        ("all_reduce", float("nan"), 8, None, "bytes"),
        ("all_reduce", "big", 8, None, "bytes"),
        ("all_reduce", 1.0, 0, None, "ranks"),
        ("all_reduce", 1.0, 2.5, None, "ranks"),
        ("all_reduce", 1.0, 10**9, None, "ranks"),
        ("all_reduce", 1.0, 8, 9, "placement"),
    ],
)
def test_what_cannot_be_is_refused(
    kind: str, size: float, ranks: int, placement: int | None, words: str
) -> None:
    on = accelsim.system("dgx-h100")
    with pytest.raises(InputError, match=words):
        on.collective(kind, bytes=size, ranks=ranks, placement=placement)


def test_expert_exchange_by_hand() -> None:
    # 8192 tokens of 7168 bf16 from each of 8 ranks, a copy to seven others: 1.40 ms
    # (TensorRT-LLM on GB200, ai-dynamo/aiconfigurator@095f58a)
    assert copies(256, 8, 8) == 7.0
    assert copies(256, 8, 64) == 8 * 63 / 64
    asked = {"tokens": 8192, "token_bytes": 14336, "remote": 7.0, "port": 900e9}
    time = exchange_seconds("dispatch", **asked)
    assert float(time) == pytest.approx(1.396e-3, rel=0.1)
    # all wait for a rank that gets twice the mean
    worse = exchange_seconds("dispatch", imbalance=2.0, **asked)
    assert time < worse < 2 * time
    with pytest.raises(InputError, match="imbalance"):
        exchange_seconds("dispatch", imbalance=0.5, **asked)
    with pytest.raises(InputError, match="dispatch"):
        exchange_seconds("dispach", **asked)


def test_crossovers_of_neuron_follow_from_its_links() -> None:
    # aws-neuron-sdk intranode-collective-comm.rst, 64 ranks: mesh below 1 MB, halving
    # to 56 MB, KangaRing above. Where the documentation changes, two are as good as
    # each other: they cross at a flat angle, so their times say more than the size.
    on = accelsim.system("trn2-48xlarge")
    sizes = np.logspace(4, 9, 400)
    found = on.collective("all_reduce", bytes=sizes, ranks=64)
    names = list(dict.fromkeys(found.algorithm))
    assert names == ["mesh", "halving-doubling", "two Hamiltonian rings"]
    first = [sizes[list(found.algorithm).index(name)] for name in names[1:]]
    assert 0.5e6 <= first[0] <= 2e6
    assert 56e6 / 2.5 <= first[1] <= 56e6 * 2.5
    ways = {"direct": 1e6, "hamiltonian": 56e6}
    for algorithm, size in ways.items():
        times = [
            on.collective("all_reduce", bytes=size, ranks=64, algorithm=name).time
            for name in (algorithm, "halving-doubling")
        ]
        assert times[0] == pytest.approx(times[1], rel=0.15)


def test_large_messages_on_neuron_touch_memory_as_its_samples_do() -> None:
    # aws-neuron-sdk nccom-test.rst; time a byte between two sizes, so without what the
    # host takes to start. May 2023 (@f5d2d79), so Trainium1: 2 ranks, from which the
    # share of the memory is; and 64 ranks on two nodes, from which nothing is.
    def each(system: str, ranks: int, small: float, large: float) -> float:
        on = accelsim.system(system)
        times = on.collective("all_reduce", bytes=[small, large], ranks=ranks).time
        return float(times[1] - times[0]) / (large - small)

    two = each("trn1-32xlarge", 2, 2.0**26, 2.0**30)
    assert two == pytest.approx((18930e-6 - 1214e-6) / (2.0**30 - 2.0**26), rel=0.01)
    nodes = each("trn1-32xlarge", 64, 2.0**25, 2.0**30)
    assert nodes == pytest.approx((41806e-6 - 2711e-6) / (2.0**30 - 2.0**25), rel=0.1)
    # February 2026 (@86a9286), 16 ranks by KangaRing, which is Trainium2's
    kanga = each("trn2-48xlarge", 16, 2.0**25, 2.0**29)
    seconds = 9689.51e-6 - 2754.15e-6
    assert kanga == pytest.approx(seconds / (2.0**29 - 2.0**25), rel=0.01)


def test_small_messages_on_neuron_take_what_the_device_reports() -> None:
    # nccom-test.rst@90a7fe4 (June 2025): all-gather of 32 ranks, 1 KiB to 512 KiB. The
    # older samples of the same call take 150 us whatever the size: the host's start.
    on = accelsim.system("trn1-32xlarge")
    sizes = [2.0**10, 2.0**13, 2.0**16, 2.0**19]
    found = on.collective("all_gather", bytes=sizes, ranks=32).time
    assert found == pytest.approx([6.19e-6, 6.55e-6, 8.18e-6, 23.11e-6], rel=0.4)


def test_an_interval_holds_what_it_rests_on() -> None:
    on = accelsim.system("trn2-48xlarge")
    time = on.collective("all_reduce", bytes=[2**20, 2**30], ranks=64).time
    found = interval(on, "all_reduce", bytes=[2**20, 2**30], ranks=64)
    assert np.all(found.low < time)
    assert np.all(time < found.high)
    assert {rest.path for rest in found.rests} == {
        *("chip.core_link.touches", "tiers.node.efficiency", "tiers.node.latency")
    }
    # of memory 0.28 to 0.4 where 0.328 is measured: a large message is as far off
    touches = next(r for r in found.rests if r.path == "chip.core_link.touches")
    assert touches.high[1] / time[1] == pytest.approx(0.328 / 0.28, rel=0.02)
    assert touches.low[1] / time[1] == pytest.approx(0.328 / 0.4, rel=0.02)
    for rest in found.rests:
        assert np.all(found.low <= rest.low)
        assert np.all(rest.high <= found.high)
    assert 0.0 < share_assumed(found.rests) < 0.9  # the wires' share alone is assumed


@pytest.mark.parametrize("algorithm", ["bucket", "in-network", "rail"])
def test_an_algorithm_that_is_not_there_is_no_answer(algorithm: str) -> None:
    on = accelsim.system("p4d")
    with pytest.raises(NoAnswerError):
        on.collective("all_reduce", bytes=1e6, ranks=8, algorithm=algorithm)
    with pytest.raises(InputError, match="algorithm"):
        on.collective("all_reduce", bytes=1e6, ranks=8, algorithm="rng")
