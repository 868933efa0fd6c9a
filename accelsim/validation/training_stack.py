"""Which system and which training stack a row of a training table ran on.

This file knows the words of the columns `chip`, `framework`, `sharding`, `recompute`
and `precision`, and what a row's notes change in the spec of its system or stack.
"""

import re
from typing import cast

from accelsim import catalog
from accelsim.kernels import tables
from accelsim.overrides import Override
from accelsim.specs.chip import Precision
from accelsim.specs.software import Recompute, Sharding, SoftwareSpec
from accelsim.specs.system import SystemSpec
from accelsim.validation.bridge_recipes import expert_changes
from accelsim.validation.left_out import (
    NO_SYSTEM,
    PRECISION,
    LeftOutError,
)
from accelsim.validation.mlperf import narrow_attention, scaled_now
from accelsim.validation.remat import kept_names
from accelsim.validation.table import Row, count

SYSTEMS = {
    "A100-40GB": "dgx-a100-40gb",
    "A100-80GB": "dgx-a100",
    "B200": "dgx-b200",
    "B200 (~184GB)": "dgx-b200",
    "B300": "dgx-b300",
    "GB200": "gb200-nvl72",
    "GB300": "gb300-nvl72",
    "GH200": "gh200-nvl",
    "H100-96GB-HBM2e-500W": "dgx-h100-500w",
    "H100-SXM": "dgx-h100",
    "H200": "dgx-h200",
    "H200-NVL": "h200-nvl-8",
    "H800-SXM": "dgx-h800",
    "L40S": "l40s-8",
    "MI300X": "mi300x-8",
    "MI325X": "mi325x-8",
    "MI350X": "mi350x-8",
    "MI355X": "mi355x-8",
    "TPU-v3": "tpu-v3-pod",
    "TPU-v4": "tpu-v4-pod",
    "TPU-v5e": "tpu-v5e-pod",
    "TPU-v5p": "tpu-v5p-pod",
    "TPU-v6e": "tpu-v6e-pod",
    "TPU-v7x": "tpu-v7-pod",
    "Trainium1": "trn1-32xlarge",
    "Trainium2": "trn2-48xlarge",
    "V100-32GB (DGX-2)": "dgx2-v100",
}
# Where a source says which network joins its nodes: (family, chip) -> system.
NETWORKS = {
    ("mosaicml/llm-foundry", "A100-40GB"): "roce-a100-40gb",  # 1600 Gb/s RoCE a node
    ("mosaicml/llm-foundry", "A100-80GB"): "roce-a100-80gb",
    ("mosaicml/llm-foundry", "H100-SXM"): "roce-h100",  # 3200 Gb/s RoCE a node
    ("Llama", "H100-SXM"): "roce-h100",  # arXiv:2407.21783, section 3.3.1
    # uci_train_validation.py: NVLink in pairs, PCIe between them
    ("gkarfakis19/Rapid-LLM", "A100-80GB"): "a100-pairs-4",
    ("huggingface/nanotron", "H100-SXM"): "p5-h100",  # Ultra-Scale Playbook: EFA
    ("aws-samples/awsome-distributed-training", "H100-SXM"): "p5-h100",
    ("AXLearn", "H100-SXM"): "p5-h100",  # apple/axlearn fuji.py: gpu-p5.48xlarge
}
# A source whose own chips were measured: first pattern that family or source holds.
MACHINES = ((r"(?i)simumax", r"B200", "dgx-b200-simumax"),)
# Nodes joined by less than their system has [B/s a node, one way].
NODE_RATES = {
    "VIA-Research/vTrain": 100e9,  # 800 Gb/s (arXiv:2312.12391, section IV)
    "bigscience": 50e9,  # four 100 Gb/s Omni-Path links (bigscience tr11 README)
}
# The first pattern that is found in "family framework" tells the stack.
STACKS = (
    (r"(?i)^mlcommons.*(maxtext)", "maxtext"),
    (r"(?i)^mlcommons PAX", "pax"),
    (r"^mlcommons", "mlperf"),
    (r"Megatron-Bridge", "megatron-bridge"),
    (r"(?i)neuronx", "neuron"),
    (r"(?i)ulysses|fpdt", "deepspeed-ulysses"),
    (r"(?i)deepspeed|GPT-NeoX", "megatron-deepspeed"),
    (r"llm-foundry", "llm-foundry"),
    (r"nanotron", "nanotron"),
    (r"torchtitan", "torchtitan"),
    (r"(?i)maxtext", "maxtext"),
    (r" (PAX|Pax|T5X)", "pax"),
    (r" AXLearn", "axlearn"),
    (r"(?i) levanter", "levanter"),
    (r" MegaScale", "megascale"),
    (r"HAI-LLM", "hai-llm"),
    (r"Colossal", "colossalai"),
    (r"(?i)intern-?(evo|lm)", "internevo"),
    (r"(?i)fms-fsdp|foundation-model-stack", "fms-fsdp"),
    (r"lit-gpt", "lit-gpt"),
    (r"metaseq", "metaseq"),
    (r"XLA FSDP", "pytorch-xla"),
    (r"4D parallel", "meta-llama3"),
    (r"^Korthikanti", "megatron-2022"),
    (r" NeMo-Megatron$", "megatron-2021"),  # without a release: the runs of March 2022
    (r" NeMo-Megatron ", "nemo-2022"),
    (r"NeMo", "nemo"),
    (r"Megatron-(Core|LLaMA)", "megatron-core"),
    (r"PyTorch (FSDP|DDP)", "fsdp-pytorch"),
)
# A framework on GPUs that is none of these: what it is built on.
KINDS = (
    (r"(?i)jax|xla|flax", "maxtext"),
    (r"(?i)megatron|nemo", "megatron-core"),
    (r"(?i)torch|fsdp|ddp|transformers|accelerate|lightning", "fsdp-pytorch"),
)
# A chip that is not written as in `SYSTEMS`: what its letters and digits hold.
WORDS = (
    (r"gb300", "gb300-nvl72"),
    (r"gb200", "gb200-nvl72"),
    (r"gh200", "gh200-nvl"),
    (r"b300", "dgx-b300"),
    (r"b200", "dgx-b200"),
    (r"h200.*nvl", "h200-nvl-8"),
    (r"h200", "dgx-h200"),
    (r"h800", "dgx-h800"),
    (r"h100", "dgx-h100"),
    (r"a100.*pcie", "a100-pcie-8"),
    (r"a100.*40", "dgx-a100-40gb"),
    (r"a100", "dgx-a100"),
    (r"l40s", "l40s-8"),
    (r"v100", "dgx2-v100"),
    (r"mi300", "mi300x-8"),
    (r"mi325", "mi325x-8"),
    (r"mi350", "mi350x-8"),
    (r"mi355", "mi355x-8"),
    (r"tpu.*7|ironwood", "tpu-v7-pod"),
    (r"tpu.*6|trillium", "tpu-v6e-pod"),
    (r"tpu.*5(e|lite)", "tpu-v5e-pod"),
    (r"tpu.*5", "tpu-v5p-pod"),
    (r"tpu.*4", "tpu-v4-pod"),
    (r"tpu.*3", "tpu-v3-pod"),
    (r"(trainium|trn)3", "trn3-ultraserver-gen2"),
    (r"(trainium|trn)2", "trn2-48xlarge"),
    (r"trainium|trn1", "trn1-32xlarge"),
)
SAME_RATE = {"mxfp8": "fp8", "fp16": "bf16"}
# What the report on DeepSeek-V3 calls two of Megatron-LM's modules.
MODULE_WORDS = {"RMSNorm": "layernorm", "MLA up-proj": "mla_up_proj"}
COMPILED = ("maxtext", "axlearn", "levanter", "pax", "pytorch-xla")
OVERLAPS = ("tp", "dp", "gather", "pp", "cp")
_LAST_PLAIN_MEGATRON = 2021  # before sequence parallelism (v3.0, 2022)


