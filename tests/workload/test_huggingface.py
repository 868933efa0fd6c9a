"""`config.json` files of the Hugging Face hub, good ones and bad ones.

The samples under `hf/` hold the size fields of the published files, retyped.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim import catalog
from accelsim.errors import InputError
from accelsim.specs.model import ModelSpec
from accelsim.workload.huggingface import read_config
from accelsim.workload.parameters import parameters

SAMPLES = Path(__file__).parent / "hf"
NAMES = sorted(path.parent.name for path in SAMPLES.glob("*/config.json"))


def sample(name: str) -> Path:
    return SAMPLES / name / "config.json"


def raw(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sample(name).read_text("utf-8"))
    return found


def read(config: object, folder: Path) -> ModelSpec:
    path = folder / "config.json"
    path.write_text(json.dumps(config), "utf-8")
    return read_config(path)


def refusal(config: object, folder: Path) -> str:
    """Return the message that a config is refused with, less the file's path."""
    with pytest.raises(InputError) as caught:
        read(config, folder)
    message = str(caught.value)
    assert "\n" not in message
    path = f"{folder / 'config.json'}: "
    assert message.startswith(path)
    return message.removeprefix(path)


# Totals of the published weights (safetensors metadata on huggingface.co), and the
# tensors among them that a spec does not know.
TOTALS = [
    ("Llama-3.1-8B", 8_030_261_248, 0),
    ("Mistral-7B-v0.1", 7_241_732_096, 0),
    ("Mixtral-8x7B-v0.1", 46_702_792_704, 0),
    # Biases of queries, keys and values.
    ("Qwen2.5-7B", 7_615_616_512, 28 * (3584 + 2 * 512)),
    # The same, and a gate for the shared expert.
    ("Qwen1.5-MoE-A2.7B", 14_315_784_192, 24 * 3 * 2048 + 24 * 2048),
    # Norms of queries and keys.
    ("Qwen3-0.6B", 596_049_920, 28 * 2 * 128),
    ("Qwen3-30B-A3B", 30_532_122_624, 48 * 2 * 128),
    ("DeepSeek-V2-Lite", 15_706_484_224, 0),
    # A routing correction for each expert; without the MTP module.
    ("DeepSeek-V3", 671_026_419_200, 58 * 256),
    ("gpt2", 124_439_808, 0),
    ("gpt-neox-20b", 20_554_567_680, 0),
    # The norm after the embedding.
    ("bloom", 176_247_271_424, 2 * 14336),
    ("gemma-7b", 8_537_680_896, 0),
    # Norms after the blocks.
    ("gemma-2-9b", 9_241_705_984, 42 * 2 * 3584),
    # The same, and norms of queries and keys; the text model alone.
    ("gemma-3-4b-pt", 3_880_263_168, 34 * (2 * 2560 + 2 * 256)),
    # The checkpoint stores the tied head once more; one norm a layer, not two.
    ("falcon-7b", 7_217_189_760, 65024 * 4544 - 32 * 2 * 4544),
    # Two rows of the position table that are never used.
    ("opt-1.3b", 1_315_758_080, 2 * 2048),
]


@pytest.mark.parametrize(("name", "published", "unknown"), TOTALS)
def test_total_is_that_of_the_published_weights(
    name: str, published: int, unknown: int
) -> None:
    assert parameters(read_config(sample(name))).total + unknown == published


# The same model from its config.json and from the catalog: two readings of one thing.
@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("Llama-3.1-8B", "llama3.1-8b"),
        ("Mistral-7B-v0.1", "mistral-7b"),
        ("Mixtral-8x7B-v0.1", "mixtral-8x7b"),
        ("Qwen2.5-7B", "qwen2.5-7b"),
        ("Qwen3-30B-A3B", "qwen3-30b-a3b"),
        ("DeepSeek-V3", "deepseek-v3"),
        ("gpt-neox-20b", "gpt-neox-20b"),
        ("bloom", "bloom-176b"),
        ("gemma-2-9b", "gemma2-9b"),
        ("falcon-7b", "falcon-7b"),
        ("falcon-40b", "falcon-40b"),
    ],
)
def test_config_is_the_model_of_the_catalog(name: str, ours: str) -> None:
    # Context lengths differ: a config.json gives the longest, the catalog that of
    # training; and how unevenly experts are chosen is measured, not configured.
    aside: Any = dict.fromkeys(("name", "source", "kind", "note", "seq_len"), True)
    aside |= {"moe": {"load_spread"}}
    read = read_config(sample(name)).model_dump(exclude=aside)
    assert read == catalog.model(ours).model_dump(exclude=aside)


def test_catalog_takes_a_path() -> None:
    model = catalog.model(str(sample("Llama-3.1-8B")))
    assert (model.name, model.layers) == ("Llama-3.1-8B", 32)
    assert model.source == "Hugging Face config.json"
    assert model.kind == "documentation"


