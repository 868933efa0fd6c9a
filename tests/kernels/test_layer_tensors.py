"""The tensors of a layer: what stays is what `activations` counts, and all is freed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.allocator import ALLOCATED, PEAK, take
from accelsim.kernels.layer_tensors import backward, fill_sizes, forward
from accelsim.kernels.tables import DENSE
from tests.examples import model, plan, software, world
from tests.kernels.tensor_stage import stage

FLAGS = st.fixed_dictionaries(
    {
        name: st.sampled_from([0.0, 1.0])
        for name in ("activation_kept", "kv_copied", "gathered_inputs")
    }
)


@given(FLAGS, st.sampled_from([1, 2, 4]), st.sampled_from([4.0, 16.0]))
def test_a_layer_keeps_what_activations_count(
    flags: dict[str, float], tp: int, kv_heads: float
) -> None:
    stack, sizes = software(**flags), {"tp": tp, "sp": int(tp > 1)}
    made = world(software=stack, model=model(up_matrices=2.0, kv_heads=kv_heads))
    here = stage(stack, 1)
    fill_sizes(here.size, made.case, made.model, stack, plan(**sizes))
    heap, size, row = here.heap, here.size, here.kept[0, 0]
    out = forward(here, row, take(heap, size.own))
    saved = made.layers(**sizes)[DENSE].saved
    # beside these the output, and a statistic of each row of two norms
    more = size.own + 2 * size.statistic
    assert heap.state[ALLOCATED] == pytest.approx(saved + more, rel=1e-12)
    assert heap.state[PEAK] > heap.state[ALLOCATED]
    backward(here, row)
    assert heap.state[ALLOCATED] == size.own == heap.blocks[out, 0]
