"""Which plans are legal: the axes of a search and the tests that a plan must pass.

Legality is arithmetic on integers, done for whole tables before anything is timed.
"""

import math
from collections.abc import Iterable

import numpy as np

from accelsim.kernels import tables
from accelsim.kernels.tables import Record, Rows
from accelsim.question import Question
from accelsim.training.lower import OPTIMIZERS, RECOMPUTES, SHARDINGS, table
from accelsim.training.schedules import (
    offered,
    schedule_error,
    stages_error,
    unfit,
    unoffered,
)

MAX_TP = 128
MAX_MICRO_BATCH = 16
MAX_VP = 8
SIZES = ("tp", "cp", "pp", "ep", "micro_batch", "vp", "schedule")
LONG_SEQUENCE = 8192  # tokens that one context-parallel rank keeps at least


def divisors(number: int) -> list[int]:
    """Return the divisors of a positive integer in rising order."""
    small = [d for d in range(1, int(number**0.5) + 1) if number % d == 0]
    return sorted({*small, *(number // d for d in small)})


def candidates(q: Question, case: int) -> Rows:
    """Return every plan to be tried for a question as a PLAN table.

    What the run fixes is kept; each other axis takes every value that can be legal:
    divisors of the workers for the parallel sizes, powers of two for the micro-batch,
    what the software offers for the rest.
    """
    rows = [
        (tp, cp, pp, ep, mb, vp, schedule)
        for tp, cp, pp in _sizes(q)
        for ep in _expert_sizes(q, tp, cp, pp)
        for mb in _micro_batches(q, tp, cp, pp)
        for vp in _virtual_stages(q, pp)
        for schedule in offered(q, pp, vp)
    ]
    options = [
        (sharding, recompute)
        for sharding in _choice(q.plan.sharding, q.software.sharding, SHARDINGS)
        for recompute in _choice(q.plan.recompute, q.software.recompute, RECOMPUTES)
    ]
    plans = table(tables.PLAN, len(rows) * len(options))
    if not len(plans):
        return plans
    sizes = np.repeat(np.array(rows, dtype=np.int64), len(options), axis=0)
    kinds = np.tile(np.array(options, dtype=np.int64), (len(rows), 1))
    plans.case = case
    for name, column in zip(SIZES, sizes.T, strict=True):
        plans[name] = column
    plans.sharding, plans.recompute = kinds.T
    plans.sp = _sequence_parallel(q) & (plans.tp > 1)
    inner = plans.tp * plans.cp * plans.pp
    plans.dp = q.plan.dp if q.plan.dp is not None else np.maximum(1, q.workers // inner)
    plans.micro_batches = np.maximum(
        1, q.global_batch // (plans.dp * plans.micro_batch)
    )
    _fill_memory_options(plans, q)
    plans.reason = legality(plans, q)
    return plans


def _fill_memory_options(plans: Rows, q: Question) -> None:
    """Fill what a run says of recomputed layers, optimizer and offloading."""
    plan = q.plan
    if plan.recompute_layers is not None:
        here = -(-q.model.layers // (plans.pp * plans.vp)) * plans.vp
        plans.recompute_layers = plan.recompute_layers
        plans.kept_share = np.maximum(0.0, 1.0 - plan.recompute_layers / here)
    plans.optimizer = OPTIMIZERS.index(plan.optimizer or "adam")
    plans.offload = plan.offload_activations or 0.0
    plans.offload_optimizer = bool(plan.offload_optimizer)


def _sequence_parallel(q: Question) -> bool:
    return q.software.defaults.sp if q.plan.sp is None else q.plan.sp


def _choice(
    fixed: str | None, offered: Iterable[str], order: tuple[str, ...]
) -> list[int]:
    return [order.index(name) for name in ([fixed] if fixed else offered)]


def _sizes(q: Question) -> Iterable[tuple[int, int, int]]:
    sizes = divisors(q.workers)
    tps = [q.plan.tp] if q.plan.tp else [d for d in sizes if d <= MAX_TP]
    if not q.plan.tp and not q.software.tensor:
        tps = [1]
    cps = [q.plan.cp] if q.plan.cp else [
        d for d in sizes if d == 1 or q.seq_len // d >= LONG_SEQUENCE
    ]  # fmt: skip
    pps = [q.plan.pp] if q.plan.pp else [d for d in sizes if d <= q.model.layers]
    if not q.plan.pp and not q.software.pipeline:
        pps = [1]
    for tp in tps:
        if q.plan.tp is None and (q.model.heads % tp or tp > q.model.heads):
            continue
        for cp in cps:
            for pp in pps:
                inner = tp * cp * pp
                if q.plan.dp is None and q.workers % inner and _free(q):
                    continue
                if (
                    q.plan.dp is not None
                    and inner * q.plan.dp != q.workers
                    and _free(q)
                ):
                    continue
                yield tp, cp, pp


def _free(q: Question) -> bool:
    return None in (q.plan.tp, q.plan.cp, q.plan.pp)


def _expert_sizes(q: Question, tp: int, cp: int, pp: int) -> list[int]:
    if q.plan.ep:
        return [q.plan.ep]
    if q.model.moe is None:
        return [1]
    replicas = (q.plan.dp or max(1, q.workers // (tp * cp * pp))) * cp
    return [d for d in divisors(q.model.moe.experts) if replicas % d == 0]


def _micro_batches(q: Question, tp: int, cp: int, pp: int) -> list[int]:
    if q.plan.micro_batch:
        return [q.plan.micro_batch]
    dp = q.plan.dp or max(1, q.workers // (tp * cp * pp))
    each = q.global_batch // dp
    return [2**i for i in range(5) if 2**i <= MAX_MICRO_BATCH and each % 2**i == 0] or [
        1
    ]


def _virtual_stages(q: Question, pp: int) -> list[int]:
    if q.plan.vp:
        return [q.plan.vp]
    if q.plan.stage_layers:
        return [1]
    wanted = q.plan.schedule or "interleaved"
    if wanted != "interleaved" or pp == 1 or not q.software.interleaved:
        return [1]
    if q.model.layers % pp:
        return [1]
    least = 2 if q.plan.schedule else 1
    return [v for v in divisors(q.model.layers // pp) if least <= v <= MAX_VP]


def legality(plans: Rows, q: Question) -> np.ndarray:
    """Return for each plan the index of the first test it fails (0 = legal).

    The tests are `tables.REASONS`, in that order.
    """
    experts = q.model.moe.experts if q.model.moe else 1
    batches = plans.dp * plans.micro_batch
    chunks = plans.pp * plans.vp
    stack = q.software
    shardings = [SHARDINGS.index(s) for s in stack.sharding]
    recomputes = [RECOMPUTES.index(r) for r in stack.recompute]
    # weights that are gathered layer by layer have no stage to belong to
    staged = (plans.sharding >= tables.ZERO2) & (plans.pp > 1) & (q.plan.pp is None)
    # one replica has nobody to share with
    free = q.plan.sharding is None and tables.UNSHARDED in shardings
    lonely = (plans.sharding != tables.UNSHARDED) & (plans.dp * plans.cp == 1) & free
    undone = (
        lonely
        | ~np.isin(plans.sharding, shardings)
        | ~np.isin(plans.recompute, recomputes)
        | staged
        | ((plans.tp > 1) & (not stack.tensor))
        | ((plans.pp > 1) & (not stack.pipeline))
        | ((plans.vp > 1) & (not stack.interleaved))
        | unoffered(plans, q)
        | bool(_option_error(q) or stages_error(q))
    )
    tests = [
        q.model.heads % plans.tp != 0,
        plans.pp > q.model.layers,
        (plans.vp > 1) & ((chunks > q.model.layers + 2) | (plans.pp == 1)),
        (plans.vp > 1) & (plans.micro_batches % plans.pp != 0) & (q.plan.vp is None),
        q.global_batch % batches != 0,
        experts % plans.ep != 0,
        (plans.dp * plans.cp) % plans.ep != 0,
        q.seq_len % plans.cp != 0,
        plans.tp * plans.cp * plans.pp * plans.dp != q.workers,
        undone,
        unfit(plans, q),
    ]
    reason = np.zeros(len(plans), dtype=np.int64)
    for index, failed in reversed(list(enumerate(tests, start=1))):
        reason[failed] = index
    return reason


def why_none(q: Question, plans: Rows) -> str:
    """Return one line on why no candidate is legal, with the numbers that clash.

    The reason given is that of the plan that gets furthest through the tests.
    """
    alone = fixed_sizes_error(q)
    if alone:
        return alone
    if not len(plans):
        return (
            f"plan: no tp x cp x pp x dp makes {q.workers} workers "
            f"({q.run.chips} chips x {q.chip.workers_per_chip})"
        )
    row = plans[int(np.argmax(plans.reason))]
    product = int(row.tp * row.cp * row.pp * row.dp)
    details = {
        3: f"plan.vp: {row.vp} virtual stages x pp {row.pp} do not cut "
        f"{q.model.layers} layers",
        4: f"plan.vp: interleaving needs micro-batches in multiples of pp {row.pp}, "
        f"not {row.micro_batches}",
        5: f"run.global_batch: {q.global_batch} is no multiple of dp {row.dp} x "
        f"micro_batch {row.micro_batch}; {_nearest_batches(q, row)}",
        7: f"plan.ep: {row.ep} does not divide dp {row.dp} x cp {row.cp}",
        9: f"plan: tp {row.tp} x cp {row.cp} x pp {row.pp} x dp {row.dp} = {product} "
        f"is not the {q.workers} workers of {q.run.chips} chips",
    }
    return details.get(int(row.reason), tables.REASONS[int(row.reason)])


def _nearest_batches(q: Question, row: Record) -> str:
    step = int(row.dp * row.micro_batch)
    below = q.global_batch // step * step
    near = [str(n) for n in (below, below + step) if n > 0]
    return f"nearest: {' or '.join(near)}"


def fixed_sizes_error(q: Question) -> str:
    """Return what is wrong with the sizes that the user fixed, each by itself."""
    plan, model = q.plan, q.model
    sizes = {"tp": plan.tp, "cp": plan.cp, "pp": plan.pp, "dp": plan.dp}
    fixed = {name: size for name, size in sizes.items() if size is not None}
    if plan.tp is not None and model.heads % plan.tp:
        return (
            f"plan.tp: {plan.tp} does not divide the {model.heads} heads of "
            f"{model.name}; valid: {_list(divisors(model.heads))}"
        )
    if plan.pp is not None and plan.pp > model.layers:
        return f"plan.pp: {plan.pp} exceeds the {model.layers} layers of {model.name}"
    if plan.cp is not None and q.seq_len % plan.cp:
        return f"plan.cp: {plan.cp} does not divide seq_len {q.seq_len}"
    if plan.ep is not None and plan.ep > 1 and model.moe is None:
        return f"plan.ep: {plan.ep}: {model.name} has no experts"
    if plan.ep is not None and model.moe is not None and model.moe.experts % plan.ep:
        return (
            f"plan.ep: {plan.ep} does not divide the {model.moe.experts} experts of "
            f"{model.name}; valid: {_list(divisors(model.moe.experts))}"
        )
    product = math.prod(fixed.values())
    if fixed and (q.workers % product or (len(fixed) == 4 and product != q.workers)):
        words = " x ".join(f"{name} {size}" for name, size in fixed.items())
        total = f" = {product}" if len(fixed) > 1 else ""
        verb = "is not" if len(fixed) == 4 else "does not divide"
        return (
            f"plan: {words}{total} {verb} the {q.workers} workers of "
            f"{q.run.chips} chips"
        )
    return _stack_error(q)


def _stack_error(q: Question) -> str:
    """Return what the software cannot do of what the user fixed."""
    plan, stack = q.plan, q.software
    abilities = (
        ("tp", plan.tp, stack.tensor, "tensor parallelism"),
        ("pp", plan.pp, stack.pipeline, "pipeline"),
        ("vp", plan.vp, stack.interleaved, "interleaved pipeline"),
    )
    for name, size, can, what in abilities:
        if size is not None and size > 1 and not can:
            return f"plan.{name}: {size}: software {stack.name} has no {what}"
    choices = (
        ("sharding", plan.sharding, stack.sharding),
        ("recompute", plan.recompute, stack.recompute),
    )
    for name, choice, kinds in choices:
        if choice is not None and choice not in kinds:
            return (
                f"plan.{name}: software {stack.name} offers {', '.join(kinds)}, "
                f"not {choice}"
            )
    return schedule_error(q) or stages_error(q) or _option_error(q)


def _option_error(q: Question) -> str:
    """Return what is wrong with the options of memory that the user fixed."""
    plan = q.plan
    if plan.recompute_layers is not None and plan.recompute != "full":
        return (
            f"plan.recompute_layers: {plan.recompute_layers}: layers are recomputed "
            'one by one under plan.recompute = "full" alone'
        )
    if (plan.recompute_layers or 0) > q.model.layers:
        return (
            f"plan.recompute_layers: {plan.recompute_layers}: {q.model.name} has "
            f"{q.model.layers} layers"
        )
    offloaded = plan.offload_activations or plan.offload_optimizer
    if offloaded and q.system.node.host_bandwidth is None:
        name = "activations" if plan.offload_activations else "optimizer"
        return (
            f"plan.offload_{name}: {q.system.name} does not say how fast its host is "
            "reached (system.node.host_bandwidth)"
        )
    return ""


def _list(numbers: list[int]) -> str:
    return ", ".join(str(n) for n in numbers)
