"""Host time of eager PyTorch: a transformer layer on tensors too small to compute.

Needs torch 2.5.1 and the Triton that comes with it, but no GPU: `pip install
torch==2.5.1`, then run this file. Times are CPU time of this process, the least of many
short runs: what else the machine does only adds. Kernels are counted by torch.profiler.

What a host takes that drives a GPU is told by two published figures, of which the same
code is timed here. Triton's launcher, which is Python: 18 us a launch of a kernel that
does nothing, with 19 arguments (triton-lang/triton pull request 3648; Triton 3.1 has
that launcher), of which 5.6 us are past the Python (meta-pytorch/tritonbench pull
request 1017). So much slower is Python there. And PyTorch's operators: gpt-fast decodes
Llama 7B with one token at a time in 39.2 ms on an A100, "heavily CPU overhead bound"
(25.5 tokens/s, pytorch.org/blog/accelerating-generative-ai-2). What is left of a
layer's time, with Python as slow as the first figure says, is what each kernel costs on
a GPU alone: its allocator, streams and events, the libraries, the driver.
"""

# mypy: allow-subclassing-any, allow-untyped-calls, allow-untyped-defs
# mypy: allow-untyped-decorators, allow-incomplete-defs

import sys
import time
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
import triton
from torch import nn
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile
from torch.utils.checkpoint import checkpoint
from triton.backends.compiler import GPUTarget
from triton.runtime.driver import driver

HIDDEN, HEADS, TOKENS, LAYERS, ROUNDS = 64, 4, 8, 3, 400
# gpt-fast's token: 32 layers, and head and sampling of about one more; the kernels that
# its layer starts on a GPU
PUBLISHED, PUBLISHED_LAYERS, DECODE_KERNELS = 1.0 / 25.5, 33, 58
LAUNCHED = 18.0e-6 - 5.6e-6  # Python of a launch by Triton
KERNELS = {
    *("mm", "addmm", "bmm", "baddbmm", "add", "add_", "mul", "mul_", "copy_", "sum"),
    *("pow", "mean", "rsqrt", "neg", "cat", "div", "div_", "fill_", "bernoulli_"),
    *("gelu", "gelu_backward", "silu", "silu_backward", "_softmax"),
    *("_softmax_backward_data", "native_layer_norm", "native_layer_norm_backward"),
    *("native_dropout", "native_dropout_backward"),
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_flash_attention_for_cpu_backward",
}


class Gpt(nn.Module):
    """A layer with the operators of Megatron-LM v2.5, megatron/model/transformer.py."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(HIDDEN) for _ in range(2))
        self.qkv, self.out = nn.Linear(HIDDEN, 3 * HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.up, self.down = (
            nn.Linear(HIDDEN, 4 * HIDDEN),
            nn.Linear(4 * HIDDEN, HIDDEN),
        )
        self.drop = nn.Dropout(0.1)

    def attention(self, x: Any) -> Any:
        tokens, batch, _ = x.shape
        joined = self.qkv(x).view(tokens, batch, HEADS, 3 * HIDDEN // HEADS)
        q, k, v = (
            part.reshape(tokens, batch * HEADS, -1).transpose(0, 1)
            for part in joined.split(HIDDEN // HEADS, dim=-1)
        )
        scores = torch.empty(batch * HEADS, tokens, tokens)
        scores = torch.baddbmm(scores, q, k.transpose(1, 2), beta=0.0, alpha=0.1)
        shares = torch.softmax(scores.view(batch, HEADS, tokens, tokens), -1)
        torch.set_rng_state(torch.get_rng_state())  # get_cuda_rng_tracker().fork()
        shares = self.drop(shares)
        context = torch.bmm(shares.view(batch * HEADS, tokens, tokens), v)
        context = context.view(batch, HEADS, tokens, -1).permute(2, 0, 1, 3)
        return self.out(context.contiguous().view(tokens, batch, HIDDEN))

    def forward(self, x: Any) -> Any:
        x = x + functional.dropout(self.attention(self.norms[0](x)), 0.1)
        inner = functional.gelu(self.up(self.norms[1](x)))
        return x + functional.dropout(self.down(inner), 0.1)


class Rms(nn.Module):
    """LlamaRMSNorm of transformers."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(HIDDEN))

    def forward(self, x: Any) -> Any:
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)
        return self.weight * wide.to(x.dtype)


