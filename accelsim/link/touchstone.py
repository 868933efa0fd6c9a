"""Touchstone files of one differential pair: .s4p, or .s2p already differential.

This file knows the format (versions 1 and 2, what channels are published in), how
files are broken, and mixed mode. It has its own reader: scikit-rf takes as long for a
file (65 ms for 6,001 points of four ports), but brings pandas, and its import alone
takes 0.16 s. A file is parsed once in a process.
[1] is the Touchstone File Format Specification, Version 2.1, IBIS Open Forum 2024.
"""

import re
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np

from accelsim.errors import InputError, nearest
from accelsim.link.channel import Complexes, Floats, TwoPort
from accelsim.stamps import note

HERTZ = {"HZ": 1.0, "KHZ": 1e3, "MHZ": 1e6, "GHZ": 1e9}
FORMATS = ("RI", "MA", "DB")
PORTS = (1, 3, 2, 4)  # near +, near -, far +, far -: how channels are mostly published
LARGEST_GAIN = 1.001  # of a passive network, measured
LARGEST_FILE = 2**28  # B
_ENDING = re.compile(r"\.s(\d+)p$", re.IGNORECASE)


def read_touchstone(
    path: Path | str, ports: tuple[int, ...] = PORTS, impedance: float = 100.0
) -> TwoPort:
    """Return a file's differential two-port, referred to `impedance`.

    Parameters
    ----------
    ports : tuple of int
        Of an .s4p: which are near +, near -, far +, far -.

    Raises
    ------
    InputError
        The file is none, or broken: one line says where.
    """
    path = Path(path)
    note(path)
    try:
        stat = path.stat()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    frequency, s, reference = _read(str(path), stat.st_mtime_ns, stat.st_size)
    if s.shape[1] == 4:
        s = differential(s, ports)
        reference *= 2.0
    port = TwoPort(frequency, s, reference, path.stem)
    return port.referred_to(impedance)


def differential(s: Complexes, ports: tuple[int, ...] = PORTS) -> Complexes:
    """Return the differential part of four single-ended ports, (F, 2, 2).

    Differential waves are (a+ - a-)/sqrt(2), so that Sdd = M S M^T; the impedance is
    twice that of a leg.
    """
    if sorted(ports) != [1, 2, 3, 4]:
        raise InputError(f"port order {list(ports)} must hold 1, 2, 3, 4 once each")
    order = [port - 1 for port in ports]
    legs = s[:, order][:, :, order]
    rows = np.array([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]]) / np.sqrt(2.0)
    return np.asarray(rows @ legs @ rows.T)


def gain_of(port: TwoPort) -> tuple[float, float]:
    """Return the largest gain of a two-port and its frequency [Hz]: 1 is lossless."""
    gains = np.linalg.norm(port.s, 2, axis=(1, 2))
    worst = int(np.argmax(gains))
    return float(gains[worst]), float(port.frequency[worst])


@lru_cache(maxsize=64)
def _read(path: str, _changed: int, size: int) -> tuple[Floats, Complexes, float]:
    count = _port_count(path)
    if size > LARGEST_FILE:
        raise InputError(f"{path}: {size:,} B are too many; at most {LARGEST_FILE:,}")
    try:
        text = Path(path).read_text(encoding="latin-1")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    options, body = _split(path, text, count)
    numbers = _numbers(path, body)
    width = 1 + 2 * count * count
    if len(numbers) == 0:
        raise InputError(f"{path}: holds no numbers")
    if len(numbers) % width:
        raise InputError(
            f"{path}: is truncated, or has not {count} ports: {len(numbers):,} numbers "
            f"are no multiple of {width}"
        )
    table = numbers.reshape(-1, width)
    frequency = table[:, 0] * HERTZ[options.unit]
    _check(path, frequency, table)
    pairs = table[:, 1:].reshape(-1, count * count, 2)
    s = _complex(pairs, options.form).reshape(-1, count, count)
    if count == 2 and not options.rows_first:
        s = s.transpose(0, 2, 1)  # [1]: S11 S21 S12 S22
    return frequency, np.ascontiguousarray(s), options.impedance


