"""What a mixture layer moves between its router and its experts, and back.

This file knows the passes over scores and over routed tokens, and how many kernels make
them; which of them a stack has is the software's. It does not know what experts compute
or what crosses a link.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.streams import PERMUTATION
from accelsim.kernels.tables import ELEMENT_BYTES, Record

MOVES = 4.0  # kernels that permute, or sort, or pad: two before the experts, two behind


@kernel
def score_bytes(
    model: Record, software: Record, own: float
) -> tuple[float, float, float]:
    """Return bytes [B] forward and backward, and kernels, of the router's scores.

    Each of the worker's `own` tokens has a score for each expert.
    """
    scores = own * model.experts
    forward = software.expert_scores[0] * scores
    return forward, software.expert_scores[1] * scores, software.expert_kernels


@kernel
def routed_bytes(
    model: Record, software: Record, case: Record, own: float, rows: float, mine: float
) -> tuple[float, float, float]:  # fmt: skip
    """Return bytes [B] forward and backward, and kernels, around the experts.

    own : tokens that this worker routes; rows : that each of its `mine` experts sees.
    Tokens are gathered by expert, and scattered behind. Where a worker has several
    experts, chunks that came from other workers are sorted by expert, and back, and
    rows are padded to what narrow products take, unless the dispatcher did so. Biases
    of experts, if the model has them, are added.
    """
    sent = case.activation_bytes * own * model.top_k * model.hidden
    received = case.activation_bytes * rows * mine * model.hidden
    forward, backward, kernels = PERMUTATION[0] * sent, PERMUTATION[1] * sent, MOVES
    if software.dispatch_once == 0.0:
        if mine > 1.0 and software.expert_sort[0] > 0.0:
            forward += software.expert_sort[0] * received
            backward += software.expert_sort[1] * received
            kernels += MOVES
        narrow = ELEMENT_BYTES[case.precision] < case.activation_bytes
        if narrow and software.expert_padding[0] > 0.0:
            forward += software.expert_padding[0] * received
            backward += software.expert_padding[1] * received
            kernels += MOVES
    if model.biased > 0.0:
        forward += software.expert_bias[0] * received
        backward += software.expert_bias[1] * received
        kernels += software.expert_bias_kernels * mine
    return forward, backward, kernels
