"""`accelsim gemm` and `accelsim attention`: what an operator takes on several chips."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables
from accelsim.errors import InputError

if TYPE_CHECKING:
    from accelsim.chip.kernel_time import KernelTime
    from accelsim.chip.package import Chip

CHIPS = "h100-sxm,b200,trainium2"
Rest = dict[str, int | str]  # what a size is if it is not given, or which it is like
Ask = Callable[["Chip", dict[str, Any]], "KernelTime"]

shared_options = options.stack(
    click.option(
        "--chips", metavar="A,B", default=CHIPS, show_default=True,
        help="Names or TOML files, by commas.",
    ),
    click.option(
        "--table", type=options.FilePath(path_type=Path), metavar="FILE",
        help="Shapes from a table (CSV or Parquet) with a column for each argument.",
    ),
    options.set_option,
    options.json_option,
    click.option(
        "--out", type=options.FilePath(path_type=Path), metavar="FILE.csv",
        help="Write every figure of every shape and chip.",
    ),
    options.figure_option("Draw the points under the roofs of the chips"),
)  # fmt: skip


@click.command(
    "gemm",
    epilog="""\b
Examples:
  accelsim gemm 4096 8192 8192 --chips h100-sxm,b200 --dtype fp8
  accelsim gemm --table FILE.csv --figure roofline.svg""",
)
@click.argument("m", type=int, required=False)
@click.argument("n", type=int, required=False)
@click.argument("k", type=int, required=False)
@click.option(
    "--dtype", default="bf16", show_default=True, help="Precision of the factors."
)
@click.option(
    "--layout", default="tn", show_default=True,
    help="tn forward, nn input gradient, nt weight gradient.",
)  # fmt: skip
@click.option("--batch", type=int, metavar="B", help="Products at once.  [default: 1]")
@click.option("--accumulate", is_flag=True, help="Add to the output, in fp32.")
@click.option("--grouped", is_flag=True, help="The batch is one of experts.")
@click.option("--apart", is_flag=True, help="It is, and each has its own kernel.")
@click.option(
    "--scaling", default="none", show_default=True,
    help="Narrowing of activations before: none, tensor, block, nvfp4.",
)  # fmt: skip
@click.option(
    "--repeats", type=float, default=float("inf"), metavar="R",
    help="Products one after the other.  [default: until the clock has settled]",
)  # fmt: skip
@click.option(
    "--weight-sets", type=float, default=float("inf"), metavar="S",
    help="Right factors used in turn.  [default: each comes from memory]",
)  # fmt: skip
@click.option("--cold", is_flag=True, help="The chip was idle minutes before.")
@shared_options
def gemm_command(
    m: int | None, n: int | None, k: int | None, batch: int | None, cold: bool,
    table: Path | None, **given: Any,
) -> None:  # fmt: skip
    """Time the product of (M x K) and (K x N) on several chips.

    By default as in training: endless products on a hot chip. CHIPS are names of the
    catalog (`accelsim list chips`) or TOML files.
    """
    names = ("dtype", "layout", "accumulate", "grouped", "apart", "scaling")
    how = {name: given.pop(name) for name in (*names, "repeats", "weight_sets")}
    sizes = {"m": m, "n": n, "k": k, "batch": batch}
    shapes = _shapes(table, sizes, {"batch": 1})
    how["hot"] = not cold

    def ask(chip: "Chip", shape: dict[str, Any]) -> "KernelTime":
        return chip.gemm(**shape, **how)

    _answer("gemm", shapes, how, ask, table, **given)


@click.command(
    "attention",
    epilog="""\b
