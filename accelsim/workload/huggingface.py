"""From a Hugging Face `config.json` to a model spec.

This file knows what each architecture calls its sizes, and what the transformers
library assumes where a file is silent. It does not know weights or tokenizers. Each
family has one short reader in `_FAMILIES`; every value is checked on its way.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from accelsim import catalog
from accelsim.errors import InputError, nearest
from accelsim.specs.model import ModelSpec
from accelsim.workload.config_json import Config, read_object

_GATED = {
    "silu": "swiglu",
    "swish": "swiglu",
    "gelu": "geglu",
    "gelu_new": "geglu",
    "gelu_fast": "geglu",
    "gelu_pytorch_tanh": "geglu",
}
_PLAIN = {
    "gelu": "gelu",
    "gelu_new": "gelu",
    "gelu_fast": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "relu": "relu",
    "relu2": "squared-relu",
}

Fields = dict[str, Any]


def _trained_context(config: Config) -> int:
    """Return the context before its rotary positions were stretched.

    A model with a long context is trained at a short one nearly all the time; YaRN
    and the Llama 3 scaling write that one down.
    """
    longest = config.size("max_position_embeddings")
    for name in ("rope_scaling", "rope_parameters"):
        longest = config.table(name).size(
            "original_max_position_embeddings", default=longest
        )
    return longest


def _decoder(config: Config, *, tied: bool = False) -> Fields:
    """Return what Llama and all that descend from it have in common."""
    heads = config.size("num_attention_heads")
    fields: Fields = {
        "layers": config.size("num_hidden_layers"),
        "hidden": config.size("hidden_size"),
        "heads": heads,
        "kv_heads": config.size("num_key_value_heads", default=heads),
        "ffn": config.size("intermediate_size"),
        "vocab": config.size("vocab_size"),
        "seq_len": _trained_context(config),
        "activation": config.word("hidden_act", known=_GATED, default="silu"),
        "tied_embeddings": config.flag("tie_word_embeddings", default=tied),
        # The spec's biases are those of all linear layers.
        "biases": config.flag("attention_bias", default=False)
        and config.flag("mlp_bias", default=False),
        "dropout": config.drops("attention_dropout"),
    }
    return fields | _head_dim(config)


def _head_dim(config: Config, default: int = 0) -> Fields:
    width = config.size("head_dim", default=default, least=1)
    return {"head_dim": width} if width else {}


def _window(config: Config, layers: int, usual: int, size: int) -> Fields:
    """Return the window, which `usual` layers have if no list says otherwise."""
    kinds = config.items("layer_types")
    if kinds and len(kinds) != layers:
        raise config.refused(
            "layer_types", f"must have an entry for each of {layers} layers"
        )
    windowed = kinds.count("sliding_attention") if kinds else usual
    if not size or windowed <= 0:
        return {}
    every = max(1, round(layers / windowed))
    fields: Fields = {"window": size, "window_every": every}
    if abs(windowed - layers / every) >= 1:
        fields["note"] = (
            f"{windowed} of {layers} layers have the window of {size} tokens; "
            f"taken as one in {every}."
        )
    return fields


def _mistral(config: Config) -> Fields:
    fields = _decoder(config)
    # 4096 is what the library assumes of a file that is silent (v0.1 was trained so).
    size = config.size("sliding_window", default=4096, null=0)
    return fields | _window(config, fields["layers"], fields["layers"], size)


def _mixtral(config: Config) -> Fields:
    fields = _decoder(config)
    size = config.size("sliding_window", default=0)
    fields |= _window(config, fields["layers"], fields["layers"], size)
    fields["moe"] = {
        "experts": config.size("num_local_experts", "num_experts"),
        "top_k": config.size("num_experts_per_tok"),
        "ffn": fields["ffn"],
    }
    return fields


def _qwen(config: Config) -> Fields:
    fields = _decoder(config)
    if not config.flag("use_sliding_window", default=False):
        return fields
    size = config.size("sliding_window", default=4096, null=0)
    first = config.size("max_window_layers", default=28, least=0)
    layers = fields["layers"]
    return fields | _window(config, layers, layers - first, size)


def _qwen3(config: Config) -> Fields:
    return _qwen(config) | _head_dim(config, default=128)


def _qwen_moe(config: Config) -> Fields:
    fields = _qwen(config)
    shared = config.size("shared_expert_intermediate_size", default=0)
    dense = config.items("mlp_only_layers")
    if dense != list(range(len(dense))):
        raise config.refused("mlp_only_layers", "only the first layers may be dense")
    fields["moe"] = {
        "experts": config.size("num_experts", "num_local_experts"),
        "top_k": config.size("num_experts_per_tok"),
        "ffn": config.size("moe_intermediate_size"),
        "shared_experts": 1 if shared else 0,
        "shared_ffn": shared,
        "dense_layers": len(dense),
        "every": config.size("decoder_sparse_step", default=1),
    }
    return fields


def _deepseek(config: Config) -> Fields:
    fields = _decoder(config)
    value = config.size("v_head_dim")
    # Every head has its own key and value, made from the shared latent.
    fields |= {"kv_heads": fields["heads"], "head_dim": value}
    fields["mla"] = {
        "q_lora_rank": config.size("q_lora_rank", null=0),
        "kv_lora_rank": config.size("kv_lora_rank"),
        "qk_nope_dim": config.size("qk_nope_head_dim"),
        "qk_rope_dim": config.size("qk_rope_head_dim"),
        "v_dim": value,
    }
    fields["mtp_layers"] = config.size("num_nextn_predict_layers", default=0, least=0)
    experts = config.size("n_routed_experts", default=0)
    if experts:
        width = config.size("moe_intermediate_size")
        limited = config.size("n_group", default=1) > 1  # groups of experts are nodes'
        fields["moe"] = {
            "experts": experts,
            "top_k": config.size("num_experts_per_tok"),
            "node_limit": config.size("topk_group") if limited else 0,
            "groups": config.size("n_group") if limited else 0,
            "ffn": width,
            "shared_experts": config.size("n_shared_experts", default=0, least=0),
            "shared_ffn": width,
            "dense_layers": config.size("first_k_dense_replace", default=0, least=0),
            "every": config.size("moe_layer_freq", default=1),
        }
    return fields


def _gemma(config: Config) -> Fields:
    fields = _decoder(config, tied=True) | _head_dim(config, default=256)
    names = ("hidden_activation", "hidden_act")
    act = config.word(*names, known=_GATED, default="gelu_pytorch_tanh")
    return fields | {"activation": act}


def _gemma2(config: Config) -> Fields:
    fields = _gemma(config)
    layers = fields["layers"]
    size = config.size("sliding_window", default=4096, null=0)
    return fields | _window(config, layers, (layers + 1) // 2, size)


def _gemma3(config: Config) -> Fields:
    # The published files leave out what equals the library's default.
    known = {
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "vocab_size": 262208,
        "max_position_embeddings": 131072,
    }
    given = {name: value for name, value in config.raw.items() if value is not None}
    config = Config(config.path, known | given, config.prefix)
    fields = _gemma(config)
    layers = fields["layers"]
    pattern = config.size("sliding_window_pattern", default=6)
    size = config.size("sliding_window", default=4096, null=0)
    return fields | _window(config, layers, layers - layers // pattern, size)


def _with_layer_norm(config: Config, heads: int, hidden: int) -> Fields:
    """Return what the families before Llama have in common."""
    return {
        "hidden": hidden,
        "heads": heads,
        "ffn": 4 * hidden,
        "vocab": config.size("vocab_size"),
        "norm": "layer",
        "biases": True,
    }


def _gpt2(config: Config) -> Fields:
    hidden = config.size("n_embd", "hidden_size")
    heads = config.size("n_head", "num_attention_heads")
    dropouts = ("resid_pdrop", "embd_pdrop", "attn_pdrop")
    return _with_layer_norm(config, heads, hidden) | {
        "layers": config.size("n_layer", "num_hidden_layers"),
        "ffn": config.size("n_inner", default=4 * hidden),
        "seq_len": config.size("n_positions", "n_ctx", "max_position_embeddings"),
        "activation": config.word(
            "activation_function", known=_PLAIN, default="gelu_new"
        ),
        "tied_embeddings": config.flag("tie_word_embeddings", default=True),
        "learned_positions": True,
        "dropout": config.drops(*dropouts, default=0.1),
    }


def _gpt_neox(config: Config) -> Fields:
    hidden = config.size("hidden_size")
    heads = config.size("num_attention_heads")
    return _with_layer_norm(config, heads, hidden) | {
        "layers": config.size("num_hidden_layers"),
        "ffn": config.size("intermediate_size"),
        "seq_len": _trained_context(config),
        "activation": config.word("hidden_act", known=_PLAIN, default="gelu"),
        "tied_embeddings": config.flag("tie_word_embeddings", default=False),
        "parallel_block": config.flag("use_parallel_residual", default=True),
        "dropout": config.drops("hidden_dropout", "attention_dropout"),
    }


def _bloom(config: Config) -> Fields:
    hidden = config.size("hidden_size", "n_embed")
    heads = config.size("n_head", "num_attention_heads")
    return _with_layer_norm(config, heads, hidden) | {
        "layers": config.size("n_layer", "num_hidden_layers"),
        # Files without it belong to the models of arXiv:2211.05100, trained at 2048.
        "seq_len": config.size("seq_length", default=2048),
        "activation": "gelu",
        "tied_embeddings": config.flag("tie_word_embeddings", default=True),
        "dropout": config.drops("hidden_dropout", "attention_dropout"),
    }


def _falcon(config: Config) -> Fields:
    hidden = config.size("hidden_size")
    heads = config.size("num_attention_heads", "n_head")
    grouped = config.flag("new_decoder_architecture", default=False)
    kv_heads = config.size("num_kv_heads", "n_head_kv", default=heads)
    if not grouped and config.flag("multi_query", default=True):
        kv_heads = 1
    return _with_layer_norm(config, heads, hidden) | {
        "layers": config.size("num_hidden_layers", "n_layer"),
        "kv_heads": kv_heads,
        "ffn": config.size("ffn_hidden_size", default=4 * hidden),
        "seq_len": config.size("max_position_embeddings", default=2048),
        "activation": config.word("activation", known=_PLAIN, default="gelu"),
        "biases": config.flag("bias", default=False),
        "tied_embeddings": config.flag("tie_word_embeddings", default=True),
        "parallel_block": grouped or config.flag("parallel_attn", default=True),
        "dropout": config.drops("hidden_dropout", "attention_dropout"),
    }


def _opt(config: Config) -> Fields:
    hidden = config.size("hidden_size")
    if config.size("word_embed_proj_dim", default=hidden) != hidden:
        raise config.refused("word_embed_proj_dim", f"must equal hidden_size {hidden}")
    heads = config.size("num_attention_heads")
    return _with_layer_norm(config, heads, hidden) | {
        "layers": config.size("num_hidden_layers"),
        "ffn": config.size("ffn_dim"),
        "seq_len": config.size("max_position_embeddings"),
        "activation": config.word("activation_function", known=_PLAIN, default="relu"),
        "biases": config.flag("enable_bias", default=True),
        "tied_embeddings": config.flag("tie_word_embeddings", default=True),
        "learned_positions": True,
        "dropout": config.drops("dropout", "attention_dropout"),
    }


# model_type -> (reader, the architecture that names the same family).
_FAMILIES: dict[str, tuple[Callable[[Config], Fields], str]] = {
    "llama": (_decoder, "LlamaForCausalLM"),
    "mistral": (_mistral, "MistralForCausalLM"),
    "mixtral": (_mixtral, "MixtralForCausalLM"),
    "qwen2": (_qwen, "Qwen2ForCausalLM"),
    "qwen2_moe": (_qwen_moe, "Qwen2MoeForCausalLM"),
    "qwen3": (_qwen3, "Qwen3ForCausalLM"),
    "qwen3_moe": (_qwen_moe, "Qwen3MoeForCausalLM"),
    "deepseek_v2": (_deepseek, "DeepseekV2ForCausalLM"),
    "deepseek_v3": (_deepseek, "DeepseekV3ForCausalLM"),
    "gpt2": (_gpt2, "GPT2LMHeadModel"),
    "gpt_neox": (_gpt_neox, "GPTNeoXForCausalLM"),
    "bloom": (_bloom, "BloomForCausalLM"),
    "gemma": (_gemma, "GemmaForCausalLM"),
    "gemma2": (_gemma2, "Gemma2ForCausalLM"),
    "gemma3_text": (_gemma3, "Gemma3ForCausalLM"),
    "falcon": (_falcon, "FalconForCausalLM"),
    "RefinedWeb": (_falcon, "RWForCausalLM"),
    "opt": (_opt, "OPTForCausalLM"),
}
_BY_ARCHITECTURE = {arch: reader for reader, arch in _FAMILIES.values()}


def read_config(path: Path) -> ModelSpec:
    """Return the model that a Hugging Face `config.json` describes.

    Of a model with several modalities the text part is read.

    Raises
    ------
    InputError
        For anything that is wrong with the file, in one line.
    """
    config = top = read_object(path)
    nested = "text_config" in top.raw
    if nested:
        config = top.table("text_config")
    fields = _reader(config)(config)
    fields |= {
        "name": _name(top),
        "source": "Hugging Face config.json",
        "kind": "documentation",
    }
    if nested:
        fields["note"] = f"The text model alone. {fields.get('note', '')}".rstrip()
    return catalog.validate(ModelSpec, fields, str(path))


def _reader(config: Config) -> Callable[[Config], Fields]:
    family = config.raw.get("model_type")
    if family is not None and not isinstance(family, str):
        raise config.refused("model_type", "must be text")
    if family in _FAMILIES:
        return _FAMILIES[family][0]
    architectures = config.items("architectures")
    for name in architectures:
        if isinstance(name, str) and name in _BY_ARCHITECTURE:
            return _BY_ARCHITECTURE[name]
    if family is None and not architectures:
        supported = ", ".join(sorted(_FAMILIES))
        raise config.refused("model_type", f"is missing; supported: {supported}")
    if family is None:
        raise _unsupported(config, "architectures", architectures[0], _BY_ARCHITECTURE)
    raise _unsupported(config, "model_type", family, _FAMILIES)


def _unsupported(
    config: Config, field: str, value: Any, known: Iterable[str]
) -> InputError:
    hint = nearest(value, known) if isinstance(value, str) else ""
    supported = f"supported: {', '.join(sorted(known))}"
    return config.refused(
        field, f"is not supported; {hint} {supported}".replace("  ", " ")
    )


def _name(config: Config) -> str:
    """Return the folder's name, else what the file says, else the file's own."""
    if config.path.name == "config.json":
        folder = config.path.resolve().parent.name
        if folder:
            return folder
    said = config.raw.get("_name_or_path")
    if isinstance(said, str) and said.isprintable():
        last = said.rstrip("/").rpartition("/")[2]
        if last:
            return last
    return config.path.stem
