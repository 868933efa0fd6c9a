"""How long the engines of a NeuronCore work for one layer on one micro-batch.

This file asks the kernels for a layer once more and adds up what its operators wrote
down; what an operator takes is theirs.
"""

from dataclasses import dataclass

from accelsim.kernels import tables
from accelsim.kernels.layer_tables import LAYER
from accelsim.kernels.layers import fill_transformer_layer
from accelsim.kernels.neuron_tables import ENGINES
from accelsim.kernels.operators import localise
from accelsim.kernels.tables import Record
from accelsim.training.lower import Cases, table

PARTS = ("matmul", "attention", "elementwise")


@dataclass(frozen=True, slots=True)
class Engines:
    """One pass of a layer through a worker's engines [s].

    Attributes
    ----------
    busy : dict of str to float
        How long each works: `tensor`, `vector`, `scalar`, `gpsimd`, `dma`. They work
        side by side: their sum is more than the time of an operator.
    attention : float
        Of the time, fused attention, which is known as a whole.
    time : float
        Of all operators, one after the other; collectives are no part of it.
    """

    busy: dict[str, float]
    attention: float
    time: float


def engines_of(rows: Cases, plan: Record) -> tuple[Engines, Engines] | None:
    """Return a layer's forward and backward pass; None without NeuronCores.

    The layer is the dense one of the model, or its mixture if all are mixtures.
    """
    case, chip, model, software, tiers = rows.of(int(plan.case))
    if chip.engines.cores == 0.0:
        return None
    shard = table(tables.SHARD, 1)[0]
    for name in tables.SHARD_FIELDS:
        shard[name] = plan[name]
    localise(shard, model, case)
    layer = table(LAYER, 1)[0]
    ops = table(tables.OPERATOR, tables.MAX_OPERATORS)
    mixture = int(model.moe_layers == model.layers)
    fill_transformer_layer(
        layer, mixture, chip, model, software, case, tiers, shard, ops
    )
    spent = (ops.engines.spent * ops.share[:, None, None]).sum(axis=0)
    fused = chip.attention_forward.block > 0.0
    forward, backward = (
        Engines(
            busy=dict(zip(ENGINES, map(float, spent[way]), strict=True)),
            attention=float(layer[f"{name}_attention"]) if fused else 0.0,
            time=float(sum(layer[f"{name}_{part}"] for part in PARTS)),
        )
        for way, name in enumerate(("forward", "backward"))
    )
    return forward, backward
