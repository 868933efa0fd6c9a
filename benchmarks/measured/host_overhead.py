"""Host time of eager PyTorch: a transformer layer on tensors too small to compute.

Needs torch (any build, no GPU): `pip install torch`, then run this file. Times are CPU
time of this process, the median of many runs; kernels are counted by torch.profiler.
What a GPU's driver takes to start a kernel comes on top.
"""

# mypy: allow-subclassing-any, allow-untyped-calls

import statistics
import sys
import time
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile
from torch.utils.checkpoint import checkpoint

HIDDEN, HEADS, TOKENS, LAYERS, RUNS = 64, 4, 8, 12, 40
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


def timed(kind: type[nn.Module], *, repeat: bool) -> tuple[float, float]:
    """Return host time of a layer, forward and backward [s]."""
    layers = [kind() for _ in range(LAYERS)]
    forward, backward = [], []
    for _ in range(RUNS):
        x = torch.randn(TOKENS, 1, HIDDEN, requires_grad=True) * 1.0
        start = time.process_time()
        for layer in layers:
            x = checkpoint(layer, x, use_reentrant=True) if repeat else layer(x)
        middle = time.process_time()
        x.sum().backward()
        forward.append(middle - start)
        backward.append(time.process_time() - middle)
        for layer in layers:
            layer.zero_grad()
    return statistics.median(forward) / LAYERS, statistics.median(backward) / LAYERS


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
    """Print a line for each kind of layer."""
    torch.set_num_threads(1)
    for kind in (Gpt, Llama):
        forward, backward = timed(kind, repeat=False)
        count = sum(kernels(kind))
        again = sum(timed(kind, repeat=True)) - 2.0 * forward - backward
        sys.stdout.write(
            f"{kind.__name__}: {count} kernels, {forward * 1e6:.0f} us forward, "
            f"{backward * 1e6:.0f} us backward, "
            f"{(forward + backward) / count * 1e6:.1f} us a kernel, "
            f"{again * 1e6:.0f} us of checkpointing\n"
        )


if __name__ == "__main__":
    main()
