"""The filters of a receiver in front of its equalizers.

This file knows IEEE Std 802.3 (93A-20), and the two others that the reference tool can
put in its place or behind it: Bessel-Thomson, and a raised cosine over frequency.
"""

from math import factorial

import numpy as np

from accelsim.link.channel import Complexes, Floats
from accelsim.link.sheet import Sheet

BUTTERWORTH = (1.0, 2.613126, 3.414214, 2.613126, 1.0)
BESSEL_CORNER = 0.473037  # of a Bessel-Thomson filter, of the Butterworth corner


def receiver_filter(frequency: Floats, sheet: Sheet) -> Complexes:
    """Return the transfer of all filters of a receiver, (F,)."""
    found = other_filters(frequency, sheet)
    if sheet.filters.butterworth:
        s = 1j * frequency / (sheet.receiver_corner * sheet.symbol_rate)
        found = found / np.polyval(BUTTERWORTH, s)
    return np.asarray(found)


def other_filters(frequency: Floats, sheet: Sheet) -> Complexes:
    """Return the transfer of all but the Butterworth filter, (F,)."""
    found = np.ones(len(frequency), np.complex128)
    order, cosine = sheet.filters.bessel, sheet.filters.cosine
    if order:
        corner = BESSEL_CORNER * sheet.receiver_corner * sheet.symbol_rate
        terms = [
            factorial(2 * order - n)
            / (2 ** (order - n) * factorial(n) * factorial(order - n))
            for n in range(order + 1)
        ]
        found *= terms[0] / np.polyval(terms[::-1], 1j * frequency / corner)
    if cosine is not None:
        found *= raised_cosine(frequency, *cosine)
    return found


def raised_cosine(frequency: Floats, low: float, high: float) -> Floats:
    """Return a window that falls from 1 at one frequency to 0 at another, (F,)."""
    if low >= high:
        return np.ones(len(frequency))
    part = np.clip((frequency - low) / (high - low), 0.0, 1.0)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * part))
