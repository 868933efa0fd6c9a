"""Channels from files: Touchstone, or arrays that were made of it (.npz).

An .npz holds `f` [Hz] and either one two-port (`s11`, `s12`, `s21`, `s22`) or a channel
(`THRU0_s11` …, `FEXT0_s11` …, `NEXT0_s11` …), differential and of 100 ohm.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from accelsim.errors import InputError
from accelsim.link.channel import Channel, TwoPort
from accelsim.link.touchstone import (
    LARGEST_GAIN,
    PORTS,
    gain_of,
    read_touchstone,
)

ENDINGS = (".npz", "_sdd.npz", ".s4p", ".s2p")
PARTS = ("s11", "s12", "s21", "s22")


def find_channel(
    folder: Path,
    name: str,
    thru: str,
    fext: Sequence[str] = (),
    next_: Sequence[str] = (),
) -> Channel:
    """Return a channel of a folder: NAME.npz, or a file for each of its paths.

    Raises
    ------
    InputError
        There is no such file, or it is broken.
    """
    whole = folder / f"{name}.npz"
    if whole.is_file():
        channel = read_npz(whole)
        if isinstance(channel, TwoPort):
            return Channel(channel)
        return Channel(
            channel.thru, channel.fext[: len(fext)], channel.next[: len(next_)]
        )
    ports = [_find(folder, file) for file in (thru, *fext, *next_)]
    far = 1 + len(fext)
    return Channel(ports[0], tuple(ports[1:far]), tuple(ports[far:]))


def _find(folder: Path, file: str) -> TwoPort:
    stem = file.rsplit(".", 1)[0]
    for name in (file, *(stem + ending for ending in ENDINGS)):
        path = folder / name
        if path.is_file():
            return read_port(path)
    raise InputError(f"{folder}: has no {file}, nor {stem} as .npz")


def read_port(path: Path, ports: tuple[int, ...] = PORTS) -> TwoPort:
    """Return the two-port of a file."""
    if path.suffix != ".npz":
        return read_touchstone(path, ports)
    found = read_npz(path)
    return found if isinstance(found, TwoPort) else found.thru


def read_npz(path: Path) -> TwoPort | Channel:
    """Return what an .npz holds: one two-port, or a channel.

    Raises
    ------
    InputError
        It holds neither.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{path}: cannot be read: {reason}") from None
    except (ValueError, BadZipFile, EOFError):
        raise InputError(
            f"{path}: cannot be read: it is no .npz of plain arrays"
        ) from None
    if "f" not in arrays:
        raise InputError(f"{path}: has no array f of frequencies")
    if "s21" in arrays:
        return _port(path, arrays, "")
    kinds = {key.rsplit("_", 1)[0] for key in arrays if key.endswith("_s21")}
    if "THRU0" not in kinds:
        raise InputError(f"{path}: has neither s21 nor THRU0_s21")
    aggressors = {
        kind: tuple(
            _port(path, arrays, f"{key}_")
            for key in sorted(kinds, key=lambda key: (len(key), key))
            if key.startswith(kind)
        )
        for kind in ("FEXT", "NEXT")
    }
    thru = _port(path, arrays, "THRU0_")
    return Channel(thru, aggressors["FEXT"], aggressors["NEXT"])


def _port(path: Path, arrays: dict[str, Any], prefix: str) -> TwoPort:
    frequency = arrays["f"]
    if frequency.dtype.kind not in "fiu" or not np.isfinite(frequency).all():
        raise InputError(f"{path}: f holds no finite real numbers")
    parts = []
    for name in PARTS:
        part = arrays.get(prefix + name)
        if part is None or part.shape != frequency.shape or part.ndim != 1:
            raise InputError(f"{path}: {prefix}{name} is missing or not as long as f")
        if part.dtype.kind not in "fiuc":
            raise InputError(f"{path}: {prefix}{name} holds no numbers")
        parts.append(part)
    made = TwoPort.of(frequency, parts, f"{path.stem} {prefix.rstrip('_')}".strip())
    rising = np.all(np.diff(frequency) > 0.0) and frequency[0] >= 0.0
    if not (np.isfinite(made.s).all() and rising and len(frequency) >= 100):
        raise InputError(f"{path}: {prefix}f does not rise, or a value is not finite")
    return made


def warnings_of(channel: Channel, symbol_rate: float) -> list[str]:
    """Return what is doubtful of a channel at a symbol rate, a line each.

    COM extrapolates a band that is too narrow and takes gain as it is; it says so.

    Raises
    ------
    InputError
        The band ends below half the symbol rate: nothing of it can be told.
    """
    found = []
    for port in (channel.thru, *channel.fext, *channel.next):
        name, top = port.name or "channel", float(port.frequency[-1])
        if top < symbol_rate / 2.0:
            raise InputError(
                f"{name}: ends at {top / 1e9:g} GHz, below half the symbol rate, "
                f"{symbol_rate / 2e9:g} GHz"
            )
        if top < symbol_rate:
            found.append(
                f"band: {name} ends at {top / 1e9:g} GHz, below the symbol rate; "
                "it is extrapolated"
            )
        gain, at = gain_of(port)
        if gain > LARGEST_GAIN:
            found.append(
                f"passivity: {name} has a gain of {gain:.4f} at {at / 1e9:g} GHz"
            )
        step = float(np.max(np.diff(port.frequency)))
        if step > 10.5e6:
            found.append(f"step: {name} has steps of {step / 1e6:g} MHz, above 10 MHz")
        if port.frequency[0] > 50.5e6:
            found.append(
                f"start: {name} begins at {port.frequency[0] / 1e6:g} MHz, above 50 MHz"
            )
    return found
