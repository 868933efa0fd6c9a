"""From a channel and a sheet to the responses in the time domain, before equalizers.

This file knows the front half of the channel operating margin ([1] IEEE Std 802.3,
Annex 93A.1.1 to 93A.1.4): packages, the source's edge, the receiver's filter, the
impulse responses. The kernels know the formulas.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels import channel as wire
from accelsim.kernels import pulse
from accelsim.kernels.channel_tables import (
    LINE,
    SECTION,
    SERIES_INDUCTOR,
    SHUNT_CAPACITOR,
)
from accelsim.link.channel import Channel, Complexes, Floats, TwoPort
from accelsim.link.filters import other_filters
from accelsim.link.sheet import Board, Line, Package, PackageCase, Sheet

VIA_AFTER = 3  # lines of a package


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """One path from a die to the victim's receiver.

    Attributes
    ----------
    transfer : (F,)
        Voltage at the receiver over that of the source, filters included.
    impulse : (T,)
        Samples at `Sheet.rate` [V], of the amplitude of its source.
    shaped : bool
        Whether the transmitter's equalizer acts on it; not on NEXT, whose setting is
        not the victim's.
    """

    transfer: Complexes
    impulse: Floats
    shaped: bool


@dataclass(frozen=True, slots=True, eq=False)
class Responses:
    """Those of the victim and of each aggressor, at the channel's frequencies."""

    frequency: Floats
    victim: Response
    aggressors: tuple[Response, ...]


def sections(package: Package) -> NDArray[np.void]:
    """Return a package as the table of its sections, from the die outwards."""
    rows: list[tuple[float, ...]] = []
    coils = package.coils or (0.0,) * len(package.pads)
    for pad, coil in zip(package.pads, coils, strict=True):
        rows.append((SHUNT_CAPACITOR, pad, 0, 0, 0, 0, 0))
        rows.append((SERIES_INDUCTOR, coil, 0, 0, 0, 0, 0))
    rows.append((SHUNT_CAPACITOR, package.bump, 0, 0, 0, 0, 0))
    rows += [_row(line) for line in package.lines[:VIA_AFTER]]
    rows.append((SHUNT_CAPACITOR, package.via, 0, 0, 0, 0, 0))
    rows += [_row(line) for line in package.lines[VIA_AFTER:]]
    rows.append((SHUNT_CAPACITOR, package.ball, 0, 0, 0, 0, 0))
    if package.board is not None:
        rows.append(_row(package.board))
    kept = [row for row in rows if row[1] != 0.0]
    return np.array(kept, SECTION)


def _row(line: Line) -> tuple[float, ...]:
    lengths = (line.gamma0, line.a1, line.a2, line.tau)
    return (LINE, line.length, line.impedance, *lengths)


def package_s(package: Package, frequency: Floats, reference: float) -> Complexes:
    """Return a package's S-parameters, left port its die, `reference` of one leg."""
    out = np.empty((len(frequency), 2, 2), np.complex128)
    parts = sections(package).view(np.recarray)
    wire.fill_cascade(frequency, parts, 2.0 * reference, out)
    return out


def responses(channel: Channel, sheet: Sheet, case: PackageCase) -> Responses:
    """Return every path of a channel between the packages of a case."""
    frequency = channel.thru.frequency
    receiver = package_s(case.receiver, frequency, sheet.reference)
    edges = np.empty(len(frequency), np.complex128)
    corner = sheet.receiver_corner * sheet.symbol_rate
    if not sheet.filters.butterworth:
        corner = np.inf
    wire.fill_edges(frequency, sheet.transition_time, corner, edges)
    edges *= other_filters(frequency, sheet)
    kinds: list[tuple[Package, float, bool, tuple[TwoPort, ...]]] = [
        (case.transmitter, sheet.victim, True, (channel.thru,)),
        (case.fext, sheet.far, True, channel.fext),
        (case.next, sheet.near, False, channel.next),
    ]
    found = []
    for kind, (package, amplitude, shaped, ports) in enumerate(kinds):
        if not ports:
            continue
        source = package_s(package, frequency, sheet.reference)
        ends = (_reflection(package, sheet), _reflection(case.receiver, sheet))
        if sheet.boards and sheet.boards.transmitter is None:
            ends = (0.0, ends[1])  # a tester's board is matched
        for port in ports:
            wave = between(port, sheet, kind)
            transfer = np.empty(len(frequency), np.complex128)
            wire.fill_transfer(source, wave, receiver, ends, edges, transfer)
            impulse = impulse_response(frequency, transfer, sheet.rate, sheet.kept)
            found.append(Response(transfer, impulse * amplitude, shaped))
    return Responses(frequency, found[0], tuple(found[1:]))


