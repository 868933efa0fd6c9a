"""From the model columns of a training table to a `ModelSpec`.

This file knows the column `moe`, and which model of the catalog stands for the style
of another one: activation, norm, biases, tied embeddings. Sizes are the row's.
"""

import re
from typing import Any

from accelsim import catalog
from accelsim.errors import InputError
from accelsim.specs.checking import validate
from accelsim.specs.model import ModelSpec
from accelsim.validation.left_out import BAD_VALUE, NO_SIZES, LeftOutError
from accelsim.validation.table import Row, count

SIZES = {
    "layers": "layers",
    "hidden": "hidden",
    "heads": "heads",
    "kv_heads": "kv_heads",
    "ffn": "ffn_hidden",
}
SAME_MODEL = {
    "gpt-175b": "gpt3-175b",
    "llama-7b": "llama2-7b",
    "llama-13b": "llama2-13b",
    "llama4-maverick-400b": "llama4-maverick",
    "mt-nlg-530b": "megatron-530b",
    "turing-530b": "megatron-530b",
}
# The first pattern that is found in a model's name tells its style.
STYLES = (
    (r"(?i)bert", "bert-large"),
    (r"bloom", "bloom-176b"),
    (r"mpt", "mpt-7b"),
    (r"palm", "palm-540b"),
    (r"neox", "gpt-neox-20b"),
    (r"nemotron", "nemotron4-15b"),
    (r"grok", "grok1-314b"),
    (r"gpt-oss", "gpt-oss-120b"),
    (r"deepseek|kimi", "deepseek-v3"),
    (r"qwen", "qwen3-8b"),
    (r"^(gpt|megatron|turing|opt)", "gpt3-175b"),
    (r"", "llama2-7b"),
)
# mlcommons/training llama2_70b_lora README: rank 16 on the projections of attention.
LORA_RANK = 16
# SQuAD 1.1, packed without attention across samples: a paragraph of about 120 words, a
# question of 10, an answer of 3 (Rajpurkar et al. 2016, arXiv:1606.05250), 1.3 tokens a
# word and what frames them. A query sees half of its sample in the mean.
SQUAD = 200 // 2
_MOE = re.compile(
    r"(?P<experts>\d+)e/top(?P<top_k>\d+)/ffn(?P<ffn>\d+)"
    r"(?:\+(?P<shared>\d+)shared)?"
)


def model_of(row: Row, seq_len: int) -> ModelSpec:
    """Return the model that a row describes.

    The catalog's own model counts where its widths agree (a row may cut its layers);
    else the row's sizes with the style of the nearest relative.

    Raises
    ------
    LeftOutError
        Sizes are missing or impossible.
    """
    sizes = {field: count(row, column) for field, column in SIZES.items()}
    name = base_name(row)
    if None in sizes.values():
        if SAME_MODEL.get(name, name) not in catalog.names("models"):
            raise LeftOutError(NO_SIZES)
        # a model that the catalog knows by its name alone
        known = dict(catalog.model(SAME_MODEL.get(name, name)))
        stated = {k: v for k, v in sizes.items() if v is not None}
        fields = known | stated | {"seq_len": seq_len, "mtp_layers": 0}
        return _validated(fields | _details(row), name)
    mixture = _mixture(row.get("moe", ""))
    found = _known(name, sizes, mixture)
    fields = _like(found, sizes) if found else _in_style(row, sizes, mixture)
    fields |= {"name": name, "seq_len": seq_len, **_details(row)}
    fields["vocab"] = count(row, "vocab") or fields["vocab"]
    return _validated(fields, name)


def _validated(fields: dict[str, Any], name: str) -> ModelSpec:
    try:
        return validate(ModelSpec, fields, name)
    except InputError:
        raise LeftOutError(BAD_VALUE) from None


def base_name(row: Row) -> str:
    """Return the name of a row's model without what says that it is fine-tuned."""
    return re.sub(r"(?i)[-_ ]q?lora\b", "", row["model"])


