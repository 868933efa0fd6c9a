"""One layer on one worker: against the papers' totals, and laws of cutting it up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels import tables
from accelsim.kernels.attention import fused_seconds
from accelsim.kernels.layer_tables import LAYER
from accelsim.kernels.layers import add_operator
from accelsim.kernels.matmul import product_parts
from accelsim.kernels.plan_tables import CORE_ATTN
from accelsim.kernels.streams import stream_seconds
from accelsim.kernels.tables import DENSE, EMBED, HEAD, MOE, Record
from accelsim.kernels.weights import add_launches
from accelsim.training.lower import table
from tests.examples import (
    NO_FUSED,
    case,
    chip,
    gemm,
    mixture,
    model,
    row,
    software,
    switch,
    world,
)
from tests.examples import tiers as tiers_of

TP = st.sampled_from([1, 2, 4, 8, 16])
UNFUSED = chip(**NO_FUSED)
SEQ, HIDDEN, HEADS = 2048.0, 1024.0, 16.0
STATISTICS = 4 * SEQ * HEADS  # B; fused attention keeps one of fp32 a row and head
PARTS = ("matmul", "attention", "elementwise", "tp", "cp", "ep")


def timed(op: Record, worker: Record | None = None, **changes: float) -> Record:
    """Return the LAYER row of one operator alone."""
    layer = table(LAYER, 1)[0]
    add_operator(
        layer, chip() if worker is None else worker, case(**changes), software(), op
    )
    return layer


def product(**changes: float) -> Record:
    """Return 2048 x 1024 times 1024 x 4096 in bf16, gradients in fp32."""
    values = {"kind": tables.MATMUL, "part": tables.PART_MATMUL, "m": 2048.0}
    values |= {"n": 4096.0, "k": 1024.0, "batch": 1.0, "share": 1.0}
    values |= {"precision": tables.BF16, "gradient_bytes": 4.0}
    return row(tables.OPERATOR, **values | changes)[0]


def test_a_weight_has_one_product_forward_and_two_backward() -> None:
    layer, worker = timed(product()), chip()
    m, n, k = 2048.0, 4096.0, 1024.0
    forward = product_parts(worker, gemm(m, n, k))[0]
    # gradient of the input, and of the weight: read and written in fp32
    data = product_parts(worker, gemm(m, k, n))[0]
    weight = product_parts(worker, gemm(n, k, m, bytes_out=8.0))[0]
    assert layer.forward_matmul == forward
    assert layer.backward_matmul == data + weight
    assert layer.forward_flops == 2 * m * n * k
    assert layer.backward_flops == 2 * layer.forward_flops
    assert (layer.forward_kernels, layer.backward_kernels) == (1.0, 2.0)


def test_narrow_products_cast_what_they_read() -> None:
    # read in bf16 and write two copies of one byte, one of them transposed
    layer = timed(product(precision=tables.FP8), chip(kernel_latency=1e-6))
    assert layer.forward_elementwise == pytest.approx(4 * 2048 * 1024 / 4e12 + 1e-6)
    assert layer.backward_elementwise == pytest.approx(4 * 2048 * 4096 / 4e12 + 1e-6)
    assert (layer.forward_kernels, layer.backward_kernels) == (2.0, 3.0)
    assert timed(product()).forward_elementwise == 0.0


def test_a_stack_moves_more_to_cast() -> None:
    # the largest value first: two more bytes, in the precision that needs it alone
    moved = np.zeros(tables.N_PRECISIONS)
    moved[tables.FP8] = 2.0
    for precision, more in ((tables.FP8, 2.0), (tables.MXFP8, 0.0)):
        layer = table(LAYER, 1)[0]
        op = product(precision=precision)
        add_operator(layer, chip(), case(), software(casts=moved), op)
        plain = timed(product(precision=precision))
        found = layer.forward_elementwise - plain.forward_elementwise
        assert found == pytest.approx(more * 2048 * 1024 / 4e12)


def test_experts_apart_are_cast_and_started_one_by_one() -> None:
    experts = {"batch": 4.0, "grouped": tables.APART, "precision": tables.FP8}
    layer = timed(product(**experts), chip(kernel_latency=1e-6))
    cast = 4.0 * 4 * 2048 * 1024 / 4e12
    assert layer.forward_elementwise == pytest.approx(cast + 4e-6)
    # one call of a library each for casts and products, and its loops over the experts
    assert (layer.forward_kernels, layer.backward_kernels) == (2.0, 3.0)
    assert (layer.forward_products, layer.backward_products) == (8.0, 12.0)
    one = table(LAYER, 1)[0]
    add_launches(one, product(batch=4.0, grouped=tables.ONE_KERNEL), 1.0, 2.0)
    assert (one.forward_kernels, one.backward_kernels) == (1.0, 2.0)
    assert (one.forward_products, one.backward_products) == (0.0, 0.0)


def test_what_is_started_between_routing_and_combining() -> None:
    stack = software(expert_kernels=15.0, expert_scores=(45.0, 45.0))
    layer = world(model=mixture(), software=stack).layers()[MOE]
    # four that permute, two products and the activation, each way; not the router's
    assert (layer.forward_routed, layer.backward_routed) == (7.0, 9.0)
    assert world(model=mixture()).layers()[DENSE].forward_routed == 0.0
    # two exchanges of four calls each (collective_calls)
    apart = world(model=mixture(), software=stack).layers(ep=2)[MOE]
    calls = 2 * stack.collective_calls
    assert apart.forward_routed == 7.0 + calls
    # and one each for the counts and the weights of the choices
    stack.expert_beside = (2.0, 1.0)
    beside = world(model=mixture(), software=stack).layers(ep=2)[MOE]
    assert beside.forward_routed == 7.0 + 2 * calls
    assert beside.backward_routed == apart.backward_routed + calls / 2
    assert beside.forward_ep > apart.forward_ep


def test_a_stream_takes_its_bytes_and_its_starts() -> None:
    op = row(
        tables.OPERATOR, kind=tables.STREAM, part=tables.PART_ELEMENTWISE,
        forward_bytes=4e9, backward_bytes=8e9, kernels=3.0, share=1.0,
    )[0]  # fmt: skip
    layer = timed(op, chip(kernel_latency=1e-6))
    assert layer.forward_elementwise == pytest.approx(1e-3 + 3e-6)
    assert layer.backward_elementwise == pytest.approx(2e-3 + 3e-6)
    assert layer.forward_flops == 0.0


def test_a_frozen_weight_has_no_gradient_of_its_own() -> None:
    whole, frozen = timed(product()), timed(product(frozen=1))
    m, n, k = 2048.0, 4096.0, 1024.0
    assert frozen.backward_matmul == product_parts(chip(), gemm(m, k, n))[0]
    assert frozen.forward_matmul == whole.forward_matmul
    assert frozen.backward_flops == frozen.forward_flops == 2 * m * n * k


def test_an_adapter_goes_down_and_up() -> None:
    # Hu et al. 2021, sec. 4.1: rank 16 beside 1024 x 4096
    frozen, adapted = timed(product(frozen=1)), timed(product(frozen=1, adapter=16.0))
    more = 2.0 * 2048 * 16 * (1024 + 4096)
    assert adapted.forward_flops - frozen.forward_flops == more
    assert adapted.backward_flops - frozen.backward_flops == 2 * more
    down = product_parts(chip(), gemm(2048.0, 16.0, 1024.0))[0]
    up = product_parts(chip(), gemm(2048.0, 4096.0, 16.0, bytes_out=4.0))[0]
    added = adapted.forward_matmul - frozen.forward_matmul
    assert added == pytest.approx(down + up)


def test_a_gradient_that_a_kernel_adds() -> None:
    stack, worker, layer = (
        software(fused_accumulation=0.0),
        chip(),
        table(LAYER, 1),
    )
    add_operator(layer[0], worker, case(), stack, product())
    n, k = 4096.0, 1024.0
    # the product writes 2 B; the kernel reads them, reads and writes 4 B
    weight = product_parts(worker, gemm(n, k, 2048.0, bytes_out=2.0))[0]
    data = product_parts(worker, gemm(2048.0, k, n))[0]
    assert layer[0].backward_matmul == data + weight
    assert layer[0].backward_elementwise == stream_seconds(worker, 10.0 * n * k, 1.0)
    assert layer[0].backward_kernels == 2.0  # `tensor_kernels` counts all tensors' own


def test_a_gradient_that_is_copied_before_it_is_added() -> None:
    seen = []
    for copied in (0.0, 1.0):
        stack = software(fused_accumulation=0.0, copied_accumulation=copied)
        layer = table(LAYER, 1)
        add_operator(layer[0], chip(), case(), stack, product())
        seen.append(layer[0].backward_elementwise)
    # 10 B an element; copied, 2 read and 4 written, then three times 4
    more = stream_seconds(chip(), 18.0 * 4096 * 1024, 2.0)
    assert seen == [stream_seconds(chip(), 10.0 * 4096 * 1024, 1.0), more]


def test_a_stacks_python_counts_for_the_host_alone() -> None:
    plain, own = (
        world(software=software(layer_calls=calls)).layers()[DENSE]
        for calls in ((0.0, 0.0), (5.0, 7.0))
    )
    assert own.forward_kernels == plain.forward_kernels + 5.0
    assert own.backward_kernels == plain.backward_kernels + 7.0
    own.forward_kernels, own.backward_kernels = plain.forward_kernels, 0.0
    plain.backward_kernels = 0.0
    assert own == plain


def test_a_collective_is_four_calls_of_the_host() -> None:
    alone, two = (world().layers(tp=tp)[DENSE] for tp in (1, 2))
    # an all-reduce for each of two blocks, in each pass (Shoeybi et al. 2019, fig. 4)
    assert two.forward_kernels == alone.forward_kernels + 2 * 4.0


def test_fused_attention_repeats_the_scores_backward() -> None:
    # 2 products forward, 5 backward; half of them behind the mask (Dao 2023, sec. 3.1)
    op = row(
        tables.OPERATOR, kind=tables.FUSED_ATTENTION, part=tables.PART_ATTENTION,
        module=CORE_ATTN, m=2048.0, n=2048.0, k=64.0, v=64.0, batch=16.0, kv_batch=16.0,
        causal=1.0, share=1.0, precision=tables.BF16,
    )[0]  # fmt: skip
    layer, worker = timed(op), chip()
    full = 4 * 16 * 2048**2 * 64
    useful = full * 0.5 * (1 + 1 / 2048)
    for which in ("forward", "backward"):
        part = worker[f"attention_{which}"]
        assert layer[f"{which}_attention"] == fused_seconds(worker, part, op)
    # what the chip executes: no masked block, and the repetition
    assert (layer.forward_flops, layer.backward_flops) == (useful, 2.5 * useful)


def test_flops_of_a_layer_with_all_scores() -> None:
    # Narayanan et al. 2021, appendix: 24 B s h^2 + 4 B s^2 h forward, twice backward
    layer = world(chip=UNFUSED).layers(micro_batch=2)[DENSE]
    forward = 24 * 2 * SEQ * HIDDEN**2 + 4 * 2 * SEQ**2 * HIDDEN
    assert layer.forward_flops == forward
    assert layer.backward_flops == 2 * forward
    assert layer.again_flops[CORE_ATTN] == 4 * 2 * SEQ**2 * HIDDEN


def test_flops_of_a_layer_behind_a_mask() -> None:
    # a fused kernel leaves out what is masked, and repeats the scores backward
    layer = world().layers()[DENSE]
    weights, core = 24 * SEQ * HIDDEN**2, 4 * SEQ**2 * HIDDEN * 0.5 * (1 + 1 / SEQ)
    assert layer.forward_flops == pytest.approx(weights + core)
    assert layer.backward_flops == pytest.approx(2 * weights + 2.5 * core)
    assert layer.again_flops[CORE_ATTN] == pytest.approx(core)


def test_flops_of_the_head() -> None:
    head = world().layers()[HEAD]
    assert head.forward_flops == 2 * SEQ * HIDDEN * 32000
    assert head.backward_flops == 2 * head.forward_flops


def test_kernels_of_a_fused_layer() -> None:
    # two norms and two residuals, queries to values, attention, output, up,
    # activation, down
    assert world().layers()[DENSE].forward_kernels == 4 + 6


def test_a_dense_model_has_no_mixture() -> None:
    layers = world().layers()
    assert layers[MOE] == table(LAYER, 1)[0]


@given(
    tp=TP, micro_batch=st.integers(1, 4), dropout=st.sampled_from([0.0, 1.0]),
    seq=st.sampled_from([512.0, 2048.0]),
)  # fmt: skip
def test_activations_of_korthikanti(
    tp: int, micro_batch: int, dropout: float, seq: float
) -> None:
    # Korthikanti et al. 2022, eq. 2: s b h (10 + 24/t + 5 a s / (h t)) with dropout;
    # without, the masks of 1 B are gone: 2 of the 10 and 1 + 2 of the 5
    world_ = world(chip=UNFUSED, model=model(dropout=dropout), case=case(seq_len=seq))
    layer = world_.layers(tp=tp, micro_batch=micro_batch)[DENSE]
    sbh = seq * micro_batch * HIDDEN
    blocks, scores = (10, 5) if dropout else (8, 2)
    core = sbh * scores * HEADS * seq / (HIDDEN * tp)
    assert layer.saved == pytest.approx(sbh * (blocks + 24 / tp) + core)
    assert layer.saved_core == pytest.approx(core)
    assert layer.input == 2 * sbh


@given(tp=TP)
def test_activations_of_korthikanti_with_sequence_parallelism(tp: int) -> None:
    # eq. 4 and 6: s b h / t (34 + 5 a s / h), of which selective keeps 34 s b h / t
    world_ = world(chip=UNFUSED, model=model(dropout=1.0))
    layer = world_.layers(tp=tp, sp=1)[DENSE]
    sbh = SEQ * HIDDEN
    assert layer.saved == pytest.approx(sbh / tp * (34 + 5 * HEADS * SEQ / HIDDEN))
    assert layer.saved - layer.saved_core == pytest.approx(34 * sbh / tp)


def test_fused_attention_keeps_no_scores() -> None:
    layer = world(model=model(dropout=1.0)).layers()[DENSE]
    assert layer.saved == 34 * SEQ * HIDDEN + STATISTICS
    assert layer.saved_core == 0.0


def test_latent_attention_keeps_its_low_ranks_too() -> None:
    # 32 s b h without queries to context (8); 16 heads of 192 + 128 for the queries and
    # their context, as much for keys and values, and 768 + 512 before them, as the
    # norms take and give them, with 64 that are rotated
    shape = model(
        head_dim=192.0, v_dim=128.0, rope_dim=64.0, kv_rank=512.0, q_rank=768.0
    )
    layer = world(model=shape).layers()[DENSE]
    attention = 2 * 16 * (192 + 128) + 2 * (768 + 512) + 64
    assert layer.saved == SEQ * (24 * HIDDEN + 2 * attention) + STATISTICS


def test_experts_keep_the_tokens_they_see() -> None:
    # two norms and their products' inputs, attention, twice 2 choices of h, and their
    # inner width before and after the activation
    stack = software(expert_outputs=1.0)
    layer = world(model=mixture(), software=stack).layers()[MOE]
    inner = 2 * 2 * 2 * 512
    assert layer.saved == SEQ * (3 * 8 * HIDDEN + inner) + STATISTICS


def test_narrow_formats_keep_what_products_read_in_one_byte() -> None:
    # of 34 s b h, the inputs of two norms' products and of the last one shrink by half
    narrow = world(case=case(precision=tables.FP8), model=model(dropout=1.0))
    kept = (34 - 2 - 4) * SEQ * HIDDEN
    assert narrow.layers()[DENSE].saved == kept + STATISTICS


def test_tensor_parallel_traffic() -> None:
    # Shoeybi et al. 2019, fig. 4: two all-reduces forward, two backward, of s b h
    size, links = 2 * SEQ * HIDDEN, tiers_of(switch(8, 1e11))
    layer = world(tiers=links).layers(tp=4)[DENSE]
    assert layer.forward_tp_bytes == 2 * 2 * size * 3 / 4
    assert layer.forward_tp == pytest.approx(layer.forward_tp_bytes / 1e11)
    # sequence parallelism moves the same bytes (Korthikanti et al. 2022, sec. 4.2.2)
    assert world(tiers=links).layers(tp=4, sp=1)[DENSE].forward_tp_bytes == (
        layer.forward_tp_bytes
    )


def test_inputs_are_gathered_again_backward_unless_kept() -> None:
    # two blocks forward: 2 all-gathers and 2 reduce-scatters; backward 2 gathers more
    links = tiers_of(switch(8, 1e11))
    one = 2 * SEQ * HIDDEN * 3 / 4
    again = world(tiers=links).layers(tp=4, sp=1)[DENSE]
    assert again.forward_tp_bytes == 4 * one
    assert again.backward_tp_bytes == 6 * one
    stack = software(gathered_inputs=1.0)
    kept = world(tiers=links, software=stack).layers(tp=4, sp=1)[DENSE]
    assert kept.backward_tp_bytes == 4 * one
    # a frozen weight has no gradient that its input is for
    frozen = world(tiers=links, model=model(adapter_rank=16.0)).layers(tp=4, sp=1)
    assert frozen[DENSE].backward_tp_bytes == 4 * one


def test_one_product_hides_one_collective() -> None:
    # a worker's 2048 x 1024 x 768 and 2048 x 1024 x 1024 take 32 and 43 us a gradient
    # at 1e14 FLOP/s; each collective moves 3 MiB in 31 us at 1e11 B/s, in 0.3 s at 1e7
    stack = software(overlap_tp_backward=1.0)
    fast = world(tiers=tiers_of(switch(8, 1e11)), software=stack)
    layer = fast.layers(tp=4, sp=1)[DENSE]
    time = layer.forward_tp / 4
    assert layer.backward_tp == pytest.approx(6 * time)
    slow = world(tiers=tiers_of(switch(8, 1e7)), software=stack)
    long = slow.layers(tp=4, sp=1)[DENSE]
    # all four products of the column-parallel weights, and no more
    wide = [product_parts(chip(), gemm(SEQ, HIDDEN, n))[0] for n in (768.0, 1024.0)]
    deep = [
        product_parts(chip(), gemm(n, HIDDEN, SEQ, bytes_out=8.0))[0]
        for n in (768.0, 1024.0)
    ]
    assert long.tp_behind == pytest.approx(sum(wide) + sum(deep))
    hidden = sum(min(time, each) for each in (*wide, *deep))
    assert layer.tp_behind == pytest.approx(hidden)
    # without sp, an all-reduce behind the weight's gradient alone
    assert slow.layers(tp=4)[DENSE].tp_behind == pytest.approx(sum(deep))
    assert world(tiers=tiers_of(switch(8, 1e7))).layers(tp=4)[DENSE].tp_behind == 0.0


def test_chunked_exchange_ends_at_the_innermost_switch() -> None:
    links = tiers_of(switch(8, 1e11), switch(4096, 1e10))
    made = world(tiers=links, software=software(overlap_tp_inside=1.0))
    assert [made.layers(tp=tp)[DENSE].tp_crosses for tp in (4, 8, 16)] == [
        0.0,
        0.0,
        1.0,
    ]
    assert world(tiers=links).layers(tp=16)[DENSE].tp_crosses == 0.0


def test_overlapped_products_are_timed_in_pieces() -> None:
    worker = chip(kernel_latency=2e-6, wave_fill=1e-6, l2_capacity=3e7)
    chunks = software(overlap_tp=1.0, overlap_tp_pieces=4.0)
    links = tiers_of(switch(8, 1e11))
    cut, plain = (
        world(chip=worker, tiers=links, software=how)
        for how in (chunks, software(overlap_tp=1.0))
    )
    # queries, keys and values, output, up and down; pieces forward and backward
    products = [
        (768.0, HIDDEN, (4.0, 1.0), (1.0, 1.0)),
        (HIDDEN, 256.0, (1.0, 4.0), (4.0, 1.0)),
        (1024.0, HIDDEN, (4.0, 1.0), (1.0, 1.0)),
        (HIDDEN, 1024.0, (1.0, 4.0), (4.0, 1.0)),
    ]
    more = [0.0, 0.0]
    for n, k, forward, backward in products:
        for way, pieces, wide, deep in ((0, forward, n, k), (1, backward, k, n)):
            whole, parts = (
                product_parts(worker, gemm(SEQ, wide, deep, pieces=each))[0]
                for each in ((1.0, 1.0), pieces)
            )
            more[way] += max(0.0, parts - whole)
    slow, fast = (made.layers(tp=4, sp=1)[DENSE] for made in (cut, plain))
    assert more[0] > 0.0
    assert slow.forward_matmul - fast.forward_matmul == pytest.approx(more[0])
    assert slow.backward_matmul - fast.backward_matmul == pytest.approx(more[1])
    # nothing goes round
    for ranks, sp in ((1, 0), (4, 0)):
        slow, fast = (made.layers(tp=ranks, sp=sp)[DENSE] for made in (cut, plain))
        assert slow == fast


def test_embedding_and_head_exchange_hidden_states_once() -> None:
    size = 2 * SEQ * HIDDEN
    layers = world(tiers=tiers_of(switch(8, 1e11))).layers(tp=4)
    for end in (EMBED, HEAD):
        both = layers[end].forward_tp_bytes + layers[end].backward_tp_bytes
        assert both == 2 * size * 3 / 4


def test_context_parallel_traffic() -> None:
    # every rank gets the keys and values of all others: 2 B x (512 + 512) a token
    shape = model(kv_heads=8.0)
    layer = world(model=shape, tiers=tiers_of(switch(8, 1e11))).layers(cp=4)[DENSE]
    assert layer.forward_cp_bytes == 2 * SEQ * 2 * 8 * 64 * 3 / 4
    # backward again, and their gradients come home
    assert layer.backward_cp_bytes == 2 * layer.forward_cp_bytes


def test_expert_parallel_traffic() -> None:
    # each token goes to 2 experts and comes back; 3/4 of them live elsewhere
    made = world(model=mixture(), tiers=tiers_of(switch(8, 1e11)))
    layer = made.layers(ep=4)[MOE]
    assert layer.forward_ep_bytes == 2 * 2 * 2 * SEQ * HIDDEN * 3 / 4
    assert layer.backward_ep_bytes == layer.forward_ep_bytes
    assert made.layers(ep=4)[DENSE].forward_ep_bytes == 0.0


def test_tokens_of_experts_are_told_apart() -> None:
    # two choices a token, of all hidden states that attention gathers once
    made = world(model=mixture(), tiers=tiers_of(switch(8, 1e11))).layers(tp=4)
    assert made[DENSE].tp_experts == 0.0
    assert made[MOE].tp_experts == pytest.approx(made[MOE].forward_tp * 2 / 3)


def test_products_with_block_scales_in_a_step() -> None:
    worker = chip(block=0.5)
    worker.matrix_rate[tables.MXFP8] = worker.matrix_rate[tables.FP8]
    made = [
        world(chip=worker, case=case(precision=p)).layers()[DENSE].forward_matmul
        for p in (tables.FP8, tables.MXFP8)
    ]
    # half of the rate, but for memory and starts
    assert 1.6 * made[0] < made[1] < 2.0 * made[0]


@given(
    tp=TP, cp=st.sampled_from([1, 2, 4]), micro_batch=st.integers(1, 4),
    sp=st.sampled_from([0, 1]),
)  # fmt: skip
def test_cutting_keeps_the_work(tp: int, cp: int, micro_batch: int, sp: int) -> None:
    one = world().layers(micro_batch=micro_batch)
    cut = world().layers(micro_batch=micro_batch, tp=tp, cp=cp, sp=sp)
    for kind in (DENSE, HEAD):
        total = cut[kind].forward_flops * tp * cp
        assert total == pytest.approx(one[kind].forward_flops)


def test_one_worker_talks_to_nobody() -> None:
    for layer in world(model=mixture()).layers():
        for group in ("tp", "cp", "ep"):
            assert layer[f"forward_{group}"] == layer[f"backward_{group}"] == 0.0


@given(
    tp=TP, cp=st.sampled_from([1, 2]), ep=st.sampled_from([1, 2, 4]),
    factor=st.floats(1.0, 8.0),
    what=st.sampled_from(["memory", "rate", "inner", "outer"]),
)  # fmt: skip
def test_faster_parts_never_slow_a_layer(
    tp: int, cp: int, ep: int, factor: float, what: str
) -> None:
    rate = chip().matrix_rate
    worker = {
        "memory": chip(memory_bandwidth=4e12 * factor),
        "rate": chip(matrix_rate=rate * factor),
    }.get(what, chip())
    links = tiers_of(
        switch(8, 1e11 * (factor if what == "inner" else 1.0), 1e-6),
        switch(4096, 1e10 * (factor if what == "outer" else 1.0), 1e-5),
    )
    slow = world(model=mixture()).layers(tp=tp, cp=cp, ep=ep)[MOE]
    fast = world(model=mixture(), chip=worker, tiers=links)
    quick = fast.layers(tp=tp, cp=cp, ep=ep)[MOE]
    for part in PARTS:
        for way in ("forward", "backward"):
            name = f"{way}_{part}"
            assert quick[name] <= slow[name] * (1 + 1e-12)


def test_memory_bound_is_part_of_the_products() -> None:
    for worker in (UNFUSED, chip(memory_bandwidth=1e11)):
        layer = world(chip=worker).layers(tp=16)[DENSE]
        for way in ("forward", "backward"):
            bound = layer[f"{way}_memory_bound"]
            assert 0.0 <= bound <= layer[f"{way}_matmul"] * (1 + 1e-12)


def test_wide_formats_take_wide_memory() -> None:
    # fp32: activations of 4 B instead of 2; and the head at the rate of fp32
    wide = case(
        precision=tables.FP32, wide_precision=tables.FP32,
        attention_precision=tables.FP32, head_precision=tables.FP32,
        activation_bytes=4.0, weight_bytes=4.0,
    )  # fmt: skip
    full, half = world(case=wide), world()
    kept = [made.layers()[DENSE].saved - STATISTICS for made in (full, half)]
    assert kept[0] == 2 * kept[1]
    assert full.layers(tp=4)[DENSE].forward_tp_bytes == (
        2 * half.layers(tp=4)[DENSE].forward_tp_bytes
    )
    assert full.layers()[HEAD].forward_matmul == pytest.approx(
        10 * half.layers()[HEAD].forward_matmul, rel=0.05
    )


def test_a_stack_without_fused_norms_moves_more() -> None:
    plain = world(software=software(fused_norms=0.0)).layers()[DENSE]
    assert plain.forward_elementwise > world().layers()[DENSE].forward_elementwise
