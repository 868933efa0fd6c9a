"""The ends of a model by hand, further heads among them."""

import pytest

from accelsim.kernels.shards import FURTHER_KEPT
from accelsim.kernels.tables import EMBED, HEAD
from tests.examples import model, world

TOKENS, HIDDEN, VOCAB = 2048.0, 1024.0, 32000.0


@pytest.mark.parametrize("further", [0, 1, 3])
def test_flops_and_bytes_of_the_heads(further: int) -> None:
    plain = world(model=model()).layers()
    more = world(model=model(mtp=float(further))).layers()
    product, projection = VOCAB * HIDDEN, 2.0 * HIDDEN * HIDDEN
    flops = 2.0 * TOKENS * ((1 + further) * product + further * projection)
    assert more[HEAD].forward_flops == pytest.approx(flops)
    assert more[HEAD].backward_flops == pytest.approx(2.0 * flops)
    kept = further * FURTHER_KEPT * 2.0 * TOKENS * HIDDEN
    saved = (1 + further) * plain[HEAD].saved
    assert more[HEAD].saved == pytest.approx(saved + kept)
    assert more[EMBED].forward_elementwise == plain[EMBED].forward_elementwise


def test_a_tensor_group_gathers_what_a_further_head_projects() -> None:
    plain = world(model=model()).layers(tp=4, sp=1)[HEAD]
    more = world(model=model(mtp=1.0)).layers(tp=4, sp=1)[HEAD]
    # the hidden states once for the head; a further one: for its head, its look-up, two
    # inputs and an output of its projection
    assert more.forward_tp_bytes == pytest.approx(
        plain.forward_tp_bytes * (1 + 1 + 1 + 3)
    )
