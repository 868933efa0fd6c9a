"""Rows of a table of NKI kernels: from `params_json` to the cases of a kernel.

This file knows the parameters of the regression tests of aws-neuron/nki-library@d2ad3a5
(test/integration/nkilib/core), and which of them change the time.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from accelsim.chip import neuron_cases as build
from accelsim.kernels import neuron_run
from accelsim.kernels.tables import Rows
from accelsim.validation.left_out import LeftOutError
from accelsim.validation.table import Row

Params = Mapping[str, Any]
BAD_PARAMS = "params_json is no JSON object, or a parameter is missing or out of range"
NO_SUCH_KERNEL = "kernel is unknown"
LARGEST = 2**22  # of a size: far beyond every test
MOST_SCORES = 2.0**36  # of a head: seconds of simulation
NORMS = {"NO_NORM": 0, "RMS_NORM": 1, "RMS_NORM_SKIP_GAMMA": 1, "LAYER_NORM": 2}
QUANTISED = {"NONE": (0.0, 0.0), "ROW": (1.0, 1.0), "STATIC": (1.0, 0.0)}
HALF, WHOLE = 2.0, 4.0  # bytes of an element


class Kernel(NamedTuple):
    """What to run: cores, the kernel, its cases by core, and its FLOPs if known."""

    cores: int
    fill: Callable[[Rows, Rows, Rows, Rows], None]
    cases: list[Rows]
    flops: float
    dtype: str = "bf16"  # of products


def kernel_of(row: Row, side: float) -> Kernel:
    """Return the kernel of a row; side : columns of the array.

    Raises
    ------
    LeftOutError
        The kernel is unknown, or its parameters are.
    """
    make = _KERNELS.get(row["kernel"])
    if make is None:
        raise LeftOutError(NO_SUCH_KERNEL)
    try:
        params = json.loads(row["params_json"])
        if not isinstance(params, dict):
            raise TypeError
        return make(params, side)
    except (KeyError, TypeError, ValueError, RecursionError):
        raise LeftOutError(BAD_PARAMS) from None


def _whole(params: Params, name: str, least: int = 1) -> int:
    value = params[name]
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(name)
    if not least <= value <= LARGEST:
        raise ValueError(name)
    return value


def _optional(params: Params, name: str) -> int:
    """Return a number that is 0 where it is missing or null."""
    return _whole(params, name, 0) if params.get(name) is not None else 0


def _flag(params: Params, name: str) -> float:
    value = params.get(name, False)
    if not isinstance(value, bool):
        raise TypeError(name)
    return float(value)


def _word(params: Params, name: str) -> str:
    """Return an enumeration's member, such as RMS_NORM of NormType.RMS_NORM."""
    return str(params[name]).rpartition(".")[2]


def _cores(params: Params, *names: str) -> int:
    found = [params[name] for name in names if name in params]
    cores = _whole({"cores": found[0]}, "cores") if found else 1
    if cores > 2:
        raise ValueError("cores")
    return cores


def _sizes(**sizes: float) -> dict[str, Any]:
    return {name: np.array([float(size)]) for name, size in sizes.items()}


def _element(dtype: object) -> float:
    return WHOLE if "32" in str(dtype) else HALF


def _attention(p: Params, side: float) -> Kernel:
    cores = _cores(p, "vnc_degree", "lnc_degree")
    queries, keys = _whole(p, "seqlen_q"), _whole(p, "seqlen_kv")
    prior, window = _optional(p, "prior_len"), _optional(p, "sliding_window")
    heads, head, causal = _whole(p, "bs"), _whole(p, "d"), _flag(p, "causal_mask")
    if head > side or float(queries) * (keys + prior) > MOST_SCORES:
        raise ValueError("too large")
    if window and not causal:
        raise ValueError("sliding_window")
    cases = build.attention_cases(
        _sizes(queries=queries, keys=keys, head=head, heads=heads),
        cores, side, causal=causal, window=window, prior=prior, sink=_flag(p, "sink"),
        query_rows=_flag(p, "tp_q"), key_rows=_flag(p, "tp_k"),
        out_columns=_flag(p, "tp_out"), element=_element(p["dtype"]),
    )  # fmt: skip
    looked = min(keys * (0.5 if causal else 1.0), window or np.inf) + prior
    flops = 4.0 * heads * queries * looked * head
    return Kernel(cores, neuron_run.fill_attention, cases, flops)


