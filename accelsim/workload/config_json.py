"""An untrusted `config.json`: an object whose every value is checked when it is read.

This file knows JSON and how a wrong value is reported: one line with the file, the
field, the value and what is allowed. It does not know what any field means.
"""

import json
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelsim.errors import InputError
from accelsim.stamps import note

# A bound for typing errors: larger than any size of any model, and small enough that
# products of sizes stay far inside a float.
_LARGEST = 10**9


@dataclass(frozen=True, slots=True)
class Config:
    """The object of a `config.json`, or one that is nested in it.

    Absent and null are the same to every method, unless it says otherwise.

    Attributes
    ----------
    path : Path
        The file.
    raw : mapping
        The object as JSON has it.
    prefix : str
        Where it is nested, with a dot at the end.
    """

    path: Path
    raw: Mapping[str, Any]
    prefix: str = ""

    def refused(self, name: str, allowed: str) -> InputError:
        """Return the error for a field's value."""
        value = self.raw.get(name)
        text = allowed if value is None else f"{reprlib.repr(value)}: {allowed}"
        return InputError(f"{self.path}: {self.prefix}{name}: {text}")

    def _named(self, names: tuple[str, ...]) -> str:
        """Return the first of the names that is there, or the first."""
        return next((n for n in names if self.raw.get(n) is not None), names[0])

    def size(
        self,
        *names: str,
        default: int | None = None,
        null: int | None = None,
        least: int = 1,
    ) -> int:
        """Return a whole number; `null` is what an explicit null stands for."""
        name = self._named(names)
        value = self.raw.get(name)
        if value is None:
            if name in self.raw and null is not None:
                return null
            if default is None:
                also = f" (or {' or '.join(names[1:])})" if names[1:] else ""
                raise self.refused(name, f"is missing{also}")
            return default
        if type(value) is not int or not least <= value <= _LARGEST:
            raise self.refused(
                name, f"must be a whole number from {least} to {_LARGEST}"
            )
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a switch."""
        value = self.raw.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.refused(name, "must be true or false")
        return value

    def drops(self, *names: str, default: float = 0.0) -> bool:
        """Return whether any of these dropout probabilities is not zero."""
        return max([self._fraction(name, default) for name in names]) > 0

    def _fraction(self, name: str, default: float) -> float:
        value = self.raw.get(name)
        if value is None:
            return default
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value <= 1:
            raise self.refused(name, "must be a number from 0 to 1")
        return float(value)

    def word(self, *names: str, known: Mapping[str, str], default: str) -> str:
        """Return what one of the known words stands for."""
        name = self._named(names)
        value = self.raw.get(name)
        if value is None:
            return known[default]
        if not isinstance(value, str) or value not in known:
            raise self.refused(name, f"must be one of {', '.join(sorted(known))}")
        return known[value]

    def items(self, name: str) -> list[Any]:
        """Return a list, empty if it is not there."""
        value = self.raw.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.refused(name, "must be a list")
        return value

    def table(self, name: str) -> "Config":
        """Return a nested object, empty if it is not there."""
        value = self.raw.get(name)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.refused(name, "must be an object")
        return Config(self.path, value, f"{self.prefix}{name}.")


def read_object(path: Path) -> Config:
    """Return the object of a JSON file.

    Raises
    ------
    InputError
        The file cannot be read, is not JSON, is no object, or has a key twice.
    """
    note(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        raw = json.loads(text, object_pairs_hook=_unique) if text.strip() else {}
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text") from None
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply") from None
    except _TwiceError as error:
        raise InputError(f"{path}: {error.args[0]}: is given twice") from None
    except ValueError as error:
        raise InputError(f"{path}: is not valid JSON: {error}") from None
    if not isinstance(raw, dict):
        raise InputError(f"{path}: must be an object, not {reprlib.repr(raw)}")
    if not raw:
        raise InputError(f"{path}: is empty")
    return Config(path, raw)


class _TwiceError(Exception):
    """A key that an object has twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _TwiceError(reprlib.repr(key))
        found[key] = value
    return found
