"""Speed of flows on graphs. Goals on one core that is free: 5,000,000 flow events a
second on 1,024 ranks; a 4,096-chip torus all-reduce in 50 ms (ASTRA-sim: 51 s for 4,096
NPUs); 65,536 ranks of a hierarchy in a second.

Events are beginnings and ends of flows that were followed one by one; `extra_info` has
their number. The torus and the hierarchy are followed in one part a phase, which alone
gives the time of every step followed, as the first comparison shows.
"""

from functools import lru_cache

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from accelsim.fabric.collective import system
from accelsim.fabric.graph import Graph, fabric_of
from accelsim.fabric.replay import Replay, replay
from accelsim.fabric.steps import steps_of

SIZE = 2.0**30


@lru_cache
def graph_of(name: str, chips: int) -> Graph:
    return fabric_of(system(name), chips)


def ask(graph: Graph, algorithm: str, kind: str, grain: int | None) -> Replay:
    steps = steps_of(graph, kind, np.arange(graph.ranks), SIZE, algorithm)
    return replay(graph, [steps], grain=grain)


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [("ring", "all_reduce"), ("halving", "all_reduce"), ("pairwise", "all_to_all")],
)
@pytest.mark.benchmark(group="flows: every step of 1,024 ranks")
def test_events(benchmark: BenchmarkFixture, algorithm: str, kind: str) -> None:
    graph = graph_of("dgx-h100", 1024)
    found = benchmark(ask, graph, algorithm, kind, None)
    benchmark.extra_info["flow_events"] = found.events
    if benchmark.stats is not None:
        least = benchmark.stats.stats.min
        benchmark.extra_info["million_events_per_s"] = found.events / least / 1e6


@pytest.mark.benchmark(group="flows: 4,096 chips in a 3D torus, all-reduce")
def test_torus(benchmark: BenchmarkFixture) -> None:
    graph = graph_of("tpu-v4-pod", 4096)
    every = ask(graph, "torus", "all_reduce", None)
    found = benchmark(ask, graph, "torus", "all_reduce", 1)
    assert found.time[0] == pytest.approx(every.time[0], rel=1e-9)


@pytest.mark.benchmark(group="flows: 65,536 ranks, hierarchy, all-reduce")
def test_hierarchy(benchmark: BenchmarkFixture) -> None:
    graph = graph_of("dgx-h100", 65536)
    found = benchmark(ask, graph, "hierarchy", "all_reduce", 1)
    assert found.time[0] > 0.0
