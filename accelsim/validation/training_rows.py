"""From a row of a training table to a question, and to what was measured.

This file knows what the plan columns count, and puts model, system and stack together.
"""

import re
from dataclasses import dataclass
from typing import Any

from accelsim import catalog
from accelsim.errors import InputError
from accelsim.question import Question, resolve
from accelsim.specs.model import ModelSpec
from accelsim.specs.run import PlanSpec, RunSpec
from accelsim.specs.software import SoftwareSpec
from accelsim.specs.system import SystemSpec
from accelsim.validation.conventions import step_time
from accelsim.validation.documented import filled
from accelsim.validation.left_out import (
    BAD_VALUE,
    EXPERT_SPREAD,
    FRACTION,
    NO_BATCH,
    NO_CHIPS,
    NO_PLAN,
    NO_SEQUENCE,
    PRODUCT,
    TOO_LARGE,
    LeftOutError,
)
from accelsim.validation.remat import repeated
from accelsim.validation.table import Row, count, number
from accelsim.validation.training_model import model_of
from accelsim.validation.training_stack import (
    COMPILED,
    changes,
    machine_of,
    modules_of,
    precision_of,
    recompute_of,
    recomputed_layers,
    sharding_of,
    software_of,
    system_of,
)

STATED = ("tp", "pp", "micro_batch")
# Without sequence parallelism: aws-neuron-reference-for-megatron-lm@d087833 has none.
PLAIN = r"(?i)neuronx.* gpt3-6.7b"
HYBRID = "fms-fsdp"  # shards within a node unless told otherwise (training.py: hsdp)
LONGEST = 1e9  # s; a step of thirty years is a slip of the pen


@dataclass(frozen=True, slots=True)
class Case:
    """A row that can be scored.

    Attributes
    ----------
    subset : str
        `plan-stated` if the row itself gives tp, pp and micro-batch, else
        `plan-inferred`.
    measured : float
        Step time [s].
    """

    row: Row
    question: Question
    measured: float
    subset: str


def case_of(row: Row) -> Case:
    """Return the question that a row asks, and its answer as measured.

    Raises
    ------
    LeftOutError
        With the reason, if the row cannot be scored.
    """
    try:
        return _case(row)
    except (ValueError, OverflowError):
        raise LeftOutError(BAD_VALUE) from None


def _case(row: Row) -> Case:
    full = filled(row)
    chips = count(full, "n_chips")
    if chips is None:
        raise LeftOutError(NO_CHIPS)
    system = system_of(full)
    software = software_of(full, system)
    if chips > system.max_chips:
        raise LeftOutError(TOO_LARGE)
    seq_len = count(full, "seq_len")
    model = model_of(full, seq_len or 1)
    if seq_len is None:
        raise LeftOutError(NO_SEQUENCE)
    batch = _global_batch(full, software, chips)
    workers = chips * catalog.load("chips", system.chip).workers_per_chip
    run = RunSpec(
        name=full["id"],
        model=model.name,
        system=system.name,
        chips=chips,
        global_batch=batch,
        seq_len=seq_len,
        precision=precision_of(full["precision"], software, system),
        software=software.name,
        plan=PlanSpec(**plan_of(full, software, model, workers, batch, system)),
    )
    measured = step_time(full, model, batch, chips)
    if measured > LONGEST:
        raise LeftOutError(BAD_VALUE)
    return Case(
        row=row,
        question=_resolve(run, full, system, model),
        measured=measured,
        subset="plan-stated" if all(row[c] for c in STATED) else "plan-inferred",
    )


def _resolve(run: RunSpec, row: Row, system: SystemSpec, model: ModelSpec) -> Question:
    found = changes(row, system, run.software or "")
    if run.software in COMPILED and run.plan.recompute == "selective":
        found += repeated(row["recompute"], run.software, model)
    try:
        return resolve(run, found, model=model)
    except InputError:
        raise LeftOutError(NO_PLAN) from None