def _mlp(p: Params, side: float) -> Kernel:
    del side
    cores = _cores(p, "vnc_degree", "lnc_degree")
    norm = _word(p, "norm_type")
    quantised, _ = QUANTISED[_word(p, "quantization_type")]
    tokens = _whole(p, "batch") * _whole(p, "seqlen")
    hidden, inner = _whole(p, "hidden"), _whole(p, "intermediate")
    gated = 1.0 - _flag(p, "skip_gate")
    names = ("fused_add", "store_add", "gate_bias", "up_bias", "down_bias")
    flags = {name: _flag(p, name) for name in names}
    scaled = float(norm in ("RMS_NORM", "LAYER_NORM")) + _flag(p, "norm_bias")
    cases = build.mlp_cases(
        _sizes(tokens=tokens, hidden=hidden, inner=inner), cores, gated=gated,
        norm=NORMS[norm], scaled=scaled,
        element=HALF, weight=HALF - quantised, **flags,
    )  # fmt: skip
    flops = 2.0 * (2.0 + gated) * tokens * hidden * inner
    dtype = "fp8" if quantised else "bf16"
    return Kernel(cores, neuron_run.fill_mlp, [cases], flops, dtype)


def _few_tokens(p: Params, side: float) -> Kernel:
    del side
    cores = _cores(p, "vnc_degree", "lnc_degree")
    quantised, scales = QUANTISED[_word(p, "quant_type")]
    tokens = _whole(p, "batch") * _whole(p, "seqlen")
    hidden, inner = _whole(p, "hidden"), _whole(p, "intermediate")
    gated = 1.0 - _flag(p, "skip_gate_proj")
    cases = build.decode_cases(
        _sizes(tokens=tokens, hidden=hidden, inner=inner), cores, mlp=1.0,
        norm=NORMS[_word(p, "norm_type")], gated=gated, element=HALF,
        quantised=quantised, scales=scales, bias=_flag(p, "up_bias"),
        fused_add=_flag(p, "fused_add"), up_columns=_flag(p, "gate_up_col_tiling"),
        down_columns=_flag(p, "down_col_tiling"),
        down_layout=_flag(p, "down_opt_layout"),
    )  # fmt: skip
    flops = 2.0 * (2.0 + gated) * tokens * hidden * inner
    return Kernel(cores, neuron_run.fill_decode, [cases], flops)


def _projection(p: Params, side: float) -> Kernel:
    del side
    cores = _cores(p, "lnc_degree", "vnc_degree")
    quantised, scales = QUANTISED[_word(p, "quantization_type")]
    tokens = _whole(p, "batch") * _whole(p, "seqlen")
    hidden, inner = _whole(p, "hidden_dim"), _whole(p, "fused_qkv_dim")
    cases = build.decode_cases(
        _sizes(tokens=tokens, hidden=hidden, inner=inner), cores,
        norm=NORMS[_word(p, "norm_type")], element=HALF,
        fused_add=2.0 * _flag(p, "fused_add"), quantised=quantised, scales=scales,
    )  # fmt: skip
    flops = 2.0 * tokens * hidden * inner
    return Kernel(cores, neuron_run.fill_decode, [cases], flops)


def _norm(p: Params, side: float) -> Kernel:
    del side
    cores = _cores(p, "lnc_degree", "vnc_degree")
    rows = _whole(p, "batch") * _whole(p, "seqlen")
    norm = 1.0 - _flag(p, "quant_only")
    clipped = float(p.get("lower_bound", 0.0) or 0.0) > 0.0
    cases = build.rows_cases(
        np.array([float(rows)]), cores, columns=float(_whole(p, "hidden")), loads=1.0,
        element=HALF, stores=1.0, vector=1.0, vector_fast=1.0 + clipped,
        serial=3.0 + norm, scalar=norm, gain=norm,
    )  # fmt: skip
    return Kernel(cores, neuron_run.fill_rows, [cases], 0.0)


_KERNELS: dict[str, Callable[[Params, float], Kernel]] = {
    "attention_cte": _attention,
    "mlp_cte": _mlp,
    "mlp_tkg": _few_tokens,
    "qkv_tkg": _projection,
    "rmsnorm_quant": _norm,
}
