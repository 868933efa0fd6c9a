"""Host time of Transformer Engine: a Llama layer of its modules, without its kernels.

Needs no GPU. `pip install torch==2.5.1 numpy pydantic`, and a checkout of
NVIDIA/TransformerEngine at v1.13 whose folder is the argument. Then `python -O
host_te.py FOLDER`: the modules assert that their tensors are on a GPU.

The modules are those that Megatron-Core makes a layer of (LayerNormLinear, Linear,
DotProductAttention), in bf16 without tensor parallelism; their functions of C++ return
at once. Megatron-Core's own modules around them are not here: this is the least. What
it takes on a host with a GPU `host_overhead.py` tells.
"""

# mypy: allow-untyped-calls, ignore-errors

import re
import sys
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace

import host_overhead as host
import torch
import torch._dynamo
import torch._inductor.config  # before a GPU seems to be there

HIDDEN, HEADS, TOKENS, LAYERS = 128, 8, 16, 3
# norms, products, attention and its three operands, SwiGLU and its factors, residuals
KERNELS = 14, 24


def without_gpu() -> None:
    """Let a GPU seem to be there that computes nothing."""
    cuda, cpu = torch.cuda, torch.device("cpu")
    cuda.is_available, cuda.current_device = (lambda: True), (lambda: cpu)
    cuda._lazy_init = lambda: None
    cuda.get_device_capability = lambda device=None: (9, 0)
    cuda.get_device_properties = lambda device=None: SimpleNamespace(
        multi_processor_count=132, major=9, minor=0
    )
    cuda.nvtx.range_push = cuda.nvtx.range_pop = lambda *name: 0
    for name in ("empty", "zeros", "arange", "ones", "tensor"):
        setattr(torch, name, partial(on_host, getattr(torch, name)))


def on_host(make, *size, **options):
    """Make a tensor that was asked of a GPU."""
    if str(options.get("device")).startswith("cuda"):
        options["device"] = "cpu"
    return make(*size, **options)


class Name:
    """An enumeration of C++, or one of its values."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, value: str):
        if value.startswith("__"):
            raise AttributeError(value)
        setattr(self, value, Name(f"{self.name}.{value}"))
        return vars(self)[value]

    def __call__(self, *given):
        return None

    def __int__(self) -> int:
        return 0


def attention(*given):
    """Return as many tensors as attention does, forward and backward."""
    parts = [x for x in given if isinstance(x, torch.Tensor) and x.dim() == 4]
    if len(parts) > 3:  # the output and its gradient come first
        return [torch.empty_like(x) for x in parts[2:5]]
    return [torch.empty_like(parts[0]), torch.empty(4), torch.empty(2)]


def without_library(folder: Path) -> None:
    """Put stubs in the place of Transformer Engine's libraries."""
    base = folder / "transformer_engine"
    source = "".join(path.read_text("utf-8") for path in base.rglob("pytorch/**/*.py"))
    library = ModuleType("transformer_engine_torch")
    backend = Name("NVTE_Fused_Attn_Backend")
    own = {
        "get_cublasLt_version": lambda: 120500,
        "get_cudnn_version": lambda: 90500,
        "get_fused_attn_backend": lambda *given: backend.NVTE_F16_arbitrary_seqlen,
        "NVTE_Fused_Attn_Backend": backend,
        "rmsnorm_fwd_noalloc": lambda x, w, out, *rest: (out, x.new_empty(len(x))),
        "rmsnorm_bwd": lambda grad, x, *rest: (torch.empty_like(x), rest[1]),
        "fused_attn_fwd": attention,
        "fused_attn_bwd": attention,
    }
    names = {*re.findall(r"\b(?:tex|ext)\.([A-Za-z_0-9]+)", source)}
    names |= {*re.findall(r"\b(NVTE_[A-Za-z_]+|FP8[A-Za-z]+|DType)\b", source)}
    for line in re.findall(r"from transformer_engine_torch import ([\w, ]+)", source):
        names |= {*line.split(", ")}
    for name in names:
        nothing = Name(name) if name[0].isupper() else lambda *given, **named: None
        setattr(library, name, own.get(name, nothing))
    torch.ops.tex_ts = Name("tex_ts")
    sys.modules["transformer_engine_torch"] = library
    for name in ("", ".common", ".pytorch"):
        module = ModuleType("transformer_engine" + name)
        module.__path__ = [str(base / name[1:])]
        module.__version__, module.is_package_installed = "1.13.0", lambda name: True
        sys.modules["transformer_engine" + name] = module
    sys.modules["transformer_engine"].common = sys.modules["transformer_engine.common"]


def layers():
    """Return the modules of some layers."""
    modules = import_module("transformer_engine.pytorch.module")  # has to be the first
    attend = import_module("transformer_engine.pytorch.attention").DotProductAttention
    made = {"bias": False, "params_dtype": torch.bfloat16, "device": "cpu"}
    normed = made | {"normalization": "RMSNorm"}
    width = HIDDEN // HEADS
    return [
        (
            modules.LayerNormLinear(HIDDEN, 3 * HIDDEN, **normed),
            attend(HEADS, width, attn_mask_type="causal", attention_dropout=0.0),
            modules.Linear(HIDDEN, HIDDEN, **made),
            modules.LayerNormLinear(HIDDEN, 4 * HIDDEN, **normed),
            modules.Linear(2 * HIDDEN, HIDDEN, **made),
        )
        for _ in range(LAYERS)
    ]


def forward(x, layer):
    """Return what a layer makes of hidden states."""
    qkv, attend, out, up, down = layer
    joined = qkv(x).view(TOKENS, 1, HEADS, -1)
    q, k, v = (part.contiguous() for part in joined.chunk(3, -1))
    x = x + out(attend(q, k, v))
    gate, inner = up(x).chunk(2, -1)
    return x + down(torch.nn.functional.silu(gate) * inner)


def timed(made) -> tuple[float, float]:
    """Return the host time of a layer, forward and backward [s]."""
    x = torch.randn(TOKENS, 1, HIDDEN, dtype=torch.bfloat16, requires_grad=True) * 1.0
    start = time.process_time()
    for layer in made:
        x = forward(x, layer)
    middle = time.process_time()
    x.sum().backward()
    end = time.process_time()
    for module in (module for layer in made for module in layer):
        module.zero_grad()
    return (middle - start) / LAYERS, (end - middle) / LAYERS


def main(folder: str) -> None:
    """Print what a layer takes here, and on a host with a GPU."""
    torch.set_num_threads(1)
    slower, added = host.host_with_gpu()
    without_gpu()
    without_library(Path(folder))
    made = layers()
    timed(made)
    say = sys.stdout.write
    say(f"a host with a GPU: {slower:.2f} times, and {added * 1e6:.1f} us a kernel\n")
    here = host.both(partial(timed, made))
    for way, us, kernels in zip(("forward", "backward"), here, KERNELS, strict=True):
        say(f"a layer {way}: {us * 1e6:.0f} us, "
            f"{(slower * us + added * kernels) * 1e6:.0f} with a GPU\n")  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1])
