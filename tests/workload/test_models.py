"""Every model of the catalog against the parameter count that its makers publish.

Where the spec leaves a tensor out, the test adds it back by name, so that all exact
counts are met exactly; no tolerance hides a wrong matrix.
"""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim import catalog
from accelsim.specs.model import MlaSpec, ModelSpec, MoeSpec
from accelsim.workload.parameters import Parameters, parameters

NAMES = catalog.names("models")


def count(name: str) -> Parameters:
    return parameters(catalog.model(name))


# Totals of the published weights (safetensors metadata on huggingface.co unless said
# otherwise), and the tensors among them that a spec does not know.
EXACT = [
    ("llama2-7b", 6_738_415_616, 0),
    ("llama2-13b", 13_015_864_320, 0),
    ("llama2-70b", 68_976_648_192, 0),
    ("llama3-8b", 8_030_261_248, 0),
    ("llama3-70b", 70_553_706_496, 0),
    ("llama3-405b", 405_853_388_800, 0),
    ("llama3.1-8b", 8_030_261_248, 0),
    ("tinyllama-1.1b", 1_100_048_384, 0),
    ("mistral-7b", 7_241_732_096, 0),
    ("mixtral-8x7b", 46_702_792_704, 0),
    ("mixtral-8x22b", 140_620_634_112, 0),
    ("gpt2-xl", 1_557_611_200, 0),
    ("gpt-neox-20b", 20_554_567_680, 0),
    # BertForPreTraining of the transformers library: both heads and the pooler.
    ("bert-large", 336_226_108, 0),
    # BLOOM's model card; the norm after the embedding has a weight and a bias.
    ("bloom-176b", 176_247_271_424, 2 * 14336),
    # DeepSeek-V3 without its MTP module; one routing correction for each expert.
    ("deepseek-v3", 671_026_419_200, 58 * 256),
    ("kimi-k2", 1_026_408_232_448, 60 * 384),
    # Qwen3 norms queries and keys, 128 wide each.
    ("qwen3-8b", 8_190_735_360, 36 * 2 * 128),
    ("qwen3-30b-a3b", 30_532_122_624, 48 * 2 * 128),
    ("qwen3-235b-a22b", 235_093_634_560, 94 * 2 * 128),
    # Qwen2.5 has biases on queries, keys and values alone.
    ("qwen2.5-7b", 7_615_616_512, 28 * (3584 + 2 * 512)),
    ("qwen2.5-72b", 72_706_203_648, 80 * (8192 + 2 * 1024)),
    # Gemma 2 has a norm after each block too.
    ("gemma2-9b", 9_241_705_984, 42 * 2 * 3584),
    ("gemma2-27b", 27_227_128_320, 46 * 2 * 4608),
    # A learned sink for each of 64 heads.
    ("gpt-oss-120b", 116_829_156_672, 36 * 64),
    # The checkpoint stores the tied head once more; one norm a layer, not two.
    ("falcon-7b", 7_217_189_760, 65024 * 4544 - 32 * 2 * 4544),
    # The vision encoder with its projector.
    ("llama4-scout", 108_641_793_536, 871_932_416),
    ("llama4-maverick", 401_583_781_376, 871_932_416),
]


@pytest.mark.parametrize(("name", "published", "unknown"), EXACT)
def test_total_is_that_of_the_published_weights(
    name: str, published: int, unknown: int
) -> None:
    total = count(name).total
    assert total + unknown == published
    if name not in ("falcon-7b", "llama4-scout", "llama4-maverick"):
        assert total == pytest.approx(published, rel=1e-3)