class _Options:
    """The option line, and what version 2 adds to it."""

    def __init__(self, path: str, line: str) -> None:
        words = line[1:].upper().split()
        self.unit, self.form, self.impedance = "GHZ", "MA", 50.0
        self.rows_first = False
        known = (*HERTZ, *FORMATS, "S", "R")
        after_r = False
        for word in words:
            if after_r:
                self.impedance, after_r = _ohm(path, word), False
            elif word in HERTZ:
                self.unit = word
            elif word in FORMATS:
                self.form = word
            elif word == "R":
                after_r = True
            elif word in ("Y", "Z", "H", "G"):
                raise InputError(f"{path}: holds {word}-parameters; only S is read")
            elif word != "S":
                hint = nearest(word, known)
                raise InputError(f"{path}: option line: unknown {word!r}; {hint}")


def _ohm(path: str, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1e6:
        raise InputError(f"{path}: option line: R {word!r} is no impedance in ohm")
    return value


def _port_count(path: str) -> int:
    ending = _ENDING.search(path)
    if ending is None:
        raise InputError(f"{path}: must end in .s2p or .s4p")
    count = int(ending[1])
    if count not in (2, 4):
        raise InputError(
            f"{path}: has {count} ports; must have 4, or 2 that are differential"
        )
    return count


def _split(path: str, text: str, count: int) -> tuple[_Options, str]:
    options: _Options | None = None
    lines = []
    for raw in text.splitlines():
        line = raw.partition("!")[0].strip()
        if not line:
            continue
        if line.startswith("#"):
            options = options or _Options(path, line)
        elif line.startswith("["):
            _keyword(path, line, count, options)
            if line.upper().startswith(("[NOISE", "[END")):
                break
        else:
            lines.append(line)
    if options is None:
        raise InputError(f"{path}: is no Touchstone file: it has no option line (#)")
    return options, " ".join(lines)


def _keyword(path: str, line: str, count: int, options: _Options | None) -> None:
    key, _, value = line.upper().partition("]")
    key, value = key[1:].strip(), value.strip()
    if key == "NUMBER OF PORTS" and value != str(count):
        raise InputError(f"{path}: says {value} ports, its name says {count}")
    if key == "TWO-PORT DATA ORDER" and options is not None:
        options.rows_first = value.startswith("12")
    if key == "MATRIX FORMAT" and value != "FULL":
        raise InputError(f"{path}: [Matrix Format] {value.title()}: only Full is read")
    if key == "MIXED-MODE ORDER":
        raise InputError(f"{path}: is mixed mode; only single-ended .s4p are read")


def _numbers(path: str, body: str) -> Floats:
    try:
        with warnings.catch_warnings():  # how NumPy tells of a word that is no number
            warnings.simplefilter("error", DeprecationWarning)
            return np.fromstring(body, dtype=np.float64, sep=" ")
    except (DeprecationWarning, ValueError):
        words = body.split()
        bad = next((word for word in words if not _is_number(word)), "")
        raise InputError(f"{path}: {bad[:40]!r} is no number") from None


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _check(path: str, frequency: Floats, table: Floats) -> None:
    finite = np.isfinite(table).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise InputError(f"{path}: point {row + 1} holds what is no finite number")
    steps = np.diff(frequency)
    if len(frequency) < 100:
        raise InputError(f"{path}: {len(frequency)} points are too few; at least 100")
    if frequency[0] < 0.0 or np.any(steps <= 0.0):
        row = int(np.argmax(np.concatenate([[frequency[0]], steps]) <= 0.0))
        raise InputError(
            f"{path}: frequencies do not rise at point {row + 1}: "
            f"{frequency[row] / 1e9:g} GHz"
        )


def _complex(pairs: Floats, form: str) -> Complexes:
    first, second = pairs[..., 0], pairs[..., 1]
    if form == "RI":
        return np.asarray(first + 1j * second)
    size = 10.0 ** (first / 20.0) if form == "DB" else first
    return np.asarray(size * np.exp(1j * np.deg2rad(second)))
