"""The four rows of a shard: a dense layer, a mixture, the embedding, the LM head.

What one layer takes is known to `layers`; the ends are put together here.
"""

from accelsim.kernels.activations import logit_bytes
from accelsim.kernels.ends import (
    embedding_operators,
    further_operators,
    head_operators,
)
from accelsim.kernels.jit import kernel
from accelsim.kernels.layers import (
    add_operator,
    add_tensor_traffic,
    fill_transformer_layer,
)
from accelsim.kernels.operators import localise
from accelsim.kernels.tables import DENSE, EMBED, HEAD, MOE, Record, Rows

FURTHER_KEPT = 4.0  # hidden states: inputs of two norms, and what is projected


@kernel
def fill_ends(
    embed: Record, head: Record, chip: Record, model: Record, software: Record,
    case: Record, tiers: Rows, shard: Record, ops: Rows,
) -> None:  # fmt: skip
    """Fill the rows of the embedding and of LM head with loss, further heads included.

    All exchange the hidden states of the micro-batch once over the tensor group. A
    further head looks its tokens up anew, and gathers both inputs and the output of its
    projection (MultiTokenPredictionLayer in megatron/core/transformer).
    """
    for i in range(embedding_operators(ops, model, case, shard)):
        add_operator(embed, chip, case, software, ops[i])
    more = model.mtp
    count = head_operators(ops, model, software, case, shard)
    for _ in range(1 + int(more)):
        for i in range(count):
            add_operator(head, chip, case, software, ops[i])
    if more > 0.0:
        count = further_operators(ops, model, software, case, shard)
    for _ in range(int(more)):
        for i in range(count):
            add_operator(head, chip, case, software, ops[i])
    tokens = shard.tokens
    logits = tokens * model.vocab / shard.tp
    # the last norm's input and output; under sp the LM head takes it gathered
    rows = 2.0 * shard.own_tokens
    if shard.own_tokens < tokens and software.gather_buffers == 0.0:
        rows += tokens
    width = case.activation_bytes
    each = logit_bytes(software, width) * logits + width * rows * model.hidden
    kept = FURTHER_KEPT * width * shard.own_tokens * model.hidden
    head.saved = (1.0 + more) * each + more * kept
    half = 0.5 * case.activation_bytes * tokens * model.hidden
    add_tensor_traffic(embed, software, tiers, shard, shard.tp, half, 1.0, 0.0)
    add_tensor_traffic(head, software, tiers, shard, shard.tp, half, 1.0 + more, 0.0)
    if more > 0.0:
        add_tensor_traffic(head, software, tiers, shard, shard.tp, half, more, 0.0)
        add_tensor_traffic(
            head, software, tiers, shard, shard.tp, 3.0 * half, more, 0.0
        )


@kernel
def fill_layers(
    cases: Rows, chips: Rows, models: Rows, software: Rows, tiers: Rows, shards: Rows,
    layers: Rows, ops: Rows,
) -> None:  # fmt: skip
    """Fill `layers[s, kind]` (LAYER, zeroed) for every row s of `shards` (SHARD).

    ops : scratch, MAX_OPERATORS rows of OPERATOR.
    """
    for s in range(len(shards)):
        shard = shards[s]
        case = cases[shard.case]
        chip, model = chips[case.chip], models[case.model]
        stack = software[case.software]
        localise(shard, model, case)
        for kind in (DENSE, MOE):
            if kind == MOE and model.moe_layers == 0.0:
                continue
            fill_transformer_layer(
                layers[s, kind], int(kind == MOE), chip, model, stack, case,
                tiers[case.tiers], shard, ops,
            )  # fmt: skip
        fill_ends(
            layers[s, EMBED], layers[s, HEAD], chip, model, stack, case,
            tiers[case.tiers], shard, ops,
        )  # fmt: skip
