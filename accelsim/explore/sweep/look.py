"""Look at the rows of a sweep: sorted, by SQL, or two sweeps beside each other.

This file knows Arrow tables; DuckDB is loaded when a query is asked for.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import InputError, nearest
from accelsim.explore.figures import FIGURES
from accelsim.explore.sweep.many import OK
from accelsim.explore.sweep.points import points_of
from accelsim.explore.sweep.rows import rows_of, title
from accelsim.explore.sweep.store import Store
from accelsim.explore.uncertain import OUTPUTS
from accelsim.files import replacing

if TYPE_CHECKING:
    import pyarrow as pa

USUAL = ("plan", "step_time_s", "tokens_per_s", "j_per_token", "usd_per_million_tokens")
TABLE = "sweep"  # what a query calls the rows


def axis_columns(store: Store) -> list[str]:
    """Return the columns of the axes, as the parts name them."""
    units = points_of(store.manifest.spec).units
    return [title(path, unit) for path, unit in units.items()]


def column_named(rows: "pa.Table", name: str | None) -> str | None:
    """Return the column of a name; that of an axis may be told without its unit."""
    if name is None or name in rows.column_names:
        return name
    found = [c for c in rows.column_names if c.startswith(f"{name} (")]
    return found[0] if len(found) == 1 else name


def shown_columns(store: Store) -> list[str]:
    """Return the columns that are shown if none are asked for."""
    spec = store.manifest.spec
    own = list(spec.show) or [*USUAL, *spec.columns]
    spread = [name for name in own if name in OUTPUTS]
    if spec.uncertain is not None and spread:  # of the last one, for want of width
        place = own.index(spread[-1]) + 1
        own[place:place] = [f"{spread[-1]}_{q}" for q in ("p5", "p95")]
    titles = dict(zip(points_of(spec).paths, axis_columns(store), strict=True))
    return [*titles.values(), *(titles.get(n, n) for n in own if n not in titles)]


def sorted_rows(rows: "pa.Table", by: str | None, *, largest: bool) -> "pa.Table":
    """Return rows with an answer in the order of a column, the others after them.

    Raises
    ------
    InputError
        No such column.
    """
    if by is None:
        return rows
    if by not in rows.column_names:
        raise InputError(f"--sort: no column {by!r}; {nearest(by, rows.column_names)}")
    order = "descending" if largest else "ascending"
    return rows.sort_by([("status", "descending"), (by, order)])


def query(store: Store, sql: str) -> "pa.Table":
    """Return what a query finds; the finished rows are the table `sweep`.

    The query sees these rows alone: no file, no network, no extension.

    Raises
    ------
    InputError
        DuckDB is not installed, or the query is wrong.
    """
    try:
        import duckdb
    except ImportError:
        raise InputError("--sql: DuckDB is missing: pip install duckdb") from None
    database = duckdb.connect(config={"enable_external_access": "false"})
    try:
        database.register(TABLE, store.dataset())
        database.execute("SET lock_configuration = true")
        found = database.sql(sql)
    except duckdb.Error as error:
        raise InputError(f"--sql: {str(error).splitlines()[0]}") from None
    if found is None:
        raise InputError("--sql: the query returns no rows; write select …")
    return found.to_arrow_table()


def export(rows: "pa.Table", path: Path) -> None:
    """Write rows as CSV or Parquet, whole or not at all."""
    import pyarrow.csv as pacsv
    import pyarrow.parquet as pq

    with replacing(path) as temporary:
        if path.suffix.lower() == ".csv":
            pacsv.write_csv(rows, temporary)
        else:
            pq.write_table(rows, temporary)


@dataclass(frozen=True, slots=True)
class Difference:
    """Two sweeps beside each other.

    Attributes
    ----------
    only_first, only_second : int
        Points that one of them has.
    both : int
        Points of both, told by their axes.
    changed : int
        Of these, points of which a figure, the plan or the status differs.
    rows : pyarrow.Table
        The changed points: axes, and for each figure `first`, `second` and `ratio`.
    """

    only_first: int
    only_second: int
    both: int
    changed: int
    rows: "pa.Table"


def difference(first: Store, second: Store) -> Difference:
    """Return where two sweeps of the same axes differ.

    Raises
    ------
    InputError
        Their axes are not the same.
    """
    axes, other = axis_columns(first), axis_columns(second)
    if axes != other:
        raise InputError(
            f"sweep diff: {first.folder} sweeps {', '.join(axes)}, {second.folder} "
            f"{', '.join(other)}"
        )
    rows = _by_axes(first.rows(), axes), _by_axes(second.rows(), axes)
    shared = [key for key in rows[0] if key in rows[1]]
    changed = [_compared(axes, rows[0][k], rows[1][k]) for k in shared]
    import pyarrow as pa

    found = [row for row in changed if row is not None]
    return Difference(
        len(rows[0]) - len(shared),
        len(rows[1]) - len(shared),
        len(shared),
        len(found),
        pa.Table.from_pylist(found),
    )


def _by_axes(
    rows: "pa.Table", axes: list[str]
) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {tuple(row[a] for a in axes): row for row in rows.to_pylist()}


def _compared(
    axes: list[str], a: dict[str, Any], b: dict[str, Any]
) -> dict[str, Any] | None:
    """Return a row of what differs between two rows, or None."""
    figures = [name for name in FIGURES if name in a and name in b]
    same = all(a[n] == b[n] or (a[n] != a[n] and b[n] != b[n]) for n in figures)
    if same and a["plan"] == b["plan"] and a["status"] == b["status"]:
        return None
    found: dict[str, Any] = {axis: a[axis] for axis in axes}
    found |= {"first_plan": a["plan"] or a["status"]}
    found |= {"second_plan": b["plan"] or b["status"]}
    for name in ("step_time_s", "tokens_per_s", "usd_per_million_tokens"):
        found |= {f"first_{name}": a[name], f"second_{name}": b[name]}
    answered = a["status"] == OK and b["status"] == OK
    found["ratio"] = b["step_time_s"] / a["step_time_s"] if answered else None
    return found


def summary(store: Store) -> dict[str, Any]:
    """Return how far a sweep is, and what became of its points."""
    done, lines = store.sort_out()
    spans = [store.manifest.span(chunk) for chunk in done]
    points = sum(last - first for first, last in spans)
    spec = store.manifest.spec
    found: dict[str, Any] = {
        "sweep": spec.name,
        "question": spec.question,
        "folder": str(store.folder),
        "points": store.manifest.points,
        "points_done": points,
        "parts": store.manifest.chunks,
        "parts_done": len(done),
        "version": store.manifest.version,
        "git": store.manifest.git,
        "digest": store.manifest.digest,
        "damaged": lines,
    }
    rows_of(spec, spec.name)  # a sweep whose files are gone is told here
    if done:
        counts = (
            store.rows(["status"]).group_by("status").aggregate([([], "count_all")])
        )
        for row in counts.to_pylist():
            found[f"rows_{row['status'].replace('-', '_')}"] = row["count_all"]
    return found
