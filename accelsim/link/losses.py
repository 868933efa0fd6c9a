"""From a margin to errors, and from errors to lost codewords, flits and frames.

This file knows that noise is taken for normal where a margin becomes an error ratio,
and which kernel belongs to which code.
"""

from math import erfc, sqrt

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels import fec
from accelsim.kernels.fec_tables import CODE
from accelsim.link.sheet import Sheet
from accelsim.specs.code import CodeSpec

Floats = NDArray[np.float64]


def tail(distance: Floats) -> Floats:
    """Return how rarely a normal distribution exceeds so many deviations, (N,)."""
    return np.array([0.5 * erfc(x / sqrt(2.0)) for x in distance])


def carry(distance: Floats, sheet: Sheet) -> Floats:
    """Return the probability that an error is followed by another, (N,).

    A wrong decision moves the next by twice the feedback tap, which is taken at its
    limit: (L-1)/L [Q((1 - 2b) d) + Q((1 + 2b) d)] with d the margin in deviations.
    """
    b = sheet.feedback.high[0] if sheet.feedback.high else 0.0
    if not b:
        return np.zeros(len(distance))
    share = (sheet.levels - 1.0) / sheet.levels
    both = tail((1.0 - 2.0 * b) * distance) + tail((1.0 + 2.0 * b) * distance)
    return np.minimum(share * both, 0.99)


def frames_hit(code: CodeSpec) -> float:
    """Return the frames lost by a codeword over the codewords of a frame.

    (1 + MFC) / MFC with MFC frames in a codeword: IEEE 802.3 annexes' frame loss.
    """
    if code.aligned or code.method != "reed-solomon":
        return 1.0
    return 1.0 + 8.0 * float(code.frame) / (code.data * code.symbol_bits)


def lost(code: CodeSpec, bits: int, table: NDArray[np.void]) -> Floats:
    """Return the ratio of codewords, flits or frames lost on N links, (N,).

    Parameters
    ----------
    bits : int
        Of a symbol.
    table : (N, S) of `fec_tables.ERRORS`
        The spans of every link, between which nothing is corrected.
    """
    count, spans = table.shape
    out = np.zeros(count)
    if code.method == "none":
        steady = table["start"] / (1.0 - table["carry"] + table["start"])
        first = steady * (1.0 - table["carry"])  # bursts, not errors
        symbols = 8.0 * float(code.frame) / bits
        total = np.log1p(-np.minimum(first, 0.5)).sum(axis=1) * symbols
        return np.asarray(np.abs(np.expm1(total)))
    if code.inner:
        return _lost_inner(code, table)
    levels = -(-code.symbol_bits // bits)
    row = (code.symbols, code.correct, levels, code.interleave)
    sizes = np.array([row], CODE).view(np.recarray)[0]
    errors = np.ascontiguousarray(table).reshape(-1).view(np.recarray)
    starts = np.arange(count + 1) * spans
    fill = fec.fill_lost_flits if code.method == "flit" else fec.fill_lost
    fill(errors, starts, sizes, out)
    return out


def _lost_inner(code: CodeSpec, table: NDArray[np.void]) -> Floats:
    """Return codewords lost over a soft inner code, whose interleaver breaks bursts."""
    from statistics import NormalDist

    symbol = table["start"] / (1.0 - table["carry"] + table["start"])
    raw = np.clip(symbol.sum(axis=1) / 2.0, 1e-300, 0.5)
    distance = np.array([-NormalDist().inv_cdf(p) if p > 1e-15 else 8.0 for p in raw])
    wrong, bits = np.empty(len(raw)), np.empty(len(raw))
    sizes = np.array([code.inner, code.symbol_bits, code.symbols, code.correct + 1])
    fec.fill_inner(distance, sizes[0], sizes[1], wrong, bits)
    return np.array([fec.binomial_tail(sizes[2], sizes[3], p) for p in wrong])
