"""Tables of the wire: what a cascade is made of.

An S-parameter array has the shape (frequencies, 2, 2), mixed mode: a two-port is one
differential pair, referred to the same impedance at both ends.
"""

import numpy as np

SHUNT_CAPACITOR, SERIES_INDUCTOR, LINE = range(3)

# One part of a cascade, from its left port to its right port.
SECTION = np.dtype(
    [
        ("kind", "i8"),
        ("value", "f8"),  # F or H of one leg of the pair; m of a line
        ("impedance", "f8"),  # ohm, differential, of a line
        # propagation of a line by length, (93A-9) to (93A-11)
        ("gamma0", "f8"),  # 1/m
        ("a1", "f8"),  # sqrt(ns)/m, of sqrt(f)
        ("a2", "f8"),  # ns/m, of f
        ("tau", "f8"),  # ns/m
    ]
)
