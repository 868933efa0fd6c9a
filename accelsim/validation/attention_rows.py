"""The rows of two kinds of attention tables, as shapes that the chip room takes.

This file knows the columns: benchmarks of the FlashAttention papers (TFLOP/s of whole
passes) and prefill latencies of an inference engine. It computes no time.
"""

from collections.abc import Callable
from dataclasses import dataclass

from accelsim.chip.attention import LARGEST, Passes
from accelsim.errors import InputError
from accelsim.specs.chip import ChipSpec
from accelsim.validation.chips import chip_named
from accelsim.validation.left_out import (
    BAD_VALUE,
    NO_KERNEL,
    NO_TIME,
    PRECISION,
    LeftOutError,
)
from accelsim.validation.table import SURPLUS, Row, count, number

FLASH = (
    *("chip", "kernel", "pass", "head_dim", "causal", "seq_len", "n_heads"),
    "measured_tflops",
)
PREFILL = (
    *("chip", "attn_dtype", "kv_cache_dtype", "batch_size", "isl", "num_heads"),
    *("num_key_value_heads", "head_dim", "latency"),
)
# What the tables call a kernel; eager PyTorch has none.
EAGER = "eager"
KERNELS = {
    "flashattention-1": "flash1",
    "flashattention-2": "flash2",
    "flashattention-3": "flash3",
    "flashattention-4": "flash4",
    "cudnn": "cudnn",
    "triton": "triton",
    "splash": "splash",
    "splash fused": "splash-fused",
    "pytorch eager": EAGER,
}
ENGINE = "trtllm"  # whose kernels the prefill tables measure
PASSES: dict[str, Passes] = {
    "fwd": "forward",
    "forward": "forward",
    "bwd": "backward",
    "backward": "backward",
    "fwd+bwd": "both",
}
SHARES = {"forward": 1.0, "backward": 2.5, "both": 3.5}  # of the forward FLOPs
TYPES = {
    "bf16": "bf16",
    "bfloat16": "bf16",
    "bf16/fp16": "bf16",
    "fp8": "fp8",
    "fp16": "fp16",
    "float16": "fp16",
}
SHORTEST, LONGEST = 1e-9, 1e9  # s of a call that somebody measured
TOKENS = 16384  # of a call of the FlashAttention benchmarks, whatever the length


@dataclass(frozen=True, slots=True)
class Measured:
    """One row: a shape, its time, and the groups that it counts in.

    `dtype` is that of the products, `types` what the table says.
    """

    id: str
    source: str
    chip: ChipSpec
    kernel: str
    passes: Passes
    dtype: str
    types: str
    subset: str
    batch: int
    heads: int
    kv_heads: int
    seq_q: int
    seq_kv: int
    head_dim: int
    causal: bool
    window: int
    seconds: float

    @property
    def shape(self) -> tuple[object, ...]:
        """Return all that makes a call the same as another one."""
        return (
            *(self.source, self.chip.name, self.kernel, self.passes, self.types),
            *(self.batch, self.heads, self.kv_heads, self.seq_q, self.seq_kv),
            *(self.head_dim, self.causal, self.window),
        )


def reader(path: object, row: Row) -> Callable[[Row], Measured]:
    """Return what reads the rows of a table, by the columns that it has.

    Raises
    ------
    InputError
        The columns are those of neither kind.
    """
    missing = {}
    for kind, columns in ((_flash, FLASH), (_prefill, PREFILL)):
        missing[kind] = [name for name in columns if name not in row]
        if not missing[kind]:
            return kind
    words = "; ".join(", ".join(names) for names in missing.values())
    raise InputError(
        f"{path}: columns of neither kind of attention table; without: {words}"
    )


