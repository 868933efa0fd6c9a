"""Fit the constants of the fused attention kernels, and say how far they carry.

    python benchmarks/measured/fit_attention.py FLASH.csv PREFILL.parquet

Each fit changes figures of chip files by their paths, all chips of a generation
together, until the log error is least (squared when small, linear when large: a few odd
rows decide nothing). A third of the shapes, by heads and head size, is fitted on and
the others are the test; of the FlashAttention benchmarks, whose rows are few, each
family (chip, pass, head size, mask) is left out once. What it prints is in
`configs/chips`, rounded; the last figure says what the shipped ones give.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accelsim import catalog
from accelsim.errors import InputError
from accelsim.validation import table
from accelsim.validation.attention import predict
from accelsim.validation.attention_rows import Measured, reader

Floats = NDArray[np.float64]
SMALL = 0.05  # log error from which a row counts linearly
MOST = 2500  # rows that are fitted on
STEP = 1e-3  # of a logarithm, for slopes


@dataclass(frozen=True)
class Fit:
    """Figures of some chips that are fitted together, from where they start.

    each : figures that every chip has its own of.
    """

    name: str
    kernel: str
    chips: tuple[str, ...]
    figures: Mapping[str, str] = field(default_factory=dict)  # path -> unit
    each: tuple[str, ...] = ()


_T, _P2 = "attention.trtllm.pipeline", "attention.flash2.pipeline"
_P3, _C = "attention.flash3.pipeline", "attention.cudnn.pipeline"
_SHARED = {f"{_T}.exponential": "", f"{_T}.exposed": "", f"{_T}.ramp": ""}
_SHARED |= {
    f"{_T}.wide.softmax": "",
    f"{_T}.start": " s",
    "power.fused_flop": " J/FLOP",
}
_HOPPER = _SHARED | {f"{_T}.matrix": "", f"{_T}.matrix_narrow": ""}
_AMPERE = {f"{_T}.matrix": "", f"{_T}.ramp": "", f"{_T}.start": " s"}
_OWN = ("matrix", "matrix_backward", "exposed", "ramp")
_TWO = {f"{_P2}.{name}": "" for name in (*_OWN, "ramp_backward")}
_TWO_EACH = (f"{_P2}.matrix", f"{_P2}.matrix_backward")
_THREE = {f"{_P3}.{name}": "" for name in _OWN}
_CUDNN = {f"{_C}.exponential": "", f"{_C}.matrix_backward": ""}
_CUDNN |= {f"{_C}.wide.softmax": "", f"{_C}.ramp": ""}
FITS = (
    Fit("TensorRT-LLM, Blackwell", "trtllm", ("b200", "gb200", "gb300"), _SHARED),
    Fit("TensorRT-LLM, Hopper", "trtllm", ("h100-sxm",), _HOPPER),
    Fit("TensorRT-LLM, Ampere", "trtllm", ("a100-80gb",), _AMPERE),
    Fit("FlashAttention-2", "flash2", ("a100-80gb", "h100-sxm"), _TWO, _TWO_EACH),
    Fit("FlashAttention-3", "flash3", ("h100-sxm",), _THREE),
    Fit("cuDNN", "cudnn", ("h100-sxm",), _CUDNN),
)
# (chip, kernel, pass, tokens, TFLOP/s), head size 128 without a mask: FlashAttention-2
# (arXiv:2307.08691) sec. 4.1, 73 and 63 % of the peak; FlashAttention-3
# (arXiv:2407.08608) fig. 6.
PAPERS = (
    ("A100-80GB", "FlashAttention-2", "fwd", 16384, 228),
    ("A100-80GB", "FlashAttention-2", "bwd", 16384, 196),
    ("H100-SXM", "FlashAttention-3", "bwd", 8192, 559),
    ("H100-SXM", "FlashAttention-3", "bwd", 16384, 561),
    ("H100-SXM", "cuDNN", "bwd", 8192, 518),
    ("H100-SXM", "cuDNN", "bwd", 16384, 516),
)


def rows_of(path: str) -> list[Measured]:
    """Return the rows of a table."""
    rows = table.read(Path(path), ("chip",))
    read = reader(path, rows[0])
    return [read(row) for row in rows]


def papers() -> Iterator[Measured]:
    """Yield the rows that only papers have."""
    names = ("chip", "kernel", "pass", "seq_len", "measured_tflops")
    more = {"head_dim": "128", "causal": "0", "n_heads": "16"}
    for row in PAPERS:
        cells = {n: str(v) for n, v in zip(names, row, strict=True)} | more
        yield reader("papers", cells)(cells)


def changed(fit: Fit, logs: Floats) -> dict[str, object]:
    """Return the chips of a fit with other figures, by name."""
    values = iter(np.exp(logs))
    common = {p: next(values) for p in fit.figures if p not in fit.each}
    chips = {}
    for chip in fit.chips:
        own = common | {p: next(values) for p in fit.each}
        texts = {
            p: f"{own[p]}{unit}" if unit else own[p] for p, unit in fit.figures.items()
        }
        shares = {p: v if isinstance(v, str) else float(v) for p, v in texts.items()}
        chips[chip] = catalog.load("chips", chip, catalog.parse_overrides(shares))
    return chips


def start(fit: Fit) -> Floats:
    """Return the logarithms of the figures in the chip files."""
    paths = [(p, fit.chips[0]) for p in fit.figures if p not in fit.each]
    paths += [(p, chip) for chip in fit.chips for p in fit.each]
    found = []
    for path, chip in paths:
        value: object = catalog.load("chips", chip)
        for part in path.split("."):
            value = value[part] if isinstance(value, dict) else getattr(value, part)
        found.append(float(value))  # type: ignore[arg-type]
    return np.log(found)


def errors(fit: Fit, rows: Sequence[Measured], logs: Floats) -> Floats:
    """Return log(predicted / measured) of rows."""
    chips = changed(fit, logs)
    there = [replace(row, chip=chips[row.chip.name]) for row in rows]  # type: ignore[arg-type]
    seconds, _ = predict(there)
    logs_: Floats = np.log(seconds / np.array([row.seconds for row in rows]))
    return logs_


def least(call: Callable[[Floats], Floats], x: Floats) -> Floats:
    """Return where the robust sum of squares is least (Levenberg and Marquardt)."""

    def cost(r: Floats) -> float:
        return float(np.sum(np.sqrt(1.0 + (r / SMALL) ** 2) - 1.0))

    damping, r = 1e-2, call(x)
    for _ in range(40):
        slopes = np.stack([(call(x + s) - r) / STEP for s in STEP * np.eye(len(x))], 1)
        weights = 1.0 / np.sqrt(1.0 + (r / SMALL) ** 2)
        curve, slope = slopes.T @ (slopes * weights[:, None]), slopes.T @ (r * weights)
        for _ in range(10):
            damped = curve + damping * np.diag(np.diag(curve) + 1e-9)
            step = -np.linalg.solve(damped, slope)
            moved = x + np.clip(step, -0.5, 0.5)
            found = inside(call, moved)
            if found is not None and cost(found) < cost(r):
                break
            damping *= 5.0
        else:
            return x
        small = cost(r) - cost(found) < 1e-6 * cost(r)
        x, r, damping = moved, found, max(damping / 5.0, 1e-7)
        if small:
            return x
    return x


def inside(call: Callable[[Floats], Floats], x: Floats) -> Floats | None:
    """Return the errors at x, None if a share would be above one."""
    try:
        return call(x)
    except InputError:
        return None


def of_shape(row: Measured) -> int:
    """Return the third that a prefill shape belongs to."""
    return (7 * row.heads + 13 * row.kv_heads + row.head_dim // 64) % 3


def mape(logs: Floats) -> str:
    """Return a mean absolute error in words."""
    return f"{100 * float(np.mean(np.abs(np.expm1(logs)))):.2f} %"


def prefill(fit: Fit, rows: list[Measured]) -> tuple[Floats, str]:
    """Fit on a third of the shapes; the others are the test."""
    draw = np.random.default_rng(0).permutation(len(rows))
    # heads of 512 repeat the scores: predicted, never fitted
    mine = [rows[i] for i in draw if of_shape(rows[i]) == 0 and rows[i].head_dim < 512]
    found = least(lambda x: errors(fit, mine[:MOST], x), start(fit))
    rest = [row for row in rows if of_shape(row)]
    long = [row for row in rest if row.seq_q >= 1024]
    words = f"fitted {mape(errors(fit, mine, found))}"
    words += f", other shapes {mape(errors(fit, rest, found))}"
    return found, words + f", of these from 1024 on {mape(errors(fit, long, found))}"


def benchmark(fit: Fit, rows: list[Measured]) -> tuple[Floats, str]:
    """Fit on all rows; each family is predicted by a fit on the others.

    Not the papers' backward rows: nothing else tells the figures of that pass.
    """
    found = least(lambda x: errors(fit, rows, x), start(fit))
    keys = [(r.chip.name, r.passes, r.head_dim, r.causal) for r in rows]
    left = []
    for key in dict.fromkeys(k for k in keys if k[1] != "backward"):
        rest = [row for row, k in zip(rows, keys, strict=True) if k != key]
        mine = [row for row, k in zip(rows, keys, strict=True) if k == key]
        without = least(lambda x, rest=rest: errors(fit, rest, x), found)  # type: ignore[misc]
        left.append(errors(fit, mine, without))
    words = f"fitted {mape(errors(fit, rows, found))}"
    return found, words + f", families left out {mape(np.concatenate(left))}"


def main() -> None:
    """Print every fit."""
    rows = [row for path in sys.argv[1:3] for row in rows_of(path)] + list(papers())
    for fit in FITS:
        mine = [r for r in rows if r.kernel == fit.kernel and r.chip.name in fit.chips]
        way = prefill if fit.kernel == "trtllm" else benchmark
        found, words = way(fit, mine)
        shipped = mape(errors(fit, mine, start(fit)))
        print(f"{fit.name}: {len(mine)} rows, {words}; as shipped, all {shipped}")  # noqa: T201
        names = [p for p in fit.figures if p not in fit.each]
        names += [f"{chip} {p}" for chip in fit.chips for p in fit.each]
        for name, value in zip(names, np.exp(found), strict=True):
            print(f"  {name} = {value:.4g}")  # noqa: T201


if __name__ == "__main__":
    main()
