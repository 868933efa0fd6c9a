"""Tables of the channel operating margin."""

import numpy as np

# Where a pulse is sampled: before equals after, less what feedback takes (Annex 93A);
# its peak; where it exceeds itself an interval earlier the most; after equals what
# feedback takes.
BALANCE, PEAK, DIFFERENCE, AFTER = 0, 1, 2, 3

# A decision feedback equalizer with fixed taps and floating groups.
FEEDBACK = np.dtype(
    [
        ("fixed", "i8"),
        ("span", "i8"),  # taps in all, the floating ones' reach
        ("groups", "i8"),
        ("group_taps", "i8"),
        ("floating_max", "f8"),  # of the cursor
        (
            "tail_start",
            "i8",
        ),  # first tap, from 1, of what is limited as a whole; 0 none
        ("tail_max", "f8"),  # norm of those taps
        ("step", "f8"),  # that taps are rounded down to; 0 none
    ]
)

# What is the same for every setting of the transmitter's equalizer.
SEARCH = np.dtype(
    [
        ("samples", "i8"),
        ("start", "i8"),  # where the peak is looked for
        ("stop", "i8"),
        ("anchor", "i8"),  # BALANCE, PEAK, …
        ("jitter_span", "i8"),  # 1 if jitter counts next to the taps alone
        ("tx_cursor", "i8"),  # of the transmitter's noise without taps; -1 with them
        ("phase_low", "i8"),
        ("phase_high", "i8"),
        ("first_max", "f8"),  # of the decision feedback
        ("signal_share", "f8"),  # signal over the pulse at the cursor
        ("symbol_power", "f8"),
        ("tx_noise", "f8"),  # mean square over the pulse at the cursor squared
        ("jitter", "f8"),  # mean square over the sum of slopes squared
        ("noise", "f8"),  # V^2
    ]
)

# What is the same for every setting of the transmitter: Annex 178A.
COARSE = np.dtype(
    [
        ("samples", "i8"),
        ("start", "i8"),  # where the peak is looked for
        ("stop", "i8"),
        ("pre", "i8"),  # forward taps before the cursor
        ("phase_low", "i8"),
        ("phase_high", "i8"),
        ("low", "f8"),  # limits of the feedback tap
        ("high", "f8"),
        ("symbol_power", "f8"),
        ("step_share", "f8"),  # the quantizer's step over its clipping level; 0 none
        ("clipping", "f8"),  # share of the samples beyond one end
        ("noise", "f8"),  # mean square at the quantizer [V^2]
        ("saddle", "f8"),  # a first guess [1/V]
    ]
)

# A receiver of the fast mode with one setting of its continuous-time equalizer.
FAST = np.dtype(
    [
        ("pre", "i8"),
        ("low", "f8"),
        ("high", "f8"),
        ("symbol_power", "f8"),
        ("step_share", "f8"),
        ("clipping", "f8"),
        ("noise", "f8"),  # mean square at the quantizer [V^2]
        ("tx_noise", "f8"),  # transmitter's noise over the symbols' mean square
        ("jitter", "f8"),  # UI^2
    ]
)