def system_of(row: Row) -> SystemSpec:
    """Return the system of a row's chip and source.

    A chip that is written otherwise gets the system of the first pattern of `WORDS`
    that its name holds.
    """
    name = NETWORKS.get((row["family"], row["chip"])) or SYSTEMS.get(row["chip"])
    name = machine_of(row) or name
    if name is None:
        plain = re.sub(r"[^a-z0-9]", "", row["chip"].lower())
        name = next((system for p, system in WORDS if re.search(p, plain)), None)
    if name is None:
        raise LeftOutError(NO_SYSTEM)
    spec: SystemSpec = catalog.load("systems", name)
    return spec


def machine_of(row: Row) -> str | None:
    """Return the system of a source that measured its own chips, if it is one."""
    said = row["family"] + row.get("source", "")
    for source, chip, own in MACHINES:
        if re.search(source, said) and re.match(chip, row["chip"]):
            return own
    return None


def software_of(row: Row, system: SystemSpec) -> SoftwareSpec:
    """Return the stack that a row's framework means.

    A framework that nothing names gets the stack that the first pattern of `KINDS`
    finds in its name, and else the one that its system is used with.
    """
    words = f"{row['family']} {row['framework']}"
    name = next((stack for p, stack in STACKS if re.search(p, words)), None)
    if name == "torchtitan" and _eager(row):
        name = "torchtitan-eager"
    if name == "megatron-deepspeed" and _ulysses(row):
        name = "deepspeed-ulysses"
    if name is None and "Megatron-LM" in words:
        year = count(row, "year")
        old = year is not None and year <= _LAST_PLAIN_MEGATRON
        name = "megatron-2021" if old else "megatron-core"
    if name is None:
        family = catalog.load("chips", system.chip).family
        found = (stack for p, stack in KINDS if re.search(p, row["framework"]))
        name = next(found, None) if family == "gpu" else None
        name = name or system.software
    spec: SoftwareSpec = catalog.load("software", name)
    return spec


