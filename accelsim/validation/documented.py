"""What a blank cell stands for where a stack documents it by model, not by default.

Each entry names its document. The cells are written as a table would write them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from accelsim.validation.table import Row, count

NODE_CHIPS = 16  # Trainium chips in a trn1.32xlarge


@dataclass(frozen=True, slots=True)
class Recipe:
    """Cells that a document gives for rows that its patterns find.

    `framework`, `model` and `source` are looked for in the columns of those names;
    `blank` is the column whose blank cell makes the recipe stand for the row.
    """

    framework: str
    model: str
    source: str
    blank: str
    cells: Callable[[Row], Mapping[str, str]]

    def fits(self, row: Row) -> bool:
        """Return whether the recipe speaks of this row."""
        columns = ("framework", "model", "source")
        found = all(re.search(getattr(self, c), row.get(c, "")) for c in columns)
        return found and not row.get(self.blank, "")


def _neuron_gpt3(row: Row) -> Mapping[str, str]:
    # aws-neuron/neuronx-nemo-megatron@05dde85 nemo/examples/nlp/language_modeling:
    # test.sh (GBS = 32 a node, UBS = 1, sequence_parallel=True, no ZeRO),
    # gpt_6.7b.sh (full) and gpt_175b.sh (selective recomputation).
    nodes = max(1, (count(row, "n_chips") or 0) // NODE_CHIPS)
    kind = "full" if "6.7b" in row["model"] else "selective"
    return {"global_batch": str(32 * nodes), "recompute": kind, "sharding": "ZeRO-0"}


def _neuron_gpt3_plan(row: Row) -> Mapping[str, str]:
    kind = "full" if "6.7b" in row["model"] else "selective"
    return {"recompute": kind, "sharding": "ZeRO-0"}


def _neuron_bert(row: Row) -> Mapping[str, str]:
    # aws-neuron-samples torch-neuronx/training/dp_bert_hf_pretrain: --batch_size 16
    # --grad_accum_usteps 32 on each of the 2 cores of a chip, BertForPreTraining.
    cores = 2 * (count(row, "n_chips") or 0)
    batch = 32 * cores * (count(row, "micro_batch") or 16)
    return {"global_batch": str(batch)}


def _neuron_bert_plan(_row: Row) -> Mapping[str, str]:
    return {"recompute": "none", "sharding": "ZeRO-0"}


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


def _launcher_175b(_row: Row) -> Mapping[str, str]:
    # NVIDIA/NeMo-Framework-Launcher@3579cdb conf/training/gpt3/175b.yaml
    plan = {"tp": "8", "pp": "8", "vp": "1", "recompute": "selective"}
    return {"global_batch": "2048", "micro_batch": "2", **plan}


def _dgxc_340b(_row: Row) -> Mapping[str, str]:
    # NVIDIA/dgxc-benchmarking@0efdb23 nemotron/launch.sh (VP=12) and @35a9aec
    # nemotron/nemotron4-340b-synth.yaml (activations_checkpoint_granularity)
    return {"vp": "12", "recompute": "selective"}


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


RECIPES = (
    Recipe(r"PyTorch DDP/FSDP", r"", r"Rapid-LLM", "micro_batch", _rapid),
    Recipe(r"(?i)neuronx", r"^gpt3", r"", "global_batch", _neuron_gpt3),
    Recipe(r"(?i)neuronx", r"^gpt3", r"", "recompute", _neuron_gpt3_plan),
    Recipe(r"(?i)neuronx", r"^bert", r"", "global_batch", _neuron_bert),
    Recipe(r"(?i)neuronx", r"^bert", r"", "recompute", _neuron_bert_plan),
    Recipe(r"(?i)neuronx", r"^llama", r"", "global_batch", _neuron_llama),
    Recipe(r"^NeMo-Megatron", r"^gpt3-5b$", r"", "global_batch", _launcher_5b),
    Recipe(r"^NeMo-Megatron", r"^gpt3-175b$", r"", "global_batch", _launcher_175b),
    Recipe(r"NeMo", r"^nemotron4-340b$", r"dgxc-benchmarking", "vp", _dgxc_340b),
    Recipe(r"NeMo", r"^nemotron4-340b$", r"dgxc-benchm", "recompute", _dgxc_340b),
    Recipe(r"^Megatron-LM", r"^gpt", r"tables\.tex", "seq_len", _megatron_2020),
)


def filled(row: Row) -> dict[str, str]:
    """Return the row with its blank cells filled by what its recipe documents."""
    full = dict(row)
    for recipe in RECIPES:
        if recipe.fits(full):
            cells = recipe.cells(full)
            full |= {k: v for k, v in cells.items() if not full.get(k, "")}
    return full
