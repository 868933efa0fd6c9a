"""The plan that people read, and its making from a row of the plan table."""

from dataclasses import dataclass

from accelsim.kernels.tables import CP_COMM_TYPES, FULL, ORDERS, PLAN, SCHEDULES, Record
from accelsim.training.lower import (
    OPTIMIZERS,
    RECOMPUTES,
    SHARDINGS,
    module_bits,
    module_names,
    table,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How the work is cut up, every choice made. Sizes count workers."""

    tp: int
    sp: bool
    cp: int
    pp: int
    vp: int
    ep: int
    etp: int
    dp: int
    micro_batch: int
    micro_batches: int
    sharding: str
    recompute: str
    schedule: str = "1f1b"
    recompute_layers: int | None = None
    order: str = "tp-cp-dp-pp"
    cp_comm_type: str = "p2p"
    cp_a2a: int | None = None
    recompute_modules: str = ""
    shard_group: int | None = None
    optimizer: str = "adam"
    offload_activations: float = 0.0
    offload_optimizer: bool = False

    def text(self) -> str:
        """Return the plan in the field's short form: `tp8 pp4 dp16 mb1 …`."""
        sizes = {"tp": self.tp, "cp": self.cp, "pp": self.pp, "vp": self.vp}
        sizes |= {"ep": self.ep}
        words = [f"{name}{size}" for name, size in sizes.items() if size > 1]
        words += [f"etp{self.etp}"] if self.etp != self.tp else []
        words += [f"dp{self.dp}", f"mb{self.micro_batch}"]
        if self.cp_comm_type != "p2p":
            words.append(f"cp-{self.cp_comm_type}{self.cp_a2a or ''}")
        words += [self.order] if self.order != ORDERS[0] else []
        plain = self.schedule in ("1f1b", "interleaved")
        words += [] if plain else [self.schedule]
        words += [self.sharding] if self.sharding != "none" else []
        words += [f"group{self.shard_group}"] if self.shard_group else []
        if self.recompute != "none":
            some = f"-{self.recompute_layers}" if self.recompute_layers else ""
            some += f"-{self.recompute_modules}" if self.recompute_modules else ""
            words.append(f"{self.recompute}-recompute{some}")
        words += [self.optimizer] if self.optimizer != "adam" else []
        if self.offload_activations:
            words.append(f"offload-{self.offload_activations:.0%}")
        words += ["offload-optimizer"] if self.offload_optimizer else []
        return " ".join(words)


SIZES = ("tp", "cp", "pp", "vp", "ep", "etp", "dp", "micro_batch", "micro_batches")


def plan_of(row: Record) -> Plan:
    """Return a PLAN row as the object that people read."""
    plain = dict(zip(row.dtype.names, row.item(), strict=True))
    some = plain["recompute_layers"] if plain["recompute"] == FULL else 0
    return Plan(
        sp=bool(plain["sp"]),
        sharding=SHARDINGS[plain["sharding"]],
        recompute=RECOMPUTES[plain["recompute"]],
        schedule=SCHEDULES[plain["schedule"]],
        recompute_layers=some or None,
        order=ORDERS[plain["order"]],
        cp_comm_type=CP_COMM_TYPES[plain["cp_comm_type"]],
        cp_a2a=plain["cp_a2a"] or None,
        recompute_modules=module_names(plain["modules"]),
        shard_group=plain["shard_group"] or None,
        optimizer=OPTIMIZERS[plain["optimizer"]],
        offload_activations=plain["offload"],
        offload_optimizer=bool(plain["offload_optimizer"]),
        **{name: plain[name] for name in SIZES},
    )


def row_of(plan: Plan) -> Record:
    """Return a plan as a row of PLAN, of one question alone and not yet sharded."""
    row = table(PLAN, 1)[0]
    for name in SIZES:
        row[name] = getattr(plan, name)
    row.sp = plan.sp
    row.sharding = SHARDINGS.index(plan.sharding)
    row.recompute = RECOMPUTES.index(plan.recompute)
    row.schedule = SCHEDULES.index(plan.schedule)
    row.order = ORDERS.index(plan.order)
    row.cp_comm_type = CP_COMM_TYPES.index(plan.cp_comm_type)
    row.cp_a2a = plan.cp_a2a or 0
    row.shard_group = plan.shard_group or 0
    row.recompute_layers = plan.recompute_layers or 0
    row.modules = module_bits(plan.recompute_modules.split("+"))
    row.optimizer = OPTIMIZERS.index(plan.optimizer)
    row.offload = plan.offload_activations
    row.offload_optimizer = plan.offload_optimizer
    return row
