"""`validate gemm` and `validate gemm-training`: our products beside measured ones.

This file knows how products of one chip and type are asked at once, and what stands
beside them: a roofline, and how far repeated measurements lie apart.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.chip.gemm import fill, gemm_rows
from accelsim.kernels.tables import KERNEL_PARTS
from accelsim.validation.contract import Pair, Validation, validation
from accelsim.validation.gemm_rows import Product, kind_of, read_products
from accelsim.validation.naive import Floats, repeated, roofline

REPEATED = "repeated rows: one beside the mean of the others"
SPLIT = "split by (N, K)"


def validate_gemm(path: Path | str, chip: str | None = None) -> Validation:
    """Return how far our products are from those of a table.

    Parameters
    ----------
    chip : str, optional
        The chip of a table that has no column for it, or in whose place to put another.

    Raises
    ------
    InputError
        The file is no such table, or the chip is not known.
    """
    products, left_out = read_products(Path(path), chip)
    predicted, details, naive = predict(products)
    pairs = [
        Pair(
            id=each.id,
            source=each.source,
            chip=each.chip.name,
            subset=each.subset,
            measured=each.seconds,
            predicted=float(ours),
            naive=float(base),
            also=(*each.also, (SPLIT, "held out" if each.held_out else "fitted on")),
        )
        for each, ours, base in zip(products, predicted, naive, strict=True)
    ]
    return validation(
        kind_of(Path(path)),
        str(path),
        pairs,
        left_out,
        apart=repeated(pairs, [_shape(p) for p in products], REPEATED),
        details=details,
    )


def predict(
    products: Sequence[Product],
) -> tuple[Floats, list[dict[str, Any]], Floats]:
    """Return times [s], a detail for each row, and the roofline's times [s]."""
    times = np.zeros(len(products))
    naive = np.zeros(len(products))
    details: list[dict[str, Any]] = [{} for _ in products]
    measured = np.array([each.seconds for each in products])
    for members in _by(products, lambda p: (p.chip.name, p.how.dtype)).values():
        spec = products[members[0]].chip
        found, compute, memory = ask([products[i] for i in members])
        times[members] = found.time
        naive[members] = roofline(compute, memory, measured[members])
        for place, index in enumerate(members):
            details[index] = _detail(products[index], found[place], spec.name)
    for detail, base in zip(details, naive, strict=True):
        detail["naive_s"] = float(base)
    return times, details, naive


def ask(products: Sequence[Product]) -> tuple[Any, Floats, Floats]:
    """Return KERNEL rows of one chip and type, and its roofline's two times [s]."""
    chip = products[0].chip
    rows = np.concatenate(
        [gemm_rows(chip, p.m, p.n, p.k, p.batch, p.how) for p in products]
    )
    found, compute, memory = fill(chip, rows.view(np.recarray))
    return found, compute, memory


def _detail(product: Product, found: Any, chip: str) -> dict[str, Any]:
    return {
        "id": product.id,
        "chip": chip,
        "measured_s": product.seconds,
        "predicted_s": float(found.time),
        "error": float(found.time) / product.seconds - 1.0,
        **{f"{name}_s": float(found[name]) for name in KERNEL_PARTS},
        "clock": float(found.clock),
        "held_out": product.held_out,
    }


def _by(products: Sequence[Product], key: Any) -> dict[Any, NDArray[np.int64]]:
    groups: dict[Any, list[int]] = defaultdict(list)
    for index, product in enumerate(products):
        groups[key(product)].append(index)
    return {name: np.array(members) for name, members in groups.items()}


def _shape(product: Product) -> tuple[Any, ...]:
    p = product
    return p.chip.name, p.source, p.how, p.m, p.n, p.k, p.batch
