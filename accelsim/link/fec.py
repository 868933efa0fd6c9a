"""What forward error correction leaves of a detector's errors.

This file knows bursts, codes by their sizes, and the order in which kernels are called;
`kernels.fec` knows the sums.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.kernels import fec
from accelsim.kernels.fec_tables import CODE, ERRORS

LEVELS = 5  # PAM4 symbols in a code symbol of ten bits


@dataclass(frozen=True, slots=True)
class Burst:
    """Errors of a detector of PAM4: probability of the first, and of one after one.

    Attributes
    ----------
    start, carry : float
    precode : bool
        1/(1+D) mod 4 at the transmitter: a burst becomes its two ends.
    """

    start: float
    carry: float = 0.0
    precode: bool = False

    @property
    def symbol_ratio(self) -> float:
        """Return the share of symbols that are decoded wrong."""
        whole = 1.0 - self.carry + self.start
        if self.precode:
            return 2.0 * (1.0 - self.carry) / whole * self.start
        return self.start / whole

    @property
    def bit_ratio(self) -> float:
        """Return the share of wrong bits before correction, one in a wrong symbol."""
        return self.symbol_ratio / 2.0


def random_loss(bit_ratio: float, symbols: int, correct: int, bits: int = 10) -> float:
    """Return the ratio of lost codewords where every bit errs alike and alone."""
    out = np.empty(1)
    sizes = np.array([bits, symbols, correct])
    fec.fill_random(np.array([bit_ratio]), sizes[0], sizes[1], sizes[2], out)
    return float(out[0])


def burst_loss(
    spans: Sequence[Burst],
    symbols: int,
    correct: int,
    interleave: int = 1,
    levels: int = LEVELS,
) -> float:
    """Return the ratio of lost codewords behind spans that err apart.

    Parameters
    ----------
    symbols, correct : int
        Of a codeword.
    interleave : int
        Codewords that take turns, symbol by symbol.
    levels : int
        Channel symbols in a code symbol.
    """
    code = np.array([(symbols, correct, levels, interleave)], CODE)
    out = np.empty(1)
    starts = np.array([0, len(spans)])
    fec.fill_lost(_table(spans), starts, code.view(np.recarray)[0], out)
    return float(out[0])


def flit_loss(spans: Sequence[Burst], symbols: int, levels: int = 4) -> float:
    """Return the ratio of flits of so many bytes that three-way FEC cannot correct."""
    code = np.array([(symbols, 1, levels, 1)], CODE)
    out = np.empty(1)
    starts = np.array([0, len(spans)])
    fec.fill_lost_flits(_table(spans), starts, code.view(np.recarray)[0], out)
    return float(out[0])


def _table(spans: Sequence[Burst]) -> np.recarray:
    rows = [(span.start, span.carry, span.precode) for span in spans]
    return np.array(rows, ERRORS).view(np.recarray)
