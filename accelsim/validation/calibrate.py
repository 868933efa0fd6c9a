"""`accelsim calibrate gemm`: the constants of a chip from a user's own measurements.

This file knows which constants a fit may move and within which bounds, and that one
in `HELD_OUT` pairs (N, K) is never seen by it. Robust least squares on logarithms from
several starts, then a simplex on the mean absolute error (SciPy).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim import catalog
from accelsim.chip.gemm import chip_row, gemm_rows
from accelsim.errors import InputError, nearest
from accelsim.kernels import tables
from accelsim.kernels.matmul import fill_products
from accelsim.kernels.tables import Record, Rows
from accelsim.overrides import Override
from accelsim.specs.chip import ChipSpec
from accelsim.validation import table
from accelsim.validation.gemm_rows import Product, read_products

Floats = NDArray[np.float64]
STARTS = 6  # of the fit
FEWEST = 40  # products that a fit needs
SPREAD = 0.4  # of the logarithms of the starting points
SEED = 1
NUDGE = 0.1  # of a logarithm, and what a product must change by
FELT = 1e-6
CUBE = 1.0 / 3.0
WIDE = ("bf16", "fp16")


@dataclass(frozen=True, slots=True)
class Constant:
    """A figure of the chip file, the columns of its row that follow it, its bounds.

    The columns go with the figure to the given power.
    """

    path: str
    field: str
    low: float
    high: float
    unit: str = ""
    scale: float = 1.0
    power: float = 1.0

    def written(self, value: float) -> float | str:
        """Return a value [SI] as chip files have it: four digits, with its unit."""
        digits = f"{value / self.scale:.4g}"
        return f"{digits} {self.unit}" if self.unit else float(digits)


CONSTANTS = (
    Constant("kernel_latency", "kernel_latency", 2e-7, 6e-6, "us", 1e-6),
    Constant("gemm.issue.bf16", "matrix_rate", 0.4, 1.0),
    Constant("gemm.flop_energy", "busy_clock", 2e-13, 4e-12, "pJ/FLOP", 1e-12, -CUBE),
    Constant("gemm.settle", "settle", 2e-3, 0.5, "ms", 1e-3),
    Constant("gemm.fill", "wave_fill", 1e-7, 5e-6, "us", 1e-6),
    Constant("gemm.split_latency", "split_latency", 1e-7, 6e-6, "us", 1e-6),
    Constant("gemm.operand_bytes", "operand_bandwidth", 30.0, 256.0),
    Constant("gemm.hot_clock", "hot_clock", 0.5, 1.0),
    Constant("gemm.memory_ramp", "memory_ramp", 1e-8, 5e-6, "us", 1e-6),
    Constant("gemm.cache_share", "l2_capacity", 0.02, 1.0),
    Constant("sram.bandwidth", "sram_bandwidth", 1e12, 4e13, "TB/s", 1e12),
    Constant("hbm.efficiency", "memory_bandwidth", 0.5, 0.97),
)
"""What 16-bit products tell; at most 15 a chip with those of narrow types."""

NARROW = {
    "none": Constant("gemm.issue.fp8", "matrix_rate", 0.1, 1.0),
    "tensor": Constant("gemm.cast_latency", "cast_latency", 1e-7, 2e-5, "us", 1e-6),
    "block": Constant("gemm.block", "block", 0.1, 1.0),
    "nvfp4": Constant("gemm.issue.nvfp4", "matrix_rate", 0.1, 1.0),
}
"""What narrow products tell once these are known, by how they are scaled."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a fit found.

    Attributes
    ----------
    old, chip : ChipSpec
        The chip as it was, and with the new constants.
    fitted : tuple of Constant
        Those that the products told; the others are as they were.
    before, after : dict
        Mean absolute percentage errors as fractions, of the pairs (N, K) that the fit
        saw (`fitted`) and of the others (`held_out`).
    rows : dict
        How many products each of these has.
    """

    old: ChipSpec
    chip: ChipSpec
    fitted: tuple[Constant, ...]
    before: Mapping[str, float | None]
    after: Mapping[str, float | None]
    rows: Mapping[str, int]

    @property
    def values(self) -> dict[str, float]:
        """Return every constant of the new chip by dotted path, in SI units."""
        known = (*CONSTANTS, *NARROW.values())
        return {
            c.path: _value(self.chip, c.path) for c in known if _given(self.chip, c)
        }

    @property
    def written(self) -> dict[str, float | str]:
        """Return the fitted constants as chip files have them."""
        return {c.path: c.written(_value(self.chip, c.path)) for c in self.fitted}

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return each constant before and after, as chip files have them."""
        fitted = [constant.path for constant in self.fitted]
        return {
            c.path: {
                "before": c.written(_value(self.old, c.path)),
                "after": c.written(_value(self.chip, c.path)),
                "fitted": c.path in fitted,
            }
            for c in (*CONSTANTS, *NARROW.values())
            if _given(self.chip, c)
        }


