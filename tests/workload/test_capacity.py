"""Capacity of experts: dropped and padded choices beside routing by chance."""

from typing import Any

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.explore.estimate import answer
from accelsim.explore.result import Estimate
from accelsim.specs.checking import validate
from accelsim.specs.model import MoeSpec
from tests.examples import MOE_SPEC, question

PLAN = {"tp": 1, "pp": 1, "cp": 1, "micro_batch": 1, "ep": 8}


def spec(**more: Any) -> MoeSpec:
    return validate(MoeSpec, MOE_SPEC | more, "moe")


def routed(factor: float) -> tuple[float, float]:
    """Return choices of a token that are kept, and rows with padding: 20,000 tokens.

    Each token takes 2 of 8 experts by chance; an expert takes factor x its share.
    """
    scores = np.random.default_rng(1).random((20_000, 8))
    chosen = np.argsort(scores, axis=1)[:, :2]
    load = np.bincount(chosen.ravel(), minlength=8)
    room = factor * 20_000 * 2 / 8
    return np.minimum(load, room).sum() / 20_000, 8 * room / 20_000


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.0, 1.25, 2.0])
def test_what_a_capacity_leaves_and_fills(factor: float) -> None:
    kept, rows = routed(factor)
    assert spec(capacity_factor=factor).computed == pytest.approx(kept, rel=0.01)
    full = spec(capacity_factor=factor, pad_to_capacity=True)
    assert full.computed == pytest.approx(rows)
    assert spec().computed == 2.0


def estimated(**moe: Any) -> Estimate:
    (found,) = answer([question(model={"moe": MOE_SPEC | moe}, plan=PLAN)])
    assert isinstance(found, Estimate), found
    return found


def test_padding_costs_products_and_traffic_and_no_model_flops() -> None:
    plain = estimated()
    full = estimated(capacity_factor=1.5, pad_to_capacity=True)
    assert full.link_bytes["ep"] == pytest.approx(1.5 * plain.link_bytes["ep"])
    assert full.hardware_flops > plain.hardware_flops
    assert full.model_flops == plain.model_flops
    assert full.memory.activations > plain.memory.activations
    assert estimated(capacity_factor=1.0).step_time == plain.step_time


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"pad_to_capacity": True}, "pad_to_capacity needs a capacity_factor"),
        ({"capacity_factor": 0}, "capacity_factor"),
        ({"groups": 3}, "groups 3 must divide experts 8"),
        ({"groups": 2, "node_limit": 4}, "no fewer than node_limit 4"),
    ],
)
def test_what_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        spec(**wrong)
