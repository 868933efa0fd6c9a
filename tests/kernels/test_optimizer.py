"""What optimizers keep and compute."""

import pytest

from accelsim.kernels.optimizer import optimizer_bytes, update_flops
from accelsim.kernels.tables import ADAM, ADAM_8BIT, MUON, SGD
from tests.examples import software


def test_state_beside_an_fp32_master_copy() -> None:
    stack = software(master_bytes=12.0)
    assert optimizer_bytes(stack, ADAM) == 12.0
    # 8-bit moments are dynamic-quantised in blocks of 256 with an fp32 scale each
    assert optimizer_bytes(stack, ADAM_8BIT) == 4.0 + 2.0 * (1.0 + 4.0 / 256.0)
    assert optimizer_bytes(stack, SGD) == optimizer_bytes(stack, MUON) == 8.0


def test_narrow_moments_stay_narrow() -> None:
    # Neuron with stochastic rounding keeps two moments of bf16 and no master copy
    stack = software(master_bytes=4.0)
    assert optimizer_bytes(stack, ADAM) == 4.0
    assert optimizer_bytes(stack, SGD) == 2.0
    assert optimizer_bytes(stack, ADAM_8BIT) == pytest.approx(2.03125)


def test_muon_orthogonalises_in_five_iterations() -> None:
    # a square matrix of h rows takes 3 products of 2 h^3 FLOPs in each
    h = 4096.0
    assert update_flops(MUON, h) * h * h == 5 * 3 * 2 * h**3
    assert update_flops(ADAM, h) == 0.0
