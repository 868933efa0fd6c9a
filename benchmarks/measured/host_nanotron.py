"""Host time of nanotron: its own layer and launchers, and kernels that are not there.

Needs no GPU. `pip install torch==2.5.1 dacite einops numpy packaging pyyaml safetensors
tqdm`, and two checkouts whose folders PYTHONPATH names: src of huggingface/nanotron at
67c5ebb (27 December 2024), and Dao-AILab/flash-attention at v2.7.2, the release of that
month. Then `python host_nanotron.py TP` for each size of the tensor group.

All on the way to a kernel is run as it is: the blocks of the pipeline, the functions of
autograd, Triton's launcher and its autotuner's look-up, flash-attn's operators and
PyTorch's calls to a process group that sends nothing. What that takes on a host with a
GPU `host_overhead.py` tells: Python is slower there, and a kernel costs more. What the
process group of NCCL takes is a published figure: 89 us of CPU time for an all-reduce
with torch 2.4 (pytorch/pytorch issue 138773; its all-gather and reduce-scatter are
those of lists, which copy besides; nanotron's are of one tensor, as an all-reduce is).
"""

# mypy: allow-untyped-calls, ignore-errors

import os
import sys
import time
from types import ModuleType, SimpleNamespace

os.environ["CUDA_DEVICE_MAX_CONNECTIONS"] = "1"  # nanotron asks for it

import host_overhead as host
import torch
import torch.distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore
from triton.runtime.autotuner import Autotuner
from triton.runtime.driver import driver

HIDDEN, HEADS, TOKENS, LAYERS, RANKS = 64, 8, 16, 3, 64
# of a layer on a GPU, by models/llama.py, line by line: forward and backward, four of
# Triton each; with tensor parallelism the products before and behind a rank's own piece
# are two more for each of four
KERNELS, MORE_KERNELS = (24, 29), 8
COLLECTIVES, PUBLISHED = 10, 89e-6
# A piece of a gathered weight is copied to its place: a call to the driver, without the
# allocator or a library (Vellaisamy et al. 2025, arXiv:2504.11750, table V).
COPY = 2.3e-6


def without_gpu() -> None:
    """Let a GPU seem to be there that starts nothing."""
    cuda, cpu = torch.cuda, torch.device("cpu")
    cuda.is_available = lambda: True
    cuda.current_device = lambda: cpu
    cuda._exchange_device = cuda._maybe_exchange_device = lambda device: 0
    cuda._get_device_index = lambda device, optional=False: 0
    cuda.get_device_properties = lambda device=None: SimpleNamespace(
        multi_processor_count=132, warp_size=32
    )
    driver.set_active(host.NoGpu())
    Autotuner._bench = lambda self, *args, **meta: [1.0, 1.0, 1.0]
    made = torch.empty

    def empty(*size, **options):
        if str(options.get("device")) == "cuda":
            options["device"] = cpu
        return made(*size, **options)

    torch.empty = empty
    operator = torch.library.custom_op  # flash-attn registers its own for CUDA alone

    def anywhere(name, *function, device_types=None, **options):
        return operator(name, *function, **options)

    torch.library.custom_op = anywhere


def without_libraries() -> None:
    """Put stubs in the place of flash-attn's kernels and of what no layer needs."""

    def forward(q, *others):
        sums = q.new_empty((q.shape[1], q.shape[0]))
        return torch.empty_like(q), sums, q.new_empty(0), q.new_empty(2)

    def backward(grad, q, k, v, out, sums, dq, dk, dv, *others):
        return dq, dk, dv, torch.empty_like(sums)

    names = ("flash_attn_2_cuda", "datasets", "datasets.download")
    last = "datasets.download.streaming_download_manager"
    made = {name: ModuleType(name) for name in (*names, last)}
    made["datasets"].__path__ = []
    made[last].xPath = object
    made[names[0]].varlen_fwd, made[names[0]].varlen_bwd = forward, backward
    sys.modules.update(made)


