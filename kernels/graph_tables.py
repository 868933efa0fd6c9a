"""The tables of a fabric as a graph, and of the flows on it: one dtype a noun."""

from typing import Any

import numpy as np

_KINDS: Any = np.arange(4)
CHIP, RANK, NIC, SWITCH = _KINDS  # NODE.kind

# A place where flows begin, end or are passed on.
NODE = np.dtype(
    [
        ("kind", "i8"),
        ("tier", "i8"),  # that built it, -1 for the package
        ("level", "i8"),  # of a fat tree's switch: 0 leaf, 1 spine or pod, 2 core
        ("number", "i8"),  # among the nodes of its name
    ]
)

# One direction of a link, or of a bundle of links that share what they carry.
EDGE = np.dtype(
    [
        ("source", "i8"),  # row of NODE
        ("target", "i8"),
        ("tier", "i8"),
        ("ports", "f8"),  # links in the bundle; 0 where nothing is built
        ("bandwidth", "f8"),  # B/s of payload, one way
        ("rate", "f8"),  # B/s that flows share: what large transfers reach of it
        ("latency", "f8"),  # s
        ("energy", "f8"),  # J/B
        ("loss", "f8"),  # ratio of frames lost before retry
    ]
)

# One message from a node to another, sent anew in every round of its phase.
FLOW = np.dtype(
    [
        ("phase", "i8"),
        ("first", "i8"),  # of its hops, and one past the last
        ("last", "i8"),
        ("payload", "f8"),  # B a round
        ("latency", "f8"),  # s from the last byte sent to its use at the other end
        ("bound", "f8"),  # B/s of the narrowest edge of its way
        ("narrow", "i8"),  # that edge
        # while it is live
        ("rate", "f8"),  # B/s
        ("cause", "i8"),  # the edge that limits it
        ("left", "f8"),  # B to be sent at `since`
        ("since", "f8"),  # s
        ("seen", "i8"),  # scratch: the last run that saw it
    ]
)

# A flow on an edge, in the list of those that are live there.
HOP = np.dtype([("edge", "i8"), ("flow", "i8"), ("after", "i8"), ("before", "i8")])

# An edge under traffic.
ROAD = np.dtype(
    [
        ("capacity", "f8"),  # B/s
        ("load", "f8"),  # B/s, the sum of its live flows' bounds
        ("count", "i8"),  # live flows
        ("head", "i8"),  # first hop of their list, -1 for none
        ("left", "f8"),  # scratch: B/s and flows without a rate
        ("share", "f8"),
        ("mark", "i8"),  # scratch: the last run that saw it
        ("dirty", "i8"),  # 1 if its flows are to be worked out anew
    ]
)

# What is due: flows, and after these the ends of phases' rounds.
ITEM = np.dtype(
    [
        ("due", "f8"),  # s
        ("place", "i8"),  # in the heap, -1 for nowhere, -2 for inside a chain
        ("next", "i8"),  # neighbours in a chain, -1 for none
        ("previous", "i8"),
    ]
)

# Messages that advance round by round together: a step of a collective, repeated.
PHASE = np.dtype(
    [
        ("job", "i8"),  # the collective that it belongs to
        ("first", "i8"),  # of its flows, and one past the last
        ("last", "i8"),
        ("rounds", "f8"),  # that it has
        ("steps", "i8"),  # in which they are followed: each is rounds / steps rounds
        ("waits", "i8"),  # for so many phases to end
        ("next", "i8"),  # first of the table of followers, and one past the last
        ("next_end", "i8"),
        # while it runs
        ("waiting", "i8"),  # for so many more phases
        ("left", "i8"),  # steps
        ("flying", "i8"),  # messages under way
        ("arrival", "f8"),  # s, the latest of the round
        # answered
        ("done", "i8"),  # steps that were followed
        ("begin", "f8"),  # s, when it last began
        ("took", "f8"),  # s, the longest time from its beginning to its end
        ("edge", "i8"),  # that held up the last message of its last round
    ]
)

# A collective: phases that begin anew together.
JOB = np.dtype(
    [
        ("first", "i8"),  # of its phases, and one past the last
        ("last", "i8"),
        ("open", "i8"),  # phases that have not ended
        ("ends", "i8"),  # answered: how often it ended
        ("end", "f8"),  # s, answered: when it ended for the first time
    ]
)
