"""Other tools of PyPI in the same run: one training step, one margin, one cascade.

Each is asked the least that answers the same question, and results are compared where
both have them. A tool that is not installed is left out.
"""

import functools
import importlib
import importlib.util
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from accelsim import catalog
from accelsim.explore.estimate import answer
from accelsim.explore.result import Estimate
from accelsim.link.channel import Channel, TwoPort
from accelsim.link.com import Setting, com_at
from accelsim.link.responses import responses
from accelsim.link.spec_sheet import sheet_of_spec
from accelsim.link.touchstone import read_touchstone
from accelsim.question import resolve
from accelsim.specs.run import PlanSpec, RunSpec
from benchmarks.test_link import channel, write_legs

POINTS = 6001
PIECES = 8


def needs(module: str) -> Callable[[Any], Any]:
    """Return a mark that leaves a benchmark out without a peer's module."""
    missing = importlib.util.find_spec(module) is None
    return pytest.mark.skipif(missing, reason=f"{module} is not installed")


@pytest.mark.benchmark(group="one training step, plan given")
def test_step(benchmark: BenchmarkFixture) -> None:
    plan = PlanSpec(tp=8, pp=8, dp=1, vp=1, cp=1, ep=1, micro_batch=1, sp=True,
                    sharding="none", recompute="full", schedule="1f1b")  # fmt: skip
    run = RunSpec(
        model="gpt3-175b", system="dgx-a100", chips=64, plan=plan, global_batch=64
    )
    asked = resolve(run)
    found = benchmark(lambda: answer([asked], must_fit=False)[0])
    assert isinstance(found, Estimate)
    assert 15.0 < found.step_time < 25.0  # 18.13 s were measured


@needs("llm_analysis")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.benchmark(group="one training step, plan given")
def test_step_of_llm_analysis(benchmark: BenchmarkFixture) -> None:
    analysis = importlib.import_module("llm_analysis.analysis")
    config = importlib.import_module("llm_analysis.config")
    analysis.logger.setLevel("ERROR")
    config.logger.setLevel("ERROR")
    model = config.ModelConfig(
        name="gpt3-175b", num_layers=96, n_head=96, hidden_dim=12288, vocab_size=51200,
        max_seq_len=2048, num_key_value_heads=96, ffn_embed_dim=49152,
    )  # fmt: skip
    gpu = config.get_gpu_config_by_name("a100-sxm-80gb")
    kinds = config.get_dtype_config_by_name("w16a16e16")
    cut = config.ParallelismConfig(tp_size=8, pp_size=8, dp_size=1, sp_size=8)
    made = analysis.LLMAnalysis(model, gpu, kinds, cut, flops_efficiency=0.5)
    full = analysis.ActivationRecomputation.FULL

    def once() -> Any:
        return made.training(
            batch_size_per_gpu=1, gradient_accumulation_steps=64, seq_len=2048,
            activation_recomputation=full,
        )  # fmt: skip

    assert benchmark(once)


def pieces() -> list[TwoPort]:
    """Return lossy lines that differ, each POINTS long."""
    grid = np.linspace(0.0, 60e9, POINTS)
    found = []
    for n in range(PIECES):
        through = np.exp(-(0.1 + 0.01 * n) * (1.0 + 1j) * grid / 20e9)
        echo = np.full(POINTS, 0.02 + 0.005j * n)
        through = 0.9 * through
        found.append(TwoPort.of(grid, [echo, through, through, echo]))
    return found


def joined(parts: list[TwoPort]) -> TwoPort:
    """Return these one after the other."""
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.then(part)
    return whole


@pytest.mark.benchmark(group="a cascade of two-ports")
def test_cascade(benchmark: BenchmarkFixture) -> None:
    made = pieces()
    joined(made)  # compiles
    found = benchmark(joined, made)
    assert np.abs(found.s).max() < 1.0


@needs("skrf")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.benchmark(group="a cascade of two-ports")
def test_cascade_of_scikit_rf(benchmark: BenchmarkFixture) -> None:
    skrf = importlib.import_module("skrf")
    made = pieces()
    networks = [skrf.Network(f=p.frequency, f_unit="hz", s=p.s, z0=100.0) for p in made]
    found = benchmark(functools.reduce, operator.pow, networks)
    np.testing.assert_allclose(found.s, joined(made).s, rtol=1e-9, atol=1e-12)


@pytest.mark.benchmark(group="a Touchstone file")
def test_file(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    path = write_legs(channel(0).thru, tmp_path / "thru.s4p")

    def once() -> TwoPort:
        path.touch()  # a file that did not change is read once
        return read_touchstone(path, (1, 3, 2, 4))

    assert len(benchmark(once).frequency) > 6000


@needs("skrf")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.benchmark(group="a Touchstone file")
def test_file_by_scikit_rf(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    skrf = importlib.import_module("skrf")
    path = write_legs(channel(0).thru, tmp_path / "thru.s4p")
    assert len(benchmark(skrf.Network, str(path)).f) > 6000


@pytest.mark.benchmark(group="a margin from two-ports on")
def test_margin(benchmark: BenchmarkFixture) -> None:
    sheet = sheet_of_spec(catalog.load("com", "8023dj-kr"))
    wire = Channel(channel(0).thru)

    def once() -> float:
        paths = responses(wire, sheet, sheet.cases[1])
        return com_at(paths, sheet, Setting(-4.0, -2.0, (1.0,), 0, phase=4)).com_db

    once()  # compiles
    assert benchmark(once) > 0.0
