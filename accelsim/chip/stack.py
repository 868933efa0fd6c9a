"""A chip's stacks under the traffic of its operators, at the chip's pin rate.

This file knows which streams stand for a training step and puts the channel model's
answers beside the share of the peak that was measured on the chip.
"""

from dataclasses import dataclass
from functools import lru_cache

from accelsim.chip import streams
from accelsim.chip.examine import limits
from accelsim.chip.streams import Streams, stream_requests
from accelsim.chip.surface import burst_ticks, saturated_ticks, surface
from accelsim.errors import InputError
from accelsim.specs.chip import ChipSpec
from accelsim.specs.figure import read_figure
from accelsim.specs.hbm import HbmSpec

# Products of a hidden size of 8,192 with 128 x 256 x 64 tiles in bf16, 128 side by
# side; attention over 8k tokens; an optimizer update; an all-gather that lands at a
# tenth of the bytes while compute reads.
OPERATORS = {
    "product": streams.product(8192, 2.0, (128, 256, 64), 128),
    "attention": streams.attention_blocks(8192, 1024, 128, 2.0),
    "optimizer": streams.optimizer_update(),
    "landing": streams.landing_while_reading(0.1),
}
STREAMS: dict[str, Streams] = {
    "read_only": streams.read_only(),
    "copy": streams.copy(streams.LANDING_TURN),
    **OPERATORS,
}
LIMIT_REQUESTS = 20_000


@dataclass(frozen=True, slots=True)
class ChipMemory:
    """What a chip's memory gives: shares of its peak, and what limits each stream.

    Attributes
    ----------
    efficiency : float
        The chip's own `hbm.efficiency`, what its products are calculated with.
    reached : dict
        Share of the peak by stream; `limited_by` what would help each one most.
    """

    chip: str
    memory: str
    refresh: str
    stacks: int
    pin_rate: float
    peak: float
    efficiency: float
    reached: dict[str, float]
    limited_by: dict[str, str]


def at_pin_rate(spec: HbmSpec, pin_rate: float) -> HbmSpec:
    """Return a memory at another pin rate [b/s]; times stay what they are."""
    figure = read_figure(f"{pin_rate / 1e9:.4f} Gb/s", "bit_rate")
    made = spec.model_copy(update={"pin_rate": figure})
    try:
        made.check_cycles()
    except ValueError as error:
        raise InputError(f"hbm {spec.name} at {figure.text} a pin: {error}") from None
    return made


@lru_cache(maxsize=1024)
def operator_efficiency(spec: HbmSpec, pin_rate: float) -> float:
    """Return the share of the peak over the operators' streams, each as many bytes.

    The kernel runs these few streams itself: it takes tens of milliseconds, a tenth of
    what a whole surface would.
    """
    made = at_pin_rate(spec, pin_rate)
    ticks = [saturated_ticks(made, one, 1.0) for one in OPERATORS.values()]
    return burst_ticks(made) * len(ticks) / sum(ticks)


def chip_memory(chip: ChipSpec, refresh: str | None = None) -> ChipMemory | None:
    """Return what a chip's memory gives; None if the chip does not name its memory.

    refresh : a policy instead of the memory's own.
    """
    if chip.hbm.memory is None:
        return None
    spec = at_pin_rate(chip.hbm.memory, chip.hbm.derived_pin_rate)
    if refresh is not None:
        controller = spec.controller.model_copy(update={"refresh": refresh})
        spec = spec.model_copy(update={"controller": controller})
    shares = surface(spec).efficiency(spec.organisation.transaction, *STREAMS.values())
    first = {
        name: next(iter(limits(spec, stream_requests(spec, one, LIMIT_REQUESTS))))
        for name, one in STREAMS.items()
    }
    return ChipMemory(
        chip=chip.name,
        memory=spec.name,
        refresh=spec.controller.refresh,
        stacks=chip.hbm.stacks,
        pin_rate=chip.hbm.derived_pin_rate,
        peak=float(chip.hbm.bandwidth),
        efficiency=float(chip.hbm.efficiency),
        reached=dict(zip(STREAMS, (float(s) for s in shares), strict=True)),
        limited_by=first,
    )
