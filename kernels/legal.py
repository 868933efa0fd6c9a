"""Which plans are legal: what follows from a plan's sizes, and the tests it must pass.

This file knows integers: sizes that must divide each other, and what a stack and a
schedule can take. It knows no seconds and no bytes. A plan fails the first of
`tables.REASONS` that is true of it.
"""

from accelsim.kernels.context import heads_divide, heads_in_common, keys_divide
from accelsim.kernels.jit import inlined, kernel
from accelsim.kernels.tables import (
    A2A_P2P,
    DUALPIPE,
    FULL,
    INTERLEAVED,
    MAX_STAGES,
    OK,
    P2P,
    REPLICAS_LAST,
    STAGES_LAST,
    STATED_PP,
    STATED_SCHEDULE,
    STATED_SHARDING,
    STATED_VP,
    UNSHARDED,
    ZB_V,
    ZERO2,
    Record,
    Rows,
)

(
    TP_HEADS, PP_LAYERS, VP_LAYERS, ROUNDS, BATCH, EP_EXPERTS, EP_REPLICAS,
    ETP_EXPERTS, CP_SEQUENCE, CP_HEADS, WORKERS, STACK, SCHEDULE,
) = range(1, 14)  # fmt: skip
ENDS = 2.0  # embedding and head may count as layers where stages are cut


@inlined
def has(bits: int, index: int) -> bool:
    """Return whether a set of codes, a bit each, holds one."""
    return (bits >> index) & 1 > 0