@pytest.mark.parametrize(
    ("name", "window", "every"),
    [
        ("Mistral-7B-v0.1", 4096, 1),
        ("Mixtral-8x7B-v0.1", 0, 1),
        ("Qwen2.5-7B", 0, 1),
        ("gemma-2-9b", 4096, 2),
        ("gemma-3-4b-pt", 1024, 1),
    ],
)
def test_sliding_window(name: str, window: int, every: int) -> None:
    model = read_config(sample(name))
    assert (model.window, model.window_every) == (window, every)


def test_window_that_the_spec_cannot_express_is_noted() -> None:
    note = read_config(sample("gemma-3-4b-pt")).note
    assert note.startswith("The text model alone. 29 of 34 layers have the window")


def test_qwen_window_holds_from_max_window_layers_on(tmp_path: Path) -> None:
    config = raw("Qwen2.5-7B")
    config |= {"use_sliding_window": True, "max_window_layers": 14}
    model = read(config, tmp_path)
    assert (model.window, model.window_every, model.note) == (131072, 2, "")
    assert read(config | {"max_window_layers": 28}, tmp_path).window == 0


def test_mistral_without_a_word_on_its_window_has_the_librarys(tmp_path: Path) -> None:
    config = raw("Mistral-7B-v0.1")
    assert read(config | {"sliding_window": None}, tmp_path).window == 0
    del config["sliding_window"]
    assert read(config, tmp_path).window == 4096


def test_layer_types_decide_the_window(tmp_path: Path) -> None:
    kinds = ["sliding_attention"] * 14 + ["full_attention"] * 28
    model = read(raw("gemma-2-9b") | {"layer_types": kinds}, tmp_path)
    assert (model.window, model.window_every) == (4096, 3)


def test_context_is_the_one_before_stretching() -> None:
    assert read_config(sample("Llama-3.1-8B")).seq_len == 8192
    assert read_config(sample("DeepSeek-V3")).seq_len == 4096
    assert read_config(sample("Qwen3-30B-A3B")).seq_len == 40960


def test_dropout_is_that_of_any_part() -> None:
    dropped = {name for name in NAMES if read_config(sample(name)).dropout}
    assert dropped == {"gpt2", "opt-1.3b"}


def test_latent_attention_without_a_latent_query() -> None:
    mla = read_config(sample("DeepSeek-V2-Lite")).mla
    assert mla is not None
    assert (mla.q_lora_rank, mla.kv_lora_rank) == (0, 512)


def test_deepseek_without_experts_is_dense(tmp_path: Path) -> None:
    model = read(raw("DeepSeek-V2-Lite") | {"n_routed_experts": None}, tmp_path)
    assert model.moe is None


def test_first_dense_layers_of_qwen_moe(tmp_path: Path) -> None:
    config = raw("Qwen3-30B-A3B") | {"mlp_only_layers": [0, 1]}
    moe = read(config, tmp_path).moe
    assert moe is not None
    assert moe.dense_layers == 2


def test_older_names_of_falcon(tmp_path: Path) -> None:
    config = raw("falcon-7b")
    config["model_type"] = "RefinedWebModel"
    config["architectures"] = ["RWForCausalLM"]
    config["n_head"] = config.pop("num_attention_heads")
    config["n_layer"] = config.pop("num_hidden_layers")
    aside = {"name"}
    old = read(config, tmp_path).model_dump(exclude=aside)
    assert old == read_config(sample("falcon-7b")).model_dump(exclude=aside)


def test_architecture_decides_where_the_model_type_is_new(tmp_path: Path) -> None:
    config = raw("DeepSeek-V3") | {"model_type": "kimi_k2"}
    assert read(config, tmp_path).mla is not None


# Names


def test_name_is_the_folders(tmp_path: Path) -> None:
    folder = tmp_path / "my-model"
    folder.mkdir()
    assert read(raw("gpt2") | {"_name_or_path": "other"}, folder).name == "my-model"


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("openai/gpt2-tiny", "gpt2-tiny"),
        ("./a/b/", "b"),
        ("", "mine"),
        ("/", "mine"),
        ("two\nlines", "mine"),
        (7, "mine"),
        (None, "mine"),
    ],
)
def test_name_of_a_file_with_a_name_of_its_own(
    tmp_path: Path, said: object, name: str
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(raw("gpt2") | {"_name_or_path": said}), "utf-8")
    assert read_config(path).name == name