Examples:
  accelsim attention 1 64 8192 128 --kv-heads 8 --chips h100-sxm,b200
  accelsim attention 4 32 4096 128 --passes backward --json""",
)
@click.argument("batch", type=int, required=False)
@click.argument("heads", type=int, required=False)
@click.argument("seq_q", type=int, required=False)
@click.argument("head_dim", type=int, required=False)
@click.option("--kv-heads", type=int, help="Of keys and values.  [default: HEADS]")
@click.option("--seq-kv", type=int, help="Keys, the last SEQ_Q new.  [default: SEQ_Q]")
@click.option("--v-dim", type=int, help="Of a head's values.  [default: HEAD_DIM]")
@click.option("--window", type=int, help="Keys that a query sees.  [default: all]")
@click.option("--full", is_flag=True, help="Every query sees every key.")
@click.option(
    "--dtype", default="bf16", show_default=True, help="Precision of the products."
)
@click.option(
    "--passes", default="forward", show_default=True, help="forward, backward or both."
)
@click.option("--kernel", help="Fused kernel.  [default: the chip's library's]")
@click.option("--short", is_flag=True, help="A few calls: the clock has not settled.")
@shared_options
def attention_command(
    table: Path | None, full: bool, short: bool, dtype: str, passes: str,
    kernel: str | None, **given: Any,
) -> None:  # fmt: skip
    """Time fused attention of SEQ_Q tokens by HEADS heads of HEAD_DIM.

    CHIPS are names of the catalog (`accelsim list chips`) or TOML files.
    """
    how: dict[str, Any] = {"dtype": dtype, "passes": passes, "kernel": kernel}
    how |= {"causal": not full, "steady": not short}
    names = ("batch", "heads", "seq_q", "head_dim")
    spare = ("kv_heads", "seq_kv", "v_dim", "window")
    sizes = {name: given.pop(name) for name in (*names, *spare)}
    rest: Rest = {"kv_heads": "heads", "seq_kv": "seq_q", "v_dim": "head_dim"}
    shapes = _shapes(table, sizes, rest | {"window": 0})

    def ask(chip: "Chip", shape: dict[str, Any]) -> "KernelTime":
        return chip.attention(**shape, **how)

    _answer("attention", shapes, how, ask, table, **given)


def _shapes(
    table: Path | None, sizes: dict[str, int | None], rest: Rest
) -> list[dict[str, int]]:
    """Return the shapes that are asked, from the arguments or from a table."""
    from accelsim.validation.table import shapes_of

    needed = [name for name in sizes if name not in rest]
    if table is None:
        missing = [name.upper() for name in needed if sizes[name] is None]
        if missing:
            raise InputError(f"missing {', '.join(missing)}; give sizes or --table")
        found = [sizes]
    elif any(sizes[name] is not None for name in needed):
        raise InputError("give sizes or --table, not both")
    else:
        found = [
            {name: row.get(name, sizes[name]) for name in sizes}
            for row in shapes_of(table, needed, rest)
        ]
    return [_whole(shape, rest) for shape in found]


def _whole(shape: dict[str, int | None], rest: dict[str, int | str]) -> dict[str, int]:
    found = {name: size for name, size in shape.items() if size is not None}
    for name, other in rest.items():
        found.setdefault(name, found[other] if isinstance(other, str) else other)
    return found


def _answer(
    operator: str, shapes: list[dict[str, int]], how: dict[str, Any], ask: Ask,
    table: Path | None, *, chips: str, changes: tuple[str, ...], as_json: bool,
    out: Path | None, figure: Path | None,
) -> None:  # fmt: skip
    """Ask every chip for all shapes at once, and tell what it said."""
    import numpy as np

    from accelsim import chip as chip_named
    from accelsim.files import target_of, write_csv
    from accelsim.report.figures import check_figure

    read = (table,) if table else ()
    if out is not None:
        target_of(out, *read)
    if figure is not None:
        check_figure(figure, *read)
    asked = [chip_named(name, changes) for name in options.names(chips, "--chips")]
    sizes = {name: np.array([s[name] for s in shapes]) for name in shapes[0]}
    found = {chip.name: ask(chip, sizes).to_dict() for chip in asked}
    rows = [
        {"chip": name} | shape | {key: _at(value, i) for key, value in given.items()}
        for i, shape in enumerate(shapes)
        for name, given in found.items()
    ]
    if out is not None:
        write_csv(out, rows, *read)
    if figure is not None:
        from accelsim.report.picture.raster import save
        from accelsim.report.roofline import roofline_figure

        roofs = {c.name: float(c.spec.hbm.bandwidth) for c in asked}
        save(roofline_figure(f"{operator}, {how['dtype']}", rows, roofs), figure)
    answer = {"operator": operator, "options": how, "rows": rows}
    if as_json:
        print_json(answer)
        return
    from accelsim.report.operators import operator_tables

    print_tables(operator_tables(answer, list(shapes[0])))


def _at(value: Any, index: int) -> Any:
    return value[index] if isinstance(value, list) else value
