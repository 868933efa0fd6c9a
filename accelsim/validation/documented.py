"""What a blank cell stands for where a stack documents it by model, not by default.

Each entry names its document. The cells are written as a table would write them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from accelsim.validation.mlperf import published
from accelsim.validation.table import Row, count

NODE_CHIPS = 16  # Trainium chips in a trn1.32xlarge
VAGUE = ("", "custom")  # cells that say nothing
NOTHING = {"recompute": "none", "sharding": "ZeRO-0"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Cells that a document gives for rows that its patterns find.

    `framework`, `model`, `source`, `precision` and `chip` are looked for in the columns
    of those names; `blank` is the column whose blank cell makes the recipe stand for
    the row.
    """

    framework: str
    model: str
    source: str
    blank: str
    cells: Callable[[Row], Mapping[str, str]]
    precision: str = r""
    chip: str = r""

    def fits(self, row: Row) -> bool:
        """Return whether the recipe speaks of this row."""
        columns = ("framework", "model", "source", "precision", "chip")
        found = all(re.search(getattr(self, c), row.get(c, "")) for c in columns)
        return found and row.get(self.blank, "") in VAGUE


def _neuron_reference(row: Row) -> Mapping[str, str]:
    # aws-neuron-sdk@7119ba3 general/benchmarks/trn1/nlp_data.csv and @f25691d: 64
    # sequences a node, by aws-neuron-reference-for-megatron-lm@d087833
    # examples/pretrain_gpt3_6.7B_32layers_bf16*.sh: no flag of recomputation or ZeRO.
    nodes = max(1, (count(row, "n_chips") or 0) // NODE_CHIPS)
    return {"global_batch": str(64 * nodes)} | NOTHING


def _neuron_gpt3(row: Row) -> Mapping[str, str]:
    # aws-neuron/neuronx-nemo-megatron@05dde85 nemo/examples/nlp/language_modeling:
    # test.sh (GBS = 32 a node, UBS = 1, sequence_parallel=True), gpt_{23b,175b}.sh
    # (selective) and gpt_46b.sh (full); train_setup.sh: no ZeRO with bf16SR.
    nodes = max(1, (count(row, "n_chips") or 0) // NODE_CHIPS)
    kind = "full" if "46b" in row["model"] else "selective"
    batch = str(32 * nodes)
    return {"global_batch": batch, "recompute": kind, "sharding": "ZeRO-0"}


def _neuron_bert(row: Row) -> Mapping[str, str]:
    # aws-neuron-sdk@ce3668b general/benchmarks/trn1/training_data_encoder.csv: AdamW
    # takes 16384 sequences a step (strong scaling), Lamb 2048 a core and 1024 of 512
    # tokens (aws-neuron-samples torch-neuronx/training/dp_bert_hf_pretrain/run_*.sh).
    long = (count(row, "seq_len") or 0) > 128
    cores = 2 * (count(row, "n_chips") or 0)
    batch = 32768 if long else 16384
    if re.search(r"(?i)lamb", row.get("notes", "")):
        batch = cores * (1024 if long else 2048)
    return {"global_batch": str(batch)} | NOTHING


def _neuron_nemo_llama(row: Row) -> Mapping[str, str]:
    # aws-neuron/neuronx-nemo-megatron@05dde85 nemo/examples/nlp/language_modeling:
    # llama_7b.sh (PP=1, GBS=256), llama_13b.sh (GBS=1024), test_llama.sh (full
    # recomputation), train_setup.sh (no ZeRO with bf16SR). With PP=4 the benchmark
    # pages (aws-neuron-sdk@82ffe52) print 1024 for both.
    small = "7b" in row["model"] and count(row, "pp") == 1
    batch = "256" if small else "1024"
    return {"global_batch": batch, "recompute": "full", "sharding": "ZeRO-0"}


def _neuron_llama(_row: Row) -> Mapping[str, str]:
    # aws-neuron/neuronx-distributed@0598cd8 examples/training/llama: GBS:=1024 in
    # tp_zero1_llama_hf_pretrain/*.sh and tp_pp_llama_hf_pretrain/*.sh.
    return {"global_batch": "1024"}


def _launcher_5b(_row: Row) -> Mapping[str, str]:
    # NVIDIA/NeMo-Framework-Launcher@3579cdb conf/training/gpt3/5b.yaml, of September
    # 2022, whose README has the table already: full recomputation of no layer.
    return {"global_batch": "2048", "micro_batch": "2", "tp": "1", "pp": "1"} | {
        "recompute": "none"
    }


def _launcher_first(_row: Row) -> Mapping[str, str]:
    # NVIDIA/NeMo-Framework-Launcher@261d93a conf/training/gpt3/5b.yaml, of March 2022,
    # the first README with this run's tokens/s: fused_adam, no layer is recomputed.
    return {"micro_batch": "2", "tp": "2", "pp": "1", "sharding": "ZeRO-0"} | {
        "recompute": "none"
    }


def _launcher_175b(_row: Row) -> Mapping[str, str]:
    # NVIDIA/NeMo-Framework-Launcher@3579cdb conf/training/gpt3/175b.yaml
    plan = {"tp": "8", "pp": "8", "vp": "1", "recompute": "selective"}
    return {"global_batch": "2048", "micro_batch": "2", **plan}


def _dgxc_340b(_row: Row) -> Mapping[str, str]:
    # NVIDIA/dgxc-benchmarking@0efdb23 nemotron/launch.sh (VP=12) and @35a9aec
    # nemotron/nemotron4-340b-synth.yaml (activations_checkpoint_granularity)
    return {"vp": "12", "recompute": "selective"}


def _dgxc_maxtext(row: Row) -> Mapping[str, str]:
    # NVIDIA/dgxc-benchmarking@35a9aec maxtext/configure.sh (POLICY, of Llama 2 by
    # precision) and @0efdb23 (save_qkv_proj, Llama 3)
    policy = "save_qkv_proj"
    if row["model"].startswith("llama2"):
        wide = row["precision"] == "bf16"
        policy = "save_dot_except_mlpwi" if wide else "save_dot_except_mlp"
    return {"recompute": f"selective ({policy})"}


def _dgxc_pax(row: Row) -> Mapping[str, str]:
    # NVIDIA/dgxc-benchmarking@35a9aec paxml/configure.sh (FSDP of nodes by size, inside
    # a node by google/paxml contrib/gpu/scripts_gpu/configs.py ICI_MESH_SHAPE) and
    # paxml/paxml_mod_configs.py (CHECKPOINT_POLICY)
    small = row["model"] == "gpt3-5b"
    policy = "save_dot_only" if small else "save_qkv_out_proj"
    group = "8" if small else "128"
    return {"recompute": f"selective ({policy})", "shard_group": group}


def _axlearn(row: Row) -> Mapping[str, str]:
    # apple/axlearn@34aed43c axlearn/experiments/text/gpt/fuji.py, mesh_rules of
    # gpu-p5.48xlarge: data=-1 and fsdp=8 (7B), fsdp=128 (70B)
    return {"shard_group": "128" if "70b" in row["model"] else "8"}


def _megatron_2020(row: Row) -> Mapping[str, str]:
    # Shoeybi et al. 2019, arXiv:1909.08053, sections 4 and 5: sequences of 1024, and
    # no gradient accumulation. The table's own TFLOP/s come out at 1024 alone.
    batch, replicas = count(row, "global_batch") or 0, count(row, "dp") or 1
    return {"seq_len": "1024", "micro_batch": str(batch // replicas)}


def _rapid(_row: Row) -> Mapping[str, str]:
    # gkarfakis19/Rapid-LLM@317a2cb validation_scripts/uci_train_validation.py
    # (MICRO_BATCH_SIZE = 1) and its a100_80GB_train_validation.yaml
    # (full_recomputation: false, tensor_format: bf16).
    return {"micro_batch": "1", "recompute": "none", "precision": "bf16"}


def _experts_whole(_row: Row) -> Mapping[str, str]:
    # NVIDIA/NeMo@8cfedd7 nemo/collections/llm/recipes/{deepseek_v3,qwen3,gpt_oss_120b}
    # .py and dgxc-benchmarking@1f6d9f4 deepseek_v3/pretraining/launch.sh, grok1/README
    # .md (H100); yanring/Megatron-MoE-ModelZoo model_configs/benchmarking/*.yaml:
    # expert_tensor_parallel_size of 1
    return {"etp": "1"}


def _dgxc_deepseek(row: Row) -> Mapping[str, str]:
    # NVIDIA/dgxc-benchmarking@1f6d9f4 deepseek_v3/pretraining/launch.sh (RM)
    module = "mla_up_proj" if row["chip"].startswith("H100") else "core_attn"
    return {"recompute": f"selective ({module})"}


def _predicts_further(_row: Row) -> Mapping[str, str]:
    # NVIDIA-NeMo/Megatron-Bridge@067f987 src/megatron/bridge/recipes/deepseek/h100/
    # deepseek_v3.py (mtp_num_layers = 1), which its performance recipes start from, and
    # NVIDIA/NeMo@8cfedd7 nemo/collections/llm/recipes/deepseek_v3.py (use_mtp: True);
    # rows without say so. Megatron-MoE-ModelZoo best_practice/deepseek-v3/*.sh
    return {"mtp_layers": "1"}


DEEPSEEK = r"^deepseek-v3"
WITH_MTP = r"^(?!.*w/o MTP)"
PUBLISHED = ("precision", "tp", "recompute")
WHOLE = r"^(deepseek|qwen3|gpt-oss)"
# Recomputation by chip, model, tokens at least and precision, where a recipe states it:
# AI-Hypercomputer/tpu-recipes@c8cfe2f training/ironwood/*/run_recipe.sh and
# AI-Hypercomputer/maxtext@e591f30 benchmarks/maxtext_v5{p,e}_model_configs.py,
# src/maxtext/configs/tpu/v5p/*.sh and configs/gpu/models/*.yml. Else a stack's default.
MAXTEXT_KEEPS = (
    (r"v7", r"^llama3.1-70b", 131072, r"", "query_proj,key_proj,value_proj,context"),
    (r"v7", r"^llama3.1-70b", 0, r"", "query_proj,key_proj,value_proj,context"),
    (r"v7", r"^llama3.1-405b", 0, r"^bf16", "key_proj,value_proj,mlpwo offload"),
    (r"v7", r"^gpt-oss", 0, r"", "mlpwo offload"),
    (r"v5p", r"^llama3.1-405b", 0, r"", "context,mlpwo offload"),
    (r"v5p", r"^llama2-7b", 0, r"", "minimal"),
    (r"v5p", r"^llama2-70b", 0, r"", "save_dot_except_mlpwi"),
    (r"v5e", r"^llama2-7b", 0, r"", "save_qkv_proj"),
    (r"v5e", r"^llama2-(13|70)b", 0, r"", "qkv_proj_offloaded"),
    (
        r"v5e",
        r"^llama3.1-8b",
        0,
        r"",
        "query_proj,key_proj,value_proj,out_proj offload",
    ),
    (r"^[HGAB]\d", r"^(llama2-7b|llama3-8b|mixtral)", 0, r"", "minimal_with_context"),
)
# apple/axlearn@34aed43 axlearn/experiments/text/gpt/fuji.py: mesh rules by machine.
AXLEARN_KEEPS = (
    (r"v5p", r"^llama2-7b", 0, r"", "minimal_with_context"),
    (r"v5p", r"^llama2-70b", 0, r"", "save_qkv_proj"),
    (r"v6e", r"^llama2-70b", 0, r"", "qkv_proj_offloaded"),
    (r"^Trainium2", r"^llama2-70b", 0, r"", "query_proj,key_proj,value_proj,mlpwi"),
)
Keeps = tuple[tuple[str, str, int, str, str], ...]


def _keeps(row: Row, table: Keeps) -> Mapping[str, str]:
    for chip, model, tokens, precision, text in table:
        long = (count(row, "seq_len") or 0) >= tokens
        named = re.search(chip, row["chip"]) and re.search(model, row["model"])
        if long and named and re.search(precision, row["precision"]):
            return {"recompute": f"custom ({text})"}
    return {}


def _maxtext(row: Row) -> Mapping[str, str]:
    return _keeps(row, MAXTEXT_KEEPS)


def _axlearn_keeps(row: Row) -> Mapping[str, str]:
    # as above; tpu-v5p: data=-1 and fsdp=64 (7B)
    copies = row["chip"] == "TPU-v5p" and row["model"].startswith("llama2-7b")
    mesh = {"shard_group": "64"} if copies else {}
    return {**mesh, **_keeps(row, AXLEARN_KEEPS)}


def _maxtext_gpt3(row: Row) -> Mapping[str, str]:
    # AI-Hypercomputer/maxtext@e591f30 src/maxtext/configs/tpu/v5p/gpt3_175b/*.sh
    few = (count(row, "n_chips") or 0) <= 1024
    return {"tp": "8", "recompute": "full" if few else "custom (minimal)"}


ROUNDED = r"\+SR"  # stochastic rounding: neuronx-nemo-megatron's way
RECIPES = (
    Recipe(r"PyTorch DDP/FSDP", r"", r"Rapid-LLM", "micro_batch", _rapid),
    Recipe(r"(?i)neuronx", r"^gpt3-6.7b", r"", "recompute", _neuron_reference),
    Recipe(r"(?i)neuronx", r"^gpt3", r"", "recompute", _neuron_gpt3),
    Recipe(r"(?i)neuronx", r"^bert", r"", "recompute", _neuron_bert),
    Recipe(r"(?i)neuronx", r"^llama", r"", "recompute", _neuron_nemo_llama, ROUNDED),
    Recipe(r"(?i)neuronx", r"^llama", r"", "global_batch", _neuron_llama),
    Recipe(r"^NeMo-Megatron$", r"^gpt3-5b$", r"", "tp", _launcher_first),
    Recipe(r"^NeMo-Megatron", r"^gpt3-5b$", r"", "global_batch", _launcher_5b),
    Recipe(r"^NeMo-Megatron", r"^gpt3-175b$", r"", "global_batch", _launcher_175b),
    *(Recipe(r"", r"", r"^mlcommons", c, published) for c in PUBLISHED),
    Recipe(r"NeMo", r"^nemotron4-340b$", r"dgxc-benchmarking", "vp", _dgxc_340b),
    Recipe(r"NeMo", r"^nemotron4-340b$", r"dgxc-benchm", "recompute", _dgxc_340b),
    Recipe(r"Bridge|^NeMo", DEEPSEEK, WITH_MTP, "mtp_layers", _predicts_further),
    Recipe(r"^NeMo", DEEPSEEK, r"@1f6d9f4", "recompute", _dgxc_deepseek),
    Recipe(r"", DEEPSEEK, r"ModelZoo", "mtp_layers", _predicts_further),
    Recipe(r"NeMo", WHOLE, r"", "etp", _experts_whole),
    Recipe(r"", r"", r"ModelZoo", "etp", _experts_whole),
    Recipe(r"NeMo", r"^grok1", r"@1f6d9f4", "etp", _experts_whole, chip=r"^H100"),
    Recipe(r"^MaxText", r"^llama", r"dgxc-benchmarking", "recompute", _dgxc_maxtext),
    Recipe(r"^PAX", r"^gpt3", r"dgxc-benchmarking", "recompute", _dgxc_pax),
    Recipe(r"AXLearn", r"^llama", r"", "shard_group", _axlearn, chip=r"^[AH]100"),
    Recipe(r"^Megatron-LM", r"^gpt", r"tables\.tex", "seq_len", _megatron_2020),
    Recipe(r"(?i)^maxtext", r"^gpt3-175b", r"", "tp", _maxtext_gpt3, r"^int8"),
    Recipe(r"(?i)^maxtext", r"", r"", "recompute", _maxtext),
    Recipe(r"^AXLearn", r"", r"", "recompute", _axlearn_keeps),
)


def filled(row: Row) -> dict[str, str]:
    """Return the row with its blank cells filled by what its recipe documents."""
    full = dict(row)
    for recipe in RECIPES:
        if recipe.fits(full):
            cells = recipe.cells(full)
            full |= {k: v for k, v in cells.items() if full.get(k, "") in VAGUE}
    return full
