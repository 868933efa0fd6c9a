"""From questions to the tables that the kernels read.

Each question has a row of CASE; that points to its rows of the other tables, which have
one for each distinct spec: a sweep over links fills its chip's row once.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np

from accelsim.chip.lower import fill_chip
from accelsim.fabric.lower import fill_tiers
from accelsim.kernels import streams, tables
from accelsim.kernels.plan_tables import MODULES
from accelsim.kernels.software_tables import ALLOCATORS, LOSSES, OUTPUTS, SOFTWARE
from accelsim.kernels.tables import Record, Rows
from accelsim.question import Question
from accelsim.specs.chip import ChipSpec
from accelsim.specs.model import ModelSpec
from accelsim.specs.software import SelectiveSpec, SoftwareSpec
from accelsim.stamps import Kept
from accelsim.training.spread import slowest
from accelsim.workload.lower import fill_model

SHARDINGS = ("none", "zero1", "zero2", "zero3")
RECOMPUTES = ("none", "selective", "full")
OPTIMIZERS = ("adam", "adam8bit", "sgd", "muon")
_ROWS = Kept(8192)  # a sweep over two thousand links has as many fabrics


@lru_cache
def _records(dtype: "np.dtype[np.void]") -> Any:
    return np.dtype((np.record, dtype))


def bare(dtype: "np.dtype[np.void]", *shape: int) -> Rows:
    """Return zeros whose rows, but not columns, are read by name.

    Kernels take a plain array much faster than a `table`.
    """
    return np.zeros(shape, _records(dtype))


def table(dtype: "np.dtype[np.void]", *shape: int) -> Rows:
    """Return a table of zeros whose rows and columns are read by name."""
    return bare(dtype, *shape).view(np.recarray)


@dataclass(frozen=True)
class Cases:
    """The rows of n questions, in the order in which the kernels take them.

    cases : n rows of CASE, which point to rows of the others.
    chips, models, software : rows of CHIP, MODEL, SOFTWARE, one a distinct spec.
    tiers : rows of MAX_TIERS times TIER, one a distinct fabric.
    """

    cases: Rows
    chips: Rows
    models: Rows
    software: Rows
    tiers: Rows

    def of(self, case: int) -> tuple[Record, Record, Record, Record, Rows]:
        """Return the rows of one case: its own, chip, model, software and tiers."""
        row = self.cases[case]
        return (
            row,
            self.chips[row.chip],
            self.models[row.model],
            self.software[row.software],
            self.tiers[row.tiers],
        )

    @cached_property
    def bare(self) -> tuple[Rows, Rows, Rows, Rows, Rows]:
        """Return the five tables for kernels, which take a plain array much faster."""
        cases, chips = self.cases.view(np.ndarray), self.chips.view(np.ndarray)
        models, software = self.models.view(np.ndarray), self.software.view(np.ndarray)
        return cases, chips, models, software, self.tiers.view(np.ndarray)

    def capacity(self, cases: Any) -> np.ndarray:
        """Return the memory of a worker of each of some cases [B]."""
        ours, chips, *_ = self.bare
        return np.asarray(chips["memory_capacity"][ours["chip"][cases]])


def lower(questions: Sequence[Question]) -> Cases:
    """Return the tables of the questions; specs that are one object share a row."""
    cases = table(tables.CASE, len(questions))
    chips, models = _Shared(tables.CHIP), _Shared(tables.MODEL)
    software, tiers = _Shared(SOFTWARE), _Shared(tables.TIER, tables.MAX_TIERS)
    for row, q in zip(cases, questions, strict=True):
        _fill_case(row, q)
        chip, count = q.chip, q.run.chips
        attention, lag = attention_of(q), slowest(chip, count)
        row.chip = chips.index(
            (chip,), (attention, lag), partial(_fill_chip, chip, attention, lag)
        )
        row.model = models.index((q.model,), 0, partial(_fill_model, q.model))
        row.software = software.index(
            (q.software,),
            (chip.family, chip.reduces_behind),
            partial(_fill_stack, q.software, chip),
        )
        # of a chip, a fabric knows how a package is shared
        fabric = (q.system, *q.links.values(), chip.core_link)
        row.tiers = tiers.index(
            fabric, (chip.workers_per_chip, count), partial(_fill_fabric, q)
        )
    return Cases(cases, chips.rows, models.rows, software.rows, tiers.rows)


def lower_rules(q: Question) -> tuple[Rows, Rows, Rows]:
    """Return the rows of CASE, MODEL and SOFTWARE that tell which plans are legal."""
    case = table(tables.CASE, 1)
    _fill_case(case[0], q)
    models, software = _Shared(tables.MODEL), _Shared(SOFTWARE)
    models.index((q.model,), 0, partial(_fill_model, q.model))
    how = q.chip.family, q.chip.reduces_behind
    software.index((q.software,), how, partial(_fill_stack, q.software, q.chip))
    return case, models.rows, software.rows


class _Shared:
    """The rows of a table, filled once for each spec, and kept for other questions."""

    def __init__(self, dtype: "np.dtype[np.void]", *shape: int) -> None:
        self._dtype, self._shape = dtype, shape
        self._found: dict[Hashable, int] = {}
        self._filled: list[Rows] = []

    def index(
        self, specs: tuple[object, ...], words: Hashable, fill: Callable[[Rows], None]
    ) -> int:
        """Return the row of some specs and words, which `fill` fills if it is new."""
        key = (*map(id, specs), words)
        if key not in self._found:
            self._found[key] = len(self._filled)
            kind = (self._dtype.itemsize, words)
            self._filled.append(_ROWS.of(specs, kind, partial(self._row, fill)))
        return self._found[key]

    def _row(self, fill: Callable[[Rows], None]) -> Rows:
        rows = table(self._dtype, 1, *self._shape)
        fill(rows[0])
        return rows

    @property
    def rows(self) -> Rows:
        """Return a copy of the rows in the order of their indices."""
        if not self._filled:
            return table(self._dtype, 0, *self._shape)
        rows = table(self._dtype, len(self._filled), *self._shape)
        for i, filled in enumerate(self._filled):  # joined, each would be promoted
            rows[i] = filled[0]
        return rows


def _fill_chip(chip: ChipSpec, attention: str, lag: float, row: Record) -> None:
    fill_chip(row, chip, attention)
    row.lag = lag


def _fill_model(model: ModelSpec, row: Record) -> None:
    fill_model(row, model)


def _fill_stack(software: SoftwareSpec, chip: ChipSpec, row: Record) -> None:
    _fill_software(software, row)
    row.overlap_scatter = chip.reduces_behind
    if chip.family != "gpu":  # their collectives have engines of their own
        row.communication_share = 0.0


def _fill_fabric(q: Question, rows: Rows) -> None:
    fill_tiers(rows, q.system, q.chip, q.links, q.run.chips)


def attention_of(q: Question) -> str:
    """Return the attention kernel of a run; fused ones exist for 16 bits and less."""
    wide = q.precision in ("fp32", "tf32")
    return "unfused" if wide else q.software.attention


def _bits(chosen: Iterable[str], order: tuple[str, ...]) -> int:
    """Return a set of names as a number, a bit each."""
    return sum(1 << order.index(name) for name in set(chosen))


def _narrow(q: Question) -> bool:
    """Return whether products are narrower than 16 bits on a chip that knows fp8."""
    width = tables.ELEMENT_BYTES[tables.PRECISIONS.index(q.precision)]
    return bool(width < 2.0 and "fp8" in q.chip.matrix.peak)


def _fill_case(row: Record, q: Question) -> None:
    row.precision = tables.PRECISIONS.index(q.precision)
    wide = q.precision in ("fp32", "tf32")
    row.wide_precision = row.precision if wide else tables.BF16
    row.attention_precision = row.wide_precision
    narrow_head = q.software.narrow_head and _narrow(q)
    row.head_precision = row.precision if narrow_head else row.wide_precision
    if q.software.narrow_attention and _narrow(q):
        row.attention_precision = tables.FP8
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
    plan = q.plan
    for bit, value in (
        (tables.STATED_PP, plan.pp),
        (tables.STATED_VP, plan.vp),
        (tables.STATED_SHARDING, plan.sharding),
        (tables.STATED_SCHEDULE, plan.schedule),
    ):
        row.stated |= (value is not None) << bit
    if plan.schedule is not None:
        row.stated_schedule = tables.SCHEDULES.index(plan.schedule)
    host = q.system.node.host_bandwidth
    stated = q.plan.stage_layers or ()
    row.stages = len(stated)
    row.stage_layers[: len(stated)] = stated
    row.host_bandwidth = 0.0 if host is None else float(host) / q.chip.workers_per_chip


def _fill_context(software: SoftwareSpec, row: Record) -> None:
    context = software.context
    row.cp_comm_types = _bits(context.types, tables.CP_COMM_TYPES)
    row.cp_blocks, row.cp_copies = context.blocks, context.copies
    row.cp_repeats = context.repeats
    row.cp_gradient_ring = context.gradient_ring
    row.cp_gradient_bytes = context.gradient_bytes or 0.0
    row.cp_merge, row.cp_merge_kernels = context.merge, context.merge_kernels


def _fill_experts(software: SoftwareSpec, row: Record) -> None:
    experts = software.experts
    for kind in ("one_kernel", "waits", "kernels", "bias_kernels"):
        row[f"expert_{kind}"] = getattr(experts, kind)
    for kind in ("scores", "sort", "padding", "bias", "beside"):
        row[f"expert_{kind}"] = getattr(experts, kind)
    launch = experts.launch or software.launch
    row.expert_launch = float(launch)
    row.expert_product = float(experts.product or launch)


def module_bits(names: Iterable[str]) -> int:
    """Return modules that are repeated as bits, see `plan_tables.MODULES`."""
    return sum({1 << module for name in names if name for module in MODULES[name]})


def module_names(bits: int) -> str:
    """Return the names of modules that bits stand for, as few as there can be."""
    names: list[str] = []
    for name, modules in sorted(MODULES.items(), key=lambda one: -len(one[1])):
        here = sum(1 << module for module in modules)
        if bits & here == here:
            names.append(name)
            bits &= ~here
    return "+".join(sorted(names))


def _fill_software(software: SoftwareSpec, row: Record) -> None:
    row.shardings = _bits(software.sharding, SHARDINGS)
    row.recomputes = _bits(software.recompute, RECOMPUTES)
    row.schedules = _bits(software.schedules, tables.SCHEDULES)
    _fill_context(software, row)
    for name in ("tensor", "pipeline", "interleaved"):
        row[name] = getattr(software, name)
    row.fused_norms = software.fused_norms
    row.fused_optimizer = software.fused_optimizer
    row.fused_loss = software.fused_loss
    whole = streams.FUSED_LOSS if software.fused_loss else streams.CHAINED_LOSS
    row.loss = software.passes.loss or whole
    for kind in ("activation", "rotary", "layout", "residual", "kernels"):
        row[f"extra_{kind}"] = getattr(software.passes, kind)
    row.fused_accumulation = software.fused_accumulation
    row.copied_accumulation = software.copied_accumulation
    row.tensor_kernels = software.tensor_kernels
    for precision, moved in software.casts.items():
        row.casts[tables.PRECISIONS.index(precision)] = moved
    row.cast_weight = software.cast_weight
    store = software.activation_store
    row.activation_store = 1.0 if store is None else float(store)
    row.repeats_last = software.repeats_last
    row.checkpoint = float(software.checkpoint or 0.0)
    row.scatter = software.scatter
    row.launch = float(software.launch)
    _fill_selective(software.selective, row)
    for kind in type(software.overlap).model_fields:
        row[f"overlap_{kind}"] = getattr(software.overlap, kind)
    row.grad_bytes = row.reduce_bytes = software.grad_bytes
    if software.reduce_bytes is not None:
        row.reduce_bytes = software.reduce_bytes
    row.master_bytes = software.master_bytes
    row.reserved_memory = float(software.reserved_memory)
    row.fragmentation = float(software.fragmentation)
    row.pipelined = software.pipelined_collectives
    row.collective_start = float(software.collective_start)
    row.layer_calls = 0.0 if software.graphs else software.layer_calls
    row.collective_calls = software.collective_calls
    row.piece_calls = software.piece_calls
    row.bucket = 0.0 if software.bucket is None else float(software.bucket)
    held = software.communication_share
    row.communication_share = -1.0 if held is None else float(held)
    row.tp_units = -1.0 if software.tp_units is None else float(software.tp_units)
    row.ep_units = -1.0 if software.ep_units is None else float(software.ep_units)
    row.dispatch_once = software.dispatch_once
    row.forced_balance = software.forced_balance
    row.step_overhead = float(software.step_overhead)
    _fill_experts(software, row)
    memory = software.memory
    loss = memory.loss or ("fused" if software.fused_loss else "chain")
    row.loss_copies, row.loss_gradients, row.loss_held = LOSSES[loss]
    for name in (
        *("gathered_inputs", "activation_kept", "kv_copied", "working_gradient"),
        *("dummy_gradients", "expert_outputs", "router_bytes"),
        *("bucket_bytes", "update_bytes", "gather_buffers", "head_counts"),
        *("stage_gathered", "lends", "waits"),
    ):
        row[name] = getattr(memory, name)
    row.segments = ALLOCATORS.index(memory.allocator)


def _fill_selective(kind: SelectiveSpec, row: Record) -> None:
    row.selective_core = kind.core
    row.selective_attention = float(kind.attention or 0.0)
    row.selective_matmul = float(kind.matmul)
    row.selective_elementwise = float(kind.elementwise)
    row.selective_kept = float(kind.kept)
    row.selective_outputs = [o in kind.outputs for o in OUTPUTS]