class Fit:
    """The products of one chip, ready to be asked for with other constants."""

    def __init__(
        self, chip: ChipSpec, products: Sequence[Product], free: Sequence[Constant]
    ) -> None:
        self.row = chip_row(chip)
        self.start: Record = self.row.copy()
        self.free = free
        self.values = np.array([_value(chip, each.path) for each in free])
        parts = [gemm_rows(chip, p.m, p.n, p.k, p.batch, p.how) for p in products]
        self.rows: Rows = np.concatenate(parts).view(np.recarray)
        self.found = np.zeros(len(self.rows), tables.KERNEL).view(np.recarray)
        self.measured = np.array([each.seconds for each in products])
        self.columns = [_columns(chip, each) for each in free]

    def errors(self, logs: Floats) -> Floats:
        """Return ln(predicted / measured) with constants of these logarithms."""
        for constant, columns, old, log in zip(
            self.free, self.columns, self.values, logs, strict=True
        ):
            scale = (np.exp(log) / old) ** constant.power
            if columns is None:
                self.row[constant.field] = self.start[constant.field] * scale
            else:
                self.row[constant.field][columns] = (
                    self.start[constant.field][columns] * scale
                )
        fill_products(self.row, self.rows, self.found)
        return np.asarray(np.log(self.found.time / self.measured))

    def told(self) -> list[Constant]:
        """Return the constants that these products tell: that change a prediction."""
        start = np.log(self.values)
        before = self.errors(start)
        shifts = NUDGE * np.eye(len(start))
        found = [
            constant
            for constant, shift in zip(self.free, shifts, strict=True)
            if np.max(np.abs(self.errors(start - shift) - before)) > FELT
        ]
        self.errors(start)
        return found


def _value(chip: ChipSpec, path: str) -> float:
    found: object = chip
    for name in path.split("."):
        found = found[name] if isinstance(found, Mapping) else getattr(found, name)
    return float(found)  # type: ignore[arg-type]


def _columns(chip: ChipSpec, constant: Constant) -> list[int] | None:
    """Return the precisions that follow a share of the peak; None for other fields."""
    if constant.field != "matrix_rate":
        return None
    name = constant.path.rpartition(".")[2]
    own = set(chip.gemm.issue if chip.gemm else ()) - {"bf16"}
    return [
        index
        for index, precision in enumerate(tables.PRECISIONS)
        if (precision not in own if name == "bf16" else precision == name)
    ]


def _given(chip: ChipSpec, constant: Constant) -> bool:
    """Return whether a chip has a figure of its own for this constant."""
    if constant.path == "gemm.block":
        return chip.gemm is not None and chip.gemm.block is not None
    name = constant.path.removeprefix("gemm.issue.")
    return name == constant.path or (chip.gemm is not None and name in chip.gemm.issue)


