"""Which stage holds what: no layer is lost, and none is held twice."""

from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.stages import even_layers
from tests.examples import model, plan


def test_llama_405b_leaves_a_layer_out_at_both_ends() -> None:
    # 126 layers on 16 x 8 chunks of at most one layer (Grattafiori et al. 2024, 3.3.2)
    assert even_layers(model(layers=126.0), plan(pp=16, vp=8)) == (8.0, 6.0)


@given(layers=st.integers(1, 200), pp=st.integers(1, 64))
def test_full_stages_and_the_last_hold_all_layers(layers: int, pp: int) -> None:
    stages = min(layers, pp)
    fullest, last = even_layers(model(layers=float(layers)), plan(pp=stages))
    assert fullest * (stages - 1) + last >= layers
    assert fullest * stages >= layers
