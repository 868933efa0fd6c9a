"""What an allocator keeps beside a step's tensors: by hand, and what must hold."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.allocator import MIB
from accelsim.kernels.memory_tables import PACE
from accelsim.kernels.software_tables import ALLOCATORS
from accelsim.kernels.step_tensors import MORE
from accelsim.kernels.tables import (
    ADAM_8BIT,
    FULL,
    GPIPE,
    KEEP,
    SELECTIVE,
    UNSHARDED,
    ZERO1,
    ZERO2,
    ZERO3,
)
from accelsim.training.lower import table
from accelsim.training.reserved import known, replay, slowed
from tests.examples import (
    NO_FUSED,
    World,
    case,
    chip,
    mixture,
    model,
    plan,
    software,
    world,
)

STATIC, SEGMENTS, EXPANDABLE = range(3)
assert ALLOCATORS == ("static", "segments", "expandable")


def torch(**changes: Any) -> World:
    return world(software=software(**{"segments": SEGMENTS} | changes))


def kept(made: World, layers: float = 2.0, depth: float = 1.0, **sizes: Any) -> float:
    """Return what is kept on the first stage beside the tensors of its peak."""
    assert known(made.rows, plan(**sizes))
    pace = table(PACE, 1)[0]
    found = replay(made.rows, plan(**sizes), 0, layers, depth, pace)
    assert not found.ran_out
    return found.reserved - found.peak


def test_moments_in_the_holes_of_a_tied_embedding() -> None:
    # A model of one embedding and no layer, its logits smaller than a small block:
    # weights 64 MiB, sums and master copy 128 MiB each, two moments of 128 MiB, one
    # block each: nothing is lost but the rest of the small tensors' segments.
    tiny = model(layers=0.0, hidden=1024.0, vocab=32768.0, head_parameters=0.0)
    made = world(model=tiny, case=case(seq_len=1.0), software=software(segments=1.0))
    assert kept(made, layers=0.0) < 2 * MIB


def test_a_moment_in_the_hole_of_a_gradient() -> None:
    # The same with two gradients of a micro-batch in 2 B, of the head and of the
    # embedding, 64 MiB each, that come and go. Moments of 128 MiB find no room in these
    # holes. Those of 8 bits are 32.5 MiB: each fits into one, so that the next step's
    # gradients take 128 MiB more, and 63 MiB of the holes are lost.
    tiny = model(layers=0.0, hidden=1024.0, vocab=32768.0, head_parameters=0.0)
    stack = software(segments=1.0, working_gradient=2.0)
    made = world(model=tiny, case=case(seq_len=1.0), software=stack)
    assert kept(made, layers=0.0) < 2 * MIB
    found = kept(made, layers=0.0, optimizer=ADAM_8BIT)
    assert 63 * MIB <= found < 66 * MIB


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ({"software": software()}, {}),
        ({"model": mixture()}, {}),
        ({"chip": chip(**NO_FUSED)}, {}),
        ({}, {"vp": 2, "pp": 2}),
        ({}, {"sharding": ZERO3}),
        ({}, {"recompute": SELECTIVE}),
        ({}, {"offload": 0.5}),
        ({}, {"recompute": FULL, "recompute_layers": 1}),
    ],
)
def test_what_is_not_followed(changes: dict[str, Any], sizes: dict[str, Any]) -> None:
    made = replace(torch(), **changes)
    assert not known(made.rows, plan(**sizes))


@given(
    st.sampled_from([SEGMENTS, EXPANDABLE]),
    st.sampled_from([KEEP, FULL]),
    st.sampled_from([UNSHARDED, ZERO1, ZERO2]),
    st.integers(1, 4),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([1, 4]),
    st.fixed_dictionaries(
        {
            name: st.sampled_from([0.0, 1.0, 2.0])
            for name in (
                *("activation_kept", "kv_copied", "gathered_inputs", "gather_buffers"),
                *("working_gradient", "bucket_bytes", "update_bytes"),
            )
        }
    ),
)
def test_all_tensors_but_those_that_stay_are_freed(
    allocator: int, recompute: int, sharding: int, depth: int, tp: int, dp: int,
    flags: dict[str, float],
) -> None:  # fmt: skip
    # a third step would need no more: what is kept does not grow with micro-batches
    made = torch(segments=allocator, **flags)
    sizes = {"tp": tp, "dp": dp, "sp": int(tp > 1), "pp": depth}
    sizes |= {"recompute": recompute, "sharding": sharding}
    few = kept(made, depth=depth, micro_batches=depth + MORE, **sizes)
    many = kept(made, depth=depth, micro_batches=64, **sizes)
    assert few == many >= 0.0


def test_an_expandable_segment_keeps_less() -> None:
    flags = {"working_gradient": 2.0, "activation_kept": 1.0, "kv_copied": 1.0}
    sizes = {"tp": 2, "sp": 1, "pp": 4, "micro_batches": 8}
    fixed = kept(torch(**flags), depth=4.0, **sizes)
    grown = kept(torch(**flags, segments=EXPANDABLE), depth=4.0, **sizes)
    assert grown < fixed


def test_gpipe_is_followed_with_all_in_flight() -> None:
    made = torch()
    assert kept(made, depth=6.0, micro_batches=6, pp=2, schedule=GPIPE) >= 0.0


def test_a_slower_host_takes_as_long_as_was_seen() -> None:
    pace = table(PACE, 1)[0]
    pace.forward_launches, pace.forward_host = 100.0, 1e-5
    pace.backward_launches, pace.backward_host = 200.0, 1e-5
    assert slowed(pace, 2.0, 6e-2).forward_host == pytest.approx(1e-4)
    assert slowed(pace, 2.0, 6e-2).backward_host == pytest.approx(1e-4)
    assert slowed(pace, 2.0, 1e-3) == pace  # never faster


def test_a_slower_host_has_less_held_up() -> None:
    # what collectives used is free when the device is done: at once, if it waits for
    # the host
    stack = software(segments=SEGMENTS, lends=1.0)
    made, sizes = world(software=stack), plan(tp=4, sp=1, micro_batches=4)
    pace = table(PACE, 1)[0]
    for way in ("forward", "backward"):
        pace[f"{way}_launches"], pace[f"{way}_seconds"] = 50.0, 1e-2
        pace[f"{way}_host"] = 1e-5
    ahead = replay(made.rows, sizes, 0, 8.0, 1.0, pace)
    behind = replay(made.rows, sizes, 0, 8.0, 1.0, slowed(pace, 8.0, 1.0))
    assert behind.reserved < ahead.reserved
