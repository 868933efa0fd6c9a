"""What products hide of the tensor traffic that is exchanged in chunks around them.

This file knows which exchange belongs to which product: each is cut into chunks that
pass around the tensor group while the others are multiplied, so that it runs behind its
own product and no other (Wang et al. 2023, Overlap Communication with Dependent
Computation via Decomposition, ASPLOS, section 4; Transformer Engine, user buffers).
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import MATMUL, Rows


@kernel
def hidden_in_rings(
    ops: Rows, count: int, time: float, again: float, cut: float
) -> tuple[float, float]:
    """Return what a layer's products hide of its chunks, forward and backward [s].

    time : of the chunks of one exchange, all but the first of which can hide. A product
    cut by columns gathers its input, one cut by rows scatters its output; backward the
    gradients of inputs go the other way, and inputs that were not kept are gathered
    `again` behind the gradient of the weight. cut : 0 if hidden states are whole, so
    that outputs and gradients of inputs are all-reduced and nothing is gathered.
    """
    forward, backward = 0.0, 0.0
    for i in range(count):
        op = ops[i]
        if op.kind != MATMUL or op.gathered == 0.0:
            continue
        columns = op.gathered > 0.0
        if cut > 0.0 or not columns:
            forward += min(time, op.forward_time)
        if cut > 0.0 or columns:
            backward += min(time, op.input_time)
        if columns and again > 0.0:
            backward += min(time, op.weight_time)
    return forward, backward
