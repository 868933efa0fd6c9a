"""Published rows become the questions that their sources describe."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim import catalog
from accelsim.specs.software import SoftwareSpec
from accelsim.specs.system import SystemSpec
from accelsim.validation import left_out
from accelsim.validation.documented import filled
from accelsim.validation.left_out import LeftOutError
from accelsim.validation.training_model import SQUAD
from accelsim.validation.training_rows import Case, case_of
from accelsim.validation.training_stack import (
    OVERLAPS,
    STACKS,
    SYSTEMS,
    modules_of,
    recompute_of,
    sharding_of,
    software_of,
    system_of,
)
from accelsim.workload.lower import flops_per_token

MakeRow = Callable[..., dict[str, str]]


def answered(row: dict[str, str]) -> Case | str:
    try:
        return case_of(row)
    except LeftOutError as error:
        return str(error)


def plan(case: Case) -> dict[str, object]:
    """Return what a row can say of a plan."""
    sizes = {"tp", "sp", "cp", "pp", "vp", "ep", "dp", "micro_batch"}
    return case.question.plan.model_dump(include=sizes | {"sharding", "recompute"})


def software(name: str) -> SoftwareSpec:
    spec: SoftwareSpec = catalog.load("software", name)
    return spec


def system(name: str) -> SystemSpec:
    spec: SystemSpec = catalog.load("systems", name)
    return spec


def test_korthikanti_full_recomputation(row: MakeRow) -> None:
    case = case_of(row("T01094"))
    q = case.question
    assert (q.system.name, q.software.name) == ("dgx-a100", "megatron-2022")
    assert (q.run.chips, q.global_batch, q.seq_len) == (64, 64, 2048)
    assert (q.run.precision, case.measured) == ("fp16", 18.13)
    assert plan(case) == {
        "tp": 8, "sp": False, "cp": 1, "pp": 8, "vp": 3, "ep": 1, "dp": 1,
        "micro_batch": 1, "sharding": "none", "recompute": "full",
    }  # fmt: skip
    assert case.subset == "plan-stated"
    # 175B: 96 layers of 12288, a parameter count that the name states
    assert (q.model.layers, q.model.hidden, q.model.vocab) == (96, 12288, 51200)
    assert q.model.activation == "gelu"


def test_korthikanti_selective_has_sequence_parallelism(row: MakeRow) -> None:
    case = case_of(row("T01095"))
    assert case.question.plan.sp
    assert case.question.plan.recompute == "selective"


def test_trainium_counts_cores(row: MakeRow) -> None:
    case = case_of(row("T01763"))
    q = case.question
    assert q.system.name == "trn1-32xlarge"
    assert (q.run.chips, q.workers) == (512, 1024)
    assert (q.plan.tp, q.plan.pp, q.plan.dp) == (32, 8, 4)
    assert (q.plan.recompute, q.plan.sharding) == ("selective", "zero1")
    assert case.measured == 128.97


def test_trainium_batch_is_the_documented_one(row: MakeRow) -> None:
    # aws-neuron-sdk@f25691d: 16 nodes, 1024 sequences, 143.75 of them a second; its
    # script of Megatron-LM has no flag for recomputation, dropout or sequences
    case = case_of(row("T01736"))
    assert case.measured == pytest.approx(1024 / 143.75, rel=1e-3)
    plan = case.question.plan
    assert (plan.recompute, plan.sharding, plan.sp) == ("none", "none", False)
    assert not case.question.model.dropout
    assert case.question.software.master_bytes == 4.0  # bf16, stochastic rounding
    llama = case_of(row("T01757"))  # neuronx-distributed: GBS:=1024; 95.14 sequences/s
    assert llama.measured == pytest.approx(1024 / 95.14, rel=1e-3)
    assert llama.question.software.master_bytes == 12.0


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        # neuronx-nemo-megatron: test.sh, gpt_175b.sh and gpt_46b.sh
        ({}, (1024, "selective", "none")),
        ({"model": "gpt3-46b"}, (1024, "full", "none")),
        # llama_7b.sh, llama_13b.sh; with pp=4 the benchmark page says 1024
        ({"model": "llama2-7b", "tp": "8", "pp": "1", "dp": ""}, (256, "full", "none")),
        (
            {"model": "llama2-7b", "tp": "8", "pp": "4", "dp": ""},
            (1024, "full", "none"),
        ),
        # neuronx-distributed: tp_pp_llama_hf_pretrain
        (
            {"model": "llama2-13b", "precision": "bf16 (Autocast:BF16+FP32Optimizer)"},
            (1024, "selective", "zero1"),
        ),
    ],
)
def test_neuron_stacks_are_told_by_model_and_rounding(
    row: MakeRow, changed: dict[str, str], expected: tuple[int, str, str]
) -> None:
    q = case_of(row("T01710") | changed).question
    assert (q.global_batch, q.plan.recompute, q.plan.sharding) == expected


@pytest.mark.parametrize(
    ("name", "changed", "attention"),
    [
        # neuronx-distributed 2.19 and later: on by default without a pipeline
        ("T01757", {}, "neuron"),
        ("T01757", {"notes": "Neuron SDK 2.17.0"}, "unfused"),
        ("T01757", {"pp": "4", "dp": "16"}, "unfused"),
        ("T01763", {}, "neuron"),  # run_llama3_70B_tp_pp.sh: --use_flash_attention 1
        ("T01710", {}, "unfused"),  # neuronx-nemo-megatron
    ],
)
def test_neuron_scripts_say_which_attention(
    row: MakeRow, name: str, changed: dict[str, str], attention: str
) -> None:
    assert case_of(row(name) | changed).question.software.attention == attention


@pytest.mark.parametrize(
    ("changed", "batch"),
    [
        # aws-neuron-sdk@ce3668b training_data_encoder.csv, and run_*_lamb*.sh
        ({}, 65536),
        ({"seq_len": "512", "micro_batch": "2"}, 32768),
        ({"notes": "optimizer AdamW"}, 16384),
    ],
)
def test_bert_on_trainium_steps_by_its_optimizer(
    row: MakeRow, changed: dict[str, str], batch: int
) -> None:
    q = case_of(row("T01684") | changed).question
    assert q.global_batch == batch
    assert (q.plan.recompute, q.plan.sharding) == ("none", "none")


def test_step_time_from_hardware_flops(row: MakeRow) -> None:
    # Narayanan et al. 2021, table 1: 529.6B on 2520 GPUs at 163 TFLOP/s;
    # 96 B s l h^2 (1 + s/6h + V/16lh)
    case = case_of(row("T01068"))
    tflops = float(row("T01068")["measured_tflops_per_chip"])
    b, s, layers, h, v = 2520, 2048, 105, 20480, 51200
    flops = 96 * b * s * layers * h**2 * (1 + s / (6 * h) + v / (16 * layers * h))
    assert case.measured == pytest.approx(flops / (tflops * 1e12 * 2520))
    assert case.question.software.name == "megatron-2021"
    assert case.subset == "plan-inferred"


def test_step_time_from_full_attention_flops(row: MakeRow) -> None:
    # MaxText on v5e-256, 32B: 132 TFLOP/s a chip; 6 N + 12 L a d s a token
    case = case_of(row("T01607"))
    q = case.question
    assert q.model.head_dim == 128
    a_token = flops_per_token(q.model, 2048, causal=False)
    expected = a_token * 1024 * 2048 / (132e12 * 256)
    assert case.measured == pytest.approx(expected)


def test_printed_tflops_agree_with_the_printed_time(row: MakeRow) -> None:
    # NeMo 24.07 prints both: 734 TFLOP/s and 10.751 s for Llama-3-70B on 64 H100
    timed = case_of(row("T01111"))
    derived = case_of(
        row("T01111", measured_step_time_s="", measured_tokens_per_s_per_chip="")
    )
    assert derived.measured == pytest.approx(timed.measured, rel=0.01)


def test_unstated_formula_is_left_out(row: MakeRow) -> None:
    # 131,072 tokens: causal or full attention differ by a third
    with pytest.raises(LeftOutError, match=left_out.NO_FORMULA):
        case_of(row("T01771"))
    # at 8,192 they differ by 4 %, which the row bears
    assert case_of(row("T01770")).measured == pytest.approx(6.7, rel=0.02)


def test_policy_and_copies_of_a_launch_script(row: MakeRow) -> None:
    # maxtext/configure.sh: sixteen nodes share a copy from 64 nodes on; save_qkv_proj
    plan = case_of(row("T00930")).question.plan
    assert (plan.dp, plan.shard_group, plan.recompute) == (1024, 128, "selective")
    found = case_of(row("T00930")).question.software.selective
    assert float(found.attention or 0.0) == float(found.elementwise) == 1.0
    assert float(found.matmul) == pytest.approx(0.627, abs=0.001)
    # 32 nodes share one
    assert case_of(row("T00822")).question.plan.shard_group is None


def test_copies_of_a_mesh_rule(row: MakeRow) -> None:
    # apple/axlearn fuji.py on gpu-p5.48xlarge
    for name, group in (("T01792", 8), ("T01800", 128)):
        q = case_of(row(name)).question
        assert (q.system.name, q.plan.shard_group) == ("p5-h100", group)


def test_copies_of_hybrid_sharding(row: MakeRow) -> None:
    plain = row("T01792") | {"framework": "PyTorch FSDP", "tp": "1", "pp": "1"}
    for words, stack, group in (
        ("HSDP", "fsdp-pytorch", 8),
        ("hybrid shard (zero3)", "fsdp-pytorch", 8),
        ("FSDP", "fsdp-pytorch", None),
        ("FSDP", "fms-fsdp", None),
        ("", "fms-fsdp", 8),  # sharding_strategy: hsdp
    ):
        family = {"family": "fms-fsdp"} if stack == "fms-fsdp" else {}
        q = case_of(plain | {"sharding": words} | family).question
        assert (q.software.name, q.plan.shard_group) == (stack, group), words
        assert q.plan.sharding == "zero3"


def test_batch_of_a_stack_without_other_axes(row: MakeRow) -> None:
    told = {"family": "fms-fsdp", "framework": "fms-fsdp", "global_batch": ""}
    plain = row("T01792") | told | {"measured_step_time_s": ""}
    found = case_of(plain | {"micro_batch": "2"}).question
    assert found.run.global_batch == 2 * found.run.chips


def test_stack_of_internevo(row: MakeRow) -> None:
    told = {"family": "InternEvo", "framework": "InternEvo", "sharding": ""}
    found = case_of(row("T01792") | told).question
    assert (found.software.name, found.plan.sharding) == ("internevo", "zero1")


def test_tpu_plan_follows_from_the_batch(row: MakeRow) -> None:
    # per_device_batch_size 5 on 256 chips, FSDP over all of them
    case = case_of(row("T01638"))
    assert case.question.system.name == "tpu-v6e-pod"
    assert (case.question.plan.dp, case.question.plan.micro_batch) == (256, 5)
    assert case.question.plan.sharding == "zero3"
    assert case.question.plan.recompute == "selective"  # queries, keys, values stay
    # FSDP16 x TP8: a replica of eight chips holds eight chips' share
    case = case_of(row("T01598"))
    assert (case.question.plan.tp, case.question.plan.dp) == (8, 16)
    assert case.question.plan.micro_batch == 8


def test_slices_of_a_tpu_hold_the_same_weights(row: MakeRow) -> None:
    # MaxText shards over ICI and replicates over DCN: 2 slices of 256, tp 16 or none
    found = row("T01610")
    assert found["n_chips"] == "512"
    assert case_of(found).question.plan.shard_group == 256
    cut = found | {"sharding": "FSDP16 x TP16", "tp": "", "global_batch": "512"}
    assert case_of(cut).question.plan.shard_group == 16
    one = found | {"n_chips": "256", "global_batch": "1536"}
    assert case_of(one).question.plan.shard_group is None


def test_a_policy_of_recomputation_is_read_by_its_names(row: MakeRow) -> None:
    found = row("T01610") | {"recompute": "selective (remat_policy=minimal)"}
    kept = case_of(found).question
    assert kept.plan.recompute == "selective"
    assert float(kept.software.selective.matmul) == 0.0
    assert float(kept.software.selective.attention or 0.0) == 1.0
    # a custom policy keeps what it names alone (base.yml)
    assert case_of(found | {"recompute": "custom"}).question.plan.recompute == "full"


def test_policies_of_a_recipe_stand_for_a_blank(row: MakeRow) -> None:
    # tpu-recipes, Ironwood, Llama 3.1 70B: context and projections stay on the device
    found = row("T01669")
    assert found["recompute"] == ""
    question = case_of(found).question
    assert question.plan.recompute == "selective"
    assert float(question.software.selective.attention or 0.0) == 0.0


def test_fsdp_of_torchtitan(row: MakeRow) -> None:
    case = case_of(row("T01364"))
    q = case.question
    assert (q.software.name, q.system.name) == ("torchtitan-eager", "dgx-a100")
    assert (q.plan.dp, q.plan.micro_batch, q.plan.sharding) == (64, 1, "zero3")
    assert case.measured == pytest.approx(64 * 8192 / (2973 * 64))


def test_torchtitan_is_compiled_where_its_page_says_so(row: MakeRow) -> None:
    # the configurations of docs/performance.md have compile = false, but for float8
    name = software_of(row("T01364", precision="fp8"), system("dgx-a100")).name
    assert name == "torchtitan"
    page = row("T01364", source="pytorch/torchtitan benchmarks/x.md T1")
    assert software_of(page, system("dgx-a100")).name == "torchtitan"
    page["notes"] = "FSDP (eager)"
    assert software_of(page, system("dgx-a100")).name == "torchtitan-eager"


def test_a_source_that_measured_its_own_chips(row: MakeRow) -> None:
    made = row("T01094", chip="B200", family="SimuMax", source="docs")
    assert system_of(made).name == "dgx-b200-simumax"
    assert system_of(row("T01094", chip="B200", source="x")).name == "dgx-b200"


def test_virtual_stages_of_a_launch_script(row: MakeRow) -> None:
    made = row(
        "T01094", model="nemotron4-340b", framework="NeMo / Megatron-Core", vp="",
        source="NVIDIA/dgxc-benchmarking@0efdb23 nemotron/README.md", recompute="",
    )  # fmt: skip
    assert (filled(made)["vp"], filled(made)["recompute"]) == ("12", "selective")


def test_what_the_recipes_of_a_mixture_hide(row: MakeRow) -> None:
    # T00472: DeepSeek-V3 in mxfp8 on GB200
    assert case_of(row("T00472")).question.software.overlap.ep
    wide = case_of(row("T00472", precision="bf16")).question.software
    assert wide.graphs
    assert not wide.overlap.ep
    eager = case_of(row("T00472", precision="bf16", chip="B200")).question.software
    assert not eager.graphs


def test_a_run_that_was_launched_without_overlap(row: MakeRow) -> None:
    made = row("T01094", chip="B200", family="SimuMax", framework="Megatron-Core")
    overlap = case_of(made | {"precision": "bf16"}).question.software.overlap
    assert not any(getattr(overlap, kind) for kind in OVERLAPS)


def test_a_launch_script_without_virtual_stages(row: MakeRow) -> None:
    cells = {"precision": "bf16", "vp": "", "framework": "Megatron-Core"}
    made = row("T01094", chip="B200", family="SimuMax") | cells
    assert case_of(made).question.plan.vp == 1
    assert case_of(made | {"family": "x"}).question.plan.vp is None


@pytest.mark.parametrize(
    ("chip", "chips", "cells"),
    [
        ("H100-SXM", "8", ("4", "1")),
        ("H200", "16", ("2", "1")),
        ("H100-SXM", "64", ("4", "2")),
        ("B200", "8", ("1", "1")),
        ("GB200", "64", ("1", "8")),  # eight sequences
    ],
)
def test_adapters_as_the_submissions_share_them_out(
    row: MakeRow, chip: str, chips: str, cells: tuple[str, str]
) -> None:
    made = submission(row, "v5.0: Dell/results/XE9680/llama2_70b_lora", chip, chips)
    assert (filled(made)["tp"], filled(made)["cp"]) == cells


def submission(row: MakeRow, path: str, chip: str, chips: str) -> dict[str, str]:
    """Return a submission to MLPerf that says nothing of its plan."""
    blank = dict.fromkeys(
        ("tp", "pp", "vp", "cp", "dp", "micro_batch", "precision"), ""
    )
    model = "llama3.1-8b" if "8b" in path else "llama2-70b"
    return row(
        "T01094", model=model, framework="NeMo", chip=chip, n_chips=chips, layers="",
        family="mlcommons", source=f"mlcommons/training_results_{path}", seq_len="8192",
        global_batch="8", recompute="", measured_tokens_per_s_per_chip="", **blank,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("system", "chip", "precision", "narrow"),
    [
        # config_*_fp4.sh of eight GPUs, and of NVIDIA on two nodes; on the B300 of
        # Supermicro fp8 with attention in bf16; with adapters on H200 (FP8_DPA=0) too
        ("v5.1: Lenovo/results/SR680aV3/llama31_8b", "B200", "nvfp4", True),
        ("v5.1: NVIDIA/results/tyche_ngpu8/llama31_8b", "GB200", "nvfp4", True),
        ("v5.1: Supermicro/results/AS-8126GS-NB3RT/llama31_8b", "B300", "fp8", False),
        ("v5.0: Dell/results/XE9680/llama2_70b_lora", "B200", "fp8", True),
        ("v5.0: Dell/results/XE9680/llama2_70b_lora", "H200", "fp8", False),
    ],
)
def test_precision_of_a_submission_is_that_of_its_configuration(
    row: MakeRow, system: str, chip: str, precision: str, narrow: object
) -> None:
    case = case_of(submission(row, system, chip, "8"))
    assert case.question.precision == precision
    assert case.question.software.narrow_attention is narrow


@pytest.mark.parametrize(
    ("system", "chip", "precision", "moved"),
    [
        # FP8_RECIPE=tensorwise in v5.1, delayed scaling with adapters and on AMD
        ("v5.1: NVIDIA/results/tyche_ngpu512/llama31_8b", "GB200", "fp8", 2.0),
        ("v5.1: NVIDIA/results/tyche_ngpu8/llama2_70b_lora", "GB200", "fp8", 0.0),
        ("v5.1: AMD/results/MI355X/llama31_8b", "MI355X", "fp8", 0.0),
        # a table's own word
        ("v5.0: Dell/results/XE/gpt3", "H100-SXM", "fp8 (current scaling)", 2.0),
    ],
)
def test_tensors_that_scale_themselves_are_read_once_more(
    row: MakeRow, system: str, chip: str, precision: str, moved: float
) -> None:
    made = submission(row, system, chip, "8") | {"precision": precision}
    casts = case_of(made).question.software.casts
    # without Hadamard matrices in MLPerf (NVTE_NVFP4_DISABLE_RHT=1)
    assert (casts["fp8"], casts["nvfp4"]) == (moved, 2.0)


def test_what_a_row_says_of_its_precision_counts(row: MakeRow) -> None:
    made = submission(row, "v5.1: Lenovo/results/SR680aV3/llama31_8b", "B200", "8")
    case = case_of(made | {"precision": "fp8"})
    assert case.question.precision == "fp8"
    assert not case.question.software.narrow_attention


def test_recomputed_layers_of_a_submission(row: MakeRow) -> None:
    # config_MI300X_1x8x1.sh: ACG=full ACM=block ACL=21
    path = "v5.0: AMD/results/MI300X/llama2_70b_lora"
    plan = case_of(submission(row, path, "MI300X", "8")).question.plan
    assert (plan.recompute, plan.recompute_layers, plan.dp) == ("full", 21, 8)


def test_pipeline_of_torchtitan_cuts_the_local_batch(row: MakeRow) -> None:
    pipelined = row("T01364", tp="8", pp="8", dp="1", micro_batch="32")
    pipelined["global_batch"] = ""
    case = case_of(pipelined)
    assert case.question.global_batch == 32
    assert case.question.plan.micro_batch == 4


def test_asynchronous_tensor_parallelism_is_read_from_the_notes(row: MakeRow) -> None:
    plain = case_of(row("T01364", notes="FSDP2 1D")).question
    other = case_of(row("T01364", notes="2D + AsyncTP")).question
    assert not plain.software.overlap.tp
    assert other.software.overlap.tp


def test_experts_and_latent_attention(row: MakeRow) -> None:
    q = case_of(row("T00472")).question
    moe, mla = q.model.moe, q.model.mla
    assert moe is not None
    assert mla is not None
    assert (moe.experts, moe.top_k, moe.ffn, moe.shared_experts) == (256, 8, 2048, 1)
    assert (moe.dense_layers, mla.kv_lora_rank) == (3, 512)
    # figures of the catalog's model stay figures, with their sources
    own = catalog.model("deepseek-v3").moe
    assert own is not None
    assert moe.load_spread == own.load_spread
    assert (q.plan.ep, q.plan.dp, q.precision) == (64, 64, "mxfp8")
    assert q.model.mtp_layers == 1  # its recipe's
    without = row("T00472", source="[25.11] Pre-Training: DeepSeekV3 (w/o MTP)")
    assert case_of(without).question.model.mtp_layers == 0


@pytest.mark.parametrize(("chip", "once"), [("H100-SXM", True), ("GB200", False)])
def test_how_nemo_sends_tokens_of_deepseek(
    row: MakeRow, chip: str, *, once: bool
) -> None:
    cells = {"framework": "NeMo / Megatron-Core", "precision": "bf16", "chip": chip}
    cells |= {"family": "dgxc", "source": "dgxc@1f6d9f4", "recompute": ""}
    q = case_of(row("T00472", **cells)).question
    stack = q.software
    assert (stack.dispatch_once, stack.overlap.shared) == (once, not once)
    modules = ("mla_up_proj",) if once else ("core_attn",)
    assert (q.plan.recompute, q.plan.recompute_modules) == ("selective", modules)


@pytest.mark.parametrize(
    ("cells", "etp"),
    [
        ({}, 1),  # Megatron-Bridge's own default
        ({"tp": "2", "dp": "32", "etp": "2", "ep": "32"}, 2),
        ({"framework": "Megatron-Core", "tp": "2", "dp": "32", "ep": "16"}, None),
        (
            {"framework": "Megatron-Core", "tp": "2", "dp": "32"},
            1,
        ),  # over tp ranks, too
        ({"framework": "NeMo 24.07", "tp": "2", "dp": "32", "ep": "16"}, 1),  # recipe
    ],
)
def test_how_far_experts_are_cut(
    row: MakeRow, cells: dict[str, str], etp: int | None
) -> None:
    family = {"family": "of its own", "source": "of its own"} if cells else {}
    assert case_of(row("T00472", **family | cells)).question.plan.etp == etp


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("8e/top2/ffn14336", {"experts": 8, "top_k": 2, "shared_experts": 0}),
        ("128e/top1/ffn8192+1shared;every2nd", {"every": 2, "shared_ffn": 8192}),
        ("384e/top8/ffn2048+1shared;first1dense", {"experts": 384, "dense_layers": 1}),
    ],
)
def test_moe_column(row: MakeRow, text: str, fields: dict[str, int]) -> None:
    moe = case_of(row("T01364", moe=text)).question.model.moe
    assert moe is not None
    assert {name: getattr(moe, name) for name in fields} == fields


def test_truncated_model_keeps_the_catalog_s_style(row: MakeRow) -> None:
    q = case_of(row("T01364", layers="4", model="llama3-70b", hidden="8192",
                    heads="64", ffn_hidden="28672")).question  # fmt: skip
    assert q.model.layers == 4
    assert q.model.activation == "swiglu"


@pytest.mark.parametrize(
    ("cells", "system", "stack"),
    [
        ({"chip": "NVIDIA H100 80GB HBM3"}, "dgx-h100", "megatron-2022"),
        ({"chip": "TPU v5 lite"}, "tpu-v5e-pod", "megatron-2022"),
        ({"chip": "Trn2"}, "trn2-48xlarge", "megatron-2022"),
        ({"framework": "own", "family": "us"}, "dgx-a100", "megatron-core"),
        ({"framework": "HF transformers", "family": "us"}, "dgx-a100", "fsdp-pytorch"),
        ({"framework": "own JAX", "family": "us"}, "dgx-a100", "maxtext"),
    ],
)
def test_names_that_are_not_known_fall_back(
    row: MakeRow, cells: dict[str, str], system: str, stack: str
) -> None:
    full = row("T01094", **cells)
    found = system_of(full)
    assert (found.name, software_of(full, found).name) == (system, stack)


def test_a_model_of_the_catalog_needs_no_sizes(row: MakeRow) -> None:
    blank = dict.fromkeys(("layers", "hidden", "heads", "kv_heads", "ffn_hidden"), "")
    assert case_of(row("T01094", **blank)).question.model.layers == 96


def test_mixed_precision_is_the_stack_s_default(row: MakeRow) -> None:
    assert case_of(row("T01094", precision="mixed")).question.precision == "fp16"


def test_adapters_are_read_from_the_name(row: MakeRow) -> None:
    case = case_of(row("T01094", model="megatron-22b-lora"))
    assert case.question.model.adapter_rank == 16


def test_packed_samples_see_themselves_alone(row: MakeRow) -> None:
    tuned = row("T01094", family="NVIDIA/NeMo", notes="SFT on SQuAD packed to 4096")
    assert case_of(tuned).question.model.window == SQUAD
    other = row("T01094", family="somebody", notes="SFT on a set of their own")
    assert case_of(other).question.model.window == 0


def test_slower_network_is_taken_from_the_source(row: MakeRow) -> None:
    # vTrain: 800 Gb/s a node of 8, half of a DGX A100's
    q = case_of(row("T01267")).question
    tier = list(q.system.tiers.values())[-1]
    port = float(q.links[tier.link].bandwidth or 0.0)
    assert tier.links_per_chip[0] * port * 8 == pytest.approx(100e9)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"layers": "many"}, left_out.BAD_VALUE),
        ({"n_chips": "-8"}, left_out.BAD_VALUE),
        ({"tp": "nan"}, left_out.BAD_VALUE),
        ({"measured_step_time_s": "fast"}, left_out.BAD_VALUE),
        ({"kv_heads": "7"}, left_out.BAD_VALUE),
        ({"n_chips": ""}, left_out.NO_CHIPS),
        ({"n_chips": "99999999"}, left_out.TOO_LARGE),
        ({"hidden": "", "model": "unheard-of-22b"}, left_out.NO_SIZES),
        ({"seq_len": ""}, left_out.NO_SEQUENCE),
        ({"global_batch": ""}, left_out.NO_BATCH),
        ({"chip": "Abacus"}, left_out.NO_SYSTEM),
        ({"precision": "nvfp4"}, left_out.PRECISION),
        ({"micro_batch": "0.5"}, left_out.FRACTION),
        ({"dp": "3"}, left_out.PRODUCT),
        ({"measured_step_time_s": "1"}, left_out.SUSPECT),
        (
            {"measured_step_time_s": "", "measured_tokens_per_s_per_chip": ""},
            left_out.NO_TIME,
        ),
        ({"moe": "64e/top2/ffn512", "ep": "64"}, left_out.EXPERT_SPREAD),
        ({"moe": "eight experts"}, left_out.NO_SIZES),
    ],
)
def test_row_that_cannot_be_scored(
    row: MakeRow, cells: dict[str, str], reason: str
) -> None:
    with pytest.raises(LeftOutError) as failure:
        case_of(row("T01094", **cells))
    assert str(failure.value) == reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "zero1"),
        ("ZeRO-0 (plain DDP)", "none"),
        ("DDP + distributed optimizer (ZeRO-1)", "zero1"),
        ("OverlappedDistributedOptimizer", "zero1"),
        ("FSDP SHARD_GRAD_OP (ZeRO-2); mixed_precision=DEFAULT", "zero2"),
        ("FSDP (ZeRO-2-like, grads sharded)", "zero2"),
        ("Megatron-FSDP", "zero3"),
        ("FSDP16 x TP4 (ici)", "zero3"),
    ],
)
def test_sharding_words(text: str, expected: str) -> None:
    assert sharding_of(text, software("megatron-core")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("none (8K; per paper no activation checkpointing)", "none"),
        ("full+offload (decoder_layer_input)", "full"),
        ("selective (qkv_proj_offloaded)", "full"),
        ("selective (mla_up_proj)", "selective"),
        ("full on 5 layer(s) per stage (block)", "full"),
        ("some layer(s)", None),
        ("custom", None),
    ],
)
def test_recompute_words(text: str, expected: str | None) -> None:
    assert recompute_of(text, software("megatron-bridge")) == expected


@pytest.mark.parametrize(
    ("text", "stack", "expected"),
    [
        ("selective (layernorm,moe_act)", "megatron-bridge", ("layernorm", "moe_act")),
        ("selective (RMSNorm, MLA up-proj)", "hai-llm", ("layernorm", "mla_up_proj")),
        ("selective (per-op SAC)", "torchtitan", None),
        ("selective (mlp)", "torchtitan", None),
        ("selective", "megatron-core", None),
    ],
)
def test_recomputed_modules(
    text: str, stack: str, expected: tuple[str, ...] | None
) -> None:
    assert modules_of(text, software(stack)) == expected


def test_blank_recompute_is_the_stack_s_default() -> None:
    assert recompute_of("", software("megatron-2021")) == "full"
    assert recompute_of("", software("neuron")) == "selective"


def test_every_system_and_stack_is_in_the_catalog() -> None:
    assert set(SYSTEMS.values()) <= set(catalog.names("systems"))
    assert {name for _, name in STACKS} <= set(catalog.names("software"))


CELLS = st.sampled_from(
    ["n_chips", "layers", "hidden", "heads", "kv_heads", "ffn_hidden", "vocab", "tp",
     "seq_len", "global_batch", "micro_batch", "pp", "vp", "cp", "ep", "dp", "moe",
     "sharding", "recompute", "precision", "framework", "chip", "model",
     "measured_step_time_s", "measured_tokens_per_s_per_chip"]
)  # fmt: skip
WORDS = st.one_of(
    st.integers(-3, 200).map(str), st.sampled_from(["", "x", "1e30", "8.0", "FSDP"])
)


@given(st.dictionaries(CELLS, WORDS, min_size=1, max_size=4), st.integers(0, 10**6))
def test_any_row_is_a_case_or_left_out(
    rows: dict[str, dict[str, str]], cells: dict[str, str], which: int
) -> None:
    names = list(rows)
    base = rows[names[which % len(names)]]
    case = answered(base | cells)
    if isinstance(case, str):
        assert case in vars(left_out).values()
        return
    q, found = case.question, case.question.plan
    assert case.measured > 0
    if None not in (found.tp, found.cp, found.pp, found.dp):
        product = (found.tp or 1) * (found.cp or 1) * (found.pp or 1) * (found.dp or 1)
        assert product == q.workers


def test_sequences_that_are_cut(row: MakeRow) -> None:
    # Ulysses: as many workers of a sequence as the row says, or as fit
    changed = {"framework": "Megatron-DeepSpeed", "tp": "1", "pp": "1", "dp": ""}
    changed |= {"recompute": "full", "sharding": "ZeRO-3", "precision": "bf16"}
    changed |= {"measured_tokens_per_s_per_chip": ""}
    case = case_of(row("T01095", **changed, cp="8", seq_len="65536"))
    q = case.question
    assert q.software.name == "deepspeed-ulysses"
    assert q.software.context.types == ("a2a",)
    assert (q.plan.cp, q.plan.sharding) == (8, "zero3")
    said = case_of(row("T01095", **changed, notes="Ulysses", seq_len="65536"))
    assert said.question.software.name == "deepspeed-ulysses"
    assert said.question.plan.cp is None
    # InternEvo's isp: the tensor size counts workers of a sequence
    changed |= {"framework": "InternEvo", "tp": "4", "sharding": "ZeRO-1, isp"}
    plan = case_of(row("T01095", **changed)).question.plan
    assert (plan.tp, plan.cp, plan.sharding) == (1, 4, "zero1")
    changed |= {"sharding": "ZeRO-1"}
    plan = case_of(row("T01095", **changed)).question.plan
    assert (plan.tp, plan.cp, plan.sp) == (4, 1, False)
