"""From a row of the plan table to the plan that people read."""

from accelsim.explore.result import Plan
from accelsim.kernels.tables import Record
from accelsim.training.lower import RECOMPUTES, SHARDINGS


def plan_of(row: Record) -> Plan:
    """Return a PLAN row as the object that people read."""
    sizes = ("tp", "cp", "pp", "vp", "ep", "dp", "micro_batch", "micro_batches")
    return Plan(
        sp=bool(row.sp),
        sharding=SHARDINGS[int(row.sharding)],
        recompute=RECOMPUTES[int(row.recompute)],
        **{name: int(row[name]) for name in sizes},
    )
