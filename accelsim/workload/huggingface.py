"""From a Hugging Face `config.json` to a model spec.

This file knows what each architecture calls its sizes, and what the transformers
library assumes where a file is silent. It does not know weights or tokenizers. Each
family has one short reader in `_FAMILIES`; every value passes through `_Config`,
which refuses what is not a size, a switch, a fraction or a known word in one line
that names the file, the field, the value and what is allowed.
"""

import json
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from accelsim import catalog
from accelsim.errors import InputError, nearest
from accelsim.specs.model import ModelSpec

# A bound for typing errors: larger than any size of any model, and small enough that
# products of sizes stay far inside a float.
_LARGEST = 10**9

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


@dataclass(frozen=True, slots=True)
class _Config:
    """The object of a `config.json`, read with care."""

    path: Path
    raw: Mapping[str, Any]
    prefix: str = ""

    def refuse(self, name: str, allowed: str) -> NoReturn:
        value = self.raw.get(name)
        shown = reprlib.repr(value) if name in self.raw else ""
        text = f"{shown}: {allowed}" if shown else allowed
        raise InputError(f"{self.path}: {self.prefix}{name}: {text}")

    def named(self, names: tuple[str, ...]) -> str:
        """Return the first of the names that is there, or the first."""
        return next((n for n in names if self.raw.get(n) is not None), names[0])

    def size(
        self,
        *names: str,
        default: int | None = None,
        null: int | None = None,
        least: int = 1,
    ) -> int:
        """Return a whole number; `null` is what an explicit null stands for."""
        name = self.named(names)
        value = self.raw.get(name)
        if value is None:
            if name in self.raw and null is not None:
                return null
            if default is None:
                also = f" (or {' or '.join(names[1:])})" if names[1:] else ""
                self.refuse(name, f"is missing{also}")
            return default
        if type(value) is not int or not least <= value <= _LARGEST:
            self.refuse(name, f"must be a whole number from {least} to {_LARGEST}")
        return value

    def flag(self, name: str, default: bool) -> bool:
        value = self.raw.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse(name, "must be true or false")
        return value

    def drops(self, *names: str, default: float = 0.0) -> bool:
        """Return whether any of these dropout probabilities is not zero."""
        return any([self._fraction(name, default) > 0 for name in names])

    def _fraction(self, name: str, default: float) -> float:
        value = self.raw.get(name)
        if value is None:
            return default
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value <= 1:
            self.refuse(name, "must be a number from 0 to 1")
        return float(value)

    def word(self, *names: str, known: Mapping[str, str], default: str) -> str:
        """Return what one of the known words stands for."""
        name = self.named(names)
        value = self.raw.get(name)
        if value is None:
            return known[default]
        if not isinstance(value, str) or value not in known:
            self.refuse(name, f"must be one of {', '.join(sorted(known))}")
        return known[value]

    def items(self, name: str) -> list[Any]:
        value = self.raw.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.refuse(name, "must be a list")
        return value

    def table(self, name: str) -> "_Config":
        """Return a nested object, empty if it is not there."""
        value = self.raw.get(name)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            self.refuse(name, "must be an object")
        return _Config(self.path, value, f"{self.prefix}{name}.")


def _trained_context(config: _Config) -> int:
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


def _decoder(config: _Config, tied: bool = False) -> Fields:
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
        "tied_embeddings": config.flag("tie_word_embeddings", tied),
        # The spec's biases are those of all linear layers.
        "biases": config.flag("attention_bias", False)
        and config.flag("mlp_bias", False),
        "dropout": config.drops("attention_dropout"),
    }
    return fields | _head_dim(config)


def _head_dim(config: _Config, default: int = 0) -> Fields:
    width = config.size("head_dim", default=default, least=1)
    return {"head_dim": width} if width else {}


def _window(config: _Config, layers: int, usual: int, size: int) -> Fields:
    """Return the window, which `usual` layers have if no list says otherwise."""
    kinds = config.items("layer_types")
    if kinds and len(kinds) != layers:
        config.refuse("layer_types", f"must have an entry for each of {layers} layers")
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


