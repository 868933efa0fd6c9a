"""Host time of Megatron-LM v2.5: its own layer and checkpoint, without its kernels.

Needs no GPU. `pip install torch==2.5.1 numpy regex six`, and a checkout of
NVIDIA/Megatron-LM at v2.5 whose folder PYTHONPATH names. Then `python host_megatron.py
TP` for each size of the tensor group.

The layer is run as it is (megatron/model/transformer.py, megatron/mpu), with fused
kernels that return at once (softmax, norm, and the GeLU of the JIT; its dropout and
addition run operator by operator) and a process group that sends nothing. What that
takes on a host with a GPU `host_overhead.py` tells.
"""

# mypy: allow-untyped-calls, ignore-errors

import sys
import time
from functools import partial
from types import ModuleType, SimpleNamespace

import host_overhead as host
import torch
import torch.distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore

# the fused softmax asks for more than 16 columns and a multiple of four matrices
HIDDEN, HEADS, TOKENS, LAYERS = 64, 4, 20, 3  # heads of a rank
KERNELS = 29, 37  # forward and backward, see host_overhead.py
OPTIONS = {
    "hidden_size": HIDDEN, "ffn_hidden_size": 4 * HIDDEN, "num_layers": LAYERS,
    "fp16": True, "bf16": False, "apply_query_key_layer_scaling": True,
    "attention_softmax_in_fp32": False, "masked_softmax_fusion": True,
    "attention_dropout": 0.1, "hidden_dropout": 0.1, "bias_gelu_fusion": True,
    "bias_dropout_fusion": True,
    "openai_gelu": False, "onnx_safe": False, "fp32_residual_connection": False,
    "apply_residual_connection_post_layernorm": False, "layernorm_epsilon": 1e-5,
    "use_cpu_initialization": False, "params_dtype": torch.float32,
}  # fmt: skip


class Generator:
    """A GPU's random numbers: a state of 16 bytes, and none drawn."""

    def get_state(self):
        return torch.zeros(16, dtype=torch.uint8)

    def set_state(self, state):
        pass


def without_gpu() -> None:
    """Let a GPU seem to be there that computes nothing."""
    cuda = torch.cuda
    cuda.current_device = lambda: torch.device("cpu")
    cuda.manual_seed = lambda seed: None
    cuda.random._lazy_init = lambda: None
    cuda.random.current_device = lambda: 0
    cuda.default_generators = dict.fromkeys((0, torch.device("cpu")), Generator())


def without_libraries() -> None:
    """Put stubs in the place of fused kernels and of what no layer needs."""
    empty = torch.empty_like
    row = partial(torch.empty, TOKENS)
    made = {
        "fused_mix_prec_layer_norm_cuda": {
            "forward_affine": lambda x, *others: (empty(x), row(), row()),
            "backward_affine": lambda *took: (empty(took[3]), *map(empty, took[5:7])),
        },
        "scaled_upper_triang_masked_softmax_cuda": {
            "forward": lambda x, scale: empty(x),
            "backward": lambda grad, y, scale: empty(grad),
        },
        "amp_C": {},
        "apex": {},
        "apex.multi_tensor_apply": {"multi_tensor_applier": None},
        "apex.optimizers": {"FusedAdam": None, "FusedSGD": None},
        "torch._six": {"inf": float("inf")},
    }  # fmt: skip
    for name, has in made.items():
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(has)


def layers_of(tp: int):
    """Return Megatron's parallel library, and its layers on a rank of a group."""
    from megatron import global_vars, mpu
    from megatron.model import fused_bias_gelu as gelu
    from megatron.model.enums import AttnMaskType
    from megatron.model.transformer import ParallelTransformerLayer
    from megatron.mpu import random

    torch._C._jit_override_can_fuse_on_cpu(False)  # noqa: FBT003
    gelu.bias_gelu = lambda bias, y: torch.empty_like(y)
    gelu.bias_gelu_back = lambda grad, bias, y: torch.empty_like(grad)
    random._lazy_call = lambda call: call()
    heads = HEADS * tp
    global_vars._GLOBAL_ARGS = SimpleNamespace(
        num_attention_heads=heads, kv_channels=HIDDEN // heads, **OPTIONS
    )
    mpu.initialize_model_parallel(tp, 1)
    mpu.model_parallel_cuda_manual_seed(1)
    set_up = torch.nn.init.normal_
    causal = AttnMaskType.causal
    return mpu, [
        ParallelTransformerLayer(set_up, set_up, n + 1, self_attn_mask_type=causal)
        for n in range(LAYERS)
    ]


def timed(layers, repeat) -> tuple[float, float]:
    """Return the host time of a layer, forward and backward [s]."""
    mask = torch.zeros(1, 1, TOKENS, TOKENS, dtype=torch.bool)
    x = torch.randn(TOKENS, 1, HIDDEN, requires_grad=True) * 1.0
    start = time.process_time()
    for layer in layers:
        x = repeat(layer, x, mask) if repeat else layer(x, mask)
    middle = time.process_time()
    x.sum().backward()
    end = time.process_time()
    for layer in layers:
        layer.zero_grad()
    return (middle - start) / LAYERS, (end - middle) / LAYERS


def reduced(group) -> float:
    """Return the host time of an empty call to the process group [s]."""
    x = torch.empty(TOKENS, HIDDEN)
    start = time.process_time()
    for _ in range(20):
        dist.all_reduce(x, group=group)
    return (time.process_time() - start) / 20.0


def main(tp: int) -> None:
    """Print what a layer takes here, and on a host with a GPU."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # stubs leave what was in the memory
    slower, added = host.host_with_gpu()
    without_gpu()
    without_libraries()
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=tp)
    mpu, layers = layers_of(tp)
    say = sys.stdout.write
    say(f"a host with a GPU: {slower:.2f} times, and {added * 1e6:.1f} us a kernel\n")
    plain, twice = (
        host.both(partial(timed, layers, repeat)) for repeat in (None, mpu.checkpoint)
    )
    for way, us, kernels in zip(("forward", "backward"), plain, KERNELS, strict=True):
        say(f"a layer {way}, tp {tp}: {us * 1e6:.0f} us, "
            f"{(slower * us + added * kernels) * 1e6:.0f} with a GPU\n")  # fmt: skip
    again = sum(twice) - sum(plain) - plain[0]
    say(f"repeating it: {again * 1e6:.0f} us, {slower * again * 1e6:.0f} with a GPU\n")
    group = mpu.get_tensor_model_parallel_group()
    empty = host.least(lambda: reduced(group))
    say(f"an empty collective {empty * 1e6:.1f} us\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
