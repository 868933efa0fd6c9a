"""Check bits that lie in the memory they protect, and the requests that they cost.

This file knows inline protection: an eighth of the memory holds the check bits, 32 B
for 256 B of data. Memories with pins and cells for check bits (HBM's sideband) pay
nothing here.
"""

import numpy as np

from accelsim.chip.dram import address_bits, lower
from accelsim.chip.memory import Served, Traffic, serve
from accelsim.kernels.dram_streams import with_check_bits
from accelsim.specs.hbm import HbmSpec

COVERED = 8  # transactions of data that one of check bits protects
AT_HAND = 64  # check transactions that the controller keeps (assumed)


def protected(spec: HbmSpec, asked: Traffic, channels: int = 1) -> Served:
    """Return when each request departed, with the traffic of its check bits.

    A memory without inline protection serves its requests as they are.
    """
    if spec.controller.ecc != "inline":
        return serve(spec, asked, channels)
    whole = 1 << address_bits(lower(spec, channels))
    most = 3 * len(asked.address)
    out, kind, origin = np.zeros((3, most), np.int64)
    recent = np.full(AT_HAND, -1)
    last = whole * (COVERED - 1) // COVERED
    used = with_check_bits(
        *(COVERED, last, asked.address, asked.write, recent, out, kind, origin)
    )
    out, kind, origin = out[:used], kind[:used], origin[:used]
    due = asked.due
    if len(due):  # check bits come with the request that needs them, which is next
        owner = np.where(origin >= 0, origin, len(due))
        due = due[np.minimum.accumulate(owner[::-1])[::-1]]
    done = serve(spec, Traffic(out, kind, due), channels)
    mine = origin >= 0
    return Served(
        asked,
        done.arrive[mine],
        done.depart[mine],
        *(done.hits, done.misses, done.conflicts, done.activates, done.refreshes),
    )
