"""The operators of a layer one by one: FLOPs, bytes and seconds of the forward pass.

Each is timed alone by the kernel that adds them up for a layer. This file knows which
operators a worker of an estimate runs; it knows no formula.
"""

from dataclasses import dataclass

from accelsim.explore.held import asked_again
from accelsim.explore.result import Estimate
from accelsim.kernels import tables
from accelsim.kernels.layer_tables import LAYER
from accelsim.kernels.layers import add_operator
from accelsim.kernels.operators import localise, transformer_operators
from accelsim.kernels.stages import all_kinds
from accelsim.kernels.tables import ELEMENT_BYTES, Record
from accelsim.training.lower import table


@dataclass(frozen=True, slots=True)
class Product:
    """A product or a fused attention of one layer on one micro-batch of one worker.

    Attributes
    ----------
    words : str
        Its sizes: m x n x k, and how many at once.
    flops, size : float
        FLOPs and bytes of operands and result [B], each moved once.
    time : float
        Forward, its kernel's start included [s].
    """

    words: str
    part: str
    flops: float
    size: float
    time: float


def products(found: Estimate) -> list[Product]:
    """Return the products of the layers of an estimate, each size once."""
    rows, done = asked_again(found)
    shards = table(tables.SHARD, 1)
    for name in tables.SHARD_FIELDS:
        shards[name] = done.plans[0][name]
    shard, case = shards[0], rows.cases[0]
    chip, model, software = rows.chips[0], rows.models[0], rows.software[0]
    localise(shard, model, case)
    ops = table(tables.OPERATOR, tables.MAX_OPERATORS)
    kinds = [k for k, n in enumerate(all_kinds(model)) if n > 0.0]
    made = list[Product]()
    for mixture in kinds:
        count = transformer_operators(ops, mixture, chip, model, software, case, shard)
        for op in ops[:count]:
            if op.kind != tables.STREAM:
                layer = table(LAYER, 1)[0]
                add_operator(layer, chip, case, software, op)
                made.append(_product(op, layer, float(case.activation_bytes)))
    alone = {(one.words, one.part): one for one in made if one.time > 0.0}
    return list(alone.values())


def _product(op: Record, layer: Record, wide: float) -> Product:
    sizes = f"{op.m:,.0f} × {op.n:,.0f} × {op.k:,.0f}"
    words = f"{sizes}, {op.batch:,.0f} at once" if op.batch > 1.0 else sizes
    if op.kind == tables.FUSED_ATTENTION:
        queries = op.m * op.batch * (op.k + op.v)
        size = wide * (queries + op.n * op.kv_batch * (op.k + op.v))
        words = f"{op.m:,.0f} queries, {op.n:,.0f} keys, {op.batch:,.0f} heads"
    else:
        width = ELEMENT_BYTES[op.precision]
        size = width * (op.m * op.k + op.k * op.n) + wide * op.m * op.n
        size *= op.batch
    part = "products" if op.part == tables.PART_MATMUL else "attention"
    return Product(
        words=words,
        part=part,
        flops=float(layer.forward_flops),
        size=float(size),
        time=float(layer.forward_matmul + layer.forward_attention),
    )