def _ulysses(row: Row) -> bool:
    """Return whether a run of Megatron-DeepSpeed cuts sequences: it says so."""
    words = f"{row['model']} {row['sharding']} {row.get('notes', '')}"
    said = re.search(r"(?i)ulysses|fpdt|ds[-_ ]sequence", words) is not None
    return said or (count(row, "cp") or 1) > 1


def _eager(row: Row) -> bool:
    """Return whether a torchtitan run was not compiled: it says so, or its page does.

    The configurations behind docs/performance.md have `compile = false`; float8 needs
    it, which its table names as an optimization.
    """
    by_page = "docs/performance.md" in row.get("source", "")
    wide = row["precision"].startswith("bf16")
    return "(eager)" in row.get("notes", "") or (by_page and wide)


def sharding_of(text: str, software: SoftwareSpec) -> Sharding:
    """Return what is sharded over the data-parallel ranks."""
    words = text.lower()
    patterns: tuple[tuple[str, Sharding], ...] = (
        (r"zero-0", "none"),
        (r"zero-?1", "zero1"),
        (r"zero-?2|shard_grad_op", "zero2"),
        (r"zero-?3|[fh]sdp", "zero3"),
        (r"distributed ?optimizer", "zero1"),
    )
    found = (kind for pattern, kind in patterns if re.search(pattern, words))
    return next(found, software.defaults.sharding)


def recompute_of(text: str, software: SoftwareSpec) -> Recompute | None:
    """Return what is recomputed; None where the search is to tell.

    A blank means the stack's default. If that is `none`, a run that did not fit
    without recomputation must have used some: the search takes the fastest that fits.
    """
    if not text:
        default = software.defaults.recompute
        return None if default == "none" else default
    custom = text.startswith("custom")
    if software.name in COMPILED and (kept_names(text) or custom):
        # a custom policy keeps what it names (base.yml: remat), else nothing
        return "selective" if kept_names(text) else "full"
    if recomputed_layers(text):
        return "full" if "full" in software.recompute else None
    if "layer(s)" in text or text == "custom":  # some layers, or not said which
        return None
    if text.startswith("none"):
        return "none"
    # Offloading what little is kept computes everything else again.
    if text.startswith("full") or "offloaded" in text:
        return "full" if "full" in software.recompute else None
    return "selective" if "selective" in software.recompute else None