def _flash(row: Row) -> Measured:
    _refuse_slipped(row)
    kernel = KERNELS.get(row["kernel"].lower())
    passes = PASSES.get(row["pass"].lower())
    if kernel is None or passes is None:
        raise LeftOutError(NO_KERNEL)
    seq, heads, size = (_whole(row, n) for n in ("seq_len", "n_heads", "head_dim"))
    batch = _whole(row, "batch", max(1, TOKENS // seq))
    causal = _flag(row, "causal")
    flops = 4.0 * batch * heads * float(seq) ** 2 * size * SHARES[passes]
    rate = _number(row, "measured_tflops")
    milliseconds = _number(row, "latency_ms")
    if not rate and not milliseconds:
        raise LeftOutError(NO_TIME)
    seconds = milliseconds / 1e3 or flops * (0.5 if causal else 1.0) / rate / 1e12
    words = "forward" if passes == "forward" else "forward and backward"
    mask = "causal" if causal else "full"
    types = row.get("dtype", "") or "bf16"
    return Measured(
        id=f"{row['chip']} {row['kernel']} {row['pass']} d{size} {mask} {seq}",
        source=row.get("source", "").rsplit("/", 1)[-1] or "not named",
        chip=chip_named(row["chip"]), kernel=kernel, passes=passes,
        dtype=_type(types), types=types, subset=words, batch=batch, heads=heads,
        kv_heads=_whole(row, "n_kv_heads", heads), seq_q=seq, seq_kv=seq,
        head_dim=size, causal=causal, window=0, seconds=seconds,
    )  # fmt: skip


def _prefill(row: Row) -> Measured:
    _refuse_slipped(row)
    names = ("batch_size", "isl", "num_heads", "num_key_value_heads", "head_dim")
    batch, seq, heads, kv_heads, size = (_whole(row, name) for name in names)
    before = int(_number(row, "step"))
    cache = row["kv_cache_dtype"].lower()
    milliseconds = _number(row, "latency")
    if not milliseconds:
        raise LeftOutError(NO_TIME)
    types = f"{row['attn_dtype']}, cache {row['kv_cache_dtype']}"
    source = row.get("src", "").strip("/").split("/")
    return Measured(
        id=f"{row['chip']} {types} b{batch} h{heads}/{kv_heads} d{size} s{seq}",
        source=" ".join(source[2:4]) if len(source) > 3 else "not named",
        # an 8-bit cache makes the engine multiply in 8 bits, whatever goes in
        chip=chip_named(row["chip"]), kernel=ENGINE, passes="forward",
        dtype=_type(cache if cache == "fp8" else row["attn_dtype"]), types=types,
        subset="isl >= 1024" if seq >= 1024 else "isl < 1024", batch=batch, heads=heads,
        kv_heads=kv_heads, seq_q=seq, seq_kv=seq + before, head_dim=size, causal=True,
        window=int(_number(row, "window_size")), seconds=milliseconds / 1e3,
    )  # fmt: skip


def check(found: Measured) -> Measured:
    """Return the row if the chip has what it asks for.

    Raises
    ------
    LeftOutError
        Heads that do not divide, sizes of no real call, no such kernel, pass or type.
    """
    largest = max(found.batch, found.heads, found.seq_kv, found.head_dim, found.window)
    real = largest <= LARGEST and SHORTEST < found.seconds < LONGEST
    if found.heads % found.kv_heads or not real:
        raise LeftOutError(BAD_VALUE)
    if found.dtype not in found.chip.matrix.peak:
        raise LeftOutError(PRECISION)
    if found.kernel == EAGER:
        return found
    kernel = found.chip.attention.get(found.kernel)
    if kernel is None or (found.passes != "forward" and not kernel.has_backward):
        raise LeftOutError(NO_KERNEL)
    return found


def _refuse_slipped(row: Row) -> None:
    if SURPLUS in row:  # more cells than the header: one cannot say which slipped
        raise LeftOutError(BAD_VALUE)


def _type(text: str) -> str:
    found = TYPES.get(text.lower())
    if found is None:
        raise LeftOutError(PRECISION)
    return found


def _whole(row: Row, name: str, blank: int | None = None) -> int:
    try:
        value = count(row, name)
    except ValueError:
        raise LeftOutError(BAD_VALUE) from None
    value = blank if value is None else value
    if value is None:
        raise LeftOutError(BAD_VALUE)
    return value


def _number(row: Row, name: str) -> float:
    """Return a cell as a number; none for a blank, a zero, or -1 (no limit)."""
    if row.get(name, "") in ("0", "0.0", "-1"):
        return 0.0
    try:
        return number(row, name) or 0.0
    except ValueError:
        raise LeftOutError(BAD_VALUE) from None


def _flag(row: Row, name: str) -> bool:
    word = row[name].lower()
    if word not in ("0", "1", "true", "false"):
        raise LeftOutError(BAD_VALUE)
    return word in ("1", "true")