def layers_of(tp: int, group):
    """Return the decoder's blocks of a middle rank of a tensor group."""
    from nanotron.config import ParallelismArgs
    from nanotron.config.models_config import LlamaConfig
    from nanotron.models.llama import LlamaDecoderLayer
    from nanotron.parallel.pipeline_parallel.block import PipelineBlock
    from nanotron.parallel.tensor_parallel.nn import TensorParallelLinearMode

    config = LlamaConfig(
        hidden_size=HIDDEN, num_attention_heads=HEADS, num_key_value_heads=HEADS,
        intermediate_size=2 * HIDDEN, num_hidden_layers=LAYERS, vocab_size=128,
        max_position_embeddings=64,
    )  # fmt: skip
    parallel = ParallelismArgs(
        dp=1, pp=1, tp=tp, tp_mode=TensorParallelLinearMode.REDUCE_SCATTER,
        tp_linear_async_communication=True,
    )  # fmt: skip
    alone, keys = dist.new_group([dist.get_rank()]), {"hidden_states", "sequence_mask"}
    blocks = []
    for index in range(LAYERS):
        block = PipelineBlock(
            p2p=SimpleNamespace(pg=alone),
            module_builder=LlamaDecoderLayer,
            module_kwargs={
                "config": config, "parallel_config": parallel, "tp_pg": group,
                "layer_idx": index,
            },
            module_input_keys=keys,
            module_output_keys=keys,
        )  # fmt: skip
        block.build_and_set_rank(0)
        blocks.append(block)
    return blocks


def layer(blocks, tp: int) -> tuple[float, float]:
    """Return the host time of a layer, forward and backward [s]."""
    x = torch.randn(TOKENS // tp, 1, HIDDEN, requires_grad=True) * 1.0
    mask = torch.ones(1, TOKENS, dtype=torch.bool)
    passed = {"hidden_states": x, "sequence_mask": mask}
    start = time.process_time()
    for block in blocks:
        passed = block(**passed)
    middle = time.process_time()
    passed["hidden_states"].sum().backward()
    end = time.process_time()
    for block in blocks:
        block.zero_grad(set_to_none=True)
    return (middle - start) / LAYERS, (end - middle) / LAYERS


def exchange(group, tp: int) -> float:
    """Return the host time of an empty call to the process group [s]."""
    from nanotron import distributed as own

    whole, piece = torch.empty(TOKENS, HIDDEN), torch.empty(TOKENS // tp, HIDDEN)
    start = time.process_time()
    for _ in range(10):
        own.all_gather_into_tensor(whole, piece, group=group)
        own.reduce_scatter_tensor(piece, whole, group=group)
    return (time.process_time() - start) / 20.0


def gathered(group, ranks: int) -> float:
    """Return the host time of a rank's piece of a tensor, as ZeRO-1 gathers it [s]."""
    from nanotron.optim.zero import ZeroDistributedOptimizer as Zero

    names = [str(n) for n in range(6)]
    size = 4 * ranks
    bounds = {rank: (4 * rank, 4 * rank + 4) for rank in range(ranks)}
    named = [{"named_params": [(name, torch.zeros(size)) for name in names]}]
    optimizer = SimpleNamespace(
        zero_named_param_groups=named,
        dp_pg=group,
        param_name_to_dp_rank_offsets=dict.fromkeys(names, bounds),
    )
    start = time.process_time()
    Zero._all_gather_params(optimizer)
    return (time.process_time() - start) / (ranks * len(names))


def main(tp: int) -> None:
    """Print what a layer takes here, and on a host with a GPU."""
    torch.set_num_threads(1)
    slower, added = host.host_with_gpu()
    without_gpu()
    without_libraries()
    rank = tp // 2 if tp > 2 else 0  # between others, if there are any
    world = max(tp, RANKS)
    dist.init_process_group("fake", store=FakeStore(), rank=rank, world_size=world)
    group = dist.new_group(list(range(tp)))
    blocks = layers_of(tp, group)
    layer(blocks, tp)  # compiles
    here = host.both(lambda: layer(blocks, tp))
    there = [slower * way + added * n for way, n in zip(here, KERNELS, strict=True)]
    say = sys.stdout.write
    say(f"a host with a GPU: {slower:.2f} times, and {added * 1e6:.1f} us a kernel\n")
    for name, us, gpu in zip(("forward", "backward"), here, there, strict=True):
        say(f"a layer {name}, tp {tp}: {us * 1e6:.0f} us, {gpu * 1e6:.0f} with a GPU\n")
    if tp > 1:
        empty = host.least(lambda: exchange(group, tp))
        more = added * MORE_KERNELS + COLLECTIVES * (PUBLISHED - slower * empty)
        say(f"an empty collective {empty * 1e6:.1f} us; the layer's are not: it "
            f"takes {(sum(there) + more) * 1e6:.0f} us with a GPU\n")  # fmt: skip
    whole = dist.new_group(list(range(RANKS)))
    piece = host.least(lambda: gathered(whole, RANKS))
    say(f"a rank's piece of a tensor: {piece * 1e6:.1f} us, "
        f"{(slower * piece + COPY) * 1e6:.1f} with a GPU\n")  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]))
