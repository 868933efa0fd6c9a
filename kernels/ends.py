"""The operators of both ends of a model: embedding, and LM head with its loss.

As those of a layer, see `operators`: rows of OPERATOR, without times.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.operator_rows import add_passes, add_stream, add_weight
from accelsim.kernels.operators import FIRST, freeze
from accelsim.kernels.streams import EMBEDDING, LOSS_PASSES, NORM, NORM_PASSES
from accelsim.kernels.tables import Record, Rows

JOINED = 4.0  # passes over a hidden state: two are read and written


@kernel
def head_operators(
    ops: Rows, model: Record, software: Record, case: Record, shard: Record
) -> int:
    """Write the operators of LM head and loss; returns their number.

    The logits are cut over the vocabulary.
    """
    tokens, columns = shard.tokens, model.vocab / shard.tp
    precision, grad = case.head_precision, software.grad_bytes
    at = add_weight(ops, FIRST, precision, tokens, columns, model.hidden, 1.0, grad)
    logits = tokens * columns
    norm = case.activation_bytes * shard.own_tokens * model.hidden
    kernels = 2.0 if software.fused_loss > 0.0 else 7.0
    forward = NORM[0] * norm + software.loss[0] * logits
    backward = NORM[1] * norm + software.loss[1] * logits
    freeze(ops, at, model)
    at = add_stream(ops, at, forward, backward, kernels)
    add_passes(ops[at - 1], logits, LOSS_PASSES)
    add_passes(ops[at - 1], norm / case.activation_bytes, NORM_PASSES)
    return at


@kernel
def further_operators(
    ops: Rows, model: Record, software: Record, case: Record, shard: Record
) -> int:
    """Write what a further head adds to a layer and to the LM head; returns how many.

    Its token is looked up; it and the hidden state are normed, joined and projected to
    one (DeepSeek-V3, arXiv:2412.19437, eq. 21), by columns.
    """
    tokens, grad = shard.tokens, software.grad_bytes
    columns = model.hidden / shard.tp
    at = add_weight(
        ops, FIRST, case.precision, tokens, columns, 2.0 * model.hidden, 1.0, grad
    )
    ops[at - 1].gathered = 1.0
    freeze(ops, at, model)
    whole = case.activation_bytes * tokens * model.hidden
    at = add_stream(ops, at, EMBEDDING[0] * whole, EMBEDDING[1] * whole, 1.0)
    size = case.activation_bytes * shard.own_tokens * model.hidden
    at = add_stream(ops, at, 2.0 * NORM[0] * size, 2.0 * NORM[1] * size, 2.0)
    add_passes(ops[at - 1], 2.0 * size / case.activation_bytes, NORM_PASSES)
    return add_stream(ops, at, JOINED * size, JOINED * size, 1.0)


@kernel
def embedding_operators(ops: Rows, model: Record, case: Record, shard: Record) -> int:
    """Write the look-up of the embedding; backward it adds into the table."""
    size = case.activation_bytes * shard.tokens * model.hidden
    return add_stream(ops, FIRST, EMBEDDING[0] * size, EMBEDDING[1] * size, 1.0)
