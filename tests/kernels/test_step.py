"""A step: schedules and overlap from layers of whole seconds, traffic by the papers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels import tables
from accelsim.kernels.layer_tables import LAYER
from accelsim.kernels.plan_tables import CORE_ATTN
from accelsim.kernels.step import host_wait
from accelsim.kernels.tables import (
    DENSE,
    EMBED,
    FULL,
    HEAD,
    KEEP,
    MOE,
    SELECTIVE,
    UNSHARDED,
    ZERO1,
    ZERO2,
    ZERO3,
    Record,
    Rows,
)
from accelsim.training.evaluate import evaluate
from accelsim.training.lower import table
from tests.examples import (
    NO_FUSED,
    World,
    case,
    chip,
    mixture,
    model,
    plan,
    software,
    switch,
    world,
)
from tests.examples import tiers as tiers_of
from tests.pipelines import last_end, one_f_one_b

UNFUSED = chip(**NO_FUSED)
# Nothing to send, nothing to update: only the schedule is left.
EMPTY = model(layer_parameters=0.0, embed_parameters=0.0, head_parameters=0.0)
SHARDINGS = st.sampled_from([UNSHARDED, ZERO1, ZERO2, ZERO3])
TIMES = [
    *("matmul", "attention", "elementwise", "head", "recompute", "launch"),
    *("tp", "cp", "ep", "pp", "dp", "contention", "bubble", "optimizer", "host"),
]


def layers(
    head: float = 0.0, tp_rings: tuple[float, float] = (0.0, 0.0), **dense: float
) -> Rows:
    """Return LAYER rows: a layer of 1 s forward and 2 s backward unless stated.

    Its tensor traffic holds a tenth of the multiprocessors and nothing else.
    """
    rows = table(LAYER, tables.N_LAYER_KINDS)
    one = {"forward_matmul": 1.0, "backward_matmul": 2.0} | dense
    for name, value in one.items():
        rows[DENSE][name] = value
    rows[DENSE]["tp_use"]["units"] = 0.1
    rows[DENSE].tp_rings[0], rows[DENSE].tp_rings[1] = tp_rings
    rows[HEAD].forward_matmul, rows[HEAD].backward_matmul = head / 3, head * 2 / 3
    return rows


def schedule(
    rows: Rows, stack: Record | None = None, shape: Record = EMPTY,
    worker: Record | None = None, **sizes: int,
) -> Record:  # fmt: skip
    """Return the step of a model that sends nothing between stages."""
    made = world(
        case=case(seq_len=0.0), chip=chip() if worker is None else worker, model=shape,
        software=software() if stack is None else stack, tiers=tiers_of(switch(4096)),
    )  # fmt: skip
    plans = np.array([plan(**sizes)], tables.PLAN).view(np.recarray)
    four = rows.reshape(1, -1)
    return evaluate(made.rows, plans, only_fitting=False, layers=four).results[0]


@given(
    pp=st.sampled_from([2, 4, 8]), vp=st.sampled_from([1, 2, 4]),
    rounds=st.integers(1, 8),
)  # fmt: skip
def test_bubble_of_narayanan(pp: int, vp: int, rounds: int) -> None:
    # Narayanan et al. 2021, sec. 2.2: bubble over ideal time = (p - 1)/(v m)
    count = pp * rounds
    step = schedule(layers(), shape=deep(32), pp=pp, vp=vp, micro_batches=count)
    ideal = count * 32 / pp * 3.0
    assert step.bubble / ideal == pytest.approx((pp - 1) / (vp * count))
    assert step.step_time == pytest.approx(ideal + step.bubble)


def deep(count: float) -> Record:
    """Return a model of `count` layers that has no parameters."""
    return model(
        layers=count, layer_parameters=0.0, embed_parameters=0.0, head_parameters=0.0
    )


@given(
    pp=st.sampled_from([1, 2, 4, 8]),
    count=st.integers(1, 12),
    head=st.floats(0.0, 20.0),
)
def test_a_heavy_last_stage_counted_step_by_step(
    pp: int, count: int, head: float
) -> None:
    step = schedule(layers(head), pp=pp, micro_batches=count)

    def seconds(what: str, stage: int) -> float:
        more = head / 3 if stage == pp - 1 else 0.0
        return (8 / pp + more) * (1.0 if what == "F" else 2.0)

    slow = last_end(one_f_one_b(pp, count), seconds)
    assert step.step_time == pytest.approx(slow)


@given(pp=st.sampled_from([1, 2, 4, 8]), count=st.integers(1, 12))
def test_a_heavy_embedding_slows_the_first_stage(pp: int, count: int) -> None:
    rows = layers()
    rows[EMBED].forward_elementwise = 5.0
    step = schedule(rows, pp=pp, micro_batches=count)

    def seconds(what: str, stage: int) -> float:
        forward = 8 / pp + (5.0 if stage == 0 else 0.0)
        return forward if what == "F" else 2.0 * 8 / pp

    slow = last_end(one_f_one_b(pp, count), seconds)
    assert step.step_time == pytest.approx(slow)


@pytest.mark.parametrize(
    ("count", "pp", "vp", "fullest"),
    [(8, 4, 1, 2), (10, 4, 1, 3), (7, 8, 1, 1), (126, 16, 8, 8), (1, 1, 1, 1)],
)
def test_uneven_layers_wait_for_the_fullest_stage(
    count: float, pp: int, vp: int, fullest: float
) -> None:
    # 126 layers on 16 x 8 chunks: the first and the last stage have one less (Llama 3)
    one, two = (
        schedule(layers(), shape=deep(count), pp=pp, vp=vp, micro_batches=m)
        for m in (64, 64 + pp)
    )
    assert two.step_time - one.step_time == pytest.approx(3.0 * fullest * pp)


@given(
    count=st.integers(1, 40), pp=st.integers(1, 40), micro_batches=st.integers(1, 40)
)
def test_stages_hold_all_layers(count: int, pp: int, micro_batches: int) -> None:
    shape = deep(float(count))
    step = schedule(
        layers(), shape=shape, pp=min(pp, count), micro_batches=micro_batches
    )
    # a micro-batch passes each layer, and the fullest stage does all micro-batches; it
    # is never slower than as many fullest stages
    fullest = -(-count // min(pp, count))
    assert step.step_time >= 3.0 * max(count, micro_batches * fullest) - 1e-9
    assert step.step_time <= 3.0 * fullest * (micro_batches + min(pp, count) - 1) + 1e-9


def test_hand_over_between_stages() -> None:
    # 2 B x 2048 tokens x 1024 over tp 2, to the next domain at 10 GB/s and 10 us
    size = 2 * 2048 * 1024 / 2
    plain = {"tp": 2, "dp": 4, "pp": 4, "micro_batches": 8}
    step = world().step(**plain)
    assert step.pp_bytes == 2 * 8 * size
    # the last stage is the busiest, and hands over one way only
    assert step.pp == pytest.approx(8 * (size / 1e10 + 1e-5))
    hides = world(software=software(overlap_pp=1.0))
    # 1F1B has no slack to hide in, interleaved stages have
    assert hides.step(**plain) == step
    assert hides.step(**plain, vp=2).pp == 0.0
    assert world().step(**plain, vp=2).pp > 0.0


def test_fill_and_drain_see_each_hop() -> None:
    size = 2 * 2048 * 1024
    quick = world(tiers=tiers_of(switch(4096, 1e30)))
    there, gone = (w.step(dp=8, pp=4, micro_batches=8) for w in (world(), quick))
    hop = size / 1e10 + 1e-5
    # one of the six is the last stage's own
    assert there.bubble - gone.bubble == pytest.approx((3 * 2 - 1) * hop, rel=1e-5)


def test_full_recomputation_repeats_the_forward_pass() -> None:
    rows = layers(forward_attention=0.5, forward_elementwise=0.25)
    step = schedule(rows, recompute=FULL)
    assert step.recompute == 8 * 1.75
    assert schedule(rows).recompute == 0.0


def test_selective_recomputation_repeats_the_unfused_core() -> None:
    rows = layers(forward_attention=0.5)
    rows[DENSE].again[CORE_ATTN] = 0.4
    assert schedule(rows, worker=UNFUSED, recompute=SELECTIVE).recompute == 8 * 0.4
    # a fused kernel repeats its scores in any case
    assert schedule(rows, recompute=SELECTIVE).recompute == 0.0
    # and all of it where its output is not kept
    again = software(selective_attention=1.0)
    assert schedule(rows, again, recompute=SELECTIVE).recompute == 8 * 0.5


def test_selective_recomputation_repeats_what_the_stack_says() -> None:
    rows = layers(forward_attention=0.5, forward_elementwise=0.25)
    stack = software(selective_matmul=0.5, selective_elementwise=1.0)
    step = schedule(rows, stack, recompute=SELECTIVE)
    assert step.recompute == 8 * (0.5 * 1.0 + 0.25)


def test_flops_count_recomputation() -> None:
    made = world(chip=UNFUSED)
    dense, head = made.layers()[DENSE], made.layers()[HEAD]
    once = 8 * 3 * dense.forward_flops + 3 * head.forward_flops
    for recompute, more in (
        (KEEP, 0.0),
        (SELECTIVE, 8 * dense.again_flops[CORE_ATTN]),
        (FULL, 8 * dense.forward_flops),
    ):
        step = made.step(recompute=recompute, micro_batches=4)
        assert step.hardware_flops == pytest.approx(4 * (once + more))
        # a share of the whole, whichever stage is the slowest
        stages = made.step(recompute=recompute, micro_batches=4, pp=4)
        assert stages.hardware_flops == pytest.approx(once + more)


def test_what_nobody_reads_is_not_repeated() -> None:
    # XLA: of a layer's second forward pass the last product, which only the residual
    # takes, is dead; of a mixture its shared experts' alone
    made, lean = (
        world(chip=UNFUSED, software=software(repeats_last=x)) for x in (1.0, 0.0)
    )
    dense = made.layers()[DENSE]
    assert dense.last_flops == 2.0 * made.case.seq_len * 4.0 * 1024**2
    whole, less = (w.step(recompute=FULL, micro_batches=4) for w in (made, lean))
    gone = 4 * 8 * dense.last_flops
    assert whole.hardware_flops - less.hardware_flops == pytest.approx(gone)
    assert whole.recompute - less.recompute == pytest.approx(4 * 8 * dense.last)
    kept = [w.step(micro_batches=4).step_time for w in (made, lean)]
    assert kept[0] == kept[1]


def test_a_host_that_launches_late() -> None:
    # 3 + 6 kernels of 1 s each against 3 s of work: 6 s of waiting a layer
    rows = layers(forward_kernels=3.0, backward_kernels=6.0)
    assert schedule(rows, software(launch=1.0)).launch == 8 * 6.0
    assert schedule(rows, software(launch=0.1)).launch == 0.0


def test_a_host_that_launches_experts_one_by_one() -> None:
    # 3 kernels of a graph; 2 of experts, launched one by one, and 5 of a library's loop
    rows = layers(forward_kernels=3.0, forward_routed=2.0, forward_products=5.0)
    stack = software(launch=0.5, expert_launch=3.0, expert_product=1.0)
    host = 1 * 0.5 + 2 * 3.0 + 5 * 1.0
    assert schedule(rows, stack).launch == 8 * (host - 3.0)


def test_a_host_waits_for_the_counts_of_tokens() -> None:
    # forward 3 s of host against 1 s of device, backward 0 s against 2 s
    rows = layers(forward_kernels=3.0)
    rows[tables.MOE] = rows[DENSE]
    stack = software(launch=1.0, expert_launch=1.0, expert_waits=1.0)
    assert schedule(rows, stack).launch == 0.0  # no mixture, nothing to wait for
    empty = {f"{kind}_parameters": 0.0 for kind in ("layer", "embed", "head")}
    mixed = model(moe_layers=8.0, **empty)
    assert schedule(rows, stack, mixed).launch == 8 * 2.0


def test_a_host_runs_ahead_but_not_between_stages() -> None:
    # forward 3 s of host against 1 s of device, backward 0 s against 2 s
    rows = layers(forward_kernels=3.0)
    assert schedule(rows, software(launch=1.0)).launch == 0.0
    assert schedule(rows, software(launch=1.0), pp=2, micro_batches=2).launch == (
        2 * 4 * 2.0
    )


def test_a_repeated_layer_costs_its_host_more() -> None:
    # 3 kernels again, 5 s of checkpointing: 14 s of host against 1 + 2 + 1 s
    rows = layers(forward_kernels=3.0, backward_kernels=3.0)
    stack = software(launch=1.0, checkpoint=5.0)
    assert schedule(rows, stack, recompute=FULL).launch == 8 * (14.0 - 4.0)


def test_a_kernel_for_every_parameter_tensor() -> None:
    # 6 tensors a layer: one kernel each in a micro-batch, two each in a step
    shape = model(
        layer_parameters=0.0, embed_parameters=0.0, head_parameters=0.0, tensors=6.0
    )
    stack = software(launch=1.0, tensor_kernels=(1.0, 2.0))
    step = schedule(layers(), stack, shape, micro_batches=2)
    assert step.launch == 2 * 8 * (6.0 - 3.0)
    assert step.optimizer == 8 * 6 * 2.0


def test_gradients_that_nothing_scatters() -> None:
    made = world(tiers=tiers_of(switch(64)), software=software(scatter=0.0))
    share = 63 / 64
    step = made.step(dp=64, sharding=ZERO1)
    # an all-reduce of gradients in fp32, an all-gather of weights of 2 B
    assert step.dp_bytes == share * (2 * 4 + 2) * GRADIENTS


def test_tensor_parallel_overlap() -> None:
    # 4 chunks: the first has nothing to hide behind; the rest takes 1/10 of the units
    rows = layers(forward_tp=0.4, backward_tp=0.8, tp_rings=(0.3, 0.6))
    step = schedule(rows, software(overlap_tp=1.0), tp=4)
    assert step.tp == pytest.approx(8 * 1.2 * 0.25)
    assert step.contention == pytest.approx(8 * 1.2 * 0.75 * 0.1)
    assert schedule(rows, tp=4).tp == pytest.approx(8 * 1.2)
    # what is longer than its product is seen, and the product is slower meanwhile
    rows = layers(forward_tp=10.0, backward_tp=10.0, tp_rings=(7.5, 7.5))
    step = schedule(rows, software(overlap_tp=1.0), tp=4)
    assert step.tp + step.contention == pytest.approx(8 * (20.0 - 3.0))
    assert step.contention == pytest.approx(8 * 3.0 * (1 / 0.9 - 1.0))


def test_an_exchange_hides_behind_its_own_product_alone() -> None:
    rows = layers(forward_tp=0.4, backward_tp=0.8, tp_rings=(0.1, 0.2))
    assert schedule(rows, software(overlap_tp=1.0), tp=4).tp == pytest.approx(8 * 0.9)
    # the repeated pass has the same products as the first one
    step = schedule(rows, software(overlap_tp=1.0), tp=4, recompute=FULL)
    assert step.tp == pytest.approx(8 * (1.6 - 2 * 0.1 - 0.2))


def test_what_goes_to_experts_is_not_exchanged_in_chunks() -> None:
    # of 0.4 and 0.8 s, 0.3 each way are for experts; 3/4 of the rest hides
    rows = layers(forward_tp=0.4, backward_tp=0.8, tp_experts=0.3, tp_rings=(0.3, 0.6))
    step = schedule(rows, software(overlap_tp=1.0), tp=4)
    assert step.tp == pytest.approx(8 * (1.2 - 0.75 * 0.6))


def test_tensor_parallel_overlap_outside_one_switch() -> None:
    # chunks are not exchanged; what single products hide is no longer seen
    rows = layers(forward_tp=0.4, backward_tp=0.8, tp_behind=0.3, tp_crosses=1.0)
    step = schedule(rows, software(overlap_tp=1.0), tp=16)
    assert step.tp == pytest.approx(8 * 0.9)
    assert step.contention == pytest.approx(8 * 0.1 * 0.3)


def test_context_ring_hides_behind_attention() -> None:
    rows = layers(
        forward_attention=1.0, backward_attention=2.0, forward_cp=1.0, backward_cp=3.0,
        forward_cp_behind=1.0, backward_cp_behind=2.0,
    )  # fmt: skip
    assert schedule(rows, software(overlap_cp=1.0), cp=2).cp == 8 * 1.0
    assert schedule(rows, cp=2).cp == 8 * 4.0


def test_one_computation_hides_one_communication() -> None:
    # 3 s of products hide 3 s of the 4 s that tp needs beside its first chunk, and
    # leave nothing for the experts
    rows = layers(
        forward_tp=2.0, backward_tp=3.0, forward_ep=1.0, backward_ep=1.0,
        tp_rings=(1.6, 2.4),
    )  # fmt: skip
    rows[DENSE]["tp_use"]["units"] = 0.0
    both = schedule(rows, software(overlap_tp=1.0, overlap_ep=1.0), tp=5)
    assert both.tp == 8 * 2.0
    assert both.ep == 8 * 2.0
    assert schedule(rows, software(overlap_ep=1.0), tp=5).ep == 0.0


GRADIENTS = 8 * 12 * 1024**2 + 2 * 32000 * 1024  # parameters of the whole model
FLAT = tiers_of(switch(4096, 1e11))


def test_data_parallel_traffic() -> None:
    made = world(tiers=FLAT)
    share = 63 / 64
    # an all-reduce of 4 B a gradient, once a step
    step = made.step(dp=64, micro_batches=4)
    assert step.dp_bytes == 2 * share * 4 * GRADIENTS
    assert step.dp == pytest.approx(step.dp_bytes / 1e11)
    # reduce-scatter of gradients, all-gather of weights of 2 B
    step = made.step(dp=64, micro_batches=4, sharding=ZERO1)
    assert step.dp_bytes == share * (4 + 2) * GRADIENTS
    # gradients in each micro-batch, weights once
    step = made.step(dp=64, micro_batches=4, sharding=ZERO2)
    assert step.dp_bytes == pytest.approx(share * (4 * 4 + 2) * GRADIENTS)
    # weights twice in each micro-batch
    step = made.step(dp=64, micro_batches=4, sharding=ZERO3)
    assert step.dp_bytes == pytest.approx(share * 4 * (4 + 2 * 2) * GRADIENTS)


def test_traffic_of_rajbhandari() -> None:
    # sec. 7: gradients as wide as weights; ZeRO-1 and -2 move as much as plain data
    # parallelism, ZeRO-3 half as much again
    made = world(tiers=FLAT, software=software(grad_bytes=2.0))
    plain, one, two, three = (
        made.step(dp=64, sharding=kind).dp_bytes
        for kind in (UNSHARDED, ZERO1, ZERO2, ZERO3)
    )
    assert one == plain
    assert two == pytest.approx(plain)
    assert three == pytest.approx(1.5 * plain)


def test_context_parallel_ranks_share_gradients() -> None:
    made = world(tiers=FLAT)
    assert made.step(dp=8, cp=8).dp_bytes == made.step(dp=64).dp_bytes


def test_experts_are_reduced_in_their_own_group() -> None:
    made, share = world(model=mixture(), tiers=FLAT), 7 / 8
    dense = 8 * (4 * 1024**2 + 8 * 1024) + 2 * 32000 * 1024
    experts = 8 * 8 * 2 * 1024 * 512
    step = made.step(dp=8, ep=4)
    assert step.dp_bytes == 2 * 4 * (share * dense + 1 / 2 * experts / 4)
    # as many experts as replicas: nothing to reduce
    step = made.step(dp=8, ep=8)
    assert step.dp_bytes == 2 * 4 * share * dense


def test_buckets_start_again_and_again() -> None:
    # plain replicas: 8 tensors a layer at most, each bucket waits for the network
    slow = tiers_of(switch(64, 1e11, 1e-3))
    made = {"tiers": slow, "model": model(tensors=8.0)}
    whole = world(**made).step(dp=64)
    cut = world(**made, software=software(bucket=GRADIENTS)).step(dp=64)
    fine = world(**made, software=software(bucket=1.0)).step(dp=64)
    assert whole.dp_bytes == pytest.approx(cut.dp_bytes)
    assert whole.dp < cut.dp < fine.dp
    # a sharded optimizer has collectives of its own
    sharded = [
        world(**made, software=software(bucket=b)).step(dp=64, sharding=ZERO1).dp
        for b in (0.0, 1.0)
    ]
    assert sharded[0] == sharded[1]


def test_cores_that_add_up_shards_do_not_compute() -> None:
    # the reduce-scatter of ZeRO-3 is seen, the all-reduce among alike groups hides
    stacks = (
        software(overlap_dp=1.0, overlap_gather=1.0, overlap_scatter=x)
        for x in (1.0, 0.0)
    )
    behind, seen = (world(tiers=FLAT, software=one) for one in stacks)
    plan = {"dp": 64, "micro_batch": 16, "sharding": ZERO3, "shard_group": 16}
    table = 32000 * 1024  # of the embedding, which nothing hides
    size = 8 * 12 * 1024**2 + 2 * table
    scatter = 4.0 * size * 15 / 16 / 1e11
    more = seen.step(**plan).dp - behind.step(**plan).dp
    assert more == pytest.approx(scatter * (1 - table / size))
    # plain replicas all-reduce, which runs behind
    assert seen.step(dp=64).dp == behind.step(dp=64).dp


def test_reduction_hides_behind_the_backward_pass() -> None:
    # buckets of 8 layers: the last one is seen, 7/8 run behind the backward pass
    small = model(vocab=1000.0, embed_parameters=1e6, head_parameters=1e6)
    made, hidden = (
        world(
            tiers=FLAT, model=small,
            software=software(overlap_dp=x, communication_share=0.1),
        )
        for x in (0.0, 1.0)
    )  # fmt: skip
    seen = made.step(dp=64, micro_batch=16).dp
    backward = made.step(micro_batch=16).step_time / 2
    assert seen < backward  # it could hide as a whole
    step = hidden.step(dp=64, micro_batch=16)
    assert step.dp == pytest.approx(seen / 8)
    assert step.contention == pytest.approx(seen * 7 / 8 * 0.1)


def test_optimizer_streams_its_state() -> None:
    # 4 B a gradient thrice, 12 B of state read and written, 2 B of weights written
    made = world()
    time = (3 * 4 + 2 * 12 + 2) * GRADIENTS / 4e12
    assert made.step().optimizer == pytest.approx(time)
    assert made.step(dp=64).optimizer == pytest.approx(time)
    assert made.step(dp=64, sharding=ZERO1).optimizer == pytest.approx(time / 64)
    assert made.step(tp=4).optimizer == pytest.approx(time / 4)
    chained = world(software=software(fused_optimizer=0.0))
    assert chained.step().optimizer == pytest.approx(2 * time)


def test_experts_are_updated_by_their_own_group() -> None:
    made = world(model=mixture())
    whole = made.step(dp=8, sharding=ZERO1).optimizer
    assert made.step(dp=8, ep=4, sharding=ZERO1).optimizer == pytest.approx(whole)


def test_host_works_once_a_step() -> None:
    assert (
        world(software=software(step_overhead=0.25)).step(micro_batches=9).host == 0.25
    )


SIZES: dict[str, st.SearchStrategy[Any]] = {
    "tp": st.sampled_from([1, 2, 4]),
    "sp": st.sampled_from([0, 1]),
    "cp": st.sampled_from([1, 2]),
    "pp": st.sampled_from([1, 2, 4]),
    "dp": st.sampled_from([1, 4, 16]),
    "micro_batch": st.integers(1, 3),
    "micro_batches": st.integers(1, 9),
    "recompute": st.sampled_from([KEEP, SELECTIVE, FULL]),
    "sharding": SHARDINGS,
}
OVERLAPS = ("tp", "dp", "gather", "pp", "cp", "ep")


def stack_of(overlap: float, **more: float) -> Record:
    may = {f"overlap_{name}": overlap for name in OVERLAPS}
    return software(**may | {"communication_share": 0.15, "step_overhead": 0.01} | more)


MODELS = st.sampled_from([model(), model(dropout=1.0, layers=10.0), mixture()])
CHIPS = st.sampled_from([chip(kernel_latency=1e-6), UNFUSED])


@given(shape=MODELS, worker=CHIPS, overlap=st.sampled_from([0.0, 1.0]), **SIZES)
def test_parts_make_the_total(
    shape: Record, worker: Record, overlap: float, **sizes: int
) -> None:
    made = world(model=shape, chip=worker, software=stack_of(overlap, launch=1e-6))
    step = made.step(**sizes)
    parts = [step[name] for name in TIMES]
    assert min(parts) >= 0.0
    assert step.step_time == pytest.approx(sum(parts))
    assert 0.0 <= step.memory_bound <= step.matmul * (1 + 1e-9)


@given(shape=MODELS, worker=CHIPS, **SIZES)
def test_overlap_never_hurts_without_a_share(
    shape: Record, worker: Record, **sizes: int
) -> None:
    plain, hidden = (
        world(
            model=shape, chip=worker, software=stack_of(on, communication_share=0.0)
        ).step(**sizes)
        for on in (0.0, 1.0)
    )
    assert hidden.step_time <= plain.step_time * (1 + 1e-12)
    if sizes["pp"] > 1:  # the bytes of another stage may count
        return
    for kind in ("tp", "cp", "ep", "pp", "dp"):
        assert hidden[f"{kind}_bytes"] == plain[f"{kind}_bytes"]


FASTER = st.sampled_from(["clock", "memory", "inner", "outer", "latency"])


@given(
    shape=MODELS,
    overlap=st.sampled_from([0.0, 1.0]),
    what=FASTER,
    factor=st.floats(1.0, 8.0),
    **SIZES,
)
def test_faster_parts_never_slow_a_step(
    shape: Record, overlap: float, what: str, factor: float, **sizes: int
) -> None:
    def made(*, fast: bool) -> World:
        def scale(name: str) -> float:
            return factor if fast and what == name else 1.0

        clock = scale("clock")
        late = 1 / scale("latency")
        worker = chip(
            matrix_rate=chip().matrix_rate * clock,
            boost=clock,
            memory_bandwidth=4e12 * scale("memory"),
        )
        links = tiers_of(
            switch(8, 1e11 * scale("inner"), 1e-6 * late),
            switch(4096, 1e10 * scale("outer"), 1e-5 * late),
        )
        return world(model=shape, chip=worker, tiers=links, software=stack_of(overlap))

    slow, fast = (made(fast=x).step(**sizes).step_time for x in (False, True))
    assert fast <= slow * (1 + 1e-9)


@given(shape=MODELS, overlap=st.sampled_from([0.0, 1.0]), **SIZES)
def test_half_the_batch_leaves_what_happens_once(
    shape: Record, overlap: float, **sizes: int
) -> None:
    sizes["sharding"] = min(sizes["sharding"], ZERO1)
    sizes["micro_batches"] = max(sizes["micro_batches"], sizes["pp"])
    half = world(model=shape, software=stack_of(overlap)).step(**sizes)
    sizes["micro_batches"] *= 2
    whole = world(model=shape, software=stack_of(overlap)).step(**sizes)
    assert half.dp_bytes == whole.dp_bytes
    assert half.dp == whole.dp
    assert half.optimizer == whole.optimizer
    assert half.bubble == pytest.approx(whole.bubble)
    for name in ("matmul", "attention", "elementwise", "head", "tp", "hardware_flops"):
        assert 2 * half[name] == pytest.approx(whole[name])


@given(shape=MODELS, **SIZES)
def test_a_micro_batch_more_takes_one_slowest_stage_more(
    shape: Record, **sizes: int
) -> None:
    made = world(model=shape)
    sizes["sharding"] = UNSHARDED
    times = [made.step(**sizes | {"micro_batches": n}).step_time for n in (3, 4, 5)]
    assert times[2] - times[1] == pytest.approx(times[1] - times[0])
    assert np.all(np.diff(times) > 0)


@given(shape=MODELS, **SIZES)
def test_alone_there_is_nobody_to_talk_to(shape: Record, **sizes: int) -> None:
    one = dict.fromkeys(("tp", "cp", "pp", "dp"), 1)
    step = world(model=shape).step(**sizes | one)
    for kind in ("tp", "cp", "ep", "pp", "dp"):
        assert step[kind] == step[f"{kind}_bytes"] == 0.0
    assert step.bubble == 0.0


def test_a_mixture_in_part_of_the_layers_lies_between() -> None:
    # half of 8 layers are mixtures: their time is the mean of all and none
    def time(count: float) -> float:
        turn = 8.0 / max(1.0, count)
        made = world(model=mixture(moe_layers=count, every=turn))
        return float(made.step().matmul)

    assert time(4.0) == pytest.approx(0.5 * (time(0.0) + time(8.0)))
    layer = world(model=mixture()).layers()[MOE]
    assert time(8.0) == pytest.approx(
        8 * (layer.forward_matmul + layer.backward_matmul)
    )


def test_a_host_runs_ahead_within_one_stage_alone() -> None:
    # 1 s forward and 5 s backward on the device, launched in 4 s and 1 s
    assert host_wait(1.0, 5.0, 4.0, 1.0, 0) == 0.0
    assert host_wait(1.0, 5.0, 4.0, 1.0, 1) == 3.0
