"""What a stage holds, and what its replicas exchange, by hand."""

import pytest

from accelsim.kernels.fabric_tables import ALL_GATHER
from accelsim.kernels.plan_tables import EXCHANGE
from accelsim.kernels.replicas import (
    add_data_parallel,
    fill_exchange,
    group_exchange,
    stage_parameters,
    tied_exchange,
)
from accelsim.kernels.tables import RESULT, ZB_V, ZERO1
from accelsim.training.lower import table
from tests.examples import (
    case,
    chip,
    mixture,
    model,
    plan,
    software,
    switch,
    tiers,
    world,
)


def test_parameters_of_the_fullest_stage() -> None:
    # 8 layers of 12 x 1024^2 over 2 stages and tp 4; one table of 32000 x 1024
    dense, experts, ends = stage_parameters(model(), plan(pp=2, tp=4), 4.0, 0.0)
    assert (dense, experts) == (4 * 12 * 1024**2 / 4, 0.0)
    assert ends == 32000 * 1024 / 4
    # one stage holds both tables
    assert stage_parameters(model(), plan(), 8.0, 0.0)[2] == 2 * 32000 * 1024


def test_experts_are_cut_over_their_group() -> None:
    # 8 mixture layers, 8 experts of 2 x 1024 x 512 each, over ep 4
    _, experts, _ = stage_parameters(mixture(), plan(dp=4, ep=4), 0.0, 8.0)
    assert experts == 8 * 8 * 2 * 1024 * 512 / 4


def test_experts_are_exchanged_among_fewer() -> None:
    # 64 B among 8 replicas, 32 B among the 2 that hold the same experts, at 100 GB/s
    flat = tiers(switch(64))
    seconds, sent = group_exchange(
        flat, software(), plan(dp=8, ep=4), int(ALL_GATHER), 64.0, 32.0, 1.0, 8
    )
    assert sent == pytest.approx(64 * 7 / 8 + 32 / 2)
    assert seconds == pytest.approx(sent / 1e11)


@pytest.mark.parametrize("group", [2, 4, 8])
def test_groups_that_are_alike_reduce_their_shards(group: int) -> None:
    # PyTorch FSDP, sec. 3.2.2: gradients scattered within a group, their shards reduced
    # among the groups; weights gathered within it
    exchange, one = table(EXCHANGE, 1)[0], plan(dp=8, sharding=ZERO1, shard_group=group)
    stack = software(scatter=1.0)
    fill_exchange(
        exchange, chip(), model(), stack, case(), tiers(switch(64)), one, 8.0, 0.0
    )
    size = sum(stage_parameters(model(), one, 8.0, 0.0)) * stack.grad_bytes
    groups = 8 / group
    within = size * (group - 1) / group
    among = size / group * 2 * (groups - 1) / groups
    assert exchange.reduced == pytest.approx(within + among)
    assert exchange.gathered == pytest.approx(within * 2 / stack.grad_bytes)
    assert exchange.reduce == pytest.approx((within + among) / 1e11)


@pytest.mark.parametrize(("table_", "alone"), [(1e6, 1e8), (1e9, 1e9)])
def test_a_large_table_has_nothing_to_hide_behind(table_: float, alone: float) -> None:
    # the embedding is gathered first, and its gradient is there last (Li et al. 2020,
    # arXiv:2006.15704, sec. 3.2.3); else one of ten layers is
    stack = software(overlap_dp=1.0, overlap_gather=1.0, scatter=1.0)
    one, result = plan(dp=8, sharding=ZERO1), table(RESULT, 1)[0]
    held = model(
        layers=10.0, layer_parameters=(1e9 - min(table_, 1e6)) / 10.0,
        embed_parameters=table_, head_parameters=0.0,
    )  # fmt: skip
    exchange = table(EXCHANGE, 1)[0]
    fill_exchange(
        exchange, chip(), held, stack, case(), tiers(switch(64)), one, 10.0, 0.0
    )
    exchange.longer, exchange.done = 0.0, 1.0  # neither slows the other down
    add_data_parallel(result, exchange, stack, one, 10.0, 1e9, 1e9)
    both = stack.grad_bytes + 2.0  # gradients scattered, weights gathered
    assert result.dp == pytest.approx(alone * both * 7 / 8 / 1e11)


def test_a_table_that_two_stages_hold() -> None:
    # 32000 x 1024 of 2 B, cut over tp 2, among two workers at 100 GB/s: all of it, once
    flat, stack = tiers(switch(64)), software(grad_bytes=2.0)
    size = 2.0 * 32000 * 1024 / 2
    tied, one = model(head_parameters=0.0), plan(tp=2, pp=4, dp=2)
    seconds, sent = tied_exchange(flat, stack, tied, one)
    assert seconds == pytest.approx(size / 1e11)
    assert sent == pytest.approx(size * 2 / 4)
    assert tied_exchange(flat, stack, model(mtp=1.0), one) == (seconds, sent)
    alone = (0.0, 0.0)
    assert tied_exchange(flat, stack, model(), one) == alone
    assert tied_exchange(flat, stack, tied, plan(tp=2, dp=8)) == alone
    turned = plan(tp=2, pp=4, dp=2, schedule=ZB_V)
    assert tied_exchange(flat, stack, tied, turned) == alone
    own = world(model=model()).step(pp=4, dp=1)
    shared = world(model=tied).step(pp=4, dp=1)
    assert (own.dp, own.dp_bytes) == alone
    assert shared.dp_bytes > 0.0
    assert shared.dp > 0.0