def calibrate_gemm(
    paths: Sequence[Path],
    chip: str,
    keep: Sequence[str] = (),
    starts: int = STARTS,
) -> Calibration:
    """Fit the constants of a chip to measured products.

    Rows of other chips in the tables are passed over; constants to `keep`, by dotted
    path, are not touched.

    Raises
    ------
    InputError
        For a file or chip that is not known, or too few products of this chip.
    """
    spec: ChipSpec = catalog.load("chips", chip)
    if spec.gemm is None:
        raise InputError(f"{chip}: products are calibrated for GPUs only")
    products = [p for path in paths for p in _products_of(path, spec)]
    seen = [p for p in products if not p.held_out]
    if len(seen) < FEWEST:
        raise InputError(
            f"{paths[0]}: {len(seen)} products of {spec.name} to fit on; "
            f"{FEWEST} are needed"
        )
    _check_kept(keep)
    wide = [p for p in seen if p.how.dtype in WIDE]
    mine = wide if len(wide) >= FEWEST else seen
    free = [each for each in CONSTANTS if each.path not in keep]
    free = Fit(spec, mine, free).told()
    new = _fitted(spec, mine, free, starts)
    fitted = list(free)
    for scaling, constant in NARROW.items():
        mine = [p for p in seen if p.how.scaling == scaling and p.how.dtype not in WIDE]
        fit = len(mine) >= FEWEST and constant.path not in keep
        if fit and _given(spec, constant):
            new = _fitted(new, mine, (constant,), 1)
            fitted.append(constant)
    parts = {"fitted": seen, "held_out": [p for p in products if p.held_out]}
    return Calibration(
        old=spec,
        chip=new,
        fitted=tuple(fitted),
        before={name: _mape(spec, mine) for name, mine in parts.items()},
        after={name: _mape(new, mine) for name, mine in parts.items()},
        rows={name: len(mine) for name, mine in parts.items()},
    )


def _check_kept(keep: Sequence[str]) -> None:
    known = [each.path for each in (*CONSTANTS, *NARROW.values())]
    for path in keep:
        if path not in known:
            raise InputError(f"--keep: {path!r} is no constant; {nearest(path, known)}")


def _fitted(
    chip: ChipSpec, products: Sequence[Product], free: Sequence[Constant], starts: int
) -> ChipSpec:
    """Return the chip with the constants that suit these products best."""
    logs = _search(Fit(chip, products, free), starts)
    changes = [
        Override(tuple(each.path.split(".")), each.written(float(np.exp(log))))
        for each, log in zip(free, logs, strict=True)
    ]
    found: ChipSpec = catalog.override(chip, changes, chip.name)
    return found


def _products_of(path: Path, chip: ChipSpec) -> list[Product]:
    given = None if "chip" in table.read(path, ())[0] else chip.name
    products, _ = read_products(path, given)
    return [each for each in products if each.chip.name == chip.name]


def _mape(chip: ChipSpec, products: Sequence[Product]) -> float | None:
    if not products:
        return None
    errors = Fit(chip, products, ()).errors(np.zeros(0))
    return float(np.mean(np.abs(np.expm1(errors))))


def _search(fit: Fit, starts: int) -> Floats:
    from scipy.optimize import least_squares, minimize

    low, high = np.log([(each.low, each.high) for each in fit.free]).T
    inside = 1e-6
    first = np.clip(np.log(fit.values), low + inside, high - inside)
    random = np.random.default_rng(SEED)

    def loss(logs: Floats) -> float:
        return float(np.mean(np.abs(fit.errors(np.clip(logs, low, high)))))

    def squares(logs: Floats, scale: float, steps: int) -> Floats:
        begin = np.clip(logs, low + inside, high - inside)
        found = least_squares(
            fit.errors, begin, bounds=(low, high), loss="soft_l1", f_scale=scale,
            diff_step=0.03, max_nfev=steps,
        )  # fmt: skip
        return np.asarray(found.x)

    tries = [first]
    for start in range(starts):
        shift = random.normal(0.0, SPREAD, len(first)) if start else 0.0
        tries.append(squares(first + shift, 0.05, 15))
    best = min(tries, key=loss)
    for _ in range(2):
        corners = np.vstack([best, best + 0.1 * np.eye(len(best))])
        options = {"maxfev": 1000, "initial_simplex": corners}
        found = minimize(loss, best, method="Nelder-Mead", options=options)
        best = min(
            (np.clip(found.x, low, high), squares(found.x, 0.03, 12), best), key=loss
        )
    return np.asarray(best)
