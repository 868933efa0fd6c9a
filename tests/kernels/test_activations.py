"""What a layer keeps, by what the software does of its own."""

import pytest

from accelsim.kernels.activations import STATISTIC, attention_kept
from accelsim.kernels.software_tables import OUTPUTS
from accelsim.kernels.tables import DENSE, MOE, SELECTIVE
from tests.examples import (
    NO_FUSED,
    chip,
    mixture,
    model,
    shard,
    software,
    world,
)

SEQ, HIDDEN, HEADS = 2048.0, 1024.0, 16.0
SBH = SEQ * HIDDEN


def saved(**changes: float) -> float:
    """Return what a layer keeps [B] where the software does such things."""
    made = world(model=model(up_matrices=2.0), software=software(**changes))
    return float(made.layers()[DENSE].saved)


def test_a_gate_in_two_kernels_keeps_its_activation() -> None:
    # one more tensor of the inner width 4 h, in bf16
    assert saved(activation_kept=1.0) - saved() == 2 * 4 * SBH


def test_copied_keys_and_values_are_kept_twice() -> None:
    assert saved(kv_copied=1.0) - saved() == 2 * 2 * SBH
    # grouped ones are copied out of the packed product in any case
    grouped = model(kv_heads=4.0)
    one = shard(heads=HEADS, kv_heads=4.0)
    kinds = [attention_kept(grouped, software(kv_copied=x), one) for x in (0.0, 1.0)]
    assert kinds[0] == kinds[1] == (2 * HEADS + 2 * 4) * 64


def test_gathered_inputs_are_as_large_as_without_sequence_parallelism() -> None:
    # inputs of two norms are cut over tp, those of their products are not
    made = [world(software=software(gathered_inputs=x)) for x in (0.0, 1.0)]
    cut, whole = (w.layers(tp=4, sp=1)[DENSE].saved for w in made)
    assert whole - cut == pytest.approx(2 * 2 * SBH * (1 - 1 / 4))


def test_a_statistic_for_each_row_and_head() -> None:
    fused = world().layers()[DENSE]
    whole = world(chip=chip(**NO_FUSED)).layers()[DENSE]
    assert fused.saved == 32 * SBH + STATISTIC * SEQ * HEADS
    assert whole.saved == 32 * SBH + whole.saved_core


def test_workspace_of_a_block() -> None:
    # the gradient of the inner width 4 h beside that of the layer's output
    assert world().layers()[DENSE].workspace == 2 * SBH * (4 + 1)
    # inner width h: that gradient beside the gathered one of the block's output, and
    # the layer's own quarter
    assert world().layers(tp=4, sp=1)[DENSE].workspace == 2 * SBH * (1 + 1 + 1 / 4)
    # a gate's two inputs, each 4 h
    gated = world(model=model(up_matrices=2.0)).layers()[DENSE]
    assert gated.workspace == 2 * SBH * (2 * 4 + 1)
    # two choices of a token, before and after the exchange
    assert world(model=mixture()).layers()[MOE].workspace == 2 * SBH * (2 * 2 + 1)


def test_what_experts_give_back_and_routing_may_be_kept() -> None:
    kinds = [software(expert_outputs=x) for x in (0.0, 1.0)]
    made = [world(model=mixture(), software=kind) for kind in kinds]
    inside, after = (w.layers()[MOE].saved for w in made)
    assert after - inside == 2 * 2 * SBH
    routed = world(model=mixture(), software=software(router_bytes=20.0))
    assert routed.layers()[MOE].saved - inside == 20 * 8 * SEQ


def test_outputs_that_a_stack_names() -> None:
    # the input, queries, values, context with its statistic, and a half of the gate
    names = ("queries", "values", "context", "gate")
    stack = software(selective_outputs=[name in names for name in OUTPUTS])
    grouped = model(up_matrices=2.0, kv_heads=4.0)
    made = world(model=grouped, software=stack)
    row = made.layers()[DENSE]
    assert row.outputs == 2 * SBH * (1 + 1 + 1 / 4 + 1 + 4) + STATISTIC * SEQ * HEADS
    kept = made.memory(recompute=SELECTIVE, micro_batches=4).activations
    assert kept == 8 * row.outputs
