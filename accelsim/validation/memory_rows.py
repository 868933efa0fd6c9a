"""From a row of a table of memory to a question, and to what was seen.

Two kinds of tables, recognised by their columns: a sweep that says whether each run
fitted (`status`), and a table of training runs with `memory_gb`. This file knows their
columns and what each source calls its memory; it knows nothing of how memory fills.
"""

import re
from dataclasses import dataclass
from typing import Any

from accelsim.errors import InputError
from accelsim.overrides import Override
from accelsim.question import Question, resolve
from accelsim.specs.run import PlanSpec, RunSpec
from accelsim.validation.left_out import (
    BAD_VALUE,
    NO_MEANING,
    NO_MEMORY,
    NO_PLAN,
    NO_SIZES,
    OTHER_FAILURE,
    PRODUCT,
    LeftOutError,
)
from accelsim.validation.table import Row, count, number
from accelsim.validation.training_model import model_of
from accelsim.validation.training_rows import case_of

GIB, GB = 2.0**30, 1e9
SWEEP = (
    *("status", "n_gpus", "hidden", "layers", "heads", "seq_len", "vocab"),
    *("dp", "tp", "pp", "micro_batch", "grad_accum", "zero_stage"),
)
BLANK = (
    "kv_heads",
    "ffn_hidden",
    "tied",
    "peak_reserved_gib",
    "pp_bug_suspect",
    "name",
    "network_healthy",
    "tokens_per_s_per_gpu",
    "global_batch",
)
FITS, OUT_OF_MEMORY = "Success", "OOM"
CHIP = "H100-SXM"  # of a sweep that does not name its chip
STACK = "huggingface/nanotron"  # of a sweep that does not name its stack
# The feed-forward width of a sweep's row without one: that of the same Llama.
WIDTHS = {2048: 8192, 3072: 8192, 4096: 14336, 8192: 28672, 16384: 53248}
TIED_BELOW = 10_000  # feed-forward width, in the sweep's own script
# What a source means by its memory: (pattern of family, quantity, unit, whether it is
# that of the fullest worker; else the first one's, who writes a log).
MEANINGS = (
    # torch.cuda.max_memory_reserved() / 1024**3
    (r"nanotron", "reserved", GIB, False),
    # max_reserved_gib; "the maximum across all GPUs" (llama3_h100_202412_torchtitan.md)
    (r"torchtitan", "reserved", GIB, True),
    # torch.cuda.max_memory_allocated, "maximum over all ranks" (its guide for B200)
    (r"(?i)simumax", "allocated", GIB, True),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A row that can be judged.

    Attributes
    ----------
    fits : bool
        Whether the run went on, instead of running out of memory.
    peak : float or None
        Measured peak [B] of the quantity `meaning`: `reserved` by the allocator of
        the framework, or `allocated` of that.
    suspect : bool
        The run had a fault that the table tells of: reported apart.
    fullest : bool
        The peak is the fullest worker's; else the first one's.
    pace : float or None
        What a micro-batch took [s], if the table says that the machine was slowed down.
    """

    row: Row
    id: str
    source: str
    question: Question
    fits: bool
    peak: float | None
    meaning: str
    suspect: bool
    pace: float | None = None
    fullest: bool = False


def is_sweep(header: Row) -> bool:
    """Return whether a table says of each run if it fitted."""
    return "status" in header


def seen_of(row: Row) -> Seen:
    """Return what a row asks and says.

    Raises
    ------
    LeftOutError
        With the reason, if the row cannot be judged.
    """
    try:
        return _of_sweep(row) if is_sweep(row) else _of_training(row)
    except (ValueError, OverflowError):
        raise LeftOutError(BAD_VALUE) from None


def _of_training(row: Row) -> Seen:
    size = number(row, "memory_gb")
    if size is None:
        raise LeftOutError(NO_MEMORY)
    known = (m for m in MEANINGS if re.search(m[0], row["family"]))
    _, meaning, unit, fullest = next(known, ("", "", 0.0, False))
    if not meaning:
        raise LeftOutError(NO_MEANING)
    return Seen(
        row=row,
        id=row["id"],
        source=row["family"],
        question=case_of(row).question,
        fits=True,
        peak=size * unit,
        meaning=meaning,
        suspect=False,
        fullest=fullest,
    )


def _of_sweep(row: Row) -> Seen:
    status = row["status"]
    if status not in (FITS, OUT_OF_MEMORY):
        raise LeftOutError(OTHER_FAILURE)
    peak = number(row, "peak_reserved_gib")
    return Seen(
        row=row,
        id=row.get("job_id") or row["name"],
        source=row.get("family") or STACK,
        question=_question(row),
        fits=status == FITS,
        peak=peak * GIB if peak else None,
        meaning="reserved",
        suspect=_suspect(row),
        pace=_pace(row),
    )


def _suspect(row: Row) -> bool:
    return row["pp_bug_suspect"] not in ("", "0")


def _pace(row: Row) -> float | None:
    """Return what a micro-batch took a worker of a run that was slowed down [s].

    Its step is as many micro-batches as it has, and stages but one.
    """
    if row["network_healthy"] != "0":
        return None
    rate, chips = number(row, "tokens_per_s_per_gpu"), count(row, "n_gpus")
    batch, seq_len = count(row, "global_batch"), count(row, "seq_len")
    if not (rate and chips and batch and seq_len):
        return None
    step = batch * seq_len / (rate * chips)
    return step / ((count(row, "grad_accum") or 1) + (count(row, "pp") or 1) - 1)


def _question(row: Row) -> Question:
    """Return the run of a sweep's row, as one of a table of training runs."""
    sizes = _sizes(row)
    model = model_of(sizes, int(sizes["seq_len"]))
    plan = _plan(row)
    chips = count(row, "n_gpus") or 0
    if plan["tp"] * plan["pp"] * plan["dp"] != chips:
        raise LeftOutError(PRODUCT)
    run = RunSpec(
        name=row["name"] or "run",
        model=model.name,
        system="p5-h100",
        chips=chips,
        global_batch=plan["dp"] * plan["micro_batch"] * (count(row, "grad_accum") or 1),
        seq_len=model.seq_len,
        software="nanotron",
        plan=PlanSpec(**plan, cp=1, vp=1, ep=1, sp=True, recompute="none"),
    )
    # the version with the pipeline bug is the public one, whose host reads sizes
    waits = Override(path=("software", "memory", "waits"), value=_suspect(row))
    try:
        return resolve(run, [waits], model=model)
    except InputError:
        raise LeftOutError(NO_PLAN) from None


def _plan(row: Row) -> dict[str, Any]:
    names = ("tp", "pp", "dp", "micro_batch")
    plan: dict[str, Any] = {name: count(row, name) for name in names}
    if None in plan.values():
        raise LeftOutError(PRODUCT)
    stage = row["zero_stage"]
    plan["sharding"] = "none" if stage in ("", "0") else f"zero{stage}"
    return plan


def _sizes(row: Row) -> dict[str, str]:
    """Return the model columns of a sweep's row, its blanks filled in.

    A run that failed before its log was written has neither key/value heads nor, at
    times, a width: the sweep gives every query head its own unless the run's name says
    `gqa8`, and ties the embeddings of the narrow models (scaling_benchmarks.py).
    """
    hidden, heads = count(row, "hidden"), count(row, "heads")
    if not hidden or not heads:
        raise LeftOutError(NO_SIZES)
    ffn = count(row, "ffn_hidden") or WIDTHS.get(hidden, 0)
    grouped = re.search(r"_gqa(\d+)", row["name"])
    kv_heads = count(row, "kv_heads") or (int(grouped[1]) if grouped else heads)
    tied = row["tied"] or str(ffn < TIED_BELOW)
    return {
        **dict(row),
        "model": f"llama-{hidden}",
        "family": STACK,
        "framework": "nanotron",
        "chip": row.get("chip") or CHIP,
        "ffn_hidden": str(ffn) if ffn else "",
        "kv_heads": str(kv_heads),
        "moe": "",
        "notes": f"tied embeddings={tied}",
    }
