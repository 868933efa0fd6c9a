"""Every plan that a question leaves open: the axes of a search.

A space is a table of heads (how the workers are arranged, and the schedule), each
crossed with options (recomputation, sharding, offloading). Its plans have numbers, so
that millions of them are made where they are needed and never stand all at once.

Two spaces know the same axes. The `whole` one takes every value that can be legal and
changes the answer. The usual one, which an estimate takes for what a run leaves open,
keeps to what stacks do by themselves.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from accelsim.chip.lower import attention_kernel
from accelsim.kernels import tables
from accelsim.kernels.plan_tables import OPTION
from accelsim.kernels.space import fill_plans
from accelsim.kernels.stages import HEADS
from accelsim.kernels.tables import Rows
from accelsim.question import Question
from accelsim.training.lower import (
    OPTIMIZERS,
    RECOMPUTES,
    SHARDINGS,
    attention_of,
    module_bits,
    table,
)
from accelsim.training.schedules import offered

# The usual space alone.
MAX_TP = 128
MAX_MICRO_BATCH = 16
MAX_VP = 8
LONG_SEQUENCE = 8192  # tokens that one context-parallel rank keeps at least


@dataclass(frozen=True, slots=True)
class Space:
    """Plans by number.

    heads : PLAN. first : number of each head's first plan, and of all plans.
    options : OPTION, in an order in which each head takes the first of them.
    """

    heads: Rows
    first: np.ndarray
    options: Rows

    def __len__(self) -> int:
        """Return how many plans there are, legal or not."""
        return int(self.first[-1])

    def plans(self, start: int, stop: int, into: Rows | None = None) -> Rows:
        """Return the plans of some numbers as a PLAN table, not judged yet.

        into : a table that may be filled again.
        """
        count = max(0, stop - start)
        plans = table(tables.PLAN, count) if into is None else into[:count]
        head = int(np.searchsorted(self.first, start, side="right")) - 1
        heads, options = self.heads.view(np.ndarray), self.options.view(np.ndarray)
        bare = plans.view(np.ndarray)
        fill_plans(heads, self.first, options, start, head, bare)
        return plans


@lru_cache(maxsize=4096)
def divisors(number: int) -> list[int]:
    """Return the divisors of a positive integer in rising order."""
    small = [d for d in range(1, int(number**0.5) + 1) if number % d == 0]
    return sorted({*small, *(number // d for d in small)})


def space_of(q: Question, case: int = 0, *, whole: bool) -> Space:
    """Return the space of a question; what the run fixes is kept.

    case : the row of CASE that the plans shall point to.
    """
    options = _options(q, whole=whole)
    columns = _columns(q, whole=whole)
    heads = table(tables.PLAN, len(columns["tp"]))
    for name, column in columns.items():
        heads[name] = column
    heads.case = case
    heads.cp_a2a = _exchangers(q, heads)
    if whole and q.plan.cp_comm_type is None:
        heads = heads[_differ(heads)]
    heads.order = tables.ORDERS.index(q.plan.order or q.software.defaults.order)
    heads.shard_group = q.plan.shard_group or 0
    heads.etp = expert_tensor(q) or heads.tp  # layers are timed before plans are judged
    heads.dp = q.plan.dp or 0  # what is left, see `kernels.legal`
    heads.optimizer = OPTIMIZERS.index(q.plan.optimizer or "adam")
    # layers one by one: 1 to all but one of what the fullest stage holds
    here = -(-q.model.layers // (heads.pp * heads.vp)) * heads.vp
    counted = options.recompute_layers * (q.plan.recompute_layers is None)
    taken = np.searchsorted(counted, here, side="left")
    first = np.concatenate([[0], np.cumsum(taken)]).astype(np.int64)
    return Space(heads, first, options)


def _columns(q: Question, *, whole: bool) -> dict[str, np.ndarray]:
    """Return sizes and schedule of the heads, column by column."""
    sizes = np.array(list(_sizes(q, whole=whole)), dtype=np.int64).reshape(-1, 3)
    made = dict(zip(("tp", "cp", "pp"), sizes.T, strict=True))
    made = _crossed(made, "ep", [_expert_sizes(q, *row) for row in _rows(made)])
    batches = [_micro_batches(q, *row[:3], whole=whole) for row in _rows(made)]
    made = _crossed(made, "micro_batch", batches)
    context = [_exchanges(q, cp, whole=whole) for cp in made["cp"].tolist()]
    made = _crossed(made, "cp_comm_type", context)
    tensor = made["tp"].tolist()
    made = _crossed(made, "sp", [_sequences(q, tp, whole=whole) for tp in tensor])
    stages = {pp: _virtual_stages(q, pp, whole=whole) for pp in set(sizes[:, 2])}
    made = _crossed(made, "vp", [stages[pp] for pp in made["pp"]])
    pairs = list(zip(made["pp"].tolist(), made["vp"].tolist(), strict=True))
    kinds = {pair: offered(q, *pair) for pair in set(pairs)}
    return _crossed(made, "schedule", [kinds[pair] for pair in pairs])


def _rows(columns: dict[str, np.ndarray]) -> Iterator[tuple[int, ...]]:
    return zip(*(column.tolist() for column in columns.values()), strict=True)


def _crossed(
    columns: dict[str, np.ndarray], name: str, values: Sequence[Sequence[int]]
) -> dict[str, np.ndarray]:
    """Return columns with one more, each row crossed with values of its own."""
    counts = [len(some) for some in values]
    crossed = {key: np.repeat(column, counts) for key, column in columns.items()}
    flat = [value for some in values for value in some]
    return crossed | {name: np.array(flat, dtype=np.int64)}


def _sizes(q: Question, *, whole: bool) -> Iterable[tuple[int, int, int]]:
    sizes, plan = divisors(q.workers), q.plan
    tps = [plan.tp] if plan.tp else [d for d in sizes if whole or d <= MAX_TP]
    if not plan.tp:
        tps = [d for d in tps if q.model.heads % d == 0] if q.software.tensor else [1]
    cps = [plan.cp] if plan.cp else [
        d for d in sizes
        if d == 1 or (q.seq_len % d == 0 if whole else q.seq_len // d >= LONG_SEQUENCE)
    ]  # fmt: skip
    pps = [plan.pp] if plan.pp else [d for d in sizes if d <= q.model.layers]
    if not plan.pp and not q.software.pipeline:
        pps = [1]
    free = None in (plan.tp, plan.cp, plan.pp)
    for tp in tps:
        for cp in cps:
            for pp in pps:
                inner = tp * cp * pp
                fits = q.workers % inner == 0
                if plan.dp is not None:
                    fits = inner * plan.dp == q.workers
                if fits or not free:
                    yield tp, cp, pp


def _exchanges(q: Question, cp: int, *, whole: bool) -> list[int]:
    """Return how a context group may exchange: the stack's way first."""
    if cp == 1:
        return [tables.P2P]
    if q.plan.cp_comm_type:
        return [tables.CP_COMM_TYPES.index(q.plan.cp_comm_type)]
    kinds = [tables.CP_COMM_TYPES.index(kind) for kind in q.software.context.types]
    return kinds if whole else kinds[:1]


