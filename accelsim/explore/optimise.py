"""The best designs of a design file, in a folder where they are kept.

Batches of trials are the parts of a sweep's folder: a study that was stopped or killed
goes on as if it had not been. This file knows batches and which trials are best; what
is tried next is known to `design`, what a trial takes to `sweep.rows`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from accelsim import catalog
from accelsim.errors import InputError, NoAnswerError
from accelsim.explore.design import OBJECTIVE, VIOLATION, Design, design_of, propose
from accelsim.explore.estimate import answer
from accelsim.explore.figures import FIGURES
from accelsim.explore.result import Estimate
from accelsim.explore.sweep.many import OK
from accelsim.explore.sweep.rows import arrow_table, question_of, title
from accelsim.explore.sweep.run import Listener, Progress, missing_chunks, unheard
from accelsim.explore.sweep.store import Store, create, manifest_of
from accelsim.specs.sweep import DesignSpec

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Designs:
    """What was found.

    Attributes
    ----------
    design : Design
    table : pyarrow.Table
        All trials.
    best : list of dict
        Rows that hold every constraint and that no other beats: one, or a front in
        the order of the first objective.
    base : Estimate, optional
        The base run as it stands, if it has an answer.
    """

    design: Design
    table: "pa.Table"
    best: list[dict[str, Any]]
    base: Estimate | None

    @property
    def feasible(self) -> int:
        """Return the trials that hold every constraint."""
        return sum(v <= 0.0 for v in self.table[VIOLATION].to_pylist())

    def to_dict(self) -> dict[str, Any]:
        """Return what was found as plain data."""
        spec, base = self.design.spec, self.base
        sought = [one.model_dump(exclude_none=True) for one in spec.objectives]
        return {
            "design": spec.name,
            "question": spec.question,
            "seed": spec.seed,
            "trials": self.table.num_rows,
            "feasible": self.feasible,
            "objectives": sought,
            "constraints": list(spec.constraints),
            "best": self.best,
            "base": base and {name: read(base) for name, read in FIGURES.items()},
        }


def optimise(
    design: DesignSpec | str | Path,
    folder: Path | None = None,
    *,
    trials: int | None = None,
    tell: Listener = unheard,
) -> Designs:
    """Return the best designs of a design file.

    Parameters
    ----------
    design : DesignSpec, name or path
    folder : Path, optional
        Where trials are kept; those that are there are not tried again.
    trials : int, optional
        In place of the file's; rounded up to whole batches.
    tell : callable
        Called with a `Progress` after every batch.

    Raises
    ------
    InputError
        Something in the file is wrong, or the folder holds something else.
    NoAnswerError
        No trial holds all constraints: the message names the nearest one.
    """
    spec = design if isinstance(design, DesignSpec) else catalog.load("designs", design)
    found, count = design_of(spec), trials or spec.trials
    if count < 1:
        raise InputError(f"optimise: trials: {count} must be 1 or more")
    batches = -(-count // spec.batch)
    import pyarrow as pa

    kept: Store | None = None
    if folder is not None:
        kept = create(folder, manifest_of(spec, batches * spec.batch, spec.batch))
    tables = list(_batches(found, batches, kept, tell))
    table = pa.concat_tables(tables)
    return Designs(found, table, _best(found, table), _base(spec))


def _batches(
    design: Design, batches: int, kept: Store | None, tell: Listener
) -> Iterator["pa.Table"]:
    """Yield the tables of all batches, those that are kept as they are."""
    if kept is None:
        yield from _tried(design, range(batches), None, tell)
        return
    with kept.locked():
        missing, progress = missing_chunks(kept)
        tell(progress)
        # a batch rests on those before it: what lies after a gap is tried again
        first = next(missing, kept.manifest.chunks)
        yield from _tried(design, range(kept.manifest.chunks), kept, tell, first)


def _tried(
    design: Design, batches: range, kept: Store | None, tell: Listener, first: int = 0
) -> Iterator["pa.Table"]:
    import pyarrow.parquet as pq

    size, before = design.spec.batch, list[dict[str, Any]]()
    units = design.choices.units
    for batch in batches:
        if kept is not None and batch < first:
            table = pq.read_table(kept.part(batch)).replace_schema_metadata(None)
        else:
            asked = propose(design, batch, before, size)
            table = arrow_table(design.ask(batch * size, asked), units)
            if kept is not None:
                kept.write(batch, table)
            tell(Progress((batch + 1) * size, len(batches) * size))
        before += _by_path(table, units)
        yield table


def _by_path(table: "pa.Table", units: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return rows whose axes are told by path, without the unit."""
    paths = {title(path, unit): path for path, unit in units.items()}
    names = [paths.get(name, name) for name in table.column_names]
    return list(table.rename_columns(names).to_pylist())


def _best(design: Design, table: "pa.Table") -> list[dict[str, Any]]:
    rows = table.to_pylist()
    held = [row for row in rows if row[VIOLATION] <= 0.0]
    if not held:
        raise NoAnswerError(_nearest(design, rows))
    scores = np.array(
        [
            [s * row[f"{OBJECTIVE}{k + 1}"] for k, s in enumerate(design.signs)]
            for row in held
        ]
    )
    return [held[i] for i in front(scores)]


def front(scores: NDArray[np.float64]) -> list[int]:
    """Return the rows that no other beats, in order of the first column.

    Parameters
    ----------
    scores : array (N, M)
        Less is better. Of equal rows the first is kept.
    """
    kept: list[int] = []
    for i in np.lexsort(scores.T[::-1]):
        if not any((scores[k] <= scores[i]).all() for k in kept):
            kept.append(int(i))
    return kept


def _nearest(design: Design, rows: Sequence[Mapping[str, Any]]) -> str:
    least = min(rows, key=lambda row: row[VIOLATION])
    where = f"design {design.spec.name}"
    if least["status"] != OK:
        return f"{where}: no trial has an answer: {least['reason']}"
    by_path = {
        name.partition(" (")[0]: np.asarray([math.nan if value is None else value])
        for name, value in least.items()
    }
    broken = [e.text for e in design.constraints if e.violation(by_path)[0] > 0.0]
    return (
        f"{where}: none of {len(rows)} trials holds all constraints; trial "
        f"{least['point']} comes nearest and breaks {'; '.join(broken)}"
    )


def _base(spec: DesignSpec) -> Estimate | None:
    found = answer([question_of(spec, {})])[0]
    return found if isinstance(found, Estimate) else None