class Llama(nn.Module):
    """A layer with the operators of transformers' LlamaDecoderLayer."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(Rms() for _ in range(2))
        made = [nn.Linear(HIDDEN, HIDDEN, bias=False) for _ in range(4)]
        self.q, self.k, self.v, self.o = made
        self.gate = nn.Linear(HIDDEN, 3 * HIDDEN, bias=False)
        self.up = nn.Linear(HIDDEN, 3 * HIDDEN, bias=False)
        self.down = nn.Linear(3 * HIDDEN, HIDDEN, bias=False)
        self.angle = torch.ones(1, 1, TOKENS, HIDDEN // HEADS)

    def turned(self, x: Any) -> Any:
        first, second = x.chunk(2, -1)
        return x * self.angle + torch.cat((-second, first), -1) * self.angle

    def forward(self, x: Any) -> Any:
        tokens, batch, _ = x.shape
        y = self.norms[0](x.transpose(0, 1))
        q, k, v = (
            f(y).view(batch, tokens, HEADS, -1).transpose(1, 2)
            for f in (self.q, self.k, self.v)
        )
        context = functional.scaled_dot_product_attention(
            self.turned(q), self.turned(k), v, is_causal=True
        )
        context = context.transpose(1, 2).reshape(batch, tokens, HIDDEN)
        x = x + self.o(context).transpose(0, 1)
        y = self.norms[1](x)
        return x + self.down(functional.silu(self.gate(y)) * self.up(y))


class Decode(nn.Module):
    """A layer with the operators of pytorch-labs/gpt-fast, one token at a time."""

    def __init__(self) -> None:
        super().__init__()
        made = partial(nn.Linear, bias=False, dtype=torch.bfloat16)
        self.qkv, self.out = made(HIDDEN, 3 * HIDDEN), made(HIDDEN, HIDDEN)
        self.gate, self.up = made(HIDDEN, 3 * HIDDEN), made(HIDDEN, 3 * HIDDEN)
        self.down = made(3 * HIDDEN, HIDDEN)
        self.scale = nn.Parameter(torch.ones(HIDDEN, dtype=torch.bfloat16))
        self.held = torch.zeros(2, 1, HEADS, 64, HIDDEN // HEADS, dtype=torch.bfloat16)
        self.angle = torch.ones(1, 1, 1, HIDDEN // HEADS // 2, 2)
        self.mask = torch.ones(1, 1, 1, 64, dtype=torch.bool)
        self.at = torch.tensor([5])

    def norm(self, x: Any) -> Any:
        wide = x.float()
        wide = wide * torch.rsqrt(torch.mean(wide * wide, dim=-1, keepdim=True) + 1e-5)
        return wide.type_as(x) * self.scale

    def turned(self, x: Any) -> Any:
        y = x.float().reshape(*x.shape[:-1], -1, 2)
        a, b, cos, sin = y[..., 0], y[..., 1], self.angle[..., 0], self.angle[..., 1]
        return torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(3)

    def forward(self, x: Any) -> Any:
        q, k, v = self.qkv(self.norm(x)).split([HIDDEN] * 3, dim=-1)
        q, k, v = (part.view(1, 1, HEADS, -1) for part in (q, k, v))
        q, k = self.turned(q).type_as(x), self.turned(k).type_as(x)
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        self.held[0][:, :, self.at], self.held[1][:, :, self.at] = k, v
        k, v = (part.repeat_interleave(1, dim=1) for part in self.held)
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=self.mask)
        x = x + self.out(y.transpose(1, 2).contiguous().view(1, 1, HIDDEN))
        y = self.norm(x)
        return x + self.down(functional.silu(self.gate(y)) * self.up(y))


class NoGpu:
    """A driver of Triton that starts nothing."""

    launcher_cls = staticmethod(lambda source, metadata: lambda *arguments: None)
    utils = SimpleNamespace(
        get_device_properties=lambda device: {"max_shared_mem": 232_448},
        load_binary=lambda *arguments: (0, 0, 0, 0),
    )

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return device

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", 90, 32)


@triton.jit
def nothing(
    t1, t2, t3, t4, t5, i1, i2, i3, i4, i5, i6, i7, i8, i9,
    c1: triton.language.constexpr, c2: triton.language.constexpr,
    c3: triton.language.constexpr, c4: triton.language.constexpr,
    c5: triton.language.constexpr,
):  # fmt: skip
    """Do nothing with 5 tensors, 9 numbers and 5 constants."""


def launched() -> float:
    """Return the host time of a launch by Triton, without what follows Python [s]."""
    arguments = [*(torch.zeros(1) for _ in range(5)), *(1,) * 9, *(32,) * 5]
    start = time.process_time()
    for _ in range(100):
        nothing[1,](*arguments)
    return (time.process_time() - start) / 100.0


def decoded(layers: list[nn.Module]) -> float:
    """Return the host time of a layer of one decoded token [s]."""
    with torch.no_grad():
        x = torch.randn(1, 1, HIDDEN, dtype=torch.bfloat16)
        start = time.process_time()
        for layer in layers:
            x = layer(x)
        return (time.process_time() - start) / len(layers)


def least(measure: Callable[[], float]) -> float:
    """Return the least of many runs."""
    return min(measure() for _ in range(ROUNDS))


def host_with_gpu() -> tuple[float, float]:
    """Return how much slower Python is there, and what each kernel adds [s]."""
    driver.set_active(NoGpu())
    launched()  # compiles
    slower = LAUNCHED / least(launched)
    layers: list[nn.Module] = [Decode() for _ in range(LAYERS)]
    left = PUBLISHED / PUBLISHED_LAYERS - slower * least(partial(decoded, layers))
    return slower, left / DECODE_KERNELS


def timed(layers: list[nn.Module], *, repeat: bool) -> tuple[float, float]:
    """Return host time of a layer, forward and backward [s]."""
    x = torch.randn(TOKENS, 1, HIDDEN, requires_grad=True) * 1.0
    start = time.process_time()
    for layer in layers:
        x = checkpoint(layer, x, use_reentrant=True) if repeat else layer(x)
    middle = time.process_time()
    x.sum().backward()
    end = time.process_time()
    for layer in layers:
        layer.zero_grad()
    return (middle - start) / len(layers), (end - middle) / len(layers)


def both(measure: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    """Return the least of many runs, forward and backward."""
    runs = [measure() for _ in range(ROUNDS)]
    return min(run[0] for run in runs), min(run[1] for run in runs)


def kernels(kind: type[nn.Module]) -> tuple[int, int]:
    """Return the kernels that a layer starts, forward and backward."""
    layer, x = kind(), torch.randn(TOKENS, 1, HIDDEN, requires_grad=True)
    with profile(activities=[ProfilerActivity.CPU]) as forward:
        out = layer(x)
    with profile(activities=[ProfilerActivity.CPU]) as backward:
        out.sum().backward()
    return started(forward), started(backward)


def started(seen: Any) -> int:
    """Return the kernels of a profile."""
    found = (e for e in seen.key_averages() if e.key.startswith("aten::"))
    return sum(e.count for e in found if e.key[6:] in KERNELS)


def main() -> None:
    """Print what a host with a GPU adds, and a line for each kind of layer."""
    torch.set_num_threads(1)
    slower, added = host_with_gpu()
    sys.stdout.write(
        f"A host with a GPU: Python takes {slower:.2f} times as long, and a kernel "
        f"{added * 1e6:.1f} us beside\n"
    )
    for kind in (Gpt, Llama):
        layers, count = [kind() for _ in range(LAYERS)], sum(kernels(kind))
        forward, backward = both(partial(timed, layers, repeat=False))
        again = (
            sum(both(partial(timed, layers, repeat=True))) - 2.0 * forward - backward
        )
        each = (forward + backward) / count
        sys.stdout.write(
            f"{kind.__name__}: {count} kernels, {each * 1e6:.1f} us each, "
            f"{(slower * each + added) * 1e6:.1f} us with a GPU; "
            f"checkpointing {again * 1e6:.0f} us, "
            f"{slower * again * 1e6:.0f} us with a GPU\n"
        )


if __name__ == "__main__":
    main()