# Published totals that are rounded, each to within half its last digit.
ROUNDED = [
    # arXiv:2005.14165, table D.1.
    ("gpt3-125m", 125e6, 0.5e6),
    ("gpt3-350m", 356e6, 0.5e6),
    ("gpt3-760m", 760e6, 0.5e6),
    ("gpt3-1.3b", 1320e6, 5e6),
    ("gpt3-2.7b", 2650e6, 5e6),
    ("gpt3-6.7b", 6660e6, 5e6),
    ("gpt3-13b", 12850e6, 5e6),
    ("gpt3-175b", 174600e6, 50e6),
    # arXiv:2104.04473, table 1, for the two largest; arXiv:2205.05198, table 3.
    ("megatron-22b", 22e9, 0.5e9),
    ("megatron-175b", 175e9, 0.5e9),
    ("megatron-530b", 529.6e9, 0.05e9),
    ("megatron-1t", 1008.0e9, 0.05e9),
    # NeMo names its sizes by the nearest billion.
    ("gpt3-5b", 5e9, 0.5e9),
    ("gpt3-20b", 20e9, 0.5e9),
    # mosaicml/llm-foundry, scripts/train/benchmarking/README.md, at 2048 tokens.
    ("mpt-125m", 0.125e9, 0.0005e9),
    ("mpt-350m", 0.356e9, 0.0005e9),
    ("mpt-760m", 0.760e9, 0.0005e9),
    ("mpt-1b", 1.316e9, 0.0005e9),
    ("mpt-3b", 2.652e9, 0.0005e9),
    ("mpt-7b", 6.659e9, 0.0005e9),
    ("mpt-13b", 12.854e9, 0.0005e9),
    ("mpt-30b", 29.975e9, 0.0005e9),
    ("mpt-70b", 64.862e9, 0.0005e9),
    # arXiv:2204.02311, table 1. One norm a layer: 118 x 2 x 18432 less than counted.
    ("palm-540b", 540.35e9, 0.05e9),
    # arXiv:2508.10925, table 1.
    ("gpt-oss-20b", 20.91e9, 0.005e9),
    # arXiv:2205.01068, table 1.
    ("opt-175b", 175e9, 0.5e9),
]


@pytest.mark.parametrize(("name", "published", "half_digit"), ROUNDED)
def test_total_rounds_to_the_published_one(
    name: str, published: float, half_digit: float
) -> None:
    assert count(name).total == pytest.approx(published, abs=half_digit)


# Parameters that a token uses, as published, and how far rounding can have moved them.
ACTIVE = [
    # arXiv:2401.04088, section 2: 13B; the model card says 12.9B.
    ("mixtral-8x7b", 12.9e9, 0.05e9),
    # mistral.ai/news/mixtral-8x22b.
    ("mixtral-8x22b", 39e9, 0.5e9),
    # arXiv:2505.09388, table 2 gives 3B and 22B; the model card 3.3B, rounded down.
    ("qwen3-30b-a3b", 3.3e9, 0.1e9),
    ("qwen3-235b-a22b", 22e9, 0.5e9),
    # arXiv:2412.19437: 37B.
    ("deepseek-v3", 37e9, 0.6e9),
    # The Llama 4 model card: 17B.
    ("llama4-scout", 17e9, 0.5e9),
    ("llama4-maverick", 17e9, 0.5e9),
]


@pytest.mark.parametrize(("name", "published", "margin"), ACTIVE)
def test_active_parameters(name: str, published: float, margin: float) -> None:
    assert count(name).active == pytest.approx(published, abs=margin)


@pytest.mark.parametrize(
    ("name", "published", "half_digit"),
    [
        # arXiv:2508.10925, table 1, counts the unembedding but not the embedding.
        ("gpt-oss-120b", 5.13e9, 0.005e9),
        ("gpt-oss-20b", 3.61e9, 0.005e9),
        # deepseek-ai/DeepSeek-V3 README_WEIGHTS.md: 36.7B, made of parts that
        # are rounded themselves, hence twice the margin.
        ("deepseek-v3", 36.7e9, 0.1e9),
    ],
)
def test_active_parameters_where_the_embedding_is_not_counted(
    name: str, published: float, half_digit: float
) -> None:
    found = count(name)
    assert found.active - found.embedding == pytest.approx(published, abs=half_digit)