def _global_batch(row: Row, software: SoftwareSpec, chips: int) -> int:
    """Return the sequences of a step, from the local batch where that is documented."""
    batch = count(row, "global_batch")
    if batch is not None:
        return batch
    local = number(row, "micro_batch")
    if local and software.name in COMPILED:  # per_device_batch_size: a chip's
        return max(1, round(local * chips))
    replicas = count(row, "dp")
    if software.name == HYBRID:
        replicas = chips  # there are no other axes
    if local and replicas and software.name.startswith(("torchtitan", HYBRID)):
        return round(local) * replicas  # no gradient accumulation by default
    raise LeftOutError(NO_BATCH)


def plan_of(
    row: Row, software: SoftwareSpec, model: ModelSpec, workers: int, batch: int,
    system: SystemSpec,
) -> dict[str, Any]:  # fmt: skip
    """Return the fields of a `PlanSpec`; what is neither stated nor documented is None.

    Raises
    ------
    LeftOutError
        The plan contradicts itself, or our plans cannot express it.
    """
    if software.name in COMPILED:
        plan = _compiled_plan(row, software, workers, batch, system)
    else:
        plan = _stated_plan(row, software, workers)
    plan["sp"] = _sequence_parallel(row, software)
    plan["sharding"] = sharding_of(row["sharding"], software)
    plan["recompute"] = recompute_of(row["recompute"], software)
    if plan["recompute"] == "selective":
        plan["recompute_modules"] = modules_of(row["recompute"], software)
    if plan["recompute"] == "full":
        plan["recompute_layers"] = recomputed_layers(row["recompute"])
    plan["shard_group"] = _shard_group(row, plan["dp"], software, system) or plan.get(
        "shard_group"
    )
    plan["ep"] = count(row, "ep") if model.moe else 1
    if software.name in COMPILED:
        plan["ep"] = plan["ep"] or 1  # MaxText's ici_expert_parallelism defaults to 1
    plan["etp"] = _expert_tensor(row, software, plan) if model.moe else None
    return plan


def _expert_tensor(
    row: Row, software: SoftwareSpec, plan: dict[str, Any]
) -> int | None:
    """Return how far a row's experts are cut; None for the stack's own way.

    A table that counts ep over the tensor-parallel ranks, too, leaves experts whole.
    """
    stated = count(row, "etp") if row.get("etp") else software.defaults.etp
    ep, tp, replicas = plan["ep"], plan["tp"], plan["dp"]
    if not ep or not replicas:
        return stated
    replicas *= plan["cp"] or 1
    if stated is None and replicas % ep:
        stated = 1
    if tp and replicas * tp % (ep * (stated or tp)):
        raise LeftOutError(EXPERT_SPREAD)
    return stated


def _shard_group(
    row: Row, replicas: int | None, software: SoftwareSpec, system: SystemSpec
) -> int | None:
    """Return the workers that share one copy of the weights, where copies are several.

    On GPUs as in ``FSDP128+DP``, or those of a node if sharding is hybrid; the slices
    of other chips are not told that way.
    """
    words = row["sharding"]
    found = re.search(r"FSDP(\d{1,9})\+DP", words)
    group = int(found[1]) if found else count(row, "shard_group")
    if re.search(r"(?i)hsdp|hybrid", words) or (not words and software.name == HYBRID):
        chip = catalog.load("chips", system.chip)
        group = group or system.node.chips * chip.workers_per_chip
    if group and replicas and group < replicas and replicas % group == 0:
        return group
    return None


def _sequence_parallel(row: Row, software: SoftwareSpec) -> bool:
    words = f"{row['framework']} {row['model']}"
    if "no sequence parallelism" in row.get("notes", "") or re.search(PLAIN, words):
        return False
    return software.defaults.sp


def _stated_plan(row: Row, software: SoftwareSpec, workers: int) -> dict[str, Any]:
    names = ("tp", "cp", "pp", "dp")
    tp, cp, pp, dp = (count(row, name) for name in names)
    known = tp is not None or pp is not None
    if _intern_sequence(row, software):
        tp, cp = 1, cp or tp
    tp = tp or software.defaults.tp
    pp = pp or software.defaults.pp
    if known:  # a table that gives a plan leaves out what is 1
        cp = cp or _usual_context(software)
    if None not in (tp, cp, pp):
        rest, remainder = divmod(workers, (tp or 1) * (cp or 1) * (pp or 1))
        if remainder or (dp is not None and dp != rest):
            raise LeftOutError(PRODUCT)
        dp = rest
    vp = _virtual_stages(row, software, pp)
    return {
        **dict(zip(names, (tp, cp, pp, dp), strict=True)),
        "vp": vp,
        "schedule": _schedule(row, software, vp),
        "micro_batch": _micro_batch(row, software, pp),
    }