@kernel
def complete(plan: Record, case: Record, model: Record) -> None:
    """Fill what follows from a plan's sizes.

    dp where it is 0, etp where it is (experts are cut as all else is), who takes part
    in an all-to-all of context parallelism, the micro-batches, and the share of a
    stage's layers that are not recomputed where only `recompute_layers` are.
    """
    if plan.etp == 0:
        plan.etp = plan.tp
    if plan.dp == 0:
        plan.dp = max(1, int(case.workers) // (plan.tp * plan.cp * plan.pp))
    if plan.pp == 1:
        plan.order = STAGES_LAST
    if plan.cp == 1:
        plan.cp_comm_type = P2P
    if plan.cp_comm_type != A2A_P2P:
        plan.cp_a2a = 0
    elif plan.cp_a2a == 0:
        plan.cp_a2a = heads_in_common(plan, model)
    batch = int(case.global_batch)
    plan.micro_batches = max(1, batch // (plan.dp * plan.micro_batch))
    plan.kept_share = 0.0
    if plan.recompute_layers > 0:
        chunks = plan.pp * plan.vp
        here = -(-int(model.layers) // chunks) * plan.vp
        plan.kept_share = max(0.0, 1.0 - plan.recompute_layers / here)


@kernel
def schedule_fits(plan: Record, layers: int, stated: int) -> bool:
    """Return whether a schedule can take a plan's stages and micro-batches.

    ZB-V cuts the layers into two chunks a stage and needs 2 pp - 1 micro-batches;
    DualPipe feeds an even number of stages from both ends, with 2 pp at least.
    """
    count, pp = plan.micro_batches, plan.pp
    if plan.schedule == ZB_V:
        uneven = layers % (2 * pp) != 0 and not has(stated, STATED_PP)
        return bool(count >= 2 * pp - 1 and not uneven)
    if plan.schedule == DUALPIPE:
        return bool(count >= 2 * pp and pp % 2 == 0 and count % 2 == 0)
    return True


@kernel
def stack_can(plan: Record, case: Record, software: Record) -> bool:
    """Return whether the software can do a plan.

    What the run states may be more than a search would try: weights that are gathered
    layer by layer have no stage to belong to, and one replica has nobody to share with.
    """
    stated = case.stated
    if plan.pp > 1:
        interleaved = plan.schedule == INTERLEAVED
        if interleaved != (plan.vp > 1):
            return False
        if not interleaved and not has(software.schedules, plan.schedule):
            return False
        wanted = case.stated_schedule == INTERLEAVED
        if has(stated, STATED_SCHEDULE) and (plan.vp > 1) != wanted:
            return False
        if plan.sharding >= ZERO2 and not has(stated, STATED_PP):
            return False
    group = plan.shard_group
    if group > 0:
        torn = plan.dp * plan.cp % group != 0
        torn = torn or group * plan.tp % (plan.etp * plan.ep) != 0
        if torn or plan.sharding == UNSHARDED:
            return False
    lonely = plan.sharding != UNSHARDED and plan.dp * plan.cp == 1
    free = not has(stated, STATED_SHARDING) and has(software.shardings, UNSHARDED)
    return bool(
        not (lonely and free)
        and has(software.shardings, plan.sharding)
        and has(software.recomputes, plan.recompute)
        and (plan.cp == 1 or has(software.cp_comm_types, plan.cp_comm_type))
        and (plan.tp == 1 or software.tensor > 0)
        and (plan.pp == 1 or software.pipeline > 0)
        and (plan.vp == 1 or software.interleaved > 0)
    )


@kernel
def options_fit(plan: Record, case: Record, layers: int) -> bool:
    """Return whether what a plan says of memory can be had.

    Layers are recomputed one by one under full recomputation alone; what leaves for the
    host needs a way to it.
    """
    counted, host = plan.recompute_layers, case.host_bandwidth
    if counted > 0 and (plan.recompute != FULL or counted > layers):
        return False
    return bool(host > 0.0 or (plan.offload == 0.0 and plan.offload_optimizer == 0))


@kernel
def model_clash(plan: Record, case: Record, model: Record) -> int:
    """Return the first test that a plan's cuts of the model fail, OK if none."""
    pp, vp, layers = plan.pp, plan.vp, int(model.layers)
    if int(model.heads) % plan.tp != 0:
        return TP_HEADS
    if pp > layers or pp > MAX_STAGES:
        return PP_LAYERS
    if vp == 1:
        return OK
    if pp == 1 or pp * vp > model.layers + ENDS:
        return VP_LAYERS
    free = not has(case.stated, STATED_VP)
    return ROUNDS if free and plan.micro_batches % pp != 0 else OK


@inlined
def experts_cut(plan: Record, model: Record) -> bool:
    """Return whether experts can be cut over a group that is not the tensor group.

    Tokens must be cut over the tensor group then, too: else its ranks would send the
    same ones to different experts (Megatron-LM: "When using expert parallelism and
    tensor parallelism, sequence parallelism must be used").
    """
    if plan.etp == plan.tp:
        return True
    whole = model.experts > 0.0 and int(model.expert_ffn) % plan.etp == 0
    return bool(whole and (plan.tp == 1 or plan.sp == 1))


@kernel
def job_clash(plan: Record, case: Record, model: Record) -> int:
    """Return the first test that a plan's groups of workers fail, OK if none."""
    replicas, ep = plan.dp * plan.cp, plan.ep
    sharing = plan.tp * replicas
    if int(case.global_batch) % (plan.dp * plan.micro_batch) != 0:
        return BATCH
    if max(1, int(model.experts)) % ep != 0:
        return EP_EXPERTS
    if sharing % (plan.etp * ep) != 0:
        return EP_REPLICAS
    if not experts_cut(plan, model):
        return ETP_EXPERTS
    if int(case.seq_len) % plan.cp != 0:
        return CP_SEQUENCE
    if not heads_divide(plan, model):
        return CP_HEADS
    return OK if plan.pp * sharing == int(case.workers) else WORKERS


@kernel
def sizes_clash(plan: Record, case: Record, model: Record) -> int:
    """Return the first test that the sizes of a plan fail, OK if none."""
    clash = model_clash(plan, case, model)
    return job_clash(plan, case, model) if clash == OK else clash


@kernel
def stages_agree(plan: Record, model: Record) -> bool:
    """Return whether stages inside replicas are the same for experts as for the rest.

    As many replicas of both must be left outside them (parallel_state.py of
    Megatron-Core: "data parallel size of the attention and moe layers must be the
    same").
    """
    if plan.pp == 1 or model.moe_layers == 0.0:
        return True
    return bool(plan.etp * plan.ep == plan.tp * plan.cp)


@kernel
def options_clash(plan: Record, case: Record, model: Record, software: Record) -> int:
    """Return the first test that a plan of good sizes fails, OK if none."""
    layers = int(model.layers)
    if not (stack_can(plan, case, software) and options_fit(plan, case, layers)):
        return STACK
    if plan.order == REPLICAS_LAST and not stages_agree(plan, model):
        return STACK
    copied = software.cp_copies > 0.0 or software.cp_repeats > 0.0
    if not (copied or keys_divide(plan, model)):
        return STACK
    return OK if schedule_fits(plan, layers, case.stated) else SCHEDULE


@inlined
def same_sizes(a: Record, b: Record) -> bool:
    """Return whether two plans have the same sizes."""
    return bool(
        a.case == b.case and a.tp == b.tp and a.cp == b.cp and a.pp == b.pp
        and a.vp == b.vp and a.ep == b.ep and a.etp == b.etp and a.dp == b.dp
        and a.sp == b.sp and a.micro_batch == b.micro_batch
        and a.cp_comm_type == b.cp_comm_type and a.cp_a2a == b.cp_a2a
    )  # fmt: skip


@kernel
def judge(cases: Rows, models: Rows, software: Rows, plans: Rows) -> None:
    """Complete every row of `plans` (PLAN) and fill the first test that it fails.

    Sizes that a plan shares with the one before are not tested again.
    """
    clash = OK
    for i in range(len(plans)):
        plan = plans[i]
        case = cases[plan.case]
        model = models[case.model]
        complete(plan, case, model)
        if i == 0 or not same_sizes(plan, plans[i - 1]):
            clash = sizes_clash(plan, case, model)
        plan.reason = clash
        if clash == OK:
            plan.reason = options_clash(plan, case, model, software[case.software])
