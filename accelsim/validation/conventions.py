"""The measured step time of a row: as printed, or by the source's own arithmetic.

A source that prints TFLOP/s alone is taken back to seconds by its own formula, never
by ours. This file knows those formulas and which words name them.
"""

import re

from accelsim.specs.model import ModelSpec
from accelsim.validation.left_out import NO_FORMULA, NO_TIME, SUSPECT, LeftOutError
from accelsim.validation.table import Row, number
from accelsim.workload.lower import flops_per_token

# Printed step time and tokens/s of one row may differ by rounding, no more.
AGREEMENT = 0.03
# Where a formula is not stated, full and causal attention must agree this closely.
AMBIGUITY = 0.05


def step_time(row: Row, model: ModelSpec, batch: int, chips: int) -> float:
    """Return the measured time of one optimizer step [s].

    Parameters
    ----------
    batch : int
        Sequences of a step.

    Raises
    ------
    LeftOutError
        Nothing was measured, two figures disagree, or the formula is not known.
    """
    printed = number(row, "measured_step_time_s")
    rate = number(row, "measured_tokens_per_s_per_chip")
    implied = batch * model.seq_len / (rate * chips) if rate else None
    if printed and implied and abs(implied / printed - 1.0) > AGREEMENT:
        raise LeftOutError(SUSPECT)
    if printed or implied:
        return printed or implied or 0.0
    tflops = number(row, "measured_tflops_per_chip")
    if not tflops:
        raise LeftOutError(NO_TIME)
    flops = batch * model.seq_len * _flops_per_token(row, model)
    return flops / (tflops * 1e12 * chips)


def _flops_per_token(row: Row, model: ModelSpec) -> float:
    words = row.get("flops_convention", "")
    if re.search(r"HARDWARE|hardware", words) and "96*" in words:
        return _megatron(model, passes=4)
    if "72..." in words or "72*" in words:
        return _megatron(model, passes=3)
    full = flops_per_token(model, model.seq_len, causal=False)
    half = flops_per_token(model, model.seq_len, causal=True)
    if "WITHOUT causal halving" in words or "full (non-causal) attention" in words:
        return full
    if re.search(r"causal attention (counted half|halved)", words):
        return half
    if "unclear" in words or full / half - 1.0 > AMBIGUITY:
        raise LeftOutError(NO_FORMULA)
    return full


def _megatron(model: ModelSpec, passes: int) -> float:
    """Return Megatron-LM's FLOPs of a token [FLOP].

    24 l h^2 (1 + s/6h + V/16lh) a pass, 3 passes, or 4 with full recomputation
    (Narayanan et al. 2021, arXiv:2104.04473, equation 3: 96 B s l h^2 (…)).
    """
    layers, h = model.layers, float(model.hidden)
    attention = model.seq_len / (6.0 * h)
    head = model.vocab / (16.0 * layers * h)
    return 24.0 * passes * layers * h * h * (1.0 + attention + head)
