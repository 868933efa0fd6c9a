"""What a kernel takes on a chip, and why: the answer of the operator models.

This file knows the parts of a kernel's time. It knows no model: `gemm`, `attention`
and `neuron` fill it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.tables import KERNEL, Rows

Numbers = float | NDArray[np.float64]
PARTS = ("matrix", "operands", "vector", "memory", "overhead", "launch")
# Tables of it are plain arrays, which kernels take quicker than `np.recarray`, and
# their rows have fields by name all the same.
FOUND = np.dtype((np.record, KERNEL))
_NAMES = KERNEL.names or ()  # the first attributes of the answer, in their order
_ALL = (*_NAMES, "flops", "peak", "size")
_UNITS = {"clock": "", "flops": "_flop", "peak": "_flop_per_s", "size": "_bytes"}


@dataclass(frozen=True, slots=True)
class KernelTime:
    """The time of one kernel, or of an array of them, in seconds.

    The parts add up to `time`: what runs beside something longer is in neither.

    Attributes
    ----------
    time : float or array
        From the start of the kernel to its end.
    matrix : float or array
        Multiply-adds, with padding of tiles and idle units of the last wave.
    operands : float or array
        What on-chip memories take longer than the multiply-adds to deliver to them.
    vector : float or array
        Work element by element: casts, exponentials, copies.
    memory : float or array
        What the device memory takes longer than all computing.
    overhead : float or array
        Filling and draining pipelines, joining the slices of a split sum.
    launch : float or array
        Starting the kernel.
    clock : float or array
        Mean clock under the power cap, as a share of the full one.
    flops, peak : float or array
        FLOPs that were asked for, and the datasheet's rate of the precision [FLOP/s].
    size : float or array
        Bytes that operands and results hold.
    """

    time: Numbers
    matrix: Numbers
    operands: Numbers
    vector: Numbers
    memory: Numbers
    overhead: Numbers
    launch: Numbers
    clock: Numbers
    flops: Numbers
    peak: Numbers
    size: Numbers

    @property
    def rate(self) -> Numbers:
        """Return the FLOP/s reached; 0 where nothing was to do."""
        return self._share(self.flops, self.time)

    @property
    def utilisation(self) -> Numbers:
        """Return the share of the peak reached."""
        return self._share(self.flops, self.peak * self.time)

    @property
    def bandwidth(self) -> Numbers:
        """Return operands and results over the time [B/s]."""
        return self._share(self.size, self.time)

    @property
    def bound(self) -> Any:
        """Return the name of the longest part: a text, or an array of them."""
        parts = np.array([np.asarray(getattr(self, name)) for name in PARTS])
        names = np.array(PARTS)[parts.argmax(axis=0)]
        return str(names) if names.ndim == 0 else names

    @staticmethod
    def _share(part: Numbers, whole: Numbers) -> Numbers:
        part, whole = np.asarray(part, float), np.asarray(whole, float)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(whole > 0.0, part / whole, 0.0)
        return float(share) if share.ndim == 0 else share

    def to_dict(self) -> dict[str, Any]:
        """Return every figure under a name that carries its unit."""
        found = {name + _UNITS.get(name, "_s"): getattr(self, name) for name in _ALL}
        found |= {"flop_per_s": self.rate, "bytes_per_s": self.bandwidth}
        found |= {"utilisation": self.utilisation, "bound": self.bound}
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in found.items()
        }


def told(
    found: Rows, shape: tuple[int, ...], flops: Any, size: Any, peak: float
) -> KernelTime:
    """Return KERNEL rows as an answer of this shape; one without axes as floats."""
    if not shape:
        parts = found[0].item()
        return KernelTime(*(*parts, float(flops[0]), peak, float(size[0])))
    parts = [np.ascontiguousarray(found[name]).reshape(shape) for name in _NAMES]
    return KernelTime(*(*parts, flops.reshape(shape), peak, size.reshape(shape)))
