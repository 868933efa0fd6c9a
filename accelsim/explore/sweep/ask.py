"""A sweep that was read and checked: chunks of its points become tables of rows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelsim.explore.expression import Expression, parse
from accelsim.explore.sweep.points import Coded, Points, points_of
from accelsim.explore.sweep.rows import Rows, arrow_table, rows_of
from accelsim.specs.sweep import SweepSpec
from accelsim.stamps import settled

if TYPE_CHECKING:
    import pyarrow as pa

MANY = 20_000  # points above which a sweep is asked in tables


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep that was read and checked, ready to be asked chunk by chunk.

    Attributes
    ----------
    points : Points
    rows : Rows
    where : Expression, optional
        Points for which it is false are left out.
    """

    points: Points
    rows: Rows
    where: Expression | None

    def ask(self, start: int, stop: int) -> "pa.Table":
        """Return the rows of points `start` to `stop` as an Arrow table."""
        axes = self.points.chunk(start, stop)
        index = np.arange(start, stop, dtype=np.int64)
        if self.where is not None:
            arrays = {path: column.array() for path, column in axes.items()}
            kept = np.flatnonzero(self.where.over(arrays))
            index = index[kept]
            axes = {k: Coded(c.values, c.codes[kept]) for k, c in axes.items()}
        units = {path: column.unit for path, column in axes.items()}
        many = self.points.count > MANY and self.rows.plain
        with settled():
            rows = (self.rows.many if many else self.rows.of)(index, axes)
        return arrow_table(rows, units)


def sweep_of(spec: SweepSpec) -> Sweep:
    """Return a sweep, its axes and expressions checked.

    Raises
    ------
    InputError
        A path that no run has, axes that clash, an expression that cannot be read.
    """
    where = f"sweep {spec.name}"
    points = points_of(spec)
    rows = rows_of(spec, where)
    if spec.where is None:
        return Sweep(points, rows, None)
    return Sweep(points, rows, parse(spec.where, points.paths, f"{where}: where"))
