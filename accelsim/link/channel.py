"""A channel: one victim and its aggressors, as S-parameters of differential pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError

Complexes = NDArray[np.complex128]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TwoPort:
    """Differential S-parameters over frequency.

    Attributes
    ----------
    frequency : (F,)
        Hz, rising.
    s : (F, 2, 2)
    impedance : float
        Differential, that they are referred to [ohm].
    name : str
        Of the file or segment.
    """

    frequency: Floats
    s: Complexes
    impedance: float = 100.0
    name: str = ""

    @classmethod
    def of(cls, frequency: Floats, parts: Sequence[Complexes], name: str = "") -> Self:
        """Return the two-port of (s11, s12, s21, s22), each of shape (F,)."""
        s = np.empty((len(frequency), 2, 2), np.complex128)
        s[:, 0, 0], s[:, 0, 1], s[:, 1, 0], s[:, 1, 1] = parts
        return cls(np.asarray(frequency, np.float64), s, name=name)

    def loss_db(self, frequency: float) -> float:
        """Return the insertion loss at a frequency [dB]."""
        size = -20.0 * np.log10(np.maximum(np.abs(self.s[:, 1, 0]), 1e-300))
        return float(np.interp(frequency, self.frequency, size))

    def then(self, other: "TwoPort") -> "TwoPort":
        """Return this two-port followed by another."""
        from accelsim.kernels.channel import fill_joined

        if not np.array_equal(self.frequency, other.frequency):
            raise InputError(
                f"{self.name or 'two-port'} and {other.name or 'two-port'}: "
                "frequencies differ"
            )
        if self.impedance != other.impedance:
            other = other.referred_to(self.impedance)
        out = np.empty_like(self.s)
        fill_joined(self.s, other.s, out)
        name = " + ".join(part for part in (self.name, other.name) if part)
        return TwoPort(self.frequency, out, self.impedance, name)

    def referred_to(self, impedance: float) -> "TwoPort":
        """Return the same two-port, its waves referred to another impedance.

        S' = (S - r I) (I - r S)^-1 with r = (Z' - Z) / (Z' + Z), equal at both ends.
        """
        r = (impedance - self.impedance) / (impedance + self.impedance)
        if r == 0.0:
            return self
        eye = np.eye(2)
        s = (self.s - r * eye) @ np.linalg.inv(eye - r * self.s)
        return TwoPort(self.frequency, s, impedance, self.name)


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """What a receiver gets: its own signal, and far-end and near-end crosstalk."""

    thru: TwoPort
    fext: tuple[TwoPort, ...] = ()
    next: tuple[TwoPort, ...] = ()

    def alone(self) -> "Channel":
        """Return the channel without its aggressors."""
        return Channel(self.thru)
