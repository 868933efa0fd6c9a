"""How often a codeword or a flit is lost, from random errors and from bursts.

This file knows block codes that correct so many symbols, and a detector whose errors
are a Markov chain of two states; it knows no standard. Every figure is a sum of
positive terms, never one less another, so that 1e-30 keeps its digits.
"""

import math

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.jit import kernel

GROUPS = 3  # interleaved codes of a flit of PCI Express 6
MASKS = 8  # which of them have spent their correction


@kernel
def binomial_tail(n: int, least: int, p: float) -> float:
    """Return the probability of `least` or more of n events of probability p.

    The terms are taken in logarithms and added from the smallest.
    """
    if least <= 0 or p >= 1.0:
        return 1.0
    if p <= 0.0 or least > n:
        return 0.0
    yes, no = math.log(p), math.log1p(-p)
    total, lost = 0.0, 0.0
    for i in range(n, least - 1, -1):
        ways = math.lgamma(n + 1.0) - math.lgamma(i + 1.0) - math.lgamma(n - i + 1.0)
        term = math.exp(ways + i * yes + (n - i) * no) - lost
        grown = total + term
        lost = (grown - total) - term  # Kahan
        total = grown
    return min(total, 1.0)


@kernel
def fill_random(
    error_ratio: NDArray[np.float64],
    bits: int,
    symbols: int,
    correct: int,
    out: NDArray[np.float64],
) -> None:
    """Fill the ratio of lost codewords where every bit errs alike and alone, (N,).

    A symbol of `bits` is wrong with 1 - (1 - BER)^bits, and a codeword is lost with
    more than `correct` wrong: IEEE 802.3 (2022) annex 119, RS(544,514).
    """
    for k in range(len(error_ratio)):
        wrong = -math.expm1(bits * math.log1p(-error_ratio[k]))
        out[k] = binomial_tail(symbols, correct + 1, wrong)