def test_nemotron_340b_by_part() -> None:
    # arXiv:2406.11704, section 2.2: 9.4B embedding and 331.6B other parameters.
    found = count("nemotron4-340b")
    tables = found.embedding + found.head
    assert tables == pytest.approx(9.4e9, abs=0.05e9)
    assert found.total - tables == pytest.approx(331.6e9, abs=0.05e9)


def test_nemotron_15b_without_its_embeddings() -> None:
    # arXiv:2402.16819, section 2: 12.5B besides the embeddings.
    found = count("nemotron4-15b")
    rest = found.total - found.embedding - found.head
    assert rest == pytest.approx(12.5e9, abs=0.05e9)


def test_grok_without_its_embedding() -> None:
    # xai-org/grok-1 README: 314B parameters, two of eight experts active.
    found = count("grok1-314b")
    assert found.total - found.embedding == pytest.approx(314e9, abs=1e9)


def test_falcon_40b_has_the_published_shape() -> None:
    # tiiuae/falcon-40b, by hand from config.json: 60 layers of 8192 x 8192 query and
    # output, 8192 x 1024 keys and values, 2 x 8192 x 32768, two norms, one table.
    layer = 2 * 8192**2 + 8192 * 1024 + 2 * 8192 * 32768 + 4 * 8192
    assert count("falcon-40b").total == 60 * layer + 65024 * 8192 + 2 * 8192


def test_mtp_of_deepseek_v3_is_trained_but_not_in_the_total() -> None:
    # README_WEIGHTS.md of deepseek-ai/DeepSeek-V3: 11.5B besides the shared tables;
    # the 2 x 7168 x 7168 projection (0.1B) makes it 11.6.
    found = count("deepseek-v3")
    assert found.mtp == pytest.approx(11.5e9, rel=0.01)
    assert found.trained == found.total + found.mtp


def test_layers_of_each_sort() -> None:
    sorts = {n: (count(n).dense_layers, count(n).moe_layers) for n in NAMES}
    assert sorts["deepseek-v3"] == (3, 58)
    assert sorts["llama4-maverick"] == (24, 24)
    assert sorts["mixtral-8x7b"] == (0, 32)
    assert sorts["llama3-70b"] == (80, 0)


@pytest.mark.parametrize("name", NAMES)
def test_every_model_says_where_it_comes_from(name: str) -> None:
    model = catalog.model(name)
    assert model.source
    assert model.kind == "documentation"


def test_every_model_of_the_catalog_is_checked_here() -> None:
    checked = {row[0] for row in EXACT + ROUNDED}
    checked |= {"nemotron4-15b", "nemotron4-340b", "grok1-314b", "falcon-40b"}
    checked |= {"llama3.1-70b", "llama3.1-405b"}  # equal their base, below
    assert set(NAMES) - checked == set()


@pytest.mark.parametrize("size", ["8b", "70b", "405b"])
def test_llama_3_1_is_llama_3(size: str) -> None:
    assert count(f"llama3.1-{size}") == count(f"llama3-{size}")


# What the papers say of training, which decides memory: dropout keeps masks.
@pytest.mark.parametrize(
    ("name", "dropout"),
    [
        ("megatron-530b", True),
        ("gpt3-175b", True),
        ("opt-175b", True),
        ("bert-large", True),
        ("palm-540b", False),
        ("bloom-176b", False),
        ("llama3-70b", False),
        ("mpt-7b", False),
        ("nemotron4-340b", False),
    ],
)
def test_dropout(name: str, *, dropout: bool) -> None:
    assert catalog.model(name).dropout is dropout