def modules_of(text: str, software: SoftwareSpec) -> tuple[str, ...] | None:
    """Return the modules that a cell says are recomputed, None where it names none."""
    found = re.search(r"^selective \((.+)\)$", text)
    words = found[1].split(",") if found else []
    names = tuple(MODULE_WORDS.get(w.strip(), w.strip()) for w in words)
    known = all(name in software.recompute_modules for name in names)
    return names if names and known else None


def recomputed_layers(text: str) -> int | None:
    """Return how many layers of a stage are recomputed, None if all or not said."""
    found = re.match(r"full on (\d{1,4}) layer", text)
    return int(found[1]) or None if found else None


def precision_of(text: str, software: SoftwareSpec, system: SystemSpec) -> Precision:
    """Return the format of the GEMMs."""
    word = re.split(r"[ _(]", text, maxsplit=1)[0] or software.defaults.precision
    peak = catalog.load("chips", system.chip).matrix.peak
    if software.name == "neuron" and word == "fp32":
        # neuronx-cc cast products to bf16 by default until 2.27 (--auto-cast matmult),
        # and the pages' MFU is of that peak (13.83 % at 28,432 sequences/s, BERT)
        word = "tf32"  # as fast, between tensors of 32 bits
    for name in (word, SAME_RATE.get(word, "")):
        if name in peak:
            return cast(Precision, name)
    # a word that is no format: mixed precision, in what the stack takes by default
    if word not in tables.PRECISIONS and software.defaults.precision in peak:
        return software.defaults.precision
    raise LeftOutError(PRECISION)


def changes(row: Row, system: SystemSpec, software: str) -> list[Override]:
    """Return what a row's words change in its system and stack."""
    found = [*_stack_changes(row, software)]
    rate = NODE_RATES.get(row["family"])
    if rate is not None:
        name, tier = list(system.tiers.items())[-1]
        port = float(catalog.load("links", tier.link).bandwidth)
        ports = rate / system.node.chips / port
        found.append(Override(("system", "tiers", name, "links_per_chip"), [ports]))
    return found


def _nki_attention(row: Row) -> bool:
    """Return whether a run by Neuron's scripts has NKI flash attention.

    neuronx-distributed@0f2a90f (2.19, July 2024) and later, examples/training/llama:
    use_flash_attention is 1 by default without a pipeline (tp_zero1_llama_hf_pretrain
    .py), with one (run_llama_nxd.py) the scripts of Llama 3 set it, those of Llama 2 do
    not. BERT, GPT and what neuronx-nemo-megatron trains (rounded stochastically) lack
    it.
    """
    if re.match(r"bert|gpt3", row["model"]) or "+SR" in row["precision"]:
        return False
    release = re.search(r"SDK 2\.(\d+)", row.get("notes", ""))
    late = release is None or int(release[1]) >= 19
    alone = (count(row, "pp") or 1) == 1
    return late and (alone or not row["model"].startswith("llama2"))


