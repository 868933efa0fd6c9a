"""Which stage holds what: no layer is lost, and none is held twice."""

from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.pipeline import layers_of_stage
from tests.examples import model, plan, software


def test_llama_405b_leaves_a_layer_out_at_both_ends() -> None:
    # 126 layers on 16 x 8 chunks of at most one layer (Grattafiori et al. 2024, 3.3.2)
    cut = layers_of_stage(model(layers=126.0), software(), plan(pp=16, vp=8))
    assert cut == (8.0, 6.0)


@given(layers=st.integers(1, 200), pp=st.integers(1, 64))
def test_full_stages_and_the_last_hold_all_layers(layers: int, pp: int) -> None:
    stages = min(layers, pp)
    fullest, last = layers_of_stage(
        model(layers=float(layers)), software(), plan(pp=stages)
    )
    assert fullest * (stages - 1) + last >= layers
    assert fullest * stages >= layers


def test_a_head_that_counts_leaves_its_stage_fewer_layers() -> None:
    # nanotron: 16 layers of 12 units, and a head that costs as much as 4 of them
    layer = 12.0 * 1024**2
    one = model(layers=16.0, layer_parameters=layer, vocab=4 * layer / 1024)
    assert layers_of_stage(one, software(head_counts=1.0), plan(pp=4)) == (5.0, 1.0)
    assert layers_of_stage(one, software(), plan(pp=4)) == (4.0, 4.0)