def tensors(model: ModelSpec) -> int:
    """Count a decoder tensor by tensor: slow, obvious and separate from the room."""
    total = 0

    def linear(rows: int, columns: int) -> None:
        nonlocal total
        total += rows * columns + (columns if model.biases else 0)

    def norm() -> None:
        nonlocal total
        total += model.hidden * (2 if model.norm == "layer" else 1)

    def ffn(width: int) -> None:
        if model.gated:
            linear(model.hidden, width)
        linear(model.hidden, width)
        linear(width, model.hidden)

    total += model.vocab * model.hidden * (1 if model.tied_embeddings else 2)
    total += model.seq_len * model.hidden if model.learned_positions else 0
    for index in range(model.layers):
        norm()
        linear(model.hidden, model.heads * model.head_dim)
        linear(model.hidden, model.kv_heads * model.head_dim)
        linear(model.hidden, model.kv_heads * model.head_dim)
        linear(model.heads * model.head_dim, model.hidden)
        norm()
        moe = model.moe
        after = index - (moe.dense_layers if moe else 0)
        if moe and after >= 0 and (after + 1) % moe.every == 0:
            linear(model.hidden, moe.experts)
            for _ in range(moe.experts):
                ffn(moe.ffn)
            for _ in range(moe.shared_experts):
                ffn(moe.shared_ffn or moe.ffn)
        else:
            ffn(model.ffn)
    norm()
    return total


sizes = st.integers(1, 6)
mixtures = st.builds(
    MoeSpec,
    experts=st.integers(4, 6),
    top_k=st.integers(1, 4),
    ffn=sizes,
    shared_experts=st.integers(0, 2),
    shared_ffn=st.integers(0, 5),
    dense_layers=st.just(0),
    every=st.integers(1, 3),
)
models = st.builds(
    ModelSpec,
    name=st.just("drawn"),
    layers=sizes,
    hidden=sizes,
    heads=st.just(4),
    kv_heads=st.sampled_from([1, 2, 4]),
    head_dim=sizes,
    ffn=sizes,
    vocab=sizes,
    seq_len=sizes,
    activation=st.sampled_from(["gelu", "swiglu", "geglu", "relu"]),
    norm=st.sampled_from(["rms", "layer"]),
    biases=st.booleans(),
    tied_embeddings=st.booleans(),
    learned_positions=st.booleans(),
    moe=st.none() | mixtures,
)


@given(models)
def test_total_is_the_sum_over_all_tensors(model: ModelSpec) -> None:
    found = parameters(model)
    assert found.total == tensors(model)
    assert found.total == sum(found.parts().values())
    assert found.dense_layers + found.moe_layers == model.layers


@given(models)
def test_a_token_uses_no_more_than_there_is(model: ModelSpec) -> None:
    found = parameters(model)
    assert 0 < found.active <= found.total
    idle = found.moe_layers and found.experts > found.top_k
    assert (found.active < found.total) == bool(idle)


@given(models, st.sampled_from(["layers", "hidden", "ffn", "vocab", "head_dim"]))
def test_more_of_anything_is_never_fewer_parameters(model: ModelSpec, by: str) -> None:
    larger = model.model_copy(update={by: getattr(model, by) + 1})
    assert parameters(larger).total >= parameters(model).total


@given(models)
def test_counts_are_whole_and_not_negative(model: ModelSpec) -> None:
    for value in asdict(parameters(model)).values():
        assert value >= 0
        assert value == int(value)


def test_latent_attention_with_and_without_a_latent_query() -> None:
    # By hand: hidden 8, 2 heads of 3 + 1 for queries and keys, 2 for values, a latent
    # of 5 for keys and values and of 4 or none for queries.
    def attention(rank: int) -> float:
        latent = MlaSpec(
            q_lora_rank=rank, kv_lora_rank=5, qk_nope_dim=3, qk_rope_dim=1, v_dim=2
        )
        model = ModelSpec(
            name="latent",
            layers=1,
            hidden=8,
            heads=2,
            kv_heads=2,
            head_dim=2,
            ffn=8,
            vocab=8,
            seq_len=8,
            mla=latent,
        )
        return parameters(model).attention_per_layer

    keys_and_values = 8 * (5 + 1) + 5 + 5 * 2 * (3 + 2)
    output = 2 * 2 * 8
    assert attention(0) == 8 * 2 * 4 + keys_and_values + output
    assert attention(4) == 8 * 4 + 4 + 4 * 2 * 4 + keys_and_values + output
