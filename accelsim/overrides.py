"""Changes to a spec by dotted path, and what follows from them.

This file knows which figures derive from each other; it does not know where a spec
comes from.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from accelsim.errors import InputError, nearest
from accelsim.specs.checking import AnySpec, validate
from accelsim.specs.figure import Figure, Spec, cite, read_figure


@dataclass(frozen=True, slots=True)
class Override:
    """One `path=value`, such as ``chip.hbm.bandwidth="8 TB/s"``."""

    path: tuple[str, ...]
    value: Any

    @property
    def text(self) -> str:
        """Return the override as the user writes it."""
        return f"{'.'.join(self.path)}={self.value}"


# What a Python caller may give: a mapping, a text, or several texts or overrides.
Overrides: TypeAlias = "Mapping[str, Any] | str | Iterable[Override | str]"


def read_overrides(given: Overrides) -> tuple[Override, ...]:
    """Return overrides from whatever form a Python caller gave them in.

    Raises
    ------
    InputError
        A form that is not one of `Overrides`.
    """
    if isinstance(given, str):
        return parse_overrides([given])
    if isinstance(given, Mapping):
        return parse_overrides(given)
    if not isinstance(given, Iterable):
        raise InputError(f"overrides: {given!r} must be a mapping or path=value texts")
    return tuple(
        o if isinstance(o, Override) else parse_overrides([o])[0] for o in given
    )


def parse_overrides(texts: Iterable[str] | Mapping[str, Any]) -> tuple[Override, ...]:
    """Return overrides from `path=value` texts or from a mapping."""
    if isinstance(texts, Mapping):
        wrong = [key for key in texts if not isinstance(key, str)]
        if wrong:
            raise InputError(f"overrides: {wrong[0]!r} must be a dotted path")
        return tuple(Override(tuple(k.split(".")), v) for k, v in texts.items())
    found = []
    for text in texts:
        if not isinstance(text, str):
            raise InputError(f"overrides: {text!r} must be a path=value text")
        path, separator, value = text.partition("=")
        if not separator or not path.strip():
            raise InputError(
                f'--set {text!r}: write path=value, such as chip.hbm.bandwidth="8 TB/s"'
            )
        found.append(Override(tuple(path.strip().split(".")), _plain(value.strip())))
    return tuple(found)


def _plain(text: str) -> Any:
    """Read a value as TOML does; what TOML refuses is text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # TOMLDecodeError is a ValueError
        return text.strip("'\"")


# A changed figure scales those that are derived from it: (path, scaled figures).
# Source and kind of a figure that was set from outside.
BY_HAND = ("set by the user", "assumed")
_PRECISIONS = ("fp32", "tf32", "bf16", "fp16", "int8", "fp8", "mxfp8", "nvfp4")
_PEAKS = tuple(("matrix", "peak", precision) for precision in _PRECISIONS)
_COUPLED: dict[tuple[str, ...], tuple[tuple[str, ...], ...]] = {
    ("hbm", "bandwidth"): (("hbm", "pin_rate"),),
    ("hbm", "pin_rate"): (("hbm", "bandwidth"),),
    ("hbm", "pins_per_stack"): (("hbm", "bandwidth"),),
    ("hbm", "stacks"): (("hbm", "bandwidth"), ("hbm", "capacity")),
    ("lane_rate",): (("bandwidth",),),
    ("bandwidth",): (("lane_rate",),),
    ("lanes",): (("bandwidth",),),
    ("matrix", "units"): _PEAKS,
    ("clock",): (
        *_PEAKS,
        ("vector", "peak"),
        ("sram", "bandwidth"),
        ("clock_highest",),
    ),
}


# A field that says that a figure of a path's own holds against what is derived.
_HELD: dict[tuple[str, ...], tuple[str, str]] = {("bandwidth",): ("ideal", "path")}


def override(spec: AnySpec, changes: Iterable[Override], where: str) -> AnySpec:
    """Return the spec with the changes, and what derives from them scaled.

    Setting the bandwidth of a memory scales its pin rate, setting the pin rate
    scales the bandwidth; more stacks bring bandwidth and capacity; another clock
    scales every rate that runs on it.

    Raises
    ------
    InputError
        Unknown field (with the nearest name), wrong unit or impossible value.
    """
    for change in changes:
        spec = _override_one(spec, change, where)
    return spec


def _override_one(spec: AnySpec, change: Override, where: str) -> AnySpec:
    raw = _as_dict(spec)
    old = _put(raw, change, cite(change.value, *BY_HAND), where)
    ratio = _ratio(change.value, old)
    if ratio is not None:
        for path in _COUPLED.get(change.path, ()):
            derived = _get(raw, path)
            if derived is not None:
                scaled = derived.scaled(ratio, change.text)
                _put(raw, Override(path, scaled), scaled, where)
    held, derives = _HELD.get(change.path, ("", ""))
    if raw.get(derives):
        raw[held] = True
    return validate(type(spec), _as_raw(raw), where)


def _ratio(value: Any, old: Any) -> float | None:
    """Return new over old, or None where `validate` will refuse the new value."""
    try:
        if isinstance(old, Figure):
            return read_figure(value, old.dimension).value / old.value
        if isinstance(old, int) and isinstance(value, int) and value > 0:
            return value / old
    except (ValueError, ZeroDivisionError, OverflowError):
        pass
    return None


class _Keyed(dict[str, Any]):
    """A table that is keyed by names of the user's choice: new keys may be added."""


class _Items(dict[str, Any]):
    """A list, by index, so that a path may lead through it."""


def _as_dict(value: Any) -> Any:
    if isinstance(value, Spec):
        fields = type(value).model_fields
        return {name: _as_dict(getattr(value, name)) for name in fields}
    if isinstance(value, dict):
        return _Keyed((key, _as_dict(item)) for key, item in value.items())
    if isinstance(value, tuple):
        return _Items((str(index), _as_dict(item)) for index, item in enumerate(value))
    return value


def _as_raw(value: Any) -> Any:
    if isinstance(value, _Items):
        return tuple(_as_raw(item) for item in value.values())
    if isinstance(value, dict):
        return {key: _as_raw(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_as_raw(item) for item in value)
    return value


def _get(raw: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        raw = raw.get(part) if isinstance(raw, dict) else None
    return raw


def _put(raw: dict[str, Any], change: Override, value: Any, where: str) -> Any:
    """Set a value at a path and return the old one; refuse a path that is not there."""
    inner: Any = raw
    for depth, part in enumerate(change.path):
        path = ".".join(change.path)
        if not isinstance(inner, dict):
            above = ".".join(change.path[:depth])
            raise InputError(f"{where}: {path}: {above} has no fields")
        last = depth + 1 == len(change.path)
        if part not in inner and not (last and isinstance(inner, _Keyed)):
            hint = nearest(part, inner)
            message = f"{where}: {path}: unknown field {part!r}; {hint}"
            raise InputError(message.rstrip("; "))
        if not last:
            inner = inner[part]
    old = inner.get(change.path[-1])
    inner[change.path[-1]] = value
    return old
