"""What an optimizer keeps for a parameter, and what its update moves and computes.

`master_bytes` of the software is a master copy and two moments of Adam; the other kinds
keep less beside the same master copy.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import (
    ADAM_8BIT,
    MUON,
    SGD,
    Record,
)

MOMENT = 4.0  # B of a moment in fp32
# One byte each and a scale in fp32 for a block of 256 (Dettmers et al. 2022,
# arXiv:2110.02861, sec. 2; bitsandbytes, AdamW8bit).
SMALL_MOMENT = 1.0 + 4.0 / 256.0
NEWTON_SCHULZ = 5.0  # iterations of Muon (KellerJordan/Muon, muon.py)


@kernel
def optimizer_bytes(software: Record, kind: int) -> float:
    """Return what an optimizer keeps of a parameter [B], its master copy too.

    Two moments (Adam), two of 8 bits, one (SGD with momentum, Muon). Where the stack
    keeps narrower moments than fp32 they are as narrow for every kind.
    """
    adam = float(software.master_bytes)
    moments = min(2.0 * MOMENT, adam)
    if kind == ADAM_8BIT:
        return adam - moments + min(moments, 2.0 * SMALL_MOMENT)
    if kind in (SGD, MUON):
        return adam - 0.5 * moments
    return adam


@kernel
def update_flops(kind: int, hidden: float) -> float:
    """Return the FLOPs of an update for a parameter beside its streams [FLOP].

    Muon orthogonalises each matrix m x n, m <= n, by iterations of X X^T, its square
    and their product with X: 2 m^2 n + 2 m^3 + 2 m^2 n FLOPs, 6 m for an element of a
    square of `hidden` rows (Jordan et al. 2024, Muon).
    """
    return NEWTON_SCHULZ * 6.0 * hidden if kind == MUON else 0.0
