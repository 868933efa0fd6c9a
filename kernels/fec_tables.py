"""Tables of forward error correction: codes and how errors come."""

import numpy as np

# A block code of symbols that corrects up to `correct` of them, as it lies on a lane.
CODE = np.dtype(
    [
        ("symbols", "i8"),  # of a codeword
        ("correct", "i8"),
        ("levels", "i8"),  # channel symbols in a code symbol: 5 of PAM4 in 10 bits
        ("interleave", "i8"),  # codewords that take turns, symbol by symbol
    ]
)

# Errors of a detector as a chain of two states, one step a channel symbol.
ERRORS = np.dtype(
    [
        ("start", "f8"),  # probability of an error after none
        ("carry", "f8"),  # of an error after an error, below 1
        ("precode", "i8"),  # 1 if symbols are coded 1/(1+D) mod 4
    ]
)
