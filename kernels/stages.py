"""Which layers each stage of a pipeline has: as stated, by cost, or evenly.

This file knows how many there are and of which kind, dense or mixture. Memory, time and
replicas ask here; what a layer is made of they know.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import DUALPIPE, ZB_V, Record

# NVIDIA-NeMo/Megatron-Bridge@067f987 recipes/deepseek/h100/deepseek_v3.py: 61 layers
# and a further one are cut as 64, by 4, 8 and 16 (_get_deepseek_v3_pipeline_layout).
HEADS = 2.0
ROUNDING = 1e-9  # of a layer, so that equal shares are equal


@kernel
def even_layers(model: Record, plan: Record) -> tuple[float, float]:
    """Return the layers of the fullest and of the last stage, cut evenly.

    Layers go to the pp x vp chunks as evenly as they can, the first chunks fuller.
    Further layers, and all heads as two, count among those of the last chunk, where
    that is the end of the model.
    """
    chunks, behind = plan.pp * plan.vp, 0.0
    turns = plan.schedule in (ZB_V, DUALPIPE)
    if model.mtp > 0.0 and plan.pp > 1 and not turns:
        behind = model.mtp + HEADS
    whole = model.layers + behind
    fullest = -(-whole // chunks) * plan.vp
    last = max(whole - fullest * (plan.pp - 1.0), whole // chunks * plan.vp)
    return min(fullest, model.layers), max(0.0, last - behind)


@kernel
def uneven(case: Record, software: Record, plan: Record) -> bool:
    """Return whether stages between the first and the last may differ."""
    return bool(plan.pp > 1 and (case.stages > 0 or software.head_counts > 0.0))


@kernel
def stage_layers(
    case: Record, model: Record, software: Record, plan: Record, stage: int
) -> float:
    """Return the layers of a stage.

    As the run states them; or, where the software counts the LM head as the layers that
    it costs, each stage takes layers until it has its share; or cut evenly.
    """
    if not uneven(case, software, plan):
        full, last = even_layers(model, plan)
        return last if stage == plan.pp - 1 and plan.pp > 1 else full
    if case.stages > 0:
        return float(case.stage_layers[stage])
    layer = model.layer_parameters
    share = (model.layers + model.vocab * model.hidden / layer) / plan.pp
    before = -(-(share * stage - ROUNDING) // 1.0)
    after = -(-(share * (stage + 1.0) - ROUNDING) // 1.0)
    if stage == plan.pp - 1:
        after = model.layers
    return float(min(model.layers, after) - min(model.layers, max(0.0, before)))


@kernel
def fullest_layers(
    case: Record, model: Record, software: Record, plan: Record
) -> float:  # fmt: skip
    """Return the layers of the stage that has most."""
    if not uneven(case, software, plan):
        return even_layers(model, plan)[0]
    most = 0.0
    for stage in range(plan.pp):
        most = max(most, stage_layers(case, model, software, plan, stage))
    return most


@kernel
def plain(model: Record) -> bool:
    """Return whether all layers of a model are alike, with one head behind them."""
    alike = model.moe_layers == 0.0 or model.moe_layers == model.layers
    return bool(alike and model.mtp == 0.0)


@kernel
def mixtures_before(model: Record, layer: float) -> float:
    """Return how many of the layers before one are mixtures of experts.

    Of every `every` layers after the first dense ones the last is.
    """
    if model.moe_layers in (0.0, model.layers):
        return float(layer if model.moe_layers > 0.0 else 0.0)
    return float(max(0.0, (layer - model.dense_first) // model.every))


@kernel
def begin_of(plan: Record, stage: int, piece: int) -> int:
    """Return which of the chunks of a pipeline, cut evenly, a stage's piece is.

    Chunks go round the stages; zero bubble's V turns at the last stage; DualPipe's
    stages hold one of either direction.
    """
    if plan.schedule == DUALPIPE:
        return int(stage if piece == 0 else plan.pp - 1 - stage)
    if plan.schedule == ZB_V and piece == 1:
        return int(2 * plan.pp - 1 - stage)
    return int(piece * plan.pp + stage)


@kernel
def mixtures_at(
    case: Record, model: Record, software: Record, plan: Record, stage: int, here: float
) -> float:  # fmt: skip
    """Return how many of the `here` layers of a stage are mixtures of experts."""
    if model.moe_layers in (0.0, model.layers):
        return here if model.moe_layers > 0.0 else 0.0
    if uneven(case, software, plan):
        first = 0.0
        for before in range(stage):
            first += stage_layers(case, model, software, plan, before)
        return mixtures_before(model, first + here) - mixtures_before(model, first)
    pieces, each = plan.vp, even_layers(model, plan)[0] / plan.vp
    if plan.schedule in (ZB_V, DUALPIPE):
        pieces, each = 2, each / (2.0 if plan.schedule == ZB_V else 1.0)
    found, seen = 0.0, 0.0
    for piece in range(pieces):
        first = min(model.layers, each * begin_of(plan, stage, piece))
        last = min(model.layers, first + each)
        found += mixtures_before(model, last) - mixtures_before(model, first)
        seen += last - first
    return here * (found / seen if seen > 0.0 else model.moe_layers / model.layers)


@kernel
def further_at(model: Record, plan: Record, stage: int) -> float:
    """Return the further layers of a stage: they go where the head is.

    That is the last stage, the first of zero bubble's V, both of DualPipe by halves.
    """
    last = stage == plan.pp - 1
    if plan.schedule == DUALPIPE and plan.pp > 1:
        return 0.5 * model.mtp if last or stage == 0 else 0.0
    if plan.schedule == ZB_V:
        last = stage == 0
    return float(model.mtp) if last else 0.0


@kernel
def between_differ(model: Record, plan: Record) -> bool:
    """Return whether stages between the first and the last hold layers of other kinds.

    They are alike if the dense layers end within a chunk and chunks hold whole turns.
    """
    if model.moe_layers in (0.0, model.layers):
        return False
    each = even_layers(model, plan)[0] / plan.vp
    return bool(model.dense_first > each or each % model.every != 0.0)


@kernel
def head_parameters(model: Record, plan: Record) -> float:
    """Return the parameters of the heads, further ones among them, where they are.

    A stage without the embedding has its own copy of a tied table, and of the one that
    further heads look tokens up in.
    """
    if plan.pp == 1:
        return float(model.head_parameters + model.mtp_parameters)
    table = min(model.vocab * model.hidden, model.embed_parameters)
    copies = max(model.head_parameters, table)
    if model.mtp > 0.0 and model.head_parameters >= table:
        copies += table
    return float(copies + model.mtp_parameters)


@kernel
def tied_table(model: Record, plan: Record) -> float:
    """Return the parameters of a table that the first stage and the last both hold.

    A tied head's, or the one that further heads look tokens up in; frozen ones do not
    count, nor does zero bubble's V, which has both ends on its first stage.
    """
    table = min(model.vocab * model.hidden, model.embed_parameters)
    tied = model.head_parameters < table or model.mtp > 0.0
    apart = plan.pp > 1 and plan.schedule != ZB_V and model.adapter_rank == 0.0
    return float(table / plan.tp) if tied and apart else 0.0


@kernel
def all_kinds(model: Record) -> tuple[float, float]:
    """Return the layers of the model, further ones among them: (dense, mixtures)."""
    dense, mixtures = model.layers - model.moe_layers, model.moe_layers
    if mixtures > 0.0:
        return dense, mixtures + model.mtp
    return dense + model.mtp, mixtures


@kernel
def stage_kinds(
    case: Record, model: Record, software: Record, plan: Record, stage: int
) -> tuple[float, float]:
    """Return the layers of a stage: (dense, mixtures), further ones among them.

    Those are of the sort of the last layer (DeepSeek-V3, arXiv:2412.19437, sec. 2.2).
    """
    here = stage_layers(case, model, software, plan, stage)
    mixtures = mixtures_at(case, model, software, plan, stage, here)
    dense, more = here - mixtures, further_at(model, plan, stage)
    if model.moe_layers > 0.0:
        return dense, mixtures + more
    return dense + more, mixtures


@kernel
def heaviest_kinds(
    case: Record, model: Record, software: Record, plan: Record, each: float,
    mixture: float,
) -> tuple[float, float]:  # fmt: skip
    """Return the layers of the heaviest stage, (dense, mixtures).

    each, mixture : what a dense layer and a mixture weigh.
    """
    if plain(model):
        full = fullest_layers(case, model, software, plan)
        return (0.0, full) if model.moe_layers > 0.0 else (full, 0.0)
    most, dense, mixtures = -1.0, 0.0, 0.0
    for stage in range(plan.pp):
        here = stage_kinds(case, model, software, plan, stage)
        weight = here[0] * each + here[1] * mixture
        if weight > most:
            most, dense, mixtures = weight, here[0], here[1]
    return dense, mixtures


@kernel
def fill_shares(
    pipe: Record, case: Record, model: Record, software: Record, plan: Record,
    each: float, mixture: float,
) -> None:  # fmt: skip
    """Fill the layers of the fullest stage, and what those of others take over them.

    pipe : PIPELINE. each, mixture : seconds of a dense layer and of a mixture.
    """
    alike = plain(model)
    pipe.dense, pipe.mixtures = heaviest_kinds(
        case, model, software, plan, each, mixture
    )
    full = pipe.dense + pipe.mixtures
    if not alike:
        full = pipe.dense * each + pipe.mixtures * mixture
    pipe.even = 1.0
    for stage in range(plan.pp):
        if alike:
            share = stage_layers(case, model, software, plan, stage) / full
        else:
            here = stage_kinds(case, model, software, plan, stage)
            share = (here[0] * each + here[1] * mixture) / full
        pipe.share[stage] = share
        if share != 1.0:
            pipe.even = 0.0