def _mistral(config: _Config) -> Fields:
    fields = _decoder(config)
    # 4096 is what the library assumes of a file that is silent (v0.1 was trained so).
    size = config.size("sliding_window", default=4096, null=0)
    return fields | _window(config, fields["layers"], fields["layers"], size)


def _mixtral(config: _Config) -> Fields:
    fields = _decoder(config)
    size = config.size("sliding_window", default=0)
    fields |= _window(config, fields["layers"], fields["layers"], size)
    fields["moe"] = {
        "experts": config.size("num_local_experts", "num_experts"),
        "top_k": config.size("num_experts_per_tok"),
        "ffn": fields["ffn"],
    }
    return fields


def _qwen(config: _Config) -> Fields:
    fields = _decoder(config)
    if not config.flag("use_sliding_window", False):
        return fields
    size = config.size("sliding_window", default=4096, null=0)
    first = config.size("max_window_layers", default=28, least=0)
    layers = fields["layers"]
    return fields | _window(config, layers, layers - first, size)


def _qwen3(config: _Config) -> Fields:
    return _qwen(config) | _head_dim(config, default=128)


def _qwen_moe(config: _Config) -> Fields:
    fields = _qwen(config)
    shared = config.size("shared_expert_intermediate_size", default=0)
    dense = config.items("mlp_only_layers")
    if dense != list(range(len(dense))):
        config.refuse("mlp_only_layers", "only the first layers may be dense")
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


def _deepseek(config: _Config) -> Fields:
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
        fields["moe"] = {
            "experts": experts,
            "top_k": config.size("num_experts_per_tok"),
            "ffn": width,
            "shared_experts": config.size("n_shared_experts", default=0, least=0),
            "shared_ffn": width,
            "dense_layers": config.size("first_k_dense_replace", default=0, least=0),
            "every": config.size("moe_layer_freq", default=1),
        }
    return fields


def _gemma(config: _Config) -> Fields:
    fields = _decoder(config, tied=True) | _head_dim(config, default=256)
    names = ("hidden_activation", "hidden_act")
    act = config.word(*names, known=_GATED, default="gelu_pytorch_tanh")
    return fields | {"activation": act}


