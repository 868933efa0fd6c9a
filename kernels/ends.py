"""The operators of both ends of a model: embedding, and LM head with its loss.

As those of a layer, see `operators`: rows of OPERATOR, without times.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.operators import (
    FIRST,
    add_passes,
    add_stream,
    add_weight,
    freeze,
)
from accelsim.kernels.streams import EMBEDDING, LOSS_PASSES, NORM, NORM_PASSES
from accelsim.kernels.tables import Record, Rows


@kernel
def head_operators(
    ops: Rows, model: Record, software: Record, case: Record, shard: Record
) -> int:
    """Write the operators of LM head and loss; returns their number.

    The logits are cut over the vocabulary.
    """
    tokens, columns = shard.tokens, model.vocab / shard.tp
    precision, grad = case.wide_precision, software.grad_bytes
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
def embedding_operators(ops: Rows, model: Record, case: Record, shard: Record) -> int:
    """Write the look-up of the embedding; backward it adds into the table."""
    size = case.activation_bytes * shard.tokens * model.hidden
    return add_stream(ops, FIRST, EMBEDDING[0] * size, EMBEDDING[1] * size, 1.0)
