"""Every training stack of the catalog says where its features are documented."""

import pytest

from accelsim import catalog
from accelsim.specs.figure import figures
from accelsim.specs.software import SoftwareSpec

STACKS = catalog.names("software")
NAMED = {
    "axlearn", "colossalai", "deepspeed-ulysses", "fms-fsdp", "fsdp-pytorch",
    "hai-llm", "internevo", "levanter", "lit-gpt", "llm-foundry", "maxtext",
    "megascale", "megatron-2021", "megatron-2022", "megatron-bridge", "megatron-core",
    "megatron-deepspeed", "metaseq", "mlperf", "nanotron", "nemo", "neuron", "pax",
    "torchtitan",
}  # fmt: skip
KERNELS = {
    "unfused",
    "flash1",
    "flash2",
    "flash3",
    "cudnn",
    "triton",
    "triton2023",
    "neuron",
    "splash",
    "splash-fused",
}
Pair = tuple[float, float]


def stack(name: str) -> SoftwareSpec:
    spec: SoftwareSpec = catalog.load("software", name)
    return spec


def test_the_usual_stacks_are_there() -> None:
    assert set(STACKS) >= NAMED


@pytest.mark.parametrize("name", STACKS)
def test_stack_is_documented_and_consistent(name: str) -> None:
    spec = stack(name)
    assert spec.source
    assert spec.kind == "documentation"
    assert spec.attention in KERNELS
    assert spec.defaults.sharding in spec.sharding
    assert spec.defaults.recompute in spec.recompute
    assert all(figure.source for figure in figures(spec).values())


@pytest.mark.parametrize("name", STACKS)
def test_launch_fits_how_kernels_are_started(name: str) -> None:
    spec = stack(name)
    launch = float(spec.launch)
    # eager: 6 to 9 us of Python, dispatch and autograd a kernel by
    # benchmarks/measured/host_overhead.py, 1.3 times as much where it drives a GPU, and
    # 11 us beside; compiled: less
    assert launch <= 3e-6 if spec.graphs else 4e-6 <= launch <= 27e-6


@pytest.mark.parametrize(
    ("name", "kernels", "layer", "collective"),
    [  # benchmarks/measured/host_{nanotron,megatron,te}.py, on a GPU's host
        ("nanotron", (24, 29), (1.35e-3, 1.68e-3), 152e-6),
        ("megatron-2021", (23, 29), (1.01e-3, 0.99e-3), 23e-6),
        ("megatron-core", (15, 20), (0.78e-3, 0.69e-3), 76e-6),
    ],
)
def test_python_around_a_layer(
    name: str, kernels: Pair, layer: Pair, collective: float
) -> None:
    spec = stack(name)
    launch = float(spec.launch)
    for own, calls, seconds in zip(kernels, spec.layer_calls, layer, strict=True):
        assert launch * (own + calls) == pytest.approx(seconds, rel=0.02)
    assert launch * spec.collective_calls == pytest.approx(collective, rel=0.05)


def test_what_changed_from_megatron_to_megatron() -> None:
    old, middle, new = (stack(f"megatron-{v}") for v in ("2021", "2022", "core"))
    assert not old.defaults.sp
    assert middle.defaults.sp
    assert old.attention == middle.attention == "unfused"
    assert "selective" not in old.recompute
    assert "selective" in middle.recompute
    assert not middle.overlap.dp
    assert new.overlap.dp
    assert new.overlap.tp


def test_bridge_adds_graphs_to_nemo() -> None:
    nemo, bridge = stack("nemo"), stack("megatron-bridge")
    assert not nemo.graphs
    assert bridge.graphs
    assert float(bridge.launch) < float(nemo.launch)
    # Megatron-Core since 0.13 keeps nothing of what experts give back
    assert nemo.memory.expert_outputs
    assert bridge.memory == nemo.memory.model_copy(update={"expert_outputs": False})
    own = {"name", "source", "note", "graphs", "launch", "overlap", "dispatch_once"}
    own |= {"memory", "defaults", "experts", "ep_units", "forced_balance"}
    # a blank ETP of its performance tables is one
    assert bridge.defaults == nemo.defaults.model_copy(update={"etp": 1})
    assert nemo.model_dump(exclude=own) == bridge.model_dump(exclude=own)
    # experts and those of their launches that no graph holds cost as much as in NeMo
    assert bridge.experts.launch is not None
    assert float(bridge.experts.launch) == pytest.approx(float(nemo.launch))
    assert bridge.experts.product == nemo.experts.product


def test_stacks_without_pipelines_say_so() -> None:
    for name in ("llm-foundry", "maxtext", "lit-gpt"):
        assert not stack(name).pipeline
        assert not stack(name).interleaved