def _gemma2(config: _Config) -> Fields:
    fields = _gemma(config)
    layers = fields["layers"]
    size = config.size("sliding_window", default=4096, null=0)
    return fields | _window(config, layers, (layers + 1) // 2, size)


def _gemma3(config: _Config) -> Fields:
    # The published files leave out what equals the library's default.
    known = {
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "vocab_size": 262208,
        "max_position_embeddings": 131072,
    }
    given = {name: value for name, value in config.raw.items() if value is not None}
    config = _Config(config.path, known | given, config.prefix)
    fields = _gemma(config)
    layers = fields["layers"]
    pattern = config.size("sliding_window_pattern", default=6)
    size = config.size("sliding_window", default=4096, null=0)
    return fields | _window(config, layers, layers - layers // pattern, size)


def _with_layer_norm(config: _Config, heads: int, hidden: int) -> Fields:
    """Return what the families before Llama have in common."""
    return {
        "hidden": hidden,
        "heads": heads,
        "ffn": 4 * hidden,
        "vocab": config.size("vocab_size"),
        "norm": "layer",
        "biases": True,
    }


def _gpt2(config: _Config) -> Fields:
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
        "tied_embeddings": config.flag("tie_word_embeddings", True),
        "learned_positions": True,
        "dropout": config.drops(*dropouts, default=0.1),
    }


def _gpt_neox(config: _Config) -> Fields:
    hidden = config.size("hidden_size")
    heads = config.size("num_attention_heads")
    return _with_layer_norm(config, heads, hidden) | {
        "layers": config.size("num_hidden_layers"),
        "ffn": config.size("intermediate_size"),
        "seq_len": _trained_context(config),
        "activation": config.word("hidden_act", known=_PLAIN, default="gelu"),
        "tied_embeddings": config.flag("tie_word_embeddings", False),
        "parallel_block": config.flag("use_parallel_residual", True),
        "dropout": config.drops("hidden_dropout", "attention_dropout"),
    }


def _bloom(config: _Config) -> Fields:
    hidden = config.size("hidden_size", "n_embed")
    heads = config.size("n_head", "num_attention_heads")
    return _with_layer_norm(config, heads, hidden) | {
        "layers": config.size("n_layer", "num_hidden_layers"),
        # Files without it belong to the models of arXiv:2211.05100, trained at 2048.
        "seq_len": config.size("seq_length", default=2048),
        "activation": "gelu",
        "tied_embeddings": config.flag("tie_word_embeddings", True),
        "dropout": config.drops("hidden_dropout", "attention_dropout"),
    }


def _falcon(config: _Config) -> Fields:
    hidden = config.size("hidden_size")
    heads = config.size("num_attention_heads", "n_head")
    grouped = config.flag("new_decoder_architecture", False)
    kv_heads = config.size("num_kv_heads", "n_head_kv", default=heads)
    if not grouped and config.flag("multi_query", True):
        kv_heads = 1
    return _with_layer_norm(config, heads, hidden) | {
        "layers": config.size("num_hidden_layers", "n_layer"),
        "kv_heads": kv_heads,
        "ffn": config.size("ffn_hidden_size", default=4 * hidden),
        "seq_len": config.size("max_position_embeddings", default=2048),
        "activation": config.word("activation", known=_PLAIN, default="gelu"),
        "biases": config.flag("bias", False),
        "tied_embeddings": config.flag("tie_word_embeddings", True),
        "parallel_block": grouped or config.flag("parallel_attn", True),
        "dropout": config.drops("hidden_dropout", "attention_dropout"),
    }


def _opt(config: _Config) -> Fields:
    hidden = config.size("hidden_size")
    if config.size("word_embed_proj_dim", default=hidden) != hidden:
        config.refuse("word_embed_proj_dim", f"must equal hidden_size {hidden}")
    heads = config.size("num_attention_heads")
    return _with_layer_norm(config, heads, hidden) | {
        "layers": config.size("num_hidden_layers"),
        "ffn": config.size("ffn_dim"),
        "seq_len": config.size("max_position_embeddings"),
        "activation": config.word("activation_function", known=_PLAIN, default="relu"),
        "biases": config.flag("enable_bias", True),
        "tied_embeddings": config.flag("tie_word_embeddings", True),
        "learned_positions": True,
        "dropout": config.drops("dropout", "attention_dropout"),
    }


# model_type -> (reader, the architecture that names the same family).
_FAMILIES: dict[str, tuple[Callable[[_Config], Fields], str]] = {
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
    config = _Config(path, _read_object(path))
    top = config
    text = "text_config" in config.raw and config.raw.get("model_type") not in _FAMILIES
    if text:
        config = config.table("text_config")
    fields = _reader(config)(config)
    fields |= {
        "name": _name(top),
        "source": "Hugging Face config.json",
        "kind": "documentation",
    }
    if text:
        fields["note"] = f"The text model alone. {fields.get('note', '')}".rstrip()
    return catalog.validate(ModelSpec, fields, str(path))


def _read_object(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        raw = json.loads(text, object_pairs_hook=_unique) if text.strip() else {}
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text") from None
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply") from None
    except _TwiceError as error:
        raise InputError(f"{path}: {error.args[0]}: is given twice") from None
    except ValueError as error:
        raise InputError(f"{path}: is not valid JSON: {error}") from None
    if not isinstance(raw, dict):
        raise InputError(f"{path}: must be an object, not {reprlib.repr(raw)}")
    if not raw:
        raise InputError(f"{path}: is empty")
    return raw


class _TwiceError(Exception):
    """A key that an object has twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _TwiceError(reprlib.repr(key))
        found[key] = value
    return found


def _reader(config: _Config) -> Callable[[_Config], Fields]:
    family = config.raw.get("model_type")
    if isinstance(family, str) and family in _FAMILIES:
        return _FAMILIES[family][0]
    for architecture in config.items("architectures"):
        if isinstance(architecture, str) and architecture in _BY_ARCHITECTURE:
            return _BY_ARCHITECTURE[architecture]
    supported = f"supported: {', '.join(sorted(_FAMILIES))}"
    if family is None:
        config.refuse("model_type", f"is missing; {supported}")
    hint = nearest(family, _FAMILIES) if isinstance(family, str) else ""
    config.refuse("model_type", f"is not supported; {hint} {supported}")


def _name(config: _Config) -> str:
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