def _stack_changes(row: Row, software: str) -> list[Override]:
    words = f"{row['precision']}; {row['sharding']}; {row.get('notes', '')}"
    changed: dict[str, object] = {}
    if software == "neuron" and re.search(r"\+SR\)|\(SR\)|\(\)", row["precision"]):
        # bf16 weights and states, rounded stochastically (train_setup.sh, bf16SR)
        changed |= {"grad_bytes": 2.0, "master_bytes": 4.0}
    if software == "neuron" and not _nki_attention(row):
        changed["attention"] = "unfused"
    changed |= _compiled_changes(row, software)
    pipeline = (count(row, "pp") or 1) > 1
    if software == "neuron" and row["seq_len"] == "8192" and pipeline:
        # run_llama_nxd.py since 2.19: (CoreAttention, LlamaMLP) if args.seq_len ==
        # 8192; gate and up are repeated, 0.55 of Llama 3 70B's products by columns
        changed["selective.matmul"] = 0.55
    if software == "nemo-2022" and (count(row, "pp") or 1) > 1:
        changed["overlap.dp"] = False
    changed |= _overlap_changes(row, software)
    changed |= {"narrow_attention": True} if narrow_attention(row) else {}
    if "current scaling" in row["precision"] or scaled_now(row):
        changed["casts.fp8"] = 2.0  # the largest value first
    if row["family"] == "gkarfakis19/Rapid-LLM":
        # bf16 gradients and optimizer states, no master copy (its validation yaml)
        changed |= {"grad_bytes": 2.0, "master_bytes": 4.0}
    if "mixed_precision=PURE" in words or "bf16 (pure)" in words:
        changed["grad_bytes"] = 2.0
    if software == "megatron-deepspeed" and "bf16 optimizer" in words:
        # BF16_Optimizer accumulates in fp32 what it has copied to that (update_hp_grads
        # of microsoft/DeepSpeed v0.7.0 deepspeed/runtime/bf16_optimizer.py)
        changed |= {"grad_bytes": 4.0, "copied_accumulation": True}
        changed["tensor_kernels"] = (2.0, 0.0)
    changed |= _titan_changes(row, software, words)
    return [
        Override(("software", *path.split(".")), value)
        for path, value in changed.items()
    ]


def _titan_changes(row: Row, software: str, words: str) -> dict[str, object]:
    """Return what a run of torchtitan had otherwise: by its page, or its words."""
    changed: dict[str, object] = {}
    if software == "torchtitan" and "h100_202412" in row.get("source", ""):
        # pytorch/torchtitan pull request 755, December 2024: "turning off compile on
        # loss function", until 82afc84 of February 2025
        changed["fused_loss"] = False
    if software.startswith("torchtitan") and re.search(r"(?i)async ?TP", words):
        changed["overlap.tp"] = True
    return changed


def _compiled_changes(row: Row, software: str) -> dict[str, object]:
    """Return what a compiled stack does otherwise on some family of chips."""
    chip = row["chip"].lower()
    if software in COMPILED and chip.startswith("trainium"):
        # aws-neuron-sdk@81ce03a neuron-runtime/explore/compute-comm-overlap.rst: tensor
        # collectives "cannot be effectively overlapped", reduce-scatters of FSDP come
        # "at the end of the backward pass"
        changed = dict.fromkeys(("overlap.tp", "overlap.dp"), False)
        return {**changed, "pipelined_collectives": False}
    if software == "pax" and chip.startswith("tpu"):
        # praxis/layers/attentions.py, DotProductAttention: einsums and a softmax
        return {"attention": "unfused"}
    return {}


def _overlap_changes(row: Row, software: str) -> dict[str, object]:
    """Return what a source's own launch scripts hide less than its stack could."""
    if software == "megatron-bridge" and row.get("moe"):
        return expert_changes(row)
    if software == "nemo" and row["model"].startswith("deepseek"):
        # NVIDIA/NeMo@8cfedd7 scripts/performance/llm/pretrain_deepseek_v3.py: DeepEP on
        # H100, on Blackwell NCCL's all-to-all behind shared experts
        # (moe_shared_expert_overlap)
        hopper = row["chip"].startswith("H100")
        return {"dispatch_once" if hopper else "overlap.shared": True}
    if software.startswith("megatron") and machine_of(row):
        # MooreThreads/SimuMax@4dcaae5 docs/b200/b200_real_repro_guide.md, section 3.3,
        # and simu_tools/megatron_scripts: launched without any overlap, and experts
        # padded to a capacity that the host knows (moe-pad-expert-input-to-capacity)
        alone = dict.fromkeys((f"overlap.{k}" for k in OVERLAPS), False)
        return {**alone, "experts.waits": False}
    return {}
