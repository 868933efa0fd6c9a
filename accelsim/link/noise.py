"""Noise and crosstalk by frequency: what the figure of merit and ICN are made of.

[1] is IEEE Std 802.3, Annexes 92 and 93A; [2] the IEEE reference tool, release 4.30.
"""

from typing import TYPE_CHECKING

import numpy as np

from accelsim.link.channel import Channel, Floats
from accelsim.link.filters import receiver_filter
from accelsim.link.responses import Responses
from accelsim.link.sheet import Sheet

if TYPE_CHECKING:
    from accelsim.link.com import Setting


def ctle_gain(frequency: Floats, sheet: Sheet, setting: "Setting") -> Floats:
    """Return the size of the continuous-time equalizer's transfer squared, (F,)."""
    at, f = sheet.ctle.at(setting.gain_db, setting.low_gain_db), frequency
    gain = 10.0 ** (setting.gain_db / 10.0) + (f / at.zero) ** 2
    gain /= (1.0 + (f / at.pole) ** 2) * (1.0 + (f / at.far_pole) ** 2)
    if at.low_pole:
        low = 10.0 ** (setting.low_gain_db / 10.0) + (f / at.low_zero) ** 2
        gain *= low / (1.0 + (f / at.low_pole) ** 2)
    return np.asarray(gain)


def receiver_gain(frequency: Floats, sheet: Sheet) -> Floats:
    """Return the size of the receiver's filter squared, (F,): [1] (93A-20)."""
    return np.asarray(np.abs(receiver_filter(frequency, sheet)) ** 2)


def noise_sigma(frequency: Floats, sheet: Sheet, setting: "Setting") -> float:
    """Return the receiver's own noise behind its filters [V], [1] (93A-35)."""
    gain = receiver_gain(frequency, sheet) * ctle_gain(frequency, sheet, setting)
    steps = np.diff(frequency) / 1e9
    return float(np.sqrt(sheet.noise_density * np.sum(gain[1:] * steps)))


def spectrum_of_symbols(frequency: Floats, sheet: Sheet) -> Floats:
    """Return sinc^2 of frequency over symbol rate, (F,)."""
    return np.asarray(np.sinc(frequency / sheet.symbol_rate) ** 2)


def tx_gain(frequency: Floats, sheet: Sheet, setting: "Setting") -> Floats:
    """Return the size of the transmitter's equalizer, (F,)."""
    turns = -2j * np.pi * frequency / sheet.symbol_rate
    places = np.arange(len(setting.tx_taps)) - setting.tx_cursor
    parts = [
        t * np.exp(turns * n) for t, n in zip(setting.tx_taps, places, strict=True)
    ]
    return np.asarray(np.abs(sum(parts)))


def crosstalk_sigma(paths: Responses, sheet: Sheet, setting: "Setting") -> float:
    """Return the crosstalk of the figure of merit [V].

    Not [1] (93A-33), which samples pulses: [2] integrates power up to the symbol rate,
    weighed as integrated crosstalk noise is, and divides by its band f_2.
    """
    if not paths.aggressors:
        return 0.0
    far, near = crosstalk_power(paths, sheet)
    weight = ctle_gain(paths.frequency, sheet, setting)
    weight = weight * spectrum_of_symbols(paths.frequency, sheet)
    total = np.sum(weight * (near + far * tx_gain(paths.frequency, sheet, setting)))
    step = paths.frequency[10] - paths.frequency[9]
    return sheet.symbol_sigma * float(
        np.sqrt(2.0 * step / sheet.crosstalk_band * total)
    )


def crosstalk_power(paths: Responses, sheet: Sheet) -> tuple[Floats, Floats]:
    """Return far-end and near-end crosstalk [V^2], (F,), zero above the symbol rate."""
    far, near = np.zeros((2, len(paths.frequency)))
    for path in paths.aggressors:
        power = far if path.shaped else near
        amplitude = sheet.far if path.shaped else sheet.near
        power += np.abs(amplitude * path.transfer) ** 2
    above = np.flatnonzero(paths.frequency > sheet.symbol_rate)
    if len(above):  # the first of them counts
        far[above[0] + 1 :] = near[above[0] + 1 :] = 0.0
    return far, near


def icn(channel: Channel, sheet: Sheet) -> float:
    """Return the integrated crosstalk noise of a channel without packages [V].

    [1] (92-44) to (92-48), from the lowest frequency of the sheet to f_2.
    """
    f = channel.thru.frequency
    inside = slice(*_band(f, sheet))
    receiver = 1.0 / (1.0 + (f / (sheet.receiver_corner * sheet.symbol_rate)) ** 8)
    total = 0.0
    kinds = [(channel.fext, sheet.icn_far, sheet.icn_far_corner)]
    kinds += [(channel.next, sheet.icn_near, sheet.icn_near_corner)]
    # [2] weighs each by its own edge but sums all of them up to the last by its
    for ports, amplitude, corner in kinds:
        edge = 1.0 / (1.0 + (f / (corner * sheet.symbol_rate)) ** 4)
        weight = spectrum_of_symbols(f, sheet) * edge * receiver
        for port in ports:
            power = np.abs(amplitude * port.s[:, 1, 0]) ** 2
            total += float(np.sum((weight * power)[inside]))
    return float(np.sqrt(2.0 * (f[10] - f[9]) / sheet.crosstalk_band * total))


def _band(f: Floats, sheet: Sheet) -> tuple[int, int]:
    below = np.flatnonzero(f <= sheet.lowest_frequency)
    above = np.flatnonzero(f >= sheet.crosstalk_band)
    start = int(below[-1]) if len(below) else 0
    return start, int(above[0]) + 1 if len(above) else len(f)
