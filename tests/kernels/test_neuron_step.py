"""Operators of a step on NeuronCores: kernels of `neuron_gemm`, batched and shared."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim import catalog
from accelsim.chip.lower import fill_chip
from accelsim.chip.neuron import NeuronCore
from accelsim.kernels import tables
from accelsim.kernels.neuron_step import (
    engine_parts,
    pass_seconds,
    turn_seconds,
    turned_elements,
)
from accelsim.kernels.tables import Record

PAIRED = {"trainium1": 1, "trainium2": 2}  # NeuronCores of a worker


def worker(name: str) -> Record:
    row = np.zeros(1, tables.CHIP).view(np.recarray)
    fill_chip(row[0], catalog.load("chips", name), "neuron")
    return row[0]


def operator(**sizes: float) -> Record:
    """Return a scratch OPERATOR row whose product has the given sizes."""
    op = np.zeros(1, tables.OPERATOR).view(np.recarray)[0]
    given_sizes: dict[str, Any] = {"batch": 1.0, "bytes_in": 2.0, "bytes_out": 2.0}
    for field, value in (given_sizes | sizes).items():
        op.product[field] = value
    return op


def parts(chip: Record, held: float = 0.0, **sizes: float) -> tuple[float, ...]:
    op = operator(**sizes)
    core = chip.engines.core[tables.BF16]
    return engine_parts(core, op.engines, op.product, chip.engines.cores, held)


@pytest.mark.parametrize("name", PAIRED)
@pytest.mark.parametrize("sizes", [(2048, 1536, 4096), (512, 8192, 1024)])
def test_a_product_is_the_kernel_without_its_launch(
    name: str, sizes: tuple[int, int, int]
) -> None:
    chip = worker(name)
    assert chip.engines.cores == PAIRED[name]
    m, n, k = sizes
    kernel = NeuronCore(catalog.load("chips", name), PAIRED[name]).gemm(m, n, k)
    time, matrix, _, fill, memory, _ = parts(chip, m=m, n=n, k=k)
    assert time == pytest.approx(kernel.time - kernel.launch)
    assert matrix == pytest.approx(kernel.tensor)
    assert time == pytest.approx(matrix + fill + memory)


def test_a_batch_hides_behind_its_busiest_engine() -> None:
    chip = worker("trainium1")
    one = parts(chip, m=2048.0, n=2048.0, k=128.0)
    many = parts(chip, m=2048.0, n=2048.0, k=128.0, batch=5.0)
    busiest = one[1] + one[4]
    assert many[0] == pytest.approx(one[0] + 4.0 * busiest)
    assert many[0] == pytest.approx(many[1] + many[3] + many[4])


def test_what_stays_in_sbuf_waits_for_tensore_and_its_way_out() -> None:
    # 128 x 128 x 64: one product of 128 columns and 64 cycles to start at 2.8 GHz; out
    # of PSUM 128 columns and 60 cycles at 1.12 GHz
    time, matrix, _, _, memory, _ = parts(
        worker("trainium1"), held=1.0, m=128.0, n=128.0, k=64.0, batch=256.0
    )
    assert matrix == pytest.approx(256 * (128 + 64) / 2.8e9)
    assert time == pytest.approx(256 * (128 + 60) / 1.12e9)
    assert time == pytest.approx(matrix + memory)


def test_precisions_have_cores_of_their_own() -> None:
    chip = worker("trainium2")
    assert (
        chip.engines.core[tables.FP8].rows == 2.0 * chip.engines.core[tables.BF16].rows
    )
    assert chip.engines.core[tables.FP32].passes == 4.0
    # 16:4 sparsity is not dense: four times the rows are never taken
    assert chip.engines.core[tables.BF16].rows == 128.0
    assert chip.engines.core[tables.NVFP4].rows == 0.0  # has no such type
    # trainium3.rst prints 2,517 TFLOP/s as FP8 and as MXFP8: 512 deep, not 256
    third = worker("trainium3").engines.core
    assert third[tables.FP8].rows == third[tables.MXFP8].rows == 512.0


def test_passes_by_the_documented_clocks() -> None:
    # NeuronCore-v2: 128 lanes at 1.12 and 1.4 GHz, two inputs take twice the cycles;
    # v3 pairs: two cores at 0.96 and 1.4 GHz, 16-bit pairs of inputs at full rate
    one, elements = worker("trainium1"), 1e6
    vector, scalar = pass_seconds(one.engines, np.array([2.0, 3.0, 1.0]) * elements)
    assert vector == pytest.approx((2.0 + 2.0 * 3.0) * elements / 128 / 1.12e9)
    assert scalar == pytest.approx(elements / 128 / 1.4e9)
    two = worker("trainium2")
    clock = float(two.engines.core[tables.BF16].vector_clock)
    vector, _ = pass_seconds(two.engines, np.array([1.0, 1.0, 0.0]) * elements)
    assert vector == pytest.approx(2.0 * elements / (2 * 128 * clock))


def test_a_gpu_has_no_such_engines() -> None:
    chip = worker("h100-sxm")
    assert chip.engines.cores == 0.0
    assert pass_seconds(chip.engines, np.full(3, 1e9)) == (0.0, 0.0)


@given(
    m=st.integers(1, 4096), n=st.integers(1, 4096), k=st.integers(1, 4096),
    batch=st.integers(1, 9),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_no_product_beats_the_arrays(m: int, n: int, k: int, batch: int) -> None:
    chip = worker("trainium2")
    found = parts(
        chip, m=float(m), n=float(n), k=float(k), batch=float(batch)
    )  # fmt: skip
    core = chip.engines.core[tables.BF16]
    peak = 2.0 * core.rows * core.columns * core.tensor_clock * chip.engines.cores
    assert found[0] >= 2.0 * m * n * k * batch / peak
    assert all(part >= 0.0 for part in found)


def test_a_tensor_that_lies_the_wrong_way_is_turned_by_tensore() -> None:
    # nki_perf_guide.rst: 2048 x 4096 elements are 512 blocks of 128 columns (and 64
    # cycles to start) at 2.8 GHz, and 128 banks of 512 (and 60) at 1.12 GHz
    core = worker("trainium1").engines.core[tables.BF16]
    tensor, vector = turn_seconds(core, 2048.0 * 4096.0, 1.0)
    assert tensor == pytest.approx(512 * (128 + 64) / 2.8e9)
    assert vector == pytest.approx(128 * (512 + 60) / 1.12e9)
    # the DMA queues of Trainium2 do it on the way (trainium2_arch.rst)
    assert turn_seconds(worker("trainium2").engines.core[2], 1e9, 2.0) == (0.0, 0.0)


def test_turning_takes_the_time_of_tensore_beside_the_product() -> None:
    chip, op = worker("trainium1"), operator(m=2048.0, n=1536.0, k=4096.0)
    core, cores = chip.engines.core[tables.BF16], chip.engines.cores
    plain = engine_parts(core, op.engines, op.product, cores, 0.0)
    op.engines.turned = turned_elements(op.product, 0)
    turned = engine_parts(core, op.engines, op.product, cores, 0.0)
    more = turn_seconds(core, 2048.0 * 4096.0, 1.0)[0]
    assert turned[0] - plain[0] == pytest.approx(more)
    assert turned[1] - plain[1] == pytest.approx(more)


def test_each_tensor_of_a_layer_is_turned_once_a_step() -> None:
    # x (m x k), its gradient's source (m x n) and the weight (n x k)
    m, n, k = 8.0, 4.0, 2.0
    forward = turned_elements(operator(m=m, n=n, k=k).product, 0)
    back = turned_elements(operator(m=m, n=k, k=n).product, 1)
    weight = turned_elements(operator(m=n, n=k, k=m).product, 2)
    assert (forward, back, weight) == (m * k, m * n + n * k, 0.0)
