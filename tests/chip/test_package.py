"""A chip that can be asked: the names of its operators, scalars, arrays, bad input."""

import math
import subprocess
import sys

import numpy as np
import pytest

import accelsim
from accelsim.chip.kernel_time import PARTS, KernelTime
from accelsim.chip.memory_bound import STREAMS
from accelsim.chip.neuron import NeuronCore
from accelsim.chip.package import Chip
from accelsim.errors import InputError

ROWS = [name for name in STREAMS if name != "cross_entropy"]


@pytest.fixture(scope="module")
def h100() -> Chip:
    return accelsim.chip("h100-sxm")


@pytest.mark.parametrize(
    "code",
    [
        "import accelsim; from accelsim.chip.package import Chip",
        "from accelsim.chip.package import Chip; import accelsim",
        "from accelsim.chip import memory_bound; import accelsim",
        "import accelsim; from accelsim.chip import memory_bound",
        "from accelsim import chip as asked; import accelsim; assert asked('h100-sxm')",
        "import accelsim; accelsim.estimate; import accelsim.chip.lower",
    ],
)
def test_the_name_is_the_function_and_the_room_is_found(code: str) -> None:
    check = "; assert accelsim.chip('h100-sxm').name == 'h100-sxm'"
    done = subprocess.run(
        [sys.executable, "-c", code + check], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def test_changes_reach_the_answer() -> None:
    fast = accelsim.chip("h100-sxm", {"hbm.bandwidth": "6.7 TB/s"})
    slow = accelsim.chip("h100-sxm")
    assert fast.stream(10**9).time < 0.6 * slow.stream(10**9).time


def test_a_scalar_is_a_float_and_an_array_an_array(h100: Chip) -> None:
    one = h100.gemm(4096, 8192, 1024)
    assert isinstance(one.time, float)
    assert isinstance(one.bound, str)
    many = h100.gemm(np.array([[4096], [512]]), [8192, 128, 64], 1024)
    assert np.shape(many.time) == np.shape(many.bound) == (2, 3)
    assert np.asarray(many.time)[0, 0] == one.time
    assert np.asarray(many.flops)[1, 2] == 2 * 512 * 64 * 1024


@pytest.mark.parametrize("dtype", ["bf16", "bfloat16", "fp8", "fp32"])
@pytest.mark.parametrize("m", [1, 300, 8192])
def test_parts_add_up(h100: Chip, dtype: str, m: int) -> None:
    found = h100.gemm(m, 4096, 2048, dtype=dtype)
    parts = math.fsum(getattr(found, name) for name in PARTS)
    assert parts == pytest.approx(found.time, rel=1e-12)
    assert 0.0 < found.utilisation < 1.0


def test_a_chip_remembers_nothing_of_other_questions(h100: Chip) -> None:
    first = h100.gemm(4096, 4096, 4096)
    h100.gemm(64, 64, 64, dtype="fp8", layout="nt", accumulate=True, hot=False)
    assert h100.gemm(4096, 4096, 4096) == first


def test_narrowing_activations_takes_kernels_of_its_own(h100: Chip) -> None:
    plain = h100.gemm(4096, 4096, 4096, dtype="fp8")
    scaled = h100.gemm(4096, 4096, 4096, dtype="fp8", scaling="block")
    assert plain.vector == 0.0 < scaled.vector
    assert plain.launch < scaled.launch
    assert plain.time < scaled.time


def test_adding_to_the_output_moves_more(h100: Chip) -> None:
    # each element is read and written in fp32, in place of 16 bits that are written
    plain = h100.gemm(4096, 4096, 512, layout="nt")
    added = h100.gemm(4096, 4096, 512, layout="nt", accumulate=True)
    assert added.size - plain.size == 4096 * 4096 * (8 - 2)
    assert added.time > plain.time


@pytest.mark.parametrize("name", ["a100-80gb", "h100-sxm", "b200", "tpu-v5p"])
@pytest.mark.parametrize("causal", [True, False])
def test_attention_in_the_words_of_every_operator(name: str, *, causal: bool) -> None:
    chip = accelsim.chip(name)
    found = chip.attention(2, 32, [512, 4096, 32768], 128, kv_heads=8, causal=causal)
    parts = np.sum([np.asarray(getattr(found, part)) for part in PARTS], axis=0)
    assert parts == pytest.approx(np.asarray(found.time), rel=1e-9)
    reached = np.asarray(found.utilisation)
    assert (np.diff(reached) > 0).all()
    assert (reached > 0.05).all()  # 0.11 of 512 tokens on TPU v5p, masked (tokamax)
    assert (reached < 0.9).all()
    assert ((np.asarray(found.clock) > 0.5) & (np.asarray(found.clock) <= 1.0)).all()
    one = chip.attention(2, 32, 4096, 128, kv_heads=8, causal=causal)
    assert one.time == pytest.approx(np.asarray(found.time)[1], rel=1e-12)
    # queries, outputs, keys and values of two bytes
    assert one.size == pytest.approx(2 * 2 * 4096 * 128 * (2 * 32 + 2 * 8))


NEURON = ["trainium1", "trainium2", "trainium3"]


@pytest.mark.parametrize("name", NEURON)
def test_a_neuron_chip_is_its_workers_side_by_side(name: str) -> None:
    chip = accelsim.chip(name)
    workers = chip.spec.workers_per_chip
    core = NeuronCore(chip.spec, chip.spec.matrix.units // workers)
    one = core.gemm(4096 // workers, 2048, 1024)
    assert chip.gemm(4096, 2048, 1024).time == pytest.approx(one.time)
    # an equal product for each worker, one after the other
    two = chip.gemm(4096, 2048, 1024, batch=2 * workers)
    alone = core.gemm(4096, 2048, 1024)
    assert two.time == pytest.approx(2 * alone.time - float(alone.launch))
    row = core.rmsnorm(8192 // workers, 4096)
    assert chip.rmsnorm(8192, 4096).time == pytest.approx(row.time)


def ask_neuron(chip: Chip) -> list[KernelTime]:
    return [
        chip.gemm(4096, 4096, 1024),
        chip.gemm([8, 4096], 4096, 1024, batch=[[3], [16]]),
        chip.gemm(4096, 4096, 1024, layout="nt", accumulate=True),
        chip.attention(1, 16, [512, 1024], 128, kv_heads=4),
        chip.attention(1, 16, 512, 128, seq_kv=[512, 1024]),
        chip.attention(1, 16, 512, 128, causal=False),
        chip.attention(1, 16, 512, 128, passes="backward"),
        chip.softmax(4096, 4096),
        chip.swiglu(4096, 4096),
        chip.gelu(4096, 4096),
        chip.residual(4096, 4096),
        chip.rmsnorm(4096, 4096, backward=True),
        chip.adam(10**7),
    ]


@pytest.mark.parametrize("name", NEURON)
def test_parts_of_a_neuron_chip_add_up(name: str) -> None:
    for found in ask_neuron(accelsim.chip(name)):
        parts = np.sum([np.asarray(getattr(found, part)) for part in PARTS], axis=0)
        assert parts == pytest.approx(np.asarray(found.time), rel=1e-9)
        for part in PARTS:
            assert (np.asarray(getattr(found, part)) >= -1e-12).all()
        assert (np.asarray(found.utilisation) < 1.0).all()


def test_a_neuron_chip_adds_to_the_output_in_fp32() -> None:
    chip = accelsim.chip("trainium2")
    plain = chip.gemm(4096, 4096, 4096, layout="nt")
    added = chip.gemm(4096, 4096, 4096, layout="nt", accumulate=True)
    assert plain.time < added.time < 1.5 * plain.time
    with pytest.raises(InputError, match="scaling: 'tensor' is not known"):
        chip.gemm(4096, 4096, 4096, dtype="fp8", scaling="tensor")


@pytest.mark.parametrize("name", ROWS)
def test_memory_bound_operators(h100: Chip, name: str) -> None:
    operator = getattr(h100, name)
    forward, backward = operator(8192, 4096), operator(8192, 4096, backward=True)
    assert forward.bound == "memory"
    assert forward.flops == forward.utilisation == 0.0
    assert 0.6 * forward.time < backward.time < 2.0 * forward.time
    assert 0.5 < forward.bandwidth / 3.35e12 < 0.9
    assert operator(8192, 4096, "fp32").size >= 1.6 * forward.size
    assert np.shape(operator([1, 2, 3], 4096).time) == (3,)


def test_bytes_by_hand(h100: Chip) -> None:
    # 8192 x 4096 elements of two bytes
    elements = 8192 * 4096
    assert h100.rmsnorm(8192, 4096).size == 2 * 2 * elements
    assert h100.swiglu(8192, 4096).size == 3 * 2 * elements
    assert h100.swiglu(8192, 4096, backward=True).size == 5 * 2 * elements
    assert h100.dropout(8192, 4096).size == 5 * elements
    assert h100.cross_entropy(8192, 4096).size == 4 * elements
    assert h100.adam(10**9).size == 38e9


def test_small_streams_reach_little_of_the_bandwidth(h100: Chip) -> None:
    found = h100.stream([10**4, 10**6, 10**8, 10**10])
    reached = np.asarray(found.bandwidth)
    assert (np.diff(reached) > 0).all()
    assert reached[0] < 0.01 * reached[-1]
    assert list(found.bound) == [
        "launch",
        "launch",
        "memory",
        "memory",
    ]


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda c: c.gemm(0, 1, 1), "m: 0 must be a whole number from 1"),
        (lambda c: c.gemm(1, -3, 1), "n: -3 must be a whole number"),
        (lambda c: c.gemm(1, 1, 1.5), "k: 1.5 must be a whole number"),
        (lambda c: c.gemm(1, 1, float("nan")), "k: nan must be"),
        (lambda c: c.gemm(1, 1, 2**41), "must be a whole number from 1 to 2\\^40"),
        (lambda c: c.gemm("x", 1, 1), "m: 'x' must be a number or numbers"),
        (lambda c: c.gemm([1, 2], [1, 2, 3], 1), "shapes do not match"),
        (lambda c: c.gemm(1, 1, 1, batch=0), "batch: 0 must be"),
        (lambda c: c.gemm(1, 1, 1, dtype="bf61"), "did you mean 'bf16'"),
        (lambda c: c.gemm(1, 1, 1, dtype=["bf16"]), "dtype .* unknown"),
        (lambda c: c.gemm(1, 1, 1, dtype="nvfp4"), "h100-sxm does not multiply nvfp4"),
        (
            lambda c: c.gemm(1, 1, 1, layout="tt"),
            "layout 'tt' unknown; did you mean 'tn'",
        ),
        (lambda c: c.gemm(1, 1, 1, scaling="blok"), "did you mean 'block'"),
        (lambda c: c.gemm(1, 1, 1, repeats=0), "repeats: 0 must be"),
        (lambda c: c.gemm(1, 1, 1, weight_sets=float("nan")), "weight_sets: nan must"),
        (lambda c: c.stream(0), "size: 0 must be"),
        (lambda c: c.rmsnorm(1, 0), "columns: 0 must be"),
        (lambda c: c.rmsnorm(1, 1, "bf17"), "did you mean 'bf16'"),
        (lambda c: c.adam(1, state=-1), "state: -1 must be 0 to 64 bytes"),
        (lambda _: accelsim.chip("h100-smx"), "did you mean 'h100-sxm'"),
        (lambda _: accelsim.chip("h100-sxm", {"hbm.x": 1}), "unknown field 'x'"),
    ],
)
def test_bad_input(h100: Chip, ask: "object", words: str) -> None:
    with pytest.raises(InputError, match=words) as told:
        ask(h100)  # type: ignore[operator]
    assert "\n" not in str(told.value)


def test_to_dict_names_units(h100: Chip) -> None:
    found = h100.gemm([1, 2], 128, 128).to_dict()
    assert set(found) >= {"time_s", "launch_s", "clock", "flops_flop", "size_bytes"}
    assert found["flop_per_s"] == [
        flops / time
        for flops, time in zip(found["flops_flop"], found["time_s"], strict=True)
    ]


def test_repr_names_the_chip(h100: Chip) -> None:
    assert repr(h100) == "<chip h100-sxm>"
