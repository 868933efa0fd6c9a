"""The fast mode: margins of thousands of links made of segments.

This file knows how a sheet becomes the tables of `kernels.com_fast`, and that the
margin is told from the error as if all that disturbs were normal. `docs/link.md` says
how far that is from the full computation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log10

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError
from accelsim.kernels import channel as wire
from accelsim.kernels import com_fast, com_tables
from accelsim.link.channel import Complexes, Floats
from accelsim.link.com import Setting, crest
from accelsim.link.noise import ctle_gain, receiver_gain
from accelsim.link.responses import package_s
from accelsim.link.segments import Segment, sections
from accelsim.link.sheet import PackageCase, Sheet

INTERVALS = 64  # of a link's response, a power of two; what comes later folds into it
# settings of the continuous-time equalizer that are tried, by rising gain
GAINS_DB = ((-20.0, -4.0), (-16.0, -3.0), (-12.0, -2.0), (-8.0, -2.0), (-4.0, -1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Margins:
    """What the fast mode says of links, each (L,)."""

    com_db: Floats
    fom_db: Floats
    choice: NDArray[np.int64]  # index of the setting of the equalizer


def fast_margins(
    paths: Sequence[Sequence[Segment]],
    sheet: Sheet,
    case: int = 0,
    gains_db: Sequence[tuple[float, float]] = GAINS_DB,
    crosstalk: float = 0.0,
) -> Margins:
    """Return the margins of paths of segments between the packages of a case.

    Parameters
    ----------
    gains_db : sequence of (first stage, second stage)
        Settings of the continuous-time equalizer that are tried.
    crosstalk : float
        Root mean square at the quantizer [V], taken as white.

    Raises
    ------
    InputError
        The sheet has no feed-forward equalizer, or there is no path.
    """
    tables = [sections(path) for path in paths]
    if not tables:
        raise InputError("no path was given")
    starts = np.cumsum([0, *map(len, tables)])
    return of_sections(np.concatenate(tables), starts, sheet, case, gains_db, crosstalk)


def of_sections(
    parts: NDArray[np.void],
    starts: NDArray[np.int64],
    sheet: Sheet,
    case: int = 0,
    gains_db: Sequence[tuple[float, float]] = GAINS_DB,
    crosstalk: float = 0.0,
) -> Margins:
    """Return the margins of links whose sections are one table, as `fast_margins`."""
    if sheet.forward is None:
        raise InputError(f"{sheet.name}: the fast mode needs a feed-forward equalizer")
    f = np.linspace(0.0, sheet.symbol_rate, INTERVALS + 1)
    packages = sheet.cases[case]
    ends = tuple(
        package_s(package, f, sheet.reference)
        for package in (packages.transmitter, packages.receiver)
    )
    die = packages.receiver.resistance
    reflection = (die - sheet.reference) / (die + sheet.reference)
    equalizers, lags, rules = _choices(sheet, packages, f, gains_db, crosstalk)
    phases = np.arange(com_fast.PHASES)[:, None] / com_fast.PHASES
    waves = np.exp(2j * np.pi * np.arange(INTERVALS + 1) / INTERVALS * phases)
    angles = 2.0 * np.pi * np.arange(INTERVALS // 2) / INTERVALS
    count = len(starts) - 1
    errors, choices = np.empty(count), np.empty(count, np.int64)
    com_fast.fill_merits(
        f,
        parts.view(np.recarray),
        np.asarray(starts, np.int64),
        2.0 * sheet.reference,
        (ends[0], ends[1]),
        reflection,
        equalizers,
        lags,
        waves,
        (np.cos(angles), np.sin(angles)),
        rules,
        errors,
        choices,
    )
    share = sheet.level_ratio / (sheet.levels - 1.0) / sheet.symbol_sigma
    fom_db = 20.0 * np.log10(share) - 10.0 * np.log10(np.maximum(errors, 1e-30))
    return Margins(fom_db - 20.0 * log10(crest(sheet.error_ratio)), fom_db, choices)


def _flight(packages: PackageCase) -> float:
    """Return the time of flight of both packages' lines [s]."""
    lines = [*packages.transmitter.lines, *packages.receiver.lines]
    boards = [packages.transmitter.board, packages.receiver.board]
    lines += [board for board in boards if board is not None]
    return sum(line.length * line.tau for line in lines) * 1e-9


