"""One layer's own traffic beside its own computing, and what a pass is made of.

Tensor chunks run behind products, the context ring behind blocks of attention, what
goes to experts behind all that is left: what hides one does not hide another, so that a
layer's own groups follow each other. What others do meanwhile (`replicas`, `pipeline`)
is told by the moments that a pass is made of.
"""

from accelsim.kernels.experts import exchange_cover
from accelsim.kernels.jit import inlined, kernel
from accelsim.kernels.overlap import add_moment, hide
from accelsim.kernels.recompute import repeated_traffic
from accelsim.kernels.tables import Record, Rows
from accelsim.kernels.use_tables import (
    ACROSS,
    BESIDE,
    INSIDE,
    PRODUCTS,
    SCORES,
    STREAMS,
)


@inlined
def share_of(part: float, whole: float) -> float:
    """Return a part over the whole, 0 of nothing."""
    return part / whole if whole > 0.0 else 0.0


@inlined
def add_computing(moment: Record, seconds: float, memory: float) -> None:
    """Add seconds that compute alone, and what they take of the memory."""
    moment.seconds += seconds
    moment.computing += seconds
    moment.memory += seconds * min(1.0, memory)


@kernel
def add_seen(
    moments: Rows, use: Record, exposed: float, together: float, hidden: float,
    memory: float,
) -> None:  # fmt: skip
    """Add traffic of one kind to the moments of its pass [s].

    exposed : with nothing to hide behind; together : beside computing that takes
    `memory` of the bandwidth, in which `hidden` of the traffic is done.
    """
    if together > 0.0:
        add_moment(moments[BESIDE], together, 1.0, memory, use, hidden / together)
    if exposed > 0.0:
        place = ACROSS if use.outer > 0.0 else INSIDE
        add_moment(moments[place], exposed, 0.0, 0.0, use, 1.0)


@kernel
def tensor_chunks(
    row: Record, software: Record, plan: Record, tp: float, experts: float,
    passes: float,
) -> float:  # fmt: skip
    """Return the tensor traffic of a layer that may hide behind its products [s].

    tp : all of it, of which `experts` goes to experts and back and never hides. The
    first of the tp chunks has nothing to hide behind, and each exchange only its own
    product. passes : forward, with repeated ones. A group that leaves the domain
    exchanges no chunks; single products hide what they can.
    """
    in_chunks = software.overlap_tp * (1.0 - row.tp_crosses)
    if in_chunks == 0.0:
        return float(row.tp_behind)
    chunks = (tp - experts) * (1.0 - 1.0 / plan.tp)
    return float(min(chunks, passes * row.tp_rings[0] + row.tp_rings[1]))


@kernel
def share_layer(
    moments: Rows, row: Record, software: Record, plan: Record, again: float,
    busy: float, count: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    """Return what a layer sees of its tp, cp and ep traffic, and contention [s].

    again : share of the layers whose forward pass is repeated. busy : computing alone,
    both passes and what is repeated. The moments of `count` layers are added up.
    """
    products = row.forward_matmul + row.backward_matmul
    scores = row.forward_attention * (1.0 + again) + row.backward_attention
    of_products = share_of(row.matmul_moved, products)
    of_scores = share_of(
        row.attention_moved, row.forward_attention + row.backward_attention
    )
    of_streams = share_of(
        row.elementwise_moved, row.forward_elementwise + row.backward_elementwise
    )
    repeated = again * (row.forward_matmul - (1.0 - software.repeats_last) * row.last)
    streams = busy - products - repeated - scores  # and what `selective` repeats
    moved = (products + repeated) * of_products + scores * of_scores
    moved += streams * of_streams
    block, routed = repeated_traffic(row, plan)
    tp = (1.0 + again) * row.forward_tp + row.backward_tp + block * row.block_tp
    cp = (1.0 + again) * row.forward_cp + row.backward_cp
    ep = (1.0 + again + routed) * row.forward_ep + row.backward_ep

    experts = (2.0 + again + routed) * row.tp_experts
    passes = 1.0 + again + 0.5 * (block - routed)  # one of a layer's two blocks
    chunks = tensor_chunks(row, software, plan, tp, experts, passes)
    products += repeated
    tp_hidden, tp_with, of_tp = hide(chunks, row.tp_use, products, of_products)
    ring = (1.0 + again) * row.forward_cp_behind + row.backward_cp_behind
    cp_hidden, cp_with, of_cp = hide(
        software.overlap_cp * ring, row.cp_use, scores, of_scores
    )
    left = busy - of_tp - of_cp
    rest = share_of(moved - of_tp * of_products - of_cp * of_scores, left)
    may, behind = exchange_cover(row, software, again, left)
    ep_hidden, ep_with, of_ep = hide(may * ep, row.ep_use, behind, rest)
    contention = tp_with + cp_with + ep_with - of_tp - of_cp - of_ep

    tp, cp, ep = tp - tp_hidden, cp - cp_hidden, ep - ep_hidden
    keep = count * (1.0 - share_of(of_ep, left))
    add_computing(moments[PRODUCTS], keep * (products - of_tp), of_products)
    add_computing(moments[SCORES], keep * (scores - of_cp), of_scores)
    add_computing(moments[STREAMS], keep * streams, of_streams)
    add_seen(
        moments, row.tp_use, count * tp, count * tp_with, count * tp_hidden,
        share_of(of_tp, tp_with) * of_products,
    )  # fmt: skip
    add_seen(
        moments, row.cp_use, count * cp, count * cp_with, count * cp_hidden,
        share_of(of_cp, cp_with) * of_scores,
    )  # fmt: skip
    add_seen(
        moments, row.ep_use, count * ep, count * ep_with, count * ep_hidden,
        share_of(of_ep, ep_with) * rest,
    )  # fmt: skip
    return tp, cp, ep, contention
