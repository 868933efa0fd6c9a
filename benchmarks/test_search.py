"""How fast a search is: plans a second and core, beside tools that search plans too.

Full estimates are plans that fit and are timed exactly: memory, schedule, overlap and
communication as an estimate reports them; rejected plans and lower bounds do not count,
though their time does. Times are of the processor, so that a busy machine does not
count. Calculon's sources (github.com/calculon-ai/calculon) are looked for in CALCULON,
llm-analysis among the installed packages; where they are not at hand, that is said.
"""

import importlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from accelsim.explore.scan import CHUNK
from accelsim.explore.search import search
from accelsim.kernels import tables
from accelsim.kernels.legal import judge
from accelsim.question import resolve, run_from
from accelsim.training.evaluate import evaluate, layers_of, shards_of
from accelsim.training.lower import lower
from accelsim.training.space import space_of
from tests.spaces import best_of_singles, random_run

RUN = {"model": "gpt3-175b", "system": "dgx-a100", "chips": 4096, "global_batch": 4096}
LEAST = 500_000  # full estimates a second and core


def full_estimates(every: int) -> tuple[int, int, float]:
    """Return (full estimates, legal plans, s) of each `every`th chunk of GPT-3's space.

    One thread does all that a search does but ranking.
    """
    q = resolve(run_from(RUN))
    rows, space = lower([q]), space_of(q, whole=True)
    layers = layers_of(rows, shards_of(space.heads))
    full, legal, began = 0, 0, time.process_time()
    for start in range(0, len(space), every * CHUNK):
        plans = space.plans(start, min(start + CHUNK, len(space)))
        judge(rows.cases, rows.models, rows.software, plans)
        plans = plans[plans.reason == tables.OK]
        done = evaluate(rows, plans, only_fitting=True, bounds=True, layers=layers)
        full += int(np.sum(done.fits(rows) & (done.results.bound == 0.0)))
        legal += len(plans)
    return full, legal, time.process_time() - began


@pytest.mark.benchmark(group="search")
def test_full_estimates(benchmark: BenchmarkFixture) -> None:
    benchmark(lambda: full_estimates(300))
    if benchmark.stats is None:  # a smoke test
        return
    full, legal, seconds = max(
        (full_estimates(1) for _ in range(3)), key=lambda found: found[0] / found[2]
    )
    benchmark.extra_info["full_estimates_per_s_core"] = full / seconds
    benchmark.extra_info["legal_plans_per_s_core"] = legal / seconds
    assert full / seconds >= LEAST


@pytest.mark.benchmark(group="search")
def test_gpt3_on_4096_a100(benchmark: BenchmarkFixture) -> None:
    run = RUN if benchmark.enabled else RUN | {"chips": 64, "plan": {"tp": 8, "cp": 1}}
    benchmark(lambda: search(run))
    if benchmark.stats is None:
        return
    began = time.process_time()
    found = search(run)
    benchmark.extra_info["cpu_s"] = time.process_time() - began
    benchmark.extra_info["plans_legal"] = found.plans_legal
    benchmark.extra_info["plans_fit"] = found.plans_fit
    assert found.plans_legal > 5_000_000
    assert found.wall <= 10.0


@pytest.mark.benchmark(group="search")
def test_two_hundred_random_spaces(benchmark: BenchmarkFixture) -> None:
    for seed in range(200 if benchmark.enabled else 2):
        run = random_run(seed)
        least, count = best_of_singles(run)
        if count:
            assert search(run, top=1).best.step_time == least, run
    benchmark(lambda: random_run(0))


def rate_of(calls: list[Callable[[], Any]], seconds: float = 3.0) -> float:
    """Return how many of some calls are made in a second of the processor."""
    began, count = time.process_time(), 0
    while time.process_time() - began < seconds:
        calls[count % len(calls)]()
        count += 1
    return count / (time.process_time() - began)


def calculon_calls(source: Path) -> list[Callable[[], Any]]:
    """Return Calculon's estimates of plans of GPT-3 175B on 4,096 A100."""
    sys.path.insert(0, str(source))
    try:
        calculon = importlib.import_module("calculon")
        llm = importlib.import_module("calculon.llm")
    finally:
        sys.path.remove(str(source))
    log = logging.getLogger("silent")
    log.disabled = True
    app = json.loads((source / "models/gpt3-175B.json").read_text())
    machine = json.loads((source / "systems/a100_80g.json").read_text())
    plan = json.loads((source / "examples/3072_t4_p64_d12_mbs4_full.json").read_text())
    system = calculon.System(machine)

    def call(tp: int, pp: int, size: int) -> Callable[[], Any]:
        asked = plan | {
            "num_procs": 4096, "tensor_par": tp, "pipeline_par": pp,
            "data_par": 4096 // (tp * pp), "batch_size": 4096, "microbatch_size": size,
            "pipeline_interleaving": 1, "optimizer_sharding": True,
        }  # fmt: skip

        def run() -> Any:
            model = llm.Llm(llm.Llm.Application(app), log)
            try:
                model.compile(system, llm.Llm.Execution.from_json(asked))
                model.run(system)
            except llm.Llm.Error:
                return None
            return model.get_total_time()

        return run

    return [call(tp, pp, size) for tp in (4, 8) for pp in (8, 16) for size in (1, 2, 4)]


@pytest.mark.benchmark(group="search")
def test_beside_calculon(benchmark: BenchmarkFixture) -> None:
    source = Path(os.environ.get("CALCULON", "calculon"))
    if not (source / "calculon/llm").is_dir():
        pytest.skip("no sources of Calculon: set CALCULON to a checkout of them")
    calls = calculon_calls(source)
    assert all(call() for call in calls)
    full, _, seconds = full_estimates(10)
    theirs, ours = rate_of(calls), full / seconds
    benchmark(calls[0])
    benchmark.extra_info["calculon_plans_per_s_core"] = theirs
    benchmark.extra_info["full_estimates_per_s_core"] = ours
    assert ours > theirs


@pytest.mark.benchmark(group="search")
def test_beside_llm_analysis(benchmark: BenchmarkFixture) -> None:
    reason = "llm-analysis is not installed (PyPI)"
    config = pytest.importorskip("llm_analysis.config", reason=reason)
    analysis = importlib.import_module("llm_analysis.analysis")
    logging.disable(logging.CRITICAL)
    gpt3 = config.ModelConfig(
        name="gpt3-175b", num_layers=96, n_head=96, hidden_dim=12288, vocab_size=51200,
        max_seq_len=2048, num_key_value_heads=96, ffn_embed_dim=49152, model_type="gpt",
    )  # fmt: skip
    gpu = config.get_gpu_config_by_name("a100-sxm-80gb")

    def call() -> Any:
        cut = config.ParallelismConfig(tp_size=8, pp_size=8, dp_size=64, sp_size=8)
        one = analysis.LLMAnalysis(
            gpt3, gpu, parallelism_config=cut, flops_efficiency=0.5
        )
        return one.training(
            batch_size_per_gpu=1, global_batch_size=4096, seq_len=2048,
            activation_recomputation=analysis.ActivationRecomputation.FULL,
        )  # fmt: skip

    assert call()
    full, _, seconds = full_estimates(10)
    theirs, ours = rate_of([call]), full / seconds
    benchmark(call)
    logging.disable(logging.NOTSET)
    benchmark.extra_info["llm_analysis_plans_per_s_core"] = theirs
    benchmark.extra_info["full_estimates_per_s_core"] = ours
    assert ours > theirs