# What is refused, and how


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("hidden_size", None, "hidden_size: is missing"),
        ("hidden_size", -4096, "hidden_size: -4096: must be a whole number from 1 to"),
        ("hidden_size", 0, "hidden_size: 0: must be a whole number from 1 to"),
        ("hidden_size", 4096.0, "hidden_size: 4096.0: must be a whole number"),
        ("hidden_size", "4096", "hidden_size: '4096': must be a whole number"),
        ("hidden_size", True, "hidden_size: True: must be a whole number"),
        ("hidden_size", float("nan"), "hidden_size: nan: must be a whole number"),
        ("hidden_size", 10**10, "hidden_size: 10000000000: must be a whole number"),
        ("hidden_size", 4097, "hidden 4097 is no multiple of heads 32; state head_dim"),
        ("num_key_value_heads", 7, "kv_heads 7 does not divide heads 32"),
        ("attention_dropout", float("nan"), "attention_dropout: nan: must be a number"),
        ("attention_dropout", 2, "attention_dropout: 2: must be a number from 0 to 1"),
        ("tie_word_embeddings", "no", "tie_word_embeddings: 'no': must be true or fal"),
        ("hidden_act", "sine", "hidden_act: 'sine': must be one of gelu, gelu_fast,"),
        ("rope_scaling", 8, "rope_scaling: 8: must be an object"),
        (
            "rope_scaling",
            {"original_max_position_embeddings": "8k"},
            "rope_scaling.original_max_position_embeddings: '8k': must be a whole numb",
        ),
    ],
)
def test_bad_field(tmp_path: Path, field: str, value: object, message: str) -> None:
    config = raw("Llama-3.1-8B") | {field: value}
    assert refusal(config, tmp_path).startswith(message)


@pytest.mark.parametrize("field", ["num_hidden_layers", "vocab_size", "hidden_size"])
def test_missing_field(tmp_path: Path, field: str) -> None:
    config = raw("Llama-3.1-8B")
    del config[field]
    assert refusal(config, tmp_path) == f"{field}: is missing"


def test_missing_field_of_several_names(tmp_path: Path) -> None:
    config = raw("bloom")
    del config["n_layer"]
    assert refusal(config, tmp_path) == "n_layer: is missing (or num_hidden_layers)"


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "opt-1.3b",
            {"word_embed_proj_dim": 512},
            "word_embed_proj_dim: 512: must equal hidden_size 2048",
        ),
        (
            "Qwen3-30B-A3B",
            {"mlp_only_layers": [3]},
            "mlp_only_layers: [3]: only the first layers may be dense",
        ),
        (
            "gemma-2-9b",
            {"layer_types": ["full_attention"]},
            "layer_types: ['full_attention']: must have an entry for each of 42 layers",
        ),
        (
            "Mixtral-8x7B-v0.1",
            {"num_experts_per_tok": 9},
            "moe: top_k 9 exceeds experts 8",
        ),
        ("gemma-3-4b-pt", {"text_config": 1}, "text_config: 1: must be an object"),
    ],
)
def test_field_of_one_family(
    tmp_path: Path, name: str, change: dict[str, object], message: str
) -> None:
    assert refusal(raw(name) | change, tmp_path) == message


def test_nested_field_is_named_with_its_path(tmp_path: Path) -> None:
    config = raw("gemma-3-4b-pt")
    config["text_config"]["hidden_size"] = -1
    assert refusal(config, tmp_path).startswith("text_config.hidden_size: -1: must be")


def test_unsupported_architecture_is_told_the_nearest_and_all(tmp_path: Path) -> None:
    message = refusal({"model_type": "qwen4_moe"}, tmp_path)
    assert message.startswith("model_type: 'qwen4_moe': is not supported; did you mean")
    assert "'qwen3_moe'" in message
    assert "supported: RefinedWeb, bloom, deepseek_v2" in message


def test_unsupported_architecture_without_a_model_type(tmp_path: Path) -> None:
    message = refusal({"architectures": ["LlamaForCausalLMs"]}, tmp_path)
    assert "did you mean 'LlamaForCausalLM'" in message


def test_no_architecture_at_all(tmp_path: Path) -> None:
    message = refusal({"hidden_size": 8}, tmp_path)
    assert message.startswith("model_type: is missing; supported: RefinedWeb, bloom")


# Whatever JSON there is in a field, the answer is a model or one line.

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-2, 64)
    | st.floats()
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    config = raw(draw(st.sampled_from(NAMES)))
    inner = config.get("text_config", config)
    table = draw(st.sampled_from([config, inner]))
    extra = [
        "rope_scaling",
        "layer_types",
        "mlp_only_layers",
        "sliding_window",
        "use_sliding_window",
        "text_config",
        "_name_or_path",
    ]
    fields = st.sampled_from(sorted(table) + extra)
    changes = draw(st.dictionaries(fields, values, max_size=3))
    return {**config, **table, **changes}


@given(damaged())
def test_any_value_in_any_field_is_a_model_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, config: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "config.json"
    path.write_text(json.dumps(config), "utf-8")
    message = ""
    try:
        assert parameters(read_config(path)).total > 0
    except InputError as error:
        message = str(error)
    assert len(message.splitlines()) <= 1