def _known(
    name: str, sizes: dict[str, int | None], mixture: dict[str, int] | None
) -> ModelSpec | None:
    """Return the catalog's model of that name if widths and experts agree."""
    name = SAME_MODEL.get(name, name)
    if name not in catalog.names("models"):
        return None
    spec = catalog.model(name)
    widths = [field for field in SIZES if field != "layers"]
    agrees = all(getattr(spec, field) == sizes[field] for field in widths)
    agrees &= (spec.moe is None) == (mixture is None)
    if spec.moe is not None and mixture is not None:
        routing = ("experts", "top_k", "ffn", "every")
        agrees &= all(getattr(spec.moe, field) == mixture[field] for field in routing)
    return spec if agrees else None


def _like(spec: ModelSpec, sizes: dict[str, int | None]) -> dict[str, Any]:
    return dict(spec) | {"layers": sizes["layers"], "mtp_layers": 0}


def _in_style(
    row: Row, sizes: dict[str, int | None], mixture: dict[str, int] | None
) -> dict[str, Any]:
    relative = next(like for p, like in STYLES if re.search(p, row["model"]))
    fields = dict(catalog.model(relative))
    stated = re.search(r"head_dim[ =](\d+)", row.get("notes", ""))
    fields.pop("head_dim")
    if stated:
        fields["head_dim"] = int(stated[1])
    fields |= {"mtp_layers": 0, "window": 0, "moe": mixture}
    if "MLA" not in row.get("moe", ""):
        fields["mla"] = None
    return fields | sizes


def _mixture(text: str) -> dict[str, int] | None:
    """Return the fields of a `MoeSpec` from ``256e/top8/ffn2048+1shared;…``."""
    if not text:
        return None
    found = _MOE.match(text)
    if found is None:
        raise LeftOutError(NO_SIZES)
    parts = {key: int(value or 0) for key, value in found.groupdict().items()}
    shared = parts.pop("shared")
    dense = re.search(r"first(\d+)dense", text)
    every = re.search(r"every(\d+)", text)
    return parts | {
        "shared_experts": shared,
        "shared_ffn": parts["ffn"] if shared else 0,
        "dense_layers": int(dense[1]) if dense else 0,
        "every": int(every[1]) if every else 1,
    }


def is_lora(row: Row) -> bool:
    """Return whether a row's run trains low-rank adapters alone."""
    said = re.search(r"LoRA (fine-tune|not full|on)", row.get("notes", ""))
    return said is not None or base_name(row) != row["model"]


def _details(row: Row) -> dict[str, Any]:
    """Return what a row's words say beside its sizes."""
    notes, words = row.get("notes", ""), row.get("source", "") + row["framework"]
    found: dict[str, Any] = {}
    tied = re.search(r"tied embeddings=(True|False)", notes)
    if tied:
        found["tied_embeddings"] = tied[1] == "True"
    if row.get("mtp_layers") or "w/ MTP" in words or "HAI-LLM" in words:
        found["mtp_layers"] = count(row, "mtp_layers") or 1
    if row["family"] == "mlcommons" or row["framework"].startswith("PAX"):
        # the reference trains without (run_gpt3.sh), as do google/paxml
        # tasks/lm/model_params.py and contrib/gpu/scripts_gpu/configs.py (DROPOUT_PROB)
        found["dropout"] = False
    if "neuronx" in row["framework"] and row["model"].startswith("gpt3-6.7b"):
        # --attention-dropout 0 --hidden-dropout 0 (pretrain_gpt3_6.7B_32layers_*.sh)
        found["dropout"] = False
    if is_lora(row):
        found["adapter_rank"] = LORA_RANK
    tuned = is_lora(row) or re.search(r"\bSFT\b", notes)
    if tuned and row["family"].startswith("NVIDIA"):
        # the data module of NeMo's and Megatron-Bridge's fine-tuning recipes; NeMo's
        # performance page: "the inputs are packed to 4096 tokens"
        found["window"] = SQUAD
    return found
