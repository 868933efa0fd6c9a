"""From questions to the tables that the kernels read: one row of each a question."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.chip.lower import fill_chip
from accelsim.fabric.lower import fill_tiers
from accelsim.kernels import streams, tables
from accelsim.kernels.software_tables import ALLOCATORS, SOFTWARE
from accelsim.kernels.tables import Record, Rows
from accelsim.question import Question
from accelsim.specs.software import SoftwareSpec
from accelsim.training.spread import slowest
from accelsim.workload.lower import fill_model

SHARDINGS = ("none", "zero1", "zero2", "zero3")
RECOMPUTES = ("none", "selective", "full")
OPTIMIZERS = ("adam", "adam8bit", "sgd", "muon")
LOGITS = {True: 4.0, False: 10.0}  # B of one, its loss fused or a chain in fp32


def table(dtype: "np.dtype[np.void]", *shape: int) -> Rows:
    """Return a table of zeros whose rows are read by name."""
    return np.zeros(shape, dtype).view(np.recarray)


@dataclass(frozen=True, slots=True)
class Cases:
    """The rows of n questions, in the order in which the kernels take them.

    cases, chips, models, software : n rows of CASE, CHIP, MODEL, SOFTWARE.
    tiers : n x MAX_TIERS rows of TIER.
    """

    cases: Rows
    chips: Rows
    models: Rows
    software: Rows
    tiers: Rows


def lower(questions: Sequence[Question]) -> Cases:
    """Return the tables of the questions."""
    n = len(questions)
    rows = Cases(
        table(tables.CASE, n),
        table(tables.CHIP, n),
        table(tables.MODEL, n),
        table(SOFTWARE, n),
        table(tables.TIER, n, tables.MAX_TIERS),
    )
    for i, q in enumerate(questions):
        _fill_case(rows.cases[i], q)
        fill_chip(rows.chips[i], q.chip, attention_of(q))
        rows.chips[i].lag = slowest(q.chip, q.run.chips)
        fill_model(rows.models[i], q.model)
        _fill_software(rows.software[i], q.software)
        if q.chip.family != "gpu":
            rows.software[i].communication_share = 0.0
        fill_tiers(rows.tiers[i], q.system, q.chip, q.links, q.run.chips)
    return rows


def attention_of(q: Question) -> str:
    """Return the attention kernel of a run; fused ones exist for 16 bits and less."""
    wide = q.precision in ("fp32", "tf32")
    return "unfused" if wide else q.software.attention


def _fill_case(row: Record, q: Question) -> None:
    row.precision = tables.PRECISIONS.index(q.precision)
    wide = q.precision in ("fp32", "tf32")
    row.wide_precision = row.precision if wide else tables.BF16
    row.activation_bytes = 4.0 if wide else 2.0
    row.weight_bytes = row.activation_bytes
    if q.model.adapter_rank:
        # Frozen weights need no wider copy than their products take: fp8_params in
        # mlcommons/training_results_v4.1, NVIDIA/benchmarks/llama2_70b_lora.
        width = tables.ELEMENT_BYTES[row.precision]
        row.weight_bytes = min(row.weight_bytes, width)
    row.seq_len = q.seq_len
    row.global_batch = q.global_batch
    row.workers = q.workers
    host = q.system.node.host_bandwidth
    row.host_bandwidth = 0.0 if host is None else float(host) / q.chip.workers_per_chip


def _fill_software(row: Record, software: SoftwareSpec) -> None:
    row.fused_norms = software.fused_norms
    row.fused_optimizer = software.fused_optimizer
    row.fused_loss = software.fused_loss
    whole = streams.FUSED_LOSS if software.fused_loss else streams.CHAINED_LOSS
    row.loss = software.passes.loss or whole
    for kind in ("activation", "rotary", "layout", "residual", "kernels"):
        row[f"extra_{kind}"] = getattr(software.passes, kind)
    row.fused_accumulation = software.fused_accumulation
    row.tensor_kernels = software.tensor_kernels
    row.cast_activation = software.cast_activation
    row.cast_weight = software.cast_weight
    store = software.activation_store
    row.activation_store = 1.0 if store is None else float(store)
    row.checkpoint = float(software.checkpoint or 0.0)
    row.scatter = software.scatter
    row.launch = float(software.launch)
    row.selective_core = software.selective.core
    row.selective_matmul = float(software.selective.matmul)
    row.selective_elementwise = float(software.selective.elementwise)
    row.selective_kept = float(software.selective.kept)
    for kind in type(software.overlap).model_fields:
        row[f"overlap_{kind}"] = getattr(software.overlap, kind)
    row.grad_bytes = software.grad_bytes
    row.master_bytes = software.master_bytes
    row.reserved_memory = float(software.reserved_memory)
    row.fragmentation = float(software.fragmentation)
    row.pipelined = software.pipelined_collectives
    row.collective_start = float(software.collective_start)
    row.bucket = 0.0 if software.bucket is None else float(software.bucket)
    row.communication_share = float(software.communication_share)
    row.step_overhead = float(software.step_overhead)
    memory = software.memory
    fused = LOGITS[software.fused_loss]
    row.logit_bytes = fused if memory.logit_bytes is None else memory.logit_bytes
    for name in (
        *("gathered_inputs", "activation_kept", "kv_copied", "working_gradient"),
        *("bucket_bytes", "update_bytes", "gather_buffers", "head_counts"),
        *("stage_gathered", "lends", "waits"),
    ):
        row[name] = getattr(memory, name)
    row.segments = ALLOCATORS.index(memory.allocator)