def _reach(sheet: Sheet, packages: PackageCase) -> int:
    """Return how many taps after the cursor stand for fixed and floating ones.

    As many as there are, next to one another. But floating groups go first to where the
    nearer package throws an echo back: if that is no more than the groups' own width
    further, the taps go on to it.
    """
    forward = sheet.forward
    if forward is None:
        return 0
    floating = forward.groups * forward.group_taps
    taken = forward.post + floating
    ends = (packages.transmitter, packages.receiver)
    flights = [sum(line.length * line.tau for line in end.lines) for end in ends]
    echo = ceil(2.0 * min(flights) * 1e-9 * sheet.symbol_rate) + 2
    return echo if taken < echo <= taken + floating else taken


def _choices(
    sheet: Sheet,
    packages: PackageCase,
    f: Floats,
    gains_db: Sequence[tuple[float, float]],
    crosstalk: float,
) -> tuple[Complexes, Floats, np.recarray]:
    """Return each choice's equalizer, noise by lag, and rules."""
    forward, feedback = sheet.forward, sheet.feedback
    if forward is None:
        raise InputError(f"{sheet.name}: has no feed-forward equalizer")
    size, power = forward.pre + 1 + _reach(sheet, packages), sheet.symbol_sigma**2
    edges = np.empty(len(f), np.complex128)
    corner = sheet.receiver_corner * sheet.symbol_rate
    wire.fill_edges(f, sheet.transition_time, corner, edges)
    # a pulse of one interval, late by what packages and filters are early
    pulse = np.sinc(f / sheet.symbol_rate) * sheet.victim / (len(f) - 1)
    late = np.exp(-2j * np.pi * f / sheet.symbol_rate * com_fast.AHEAD)
    early = 3.0 * sheet.transition_time + _flight(packages)
    delay = np.exp(2j * np.pi * f * early)
    rows, equalizers, lags = [], [], []
    bits = forward.quantizer_bits
    share = 2.0 / (2.0**bits - 1.0) if bits else 0.0
    for gains in gains_db:
        setting = Setting(*gains, (1.0,), 0)
        equalizers.append(edges * pulse * late * delay * _ctle(f, sheet, setting))
        gain = ctle_gain(f, sheet, setting) * receiver_gain(f, sheet)
        density = sheet.noise_density / 2.0 / 1e9 * gain
        two_sided = np.concatenate([density, density[-2:0:-1]])
        folded = two_sided.reshape(2, -1).sum(axis=0)
        noise = np.fft.ifft(folded).real * sheet.symbol_rate
        noise[0] += crosstalk**2
        lags.append(noise[:size] / power)
        rows.append(
            (
                forward.pre,
                feedback.low[0],
                feedback.high[0],
                power,
                share,
                forward.clipping / 2.0,
                noise[0],
                10.0 ** (-sheet.snr_tx_db / 10.0) / power,
                sheet.dual_dirac**2 + sheet.random_jitter**2,
            )
        )
    rules = np.array(rows, com_tables.FAST).view(np.recarray)
    return np.array(equalizers), np.array(lags), rules


def _ctle(f: Floats, sheet: Sheet, setting: Setting) -> Complexes:
    ctle = sheet.ctle
    first = 10.0 ** (setting.gain_db / 20.0) + 1j * f / ctle.zero
    first = first / ((1.0 + 1j * f / ctle.pole) * (1.0 + 1j * f / ctle.far_pole))
    if not ctle.low_corner:
        return np.asarray(first)
    x = 1j * f / ctle.low_corner
    return np.asarray(first * (10.0 ** (setting.low_gain_db / 20.0) + x) / (1.0 + x))