def between(port: TwoPort, sheet: Sheet, kind: int) -> Complexes:
    """Return a path's waves between the packages, (F, 2, 2); `kind` as in `Boards`."""
    if not sheet.as_measured:
        port = port.referred_to(2.0 * sheet.reference)
    if sheet.boards:
        far = _board_s(sheet.boards.receiver[kind], port.frequency, sheet.reference)
        # a board is drawn from its device outwards: the receiver's is turned round
        port = port.then(replace(port, s=far[:, ::-1, ::-1]))
        if sheet.boards.transmitter:
            board = sheet.boards.transmitter[kind]
            near = _board_s(board, port.frequency, sheet.reference)
            port = replace(port, s=near).then(port)
    if sheet.kappa == (1.0, 1.0):
        return port.s
    s = port.s.copy()
    s[:, 0, 0] *= sheet.kappa[0]
    s[:, 1, 1] *= sheet.kappa[1]
    return s


def _board_s(board: Board, frequency: Floats, reference: float) -> Complexes:
    rows = [
        (SHUNT_CAPACITOR, board.device, 0, 0, 0, 0, 0),
        _row(board.line),
        (SHUNT_CAPACITOR, board.far, 0, 0, 0, 0, 0),
    ]
    out = np.empty((len(frequency), 2, 2), np.complex128)
    parts = np.array(rows, SECTION).view(np.recarray)
    wire.fill_cascade(frequency, parts, 2.0 * reference, out)
    return out


def _reflection(package: Package, sheet: Sheet) -> float:
    die, reference = package.resistance, sheet.reference
    return (die - reference) / (die + reference)


def impulse_response(
    frequency: Floats, transfer: Complexes, rate: float, kept: float
) -> Floats:
    """Return the response to an impulse, `rate` samples a second.

    It ends after its last sample above `kept` of the peak.
    """
    magnitude, phase = np.empty((2, len(frequency)))
    pulse.fill_magnitude_phase(transfer, magnitude, phase)
    top = rate / 2.0
    points = int(np.floor(top / (frequency[2] - frequency[1]) + 0.5)) + 1
    spectrum = np.empty(points, np.complex128)
    step, slope = top / (points - 1), mended(frequency, phase)
    pulse.fill_spectrum(frequency, magnitude, phase, step, slope, spectrum)
    response = np.fft.irfft(spectrum, 2 * (points - 1))
    return response[: pulse.last_above(response, kept)].copy()


def mended(frequency: Floats, phase: Floats) -> float:
    """Return the slope of the phase above the band [rad/Hz], as the tool takes it.

    That of the last step; but a band that starts above 0 goes on at its trimmed group
    delay, and its first ten phases are set, in place, by that of its lower end.
    """
    delay = -np.diff(phase) / np.diff(frequency)
    if frequency[0] == 0.0:
        return float(-delay[-1])
    low = _trimmed(delay[:50])
    for k in range(9, -1, -1):
        phase[k] = phase[k + 1] + low * (frequency[k + 1] - frequency[k])
    return -_trimmed(delay[-51:])


def _trimmed(delay: Floats) -> float:
    """Return the mean of what is within one deviation of the median."""
    near = np.abs(delay - np.median(delay)) < np.std(delay, ddof=1)
    return float(np.mean(delay[near])) if near.any() else float(np.median(delay))
