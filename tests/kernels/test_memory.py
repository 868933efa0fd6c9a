"""Memory of the fullest worker: the papers' figures, and what may never need more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels import tables
from accelsim.kernels.memory import BUCKETS, in_flight
from accelsim.kernels.stages import stage_layers
from accelsim.kernels.tables import (
    ADAM,
    ADAM_8BIT,
    FULL,
    KEEP,
    MUON,
    SELECTIVE,
    SGD,
    UNSHARDED,
    ZERO1,
    ZERO2,
    ZERO3,
)
from tests.examples import (
    NO_FUSED,
    World,
    case,
    chip,
    mixture,
    model,
    plan,
    software,
    world,
)

GB = 1e9
UNFUSED = chip(**NO_FUSED)
SEQ, HIDDEN = 2048.0, 1024.0
# What a layer keeps of a sequence: 32 s b h without dropout (Korthikanti et al. 2022),
# and the statistic of each row of each of 16 heads that fused attention keeps.
KEPT = 32 * SEQ * HIDDEN + 4 * 16 * SEQ
PARTS = (
    *("weights", "gradients", "optimizer", "activations", "head", "buffers"),
    *("workspace", "fragmentation", "context"),
)
STATES = ("weights", "gradients", "optimizer")


def states(made: World, **sizes: int) -> float:
    """Return the bytes of weights, gradients and optimizer."""
    memory = made.memory(**sizes)
    return float(sum(memory[name] for name in STATES))


def of_rajbhandari() -> World:
    """Return 7.5 G parameters with gradients in fp16."""
    layers = 10.0
    shape = model(
        layers=layers, layer_parameters=7.5e9 / layers, embed_parameters=0.0,
        head_parameters=0.0,
    )  # fmt: skip
    return world(model=shape, software=software(grad_bytes=2.0))


@pytest.mark.parametrize(
    ("sharding", "size"), [(UNSHARDED, 120.0), (ZERO1, 31.4), (ZERO2, 16.6)]
)
def test_states_of_rajbhandari(sharding: int, size: float) -> None:
    # Rajbhandari et al. 2020, fig. 1: 7.5 G parameters, 64 replicas, K = 12
    found = states(of_rajbhandari(), dp=64, sharding=sharding)
    assert found == pytest.approx(size * GB, abs=0.05 * GB)


def test_sharded_weights_are_the_master_copy() -> None:
    # fig. 1 shards fp16 weights beside the master copy, 16 x 7.5 G / 64 = 1.9 GB; here
    # the fp32 master copy is sharded and cast when it is gathered: 14 x 7.5 G / 64
    found = states(of_rajbhandari(), dp=64, sharding=ZERO3)
    assert found == pytest.approx(14 * 7.5 * GB / 64)


def test_gathered_weights_are_alive_for_two_layers() -> None:
    # weights in 2 B and gradients in 4 B, unsharded but cut over tp
    memory = world().memory(dp=64, tp=4, sharding=ZERO3)
    assert memory.buffers == BUCKETS * (2 + 4) * 12 * HIDDEN**2 / 4
    assert world().memory(dp=64, sharding=ZERO2).buffers == 0.0


def test_fsdp_keeps_the_tables_of_the_vocabulary() -> None:
    # weights of a layer and of both tables, gathered by a collective into a buffer as
    # large as the larger; a layer's gradients, in 2 B, and in 4 B as they are reduced
    torch = world(software=software(segments=1.0))
    layer, ends = 12 * HIDDEN**2, 2 * 32000 * HIDDEN
    buffers = torch.memory(dp=64, tp=4, sharding=ZERO3).buffers
    assert buffers == (2 * (layer + 2 * ends) + (2 + 4) * layer) / 4


def test_a_stage_may_stay_gathered() -> None:
    stack = software(stage_gathered=1.0, segments=1.0)
    memory = world(software=stack).memory(pp=2, dp=64, sharding=ZERO3)
    # four layers and a table of the vocabulary
    mine = 4 * 12 * HIDDEN**2 + 32000 * HIDDEN
    assert memory.buffers == (2 + 4) * mine


def test_micro_batches_in_flight() -> None:
    # 1F1B: as many as stages; interleaved (p - 1)/v more; never more than there are
    assert in_flight(plan(micro_batches=99), 0) == 1.0
    assert in_flight(plan(pp=8, micro_batches=99), 0) == 8.0
    assert in_flight(plan(pp=8, micro_batches=99), 7) == 1.0
    assert in_flight(plan(pp=8, vp=2, micro_batches=99), 0) == 8 + 7 / 2
    assert in_flight(plan(pp=8, vp=2, micro_batches=4), 0) == 4.0
    # the last stage waits for its last virtual chunk only
    assert in_flight(plan(pp=8, vp=2, micro_batches=99), 7) == (8 + 1) / 2


def test_model_parallelism_cuts_the_states() -> None:
    # 18 B a parameter; 8 layers of 12 h^2 and two tables of 32000 h
    layers, ends = 8 * 12 * HIDDEN**2, 2 * 32000 * HIDDEN
    assert states(world()) == 18 * (layers + ends)
    assert states(world(), tp=4) == 18 * (layers + ends) / 4
    # the first of two stages has half of the layers and one table
    assert states(world(), pp=2) == 18 * (layers + ends) / 2
    assert states(world(), pp=4) == 18 * (layers / 4 + ends / 2)


def test_experts_are_cut_and_sharded_in_their_own_group() -> None:
    attention, experts = 4 * HIDDEN**2 + 8 * HIDDEN, 8 * 2 * HIDDEN * 512
    ends = 2 * 32000 * HIDDEN
    made = world(model=mixture())
    dense = 8 * attention + ends
    assert states(made, dp=4) == 18 * (dense + 8 * experts)
    assert states(made, dp=4, ep=4) == 18 * (dense + 8 * experts / 4)
    # ZeRO-1 over 4 replicas, of which each expert has one
    sharded = 6 * (dense + 2 * experts) + 12 * (dense / 4 + 2 * experts)
    assert states(made, dp=4, ep=4, sharding=ZERO1) == sharded


def test_activations_of_one_stage() -> None:
    # 8 layers that keep 32 s b h (no dropout), and the logits twice in bf16
    memory = world().memory(micro_batches=4, micro_batch=2)
    assert memory.activations == 8 * 2 * KEPT
    assert memory.head == 4 * 2 * SEQ * 32000 + 2 * 2 * 2 * SEQ * HIDDEN
    assert memory.workspace == 0.0
    # the gradient of the input of the activation function, and of the layer's output
    small = small_head().memory(micro_batches=4, micro_batch=2)
    assert small.workspace == 2 * 2 * SEQ * (4 * HIDDEN + HIDDEN)


def test_full_recomputation_keeps_inputs_and_one_layer() -> None:
    memory = small_head().memory(recompute=FULL)
    assert memory.activations == pytest.approx(8 * 2 * SEQ * HIDDEN)
    again = KEPT - 2 * SEQ * HIDDEN
    assert memory.workspace == pytest.approx(again + 2 * SEQ * 5 * HIDDEN)


def test_so_many_layers_are_recomputed() -> None:
    memory = small_head().memory(recompute=FULL, kept_share=5 / 8)
    assert memory.activations == pytest.approx(3 * 2 * SEQ * HIDDEN + 5 * KEPT)


def test_selective_recomputation_of_korthikanti() -> None:
    # 34 s b h a layer, and once the 5 a s^2 b scores of the layer that is repeated
    made = world(chip=UNFUSED, model=model(dropout=1.0, vocab=16.0))
    memory = made.memory(recompute=SELECTIVE)
    assert memory.activations == pytest.approx(8 * 34 * SEQ * HIDDEN)
    # and two gradients of the scores in bf16
    assert memory.workspace == pytest.approx((5 + 4) * 16 * SEQ**2)


def small_head(**changes: float) -> World:
    """Return the GPT with next to no vocabulary: the first stage is the fullest."""
    return world(model=model(vocab=16.0, **changes), case=case(host_bandwidth=50e9))


@given(
    pp=st.sampled_from([2, 4, 8]), vp=st.sampled_from([1, 2]),
    more=st.integers(0, 8),
)  # fmt: skip
def test_first_stage_of_1f1b(pp: int, vp: int, more: int) -> None:
    # Korthikanti et al. 2022, sec. 4.2.3: the first stage holds the activations of L
    # layers whatever pp is, and interleaved L (1 + (p - 1)/(p v))
    made, count = small_head(layers=16.0), 2 * pp + more
    one = made.layers()[tables.DENSE].saved
    found = made.memory(pp=pp, vp=vp, micro_batches=count).activations
    factor = 1 + (pp - 1) / (pp * vp) if vp > 1 else 1
    assert found == pytest.approx(16 * factor * one)


@given(pp=st.sampled_from([2, 4, 8]), count=st.integers(1, 8))
def test_few_micro_batches_fill_no_pipeline(pp: int, count: int) -> None:
    made = small_head()
    one = made.layers()[tables.DENSE].saved
    found = made.memory(pp=pp, micro_batches=count).activations
    assert found == pytest.approx(8 / pp * min(pp, count) * one)


def test_offloaded_activations_leave_two_layers_of_them() -> None:
    kept = small_head().memory()
    half = small_head().memory(offload=0.5)
    assert half.activations == pytest.approx(0.5 * kept.activations)
    every = small_head().memory(offload=1.0)
    assert every.activations == pytest.approx(2 / 8 * kept.activations)
    assert small_head().memory(offload_optimizer=1).optimizer == 0.0


@pytest.mark.parametrize(
    ("kind", "size"), [(ADAM, 12), (ADAM_8BIT, 6 + 8 / 256), (SGD, 8), (MUON, 8)]
)
def test_what_optimizers_keep(kind: int, size: float) -> None:
    # an fp32 master copy, and two moments of fp32, two of 8 bits with a scale in fp32
    # for each 256, or one
    memory = world().memory(optimizer=kind)
    assert memory.optimizer == pytest.approx(size * memory.weights / 2)


def test_a_stack_may_count_the_head_as_layers() -> None:
    # vocabulary x hidden over 12 h^2 are 2.6 of the GPT's layers: 10.6 in four stages
    stack = software(head_counts=1.0)
    world_ = world(software=stack)
    four = plan(pp=4, micro_batches=8)
    one = (case(), world_.model)
    cut = [stage_layers(*one, stack, four, s) for s in range(4)]
    assert cut == [3, 3, 2, 0]
    assert sum(stage_layers(*one, software(), four, s) for s in range(4)) == 8.0


def test_gradients_of_a_micro_batch_beside_those_that_are_added_up() -> None:
    stack = software(working_gradient=2.0)
    short = world(software=stack, case=case(seq_len=64.0))
    memory = short.memory(micro_batches=4)
    # they are more than what 8 layers keep of one short micro-batch
    mine = memory.weights / 2
    assert memory.activations == 0.0
    assert memory.workspace == pytest.approx(2 * mine + 2 * 64 * 5 * HIDDEN)


def test_the_last_stage_counts_where_logits_are_large() -> None:
    big = world(model=model(vocab=1e6))
    memory = big.memory(pp=2, micro_batches=8)
    # one micro-batch in flight instead of two
    assert memory.activations == 4 * KEPT
    assert memory.head > memory.activations
    assert (memory.stage, memory.layers, memory.depth) == (1, 4, 1)


def test_fragmentation_and_reserve() -> None:
    stack = software(fragmentation=0.1, reserved_memory=2 * GB)
    memory, plain = world(software=stack).memory(), world().memory()
    lost = plain.activations + plain.head + plain.workspace
    assert memory.fragmentation == pytest.approx(0.1 * lost)
    assert memory.context == 2 * GB
    assert memory.weights == plain.weights


SIZES = {
    "tp": st.sampled_from([1, 2, 4]),
    "pp": st.sampled_from([1, 2, 4]),
    "dp": st.sampled_from([1, 2, 8, 64]),
    "micro_batch": st.integers(1, 4),
    "micro_batches": st.integers(1, 16),
}
MADE = st.sampled_from(
    [
        world(),
        world(chip=UNFUSED),
        world(model=mixture()),
        world(model=model(dropout=1.0)),
    ]
)


@given(made=MADE, recompute=st.sampled_from([KEEP, SELECTIVE, FULL]), **SIZES)
def test_parts_make_the_total(made: World, recompute: int, **sizes: int) -> None:
    memory = made.memory(recompute=recompute, sharding=ZERO3, **sizes)
    parts = [memory[name] for name in PARTS]
    assert min(parts) >= 0.0
    assert memory.total == pytest.approx(sum(parts))


@given(made=MADE, **SIZES)
def test_more_sharding_never_needs_more(made: World, **sizes: int) -> None:
    # with 8 layers in a stage ZeRO-3's two gathered layers are no more than what it
    # saves; with one layer in a stage they are that layer twice
    sizes["pp"] = 1
    sizes["dp"] = max(2, sizes["dp"])
    kinds = (UNSHARDED, ZERO1, ZERO2, ZERO3)
    totals = [made.memory(sharding=kind, **sizes).total for kind in kinds]
    assert totals == sorted(totals, reverse=True)


@given(made=MADE, **SIZES)
def test_more_recomputation_never_needs_more(made: World, **sizes: int) -> None:
    kinds = (KEEP, SELECTIVE, FULL)
    totals = [made.memory(recompute=kind, **sizes).total for kind in kinds]
    assert totals[1] <= totals[0] * (1 + 1e-12)
    assert totals[2] <= totals[1] * (1 + 1e-12)


@given(made=MADE, size=st.sampled_from(["tp", "dp"]), **SIZES)
def test_more_workers_never_need_more(made: World, size: str, **sizes: int) -> None:
    fewer = made.memory(sharding=ZERO1, **sizes).total
    more = made.memory(sharding=ZERO1, **sizes | {size: 2 * sizes[size]}).total
    assert more <= fewer * (1 + 1e-12)


@given(made=MADE, **SIZES)
def test_half_the_batch_leaves_the_states(made: World, **sizes: int) -> None:
    sizes["micro_batches"] *= 2
    whole = made.memory(**sizes)
    half = made.memory(**sizes | {"micro_batches": sizes["micro_batches"] // 2})
    assert [half[name] for name in STATES] == [whole[name] for name in STATES]
    assert half.total <= whole.total