@kernel
def steps(
    errors: np.record, levels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the chain over one code symbol: without error, with, and either, (2, 2).

    Rows are the state before (0: no error), columns the state after. With precoding a
    decision is wrong where the state changes: the decoder's 1 + D turns a run of
    errors of alternating sign into its two ends.
    """
    start, carry = errors.start, errors.carry
    good, bad = np.zeros((2, 2)), np.zeros((2, 2))  # of one decision
    good[0, 0], bad[0, 1] = 1.0 - start, start
    if errors.precode:
        good[1, 1], bad[1, 0] = carry, 1.0 - carry
    else:
        good[1, 0], bad[1, 1] = 1.0 - carry, carry
    step = plus(good, bad)
    right, wrong, chain = good, bad, step
    for _ in range(1, levels):
        wrong = plus(times(wrong, step), times(right, bad))
        right = times(right, good)
        chain = times(chain, step)
    return right, wrong, chain


@kernel
def plus(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of two matrices of two by two."""
    out = np.empty((2, 2))
    for i in range(2):
        for j in range(2):
            out[i, j] = a[i, j] + b[i, j]
    return out


@kernel
def times(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the product of two matrices of two by two."""
    out = np.empty((2, 2))
    for i in range(2):
        for j in range(2):
            out[i, j] = a[i, 0] * b[0, j] + a[i, 1] * b[1, j]
    return out


@kernel
def multiply(
    a: NDArray[np.float64], b: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Fill the product of two polynomials of matrices, (T, 2, 2).

    The last coefficient stands for that power and all above it: what is lost stays
    lost. So it is each coefficient of one times all those of the other that reach it.
    """
    top = len(a) - 1
    out[:] = 0.0
    tail = np.zeros((2, 2))
    for i in range(top + 1):
        for j in range(top - i):
            for r in range(2):
                for c in range(2):
                    out[i + j, r, c] += (
                        a[i, r, 0] * b[j, 0, c] + a[i, r, 1] * b[j, 1, c]
                    )
        for r in range(2):
            for c in range(2):
                tail[r, c] += b[top - i, r, c]
        for r in range(2):
            for c in range(2):
                out[top, r, c] += a[i, r, 0] * tail[0, c] + a[i, r, 1] * tail[1, c]


@kernel
def fill_counts(errors: np.record, code: np.record, out: NDArray[np.float64]) -> None:
    """Fill how many symbols of a codeword are wrong, (correct + 2,), the last: lost.

    The matrices of one symbol, Q + E z, and of the symbols of other codewords between
    two of its own, are raised to the length of the codeword by squaring; the chain
    begins in its steady state.
    """
    top = code.correct + 1
    right, wrong, chain = steps(errors, code.levels)
    base, power = np.zeros((top + 1, 2, 2)), np.zeros((top + 1, 2, 2))
    spare = np.empty((top + 1, 2, 2))
    for _ in range(1, code.interleave):
        right, wrong = times(right, chain), times(wrong, chain)
    for r in range(2):
        for c in range(2):
            base[0, r, c], base[1, r, c] = right[r, c], wrong[r, c]
    power[0, 0, 0] = power[0, 1, 1] = 1.0
    left = code.symbols
    while left:
        if left & 1:
            multiply(power, base, spare)
            power, spare = spare, power
        left >>= 1
        if left:
            multiply(base, base, spare)
            base, spare = spare, base
    whole = 1.0 - errors.carry + errors.start
    for k in range(top + 1):
        out[k] = (1.0 - errors.carry) / whole * (power[k, 0, 0] + power[k, 0, 1])
        out[k] += errors.start / whole * (power[k, 1, 0] + power[k, 1, 1])


@kernel
def fill_lost(
    errors: NDArray[np.void],
    starts: NDArray[np.int64],
    code: np.record,
    out: NDArray[np.float64],
) -> None:
    """Fill the ratio of codewords lost on paths of spans without FEC between, (N,).

    Parameters
    ----------
    errors : (S,) of `fec_tables.ERRORS`
    starts : (N + 1,)
        Where the spans of each path begin.
    code : record of `fec_tables.CODE`

    Spans err apart, and wrong symbols of a codeword add up; one that is hit by two
    spans counts twice, which is never too few.
    """
    size = code.correct + 2
    total, own, spare = np.empty(size), np.empty(size), np.empty(size)
    for n in range(len(out)):
        total[:] = 0.0
        total[0] = 1.0
        for s in range(starts[n], starts[n + 1]):
            if errors[s].start <= 0.0:
                continue
            fill_counts(errors[s], code, own)
            spare[:] = 0.0
            for i in range(size):
                for j in range(size):
                    spare[min(i + j, size - 1)] += total[i] * own[j]
            total, spare = spare, total
        out[n] = min(total[size - 1], 1.0)


@kernel
def fill_masks(
    errors: np.record, symbols: int, levels: int, out: NDArray[np.float64]
) -> None:
    """Fill which groups of a flit had their one wrong byte, (MASKS + 1,), last: lost.

    Byte i of the flit belongs to group i mod `GROUPS`, each of which corrects one.
    """
    right, wrong, chain = steps(errors, levels)
    state, after = np.zeros((MASKS + 1, 2)), np.empty((MASKS + 1, 2))
    whole = 1.0 - errors.carry + errors.start
    state[0, 0], state[0, 1] = (1.0 - errors.carry) / whole, errors.start / whole
    for i in range(symbols):
        bit = 1 << (i % GROUPS)
        after[:] = 0.0
        for mask in range(MASKS):
            hit = MASKS if mask & bit else mask | bit
            for c in range(2):
                x, y = state[mask, 0], state[mask, 1]
                after[mask, c] += x * right[0, c] + y * right[1, c]
                after[hit, c] += x * wrong[0, c] + y * wrong[1, c]
        for c in range(2):  # what is lost stays lost
            x, y = state[MASKS, 0], state[MASKS, 1]
            after[MASKS, c] += x * chain[0, c] + y * chain[1, c]
        state, after = after, state
    for mask in range(MASKS + 1):
        out[mask] = state[mask, 0] + state[mask, 1]


@kernel
def fill_lost_flits(
    errors: NDArray[np.void],
    starts: NDArray[np.int64],
    code: np.record,
    out: NDArray[np.float64],
) -> None:
    """Fill the ratio of flits that are not corrected, (N,), as `fill_lost`."""
    total, own = np.empty(MASKS + 1), np.empty(MASKS + 1)
    spare = np.empty(MASKS + 1)
    for n in range(len(out)):
        total[:] = 0.0
        total[0] = 1.0
        for s in range(starts[n], starts[n + 1]):
            if errors[s].start <= 0.0:
                continue
            fill_masks(errors[s], code.symbols, code.levels, own)
            spare[:] = 0.0
            for i in range(MASKS + 1):
                for j in range(MASKS + 1):
                    lost = i == MASKS or j == MASKS or i & j
                    spare[MASKS if lost else i | j] += total[i] * own[j]
            total, spare = spare, total
        out[n] = min(total[MASKS], 1.0)


@kernel
def fill_inner(
    distance: NDArray[np.float64],
    size: int,
    symbol_bits: int,
    out: NDArray[np.float64],
    wrong_bits: NDArray[np.float64],
) -> None:
    """Fill how often an outer symbol, and a bit, is wrong behind an inner code, (N,).

    Parameters
    ----------
    distance : (N,)
        Half the distance of levels over the noise's deviation: Q(distance) is the raw
        bit error ratio.
    size : int
        Length of the extended Hamming code, a power of two; P802.3dj has 128.
    symbol_bits : int
        Of an outer symbol; an interleaver spreads an inner word over outer codewords.

    The union bound of soft decisions, sum of A_w Q(sqrt(w) distance): never too few.
    A_w is that of MacWilliams & Sloane, The Theory of Error-Correcting Codes, ch. 1:
    the dual has words of weight 0, size / 2 and size alone.
    """
    for k in range(len(distance)):
        symbol, bit = 0.0, 0.0
        ways = half = 1.0  # C(size, w) and C(size / 2, w / 2)
        missed = 1.0  # C(size - symbol_bits, w) / C(size, w)
        for w in range(1, size + 1):
            ways *= (size - w + 1.0) / w
            missed *= max(size - symbol_bits - w + 1.0, 0.0) / (size - w + 1.0)
            if w % 2:
                continue
            half *= (size / 2 - w / 2 + 1.0) / (w / 2)
            if w < 4:
                continue
            sign = 1.0 if w % 4 == 0 else -1.0
            words = (ways + sign * (size - 1.0) * half) / size
            tail = 0.5 * math.erfc(math.sqrt(w / 2.0) * distance[k])
            symbol += words * tail * (1.0 - missed)
            bit += words * tail * w / size
            if tail == 0.0:
                break
        out[k], wrong_bits[k] = min(symbol, 1.0), min(bit, 0.5)
