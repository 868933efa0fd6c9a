"""Which plans are legal, and in words why others are not.

Legality is arithmetic on integers (`kernels.legal`), done for whole tables before
anything is timed; which plans there are is known to `space`.
"""

import math

import numpy as np

from accelsim.kernels import tables
from accelsim.kernels.legal import (
    BATCH,
    CP_HEADS,
    EP_REPLICAS,
    ETP_EXPERTS,
    ROUNDS,
    STACK,
    VP_LAYERS,
    WORKERS,
    judge,
)
from accelsim.kernels.tables import Record, Rows
from accelsim.question import Question
from accelsim.training.lower import lower_rules
from accelsim.training.schedules import schedule_error, stages_error
from accelsim.training.space import divisors, expert_tensor, space_of

__all__ = ["candidates", "divisors", "fixed_sizes_error", "why_none"]


def candidates(q: Question, case: int) -> Rows:
    """Return every plan of the usual space as a PLAN table, with its reason.

    The reason is the index in `tables.REASONS` of the first test that it fails, 0 if it
    is legal.
    """
    space = space_of(q, whole=False)
    plans = space.plans(0, len(space))
    judge(*lower_rules(q), plans)
    plans.case = case
    if _option_error(q) or stages_error(q) or _context_error(q):
        plans.reason[plans.reason == tables.OK] = STACK
    return plans


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
    sizes = f"tp {row.tp} x cp {row.cp} x pp {row.pp} x dp {row.dp}"
    details = {
        VP_LAYERS: f"plan.vp: {row.vp} virtual stages x pp {row.pp} do not cut "
        f"{q.model.layers} layers",
        ROUNDS: f"plan.vp: interleaving needs micro-batches in multiples of pp "
        f"{row.pp}, not {row.micro_batches}",
        BATCH: f"run.global_batch: {q.global_batch} is no multiple of dp {row.dp} x "
        f"micro_batch {row.micro_batch}; {_nearest_batches(q, row)}",
        EP_REPLICAS: _experts_clash(row),
        ETP_EXPERTS: f"plan.etp: {row.etp} beside tp {row.tp} needs sp",
        CP_HEADS: f"plan.cp: an all-to-all of {row.cp_a2a or row.cp} workers does not "
        f"cut the {q.model.heads // row.tp} heads that tp {row.tp} leaves",
        WORKERS: f"plan: {sizes} = {int(row.tp * row.cp * row.pp * row.dp)} is not the "
        f"{q.workers} workers of {q.run.chips} chips",
    }
    return details.get(int(row.reason), tables.REASONS[int(row.reason)])


def _experts_clash(row: Record) -> str:
    """Return why the experts of a plan do not lie on its workers."""
    if row.etp == row.tp:
        return f"plan.ep: {row.ep} does not divide dp {row.dp} x cp {row.cp}"
    return (
        f"plan.ep: {row.ep} x etp {row.etp} does not divide "
        f"tp {row.tp} x dp {row.dp} x cp {row.cp}"
    )


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
    if plan.pp is not None and plan.pp > tables.MAX_STAGES:
        return f"plan.pp: {plan.pp} exceeds {tables.MAX_STAGES} stages"
    if plan.cp is not None and q.seq_len % plan.cp:
        return f"plan.cp: {plan.cp} does not divide seq_len {q.seq_len}"
    experts = _experts_error(q)
    if experts:
        return experts
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


def _experts_error(q: Question) -> str:
    """Return what is wrong with how the user cuts the experts."""
    plan, moe, name = q.plan, q.model.moe, q.model.name
    for field, size in (("ep", plan.ep or 1), ("etp", plan.etp or 1)):
        if size > 1 and moe is None:
            return f"plan.{field}: {size}: {name} has no experts"
    if moe is None:
        return ""
    if moe.experts % (plan.ep or 1):
        return (
            f"plan.ep: {plan.ep} does not divide the {moe.experts} experts of {name}; "
            f"valid: {_list(divisors(moe.experts))}"
        )
    if moe.ffn % (plan.etp or 1):
        return (
            f"plan.etp: {plan.etp} does not divide the width {moe.ffn} of the experts "
            f"of {name}"
        )
    return ""


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
        ("cp_comm_type", plan.cp_comm_type, stack.context.types),
    )
    for name, choice, kinds in choices:
        if choice is not None and choice not in kinds:
            return (
                f"plan.{name}: software {stack.name} offers {', '.join(kinds)}, "
                f"not {choice}"
            )
    return schedule_error(q) or stages_error(q) or _option_error(q) or _context_error(q)


def _context_error(q: Question) -> str:
    """Return what is wrong with how a context group shall exchange."""
    plan = q.plan
    if plan.cp_a2a is not None and plan.cp_comm_type != "a2a+p2p":
        return (
            f"plan.cp_a2a: {plan.cp_a2a}: groups exchange heads within a ring under "
            'plan.cp_comm_type = "a2a+p2p" alone'
        )
    tp, cp, ep = plan.tp or 0, plan.cp or 0, plan.ep or 0
    etp, told = plan.etp or tp, min(tp, cp, ep) > 0 and q.model.moe is not None
    near = plan.order == tables.ORDERS[tables.REPLICAS_LAST] and (plan.pp or 1) > 1
    if told and near and etp * ep != tp * cp:
        rule = f"needs ep {ep} x etp {etp} to be tp {tp} x cp {cp}"
        return f"plan.order: {plan.order} {rule}"
    return ""


def _modules_error(q: Question, told: tuple[str, ...]) -> str:
    """Return why these modules cannot be recomputed."""
    field, offered = f"plan.recompute_modules: {', '.join(told)}", q.software
    if q.plan.recompute != "selective":
        return f'{field}: modules are recomputed under plan.recompute = "selective"'
    for name in told:
        if name not in offered.recompute_modules:
            kinds = ", ".join(offered.recompute_modules) or "no modules"
            return f"{field}: software {offered.name} offers {kinds}, not {name}"
        if name == "mla_up_proj" and q.model.mla is None:
            return f"{field}: {q.model.name} has no latent attention"
        if name in ("moe", "moe_act", "shared_experts") and q.model.moe is None:
            return f"{field}: {q.model.name} has no experts"
    return ""


def _option_error(q: Question) -> str:
    """Return what is wrong with the options of memory that the user fixed."""
    plan = q.plan
    if plan.recompute_modules is not None:
        error = _modules_error(q, plan.recompute_modules)
        if error:
            return error
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
    if plan.shard_group is not None:
        told, ep = f"plan.shard_group: {plan.shard_group}", plan.ep or 1
        cut = expert_tensor(q)
        if plan.sharding == "none":
            return f"{told}: nothing is sharded (plan.sharding = none)"
        if plan.shard_group % ep and not cut:
            return f"{told}: ep {ep} does not divide it"
        replicas = (plan.dp or 0) * (plan.cp or 1)
        if replicas % plan.shard_group:
            return f"{told} does not divide dp {plan.dp} x cp {plan.cp or 1}"
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
