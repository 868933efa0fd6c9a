"""Which stage holds what: no layer is lost, and none is held twice."""

from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.stages import even_layers, fullest_layers, stage_layers
from tests.examples import case, model, plan, software


def test_llama_405b_leaves_a_layer_out_at_both_ends() -> None:
    # 126 layers on 16 x 8 chunks of at most one layer (Grattafiori et al. 2024, 3.3.2)
    assert even_layers(model(layers=126.0), plan(pp=16, vp=8)) == (8.0, 6.0)


@given(layers=st.integers(1, 200), pp=st.integers(1, 64))
def test_full_stages_and_the_last_hold_all_layers(layers: int, pp: int) -> None:
    stages = min(layers, pp)
    fullest, last = even_layers(model(layers=float(layers)), plan(pp=stages))
    assert fullest * (stages - 1) + last >= layers
    assert fullest * stages >= layers


def test_a_head_that_counts_leaves_its_stage_fewer_layers() -> None:
    # nanotron: 16 layers of 12 units, and a head that costs as much as 4 of them
    layer = 12.0 * 1024**2
    one = model(layers=16.0, layer_parameters=layer, vocab=4 * layer / 1024)
    asked = (case(), one, software(head_counts=1.0), plan(pp=4))
    assert [stage_layers(*asked, stage) for stage in range(4)] == [5, 5, 5, 1]
    assert fullest_layers(*asked) == 5.0
    assert fullest_layers(case(), one, software(), plan(pp=4)) == 4.0