def _differ(heads: Rows) -> np.ndarray:
    """Return which heads are no ring or all-to-all by another name."""
    mixed = (heads.cp_a2a > 1) & (heads.cp_a2a < heads.cp)
    return np.asarray(mixed | (heads.cp_comm_type != tables.A2A_P2P))


def expert_tensor(q: Question) -> int:
    """Return how far experts are cut, as told or the stack's way; 0 is as tp.

    No axis of a search: each size is a question of its own.
    """
    usual = q.software.defaults.etp if q.model.moe is not None else None
    return q.plan.etp or usual or 0


def _exchangers(q: Question, heads: Rows) -> np.ndarray:
    """Return the workers of the all-to-all of `a2a+p2p`, see `kernels.legal`.

    Layers are timed before plans are judged.
    """
    model = q.model
    keys = model.heads if model.mla is not None else model.kv_heads
    cut = np.gcd(model.heads // heads.tp, np.maximum(1, keys // heads.tp))
    most = np.gcd(heads.cp, cut) if q.plan.cp_a2a is None else q.plan.cp_a2a
    return np.asarray(np.where(heads.cp_comm_type == tables.A2A_P2P, most, 0))


def _expert_sizes(q: Question, tp: int, cp: int, pp: int) -> list[int]:
    if q.model.moe is None and (q.plan.etp or 1) > 1:
        return []  # no experts to be cut
    if q.plan.ep:
        return [q.plan.ep]
    if q.model.moe is None:
        return [1]
    replicas = (q.plan.dp or max(1, q.workers // (tp * cp * pp))) * cp
    shared, cut = tp * replicas, expert_tensor(q) or tp
    return [d for d in divisors(q.model.moe.experts) if shared % (cut * d) == 0]


def _micro_batches(q: Question, tp: int, cp: int, pp: int, *, whole: bool) -> list[int]:
    if q.plan.micro_batch:
        return [q.plan.micro_batch]
    dp = q.plan.dp or max(1, q.workers // (tp * cp * pp))
    each = q.global_batch // dp
    if whole:
        return divisors(each) if each and q.global_batch % dp == 0 else [1]
    return [2**i for i in range(5) if 2**i <= MAX_MICRO_BATCH and each % 2**i == 0] or [
        1
    ]


def _sequences(q: Question, tp: int, *, whole: bool) -> list[int]:
    """Return whether sequences are cut beside tensors: the stack's way first."""
    if tp == 1:
        return [0]
    stated, usual = q.plan.sp, int(q.software.defaults.sp)
    if stated is not None:
        return [int(stated)]
    return [usual, 1 - usual] if whole else [usual]


def _virtual_stages(q: Question, pp: int, *, whole: bool) -> list[int]:
    if q.plan.vp:
        return [q.plan.vp]
    if q.plan.stage_layers:
        return [1]
    wanted = q.plan.schedule or "interleaved"
    if wanted != "interleaved" or pp == 1 or not q.software.interleaved:
        return [1]
    layers = q.model.layers
    if q.model.mtp_layers:  # they and all heads are cut with the layers
        layers += q.model.mtp_layers + int(HEADS)
    if layers % pp:
        return [1]
    least = 2 if q.plan.schedule else 1
    most = q.model.layers if whole else MAX_VP
    return [v for v in divisors(layers // int(pp)) if least <= v <= most]


def _options(q: Question, *, whole: bool) -> Rows:
    """Return what has nothing to do with sizes, the least counted layers first."""
    plan = q.plan
    stack = q.software
    kinds = [plan.recompute] if plan.recompute else list(stack.recompute)
    if whole and not plan.recompute and len(kinds) > 1 and _selects_nothing(q):
        kinds = [kind for kind in kinds if kind != "selective"]
    shardings = [plan.sharding] if plan.sharding else stack.sharding
    one_by_one = whole and not plan.recompute and "full" in kinds
    counts = range(1, q.model.layers) if one_by_one else ()
    modules = module_bits(plan.recompute_modules or stack.selective.modules)
    again = [
        (RECOMPUTES.index(k), plan.recompute_layers or 0, modules * (k == "selective"))
        for k in kinds
    ]
    again += [(tables.FULL, count, 0) for count in counts]
    free = whole and q.system.node.host_bandwidth is not None
    rows = [
        (*kind, SHARDINGS.index(sharding), moved, kept)
        for kind in again
        for sharding in shardings
        for moved in _either(plan.offload_activations, free=free)
        for kept in _either(plan.offload_optimizer, free=free)
    ]
    return np.array(rows, OPTION).view(np.recarray)


def _either(stated: float | None, *, free: bool) -> list[float]:
    """Return how much waits in the host's memory: none or all, unless stated."""
    if stated is not None:
        return [float(stated)]
    return [0.0, 1.0] if free else [0.0]


def _selects_nothing(q: Question) -> bool:
    """Return whether selective recomputation is the same as none.

    It repeats the attention core, which a fused kernel repeats anyway.
    """
    kind, told = q.software.selective, q.plan.recompute_modules
    if told or kind.modules:
        return tuple(told or kind.modules) == ("core_attn",) and _fused(q)
    repeats = float(kind.matmul) + float(kind.elementwise)
    return _fused(q) and repeats == 0.0 and float(kind.kept) == 1.0


def _fused(q: Question) -> bool:
    """Return whether a fused kernel is the attention core."""
    return attention_kernel(q.chip, attention_of(q)) is not None