def _intern_sequence(row: Row, software: SoftwareSpec) -> bool:
    """Return whether InternEvo's tensor size cuts sequences alone: its mode isp.

    InternLM/InternEvo@0067f27 configs/7B_isp_sft.py: "customed intern sequence parallel
    without tensor parallel".
    """
    words = f"{row['framework']} {row['sharding']} {row.get('notes', '')}"
    return software.name == "internevo" and bool(re.search(r"(?i)\bisp\b", words))


def _usual_context(software: SoftwareSpec) -> int | None:
    """Return what a plan that says nothing of context parallelism has.

    A table of runs whose sequences are cut tells how far, or the search does.
    """
    return None if software.name == "deepspeed-ulysses" else software.defaults.cp


def _schedule(row: Row, software: SoftwareSpec, vp: int | None) -> str | None:
    """Return the schedule that a row or its stack's default says; None is open."""
    if vp is None and software.name.startswith("torchtitan"):
        return "interleaved" if "Interleaved" in row.get("notes", "") else None
    plain = vp == 1 or not software.interleaved
    return software.defaults.schedule if plain else None


def _virtual_stages(row: Row, software: SoftwareSpec, pp: int | None) -> int | None:
    if pp == 1:
        return 1
    if software.name.startswith("torchtitan") and "Interleaved" in row.get("notes", ""):
        return None
    stated = count(row, "vp") or software.defaults.vp
    if stated is None and machine_of(row) is not None:
        # MooreThreads/SimuMax simu_tools/megatron_scripts/scripts: VP_SIZE is 1 unless
        # it is given
        return 1
    return stated


def _micro_batch(row: Row, software: SoftwareSpec, pp: int | None) -> int | None:
    local = number(row, "micro_batch")
    if local is None:
        return software.defaults.micro_batch
    if local != int(local):
        raise LeftOutError(FRACTION)
    if software.name.startswith("torchtitan") and pp and pp > 1:
        # the local batch is cut into one micro-batch a stage (pipeline_parallel_
        # microbatches in config_manager.py)
        return max(1, int(local) // pp)
    return int(local)


def _compiled_plan(
    row: Row, software: SoftwareSpec, workers: int, batch: int, system: SystemSpec
) -> dict[str, Any]:
    """Return the plan of an XLA stack: one step, all replicas, no accumulation.

    `dp` counts replicas over the data-centre network there and `micro_batch` a chip's
    share, so both follow from the other sizes.
    """
    tp = count(row, "tp") or _tensor_axis(row["sharding"]) or software.defaults.tp or 1
    pp, cp = count(row, "pp") or 1, count(row, "cp") or 1
    replicas, remainder = divmod(workers, tp * pp * cp)
    if remainder:
        raise LeftOutError(PRODUCT)
    plan: dict[str, Any] = {"tp": tp, "cp": cp, "pp": pp, "dp": replicas, "vp": 1}
    if batch % replicas:  # fewer sequences than replicas: other axes are in use
        return dict.fromkeys([*plan, "micro_batch"]) | {"pp": pp, "vp": 1}
    group = _slice(system) // (tp * pp)
    if 0 < group < replicas * cp and (replicas * cp) % group == 0:
        plan["shard_group"] = group
    return plan | {"micro_batch": batch // replicas}


def _slice(system: SystemSpec) -> int:
    """Return the chips of a torus that one job can have to itself, 0 without one.

    Weights are sharded inside a slice, slices are replicas: ici_fsdp_parallelism and
    dcn_data_parallelism are -1 in AI-Hypercomputer/maxtext@e591f30 base.yml.
    """
    tiers = list(system.tiers.values())
    joined = len(tiers) > 1 and catalog.load("chips", system.chip).family == "tpu"
    return tiers[-2].chips if joined else 0


def _tensor_axis(text: str) -> int | None:
    found = re.search(r"TP(\d+)", text)
    return int(found[1]) if found else None
