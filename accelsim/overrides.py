"""Changes to a spec by dotted path, and what follows from them.

This file knows which figures derive from each other; it does not know where a spec
comes from.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from accelsim.errors import InputError, nearest
from accelsim.specs.checking import AnySpec, fields_at, validate
from accelsim.specs.figure import Cited, Spec


@dataclass(frozen=True, slots=True)
class Override:
    """One `path=value`, such as ``chip.hbm.bandwidth="8 TB/s"``."""

    path: tuple[str, ...]
    value: Any

    @property
    def text(self) -> str:
        """Return the override as the user writes it."""
        return f"{'.'.join(self.path)}={self.value}"


def parse_overrides(texts: Iterable[str] | Mapping[str, Any]) -> tuple[Override, ...]:
    """Return overrides from `path=value` texts or from a mapping."""
    if isinstance(texts, Mapping):
        return tuple(Override(tuple(k.split(".")), v) for k, v in texts.items())
    found = []
    for text in texts:
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
    except tomllib.TOMLDecodeError:
        return text.strip("'\"")


# A changed figure scales those that are derived from it: (path, scaled figures).
_COUPLED: dict[tuple[str, ...], tuple[tuple[str, ...], ...]] = {
    ("hbm", "bandwidth"): (("hbm", "pin_rate"),),
    ("hbm", "pin_rate"): (("hbm", "bandwidth"),),
    ("hbm", "pins_per_stack"): (("hbm", "bandwidth"),),
    ("hbm", "stacks"): (("hbm", "bandwidth"), ("hbm", "capacity")),
    ("lane_rate",): (("bandwidth",),),
    ("bandwidth",): (("lane_rate",),),
    ("lanes",): (("bandwidth",),),
    ("matrix", "units"): tuple(
        ("matrix", "peak", p)
        for p in ("fp32", "tf32", "bf16", "fp16", "int8", "fp8", "mxfp8", "nvfp4")
    ),
    ("clock",): tuple(
        [
            ("matrix", "peak", p)
            for p in ("fp32", "tf32", "bf16", "fp16", "int8", "fp8", "mxfp8", "nvfp4")
        ]
        + [("vector", "peak"), ("sram", "bandwidth")]
    ),
}


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
    old = _get(raw, change.path)
    value = change.value
    if isinstance(value, str):
        value = Cited(value, "set by the user", "assumed")
    _put(raw, change.path, value, spec, where)
    coupled = _COUPLED.get(change.path, ())
    if coupled and old is not None:
        new = validate(type(spec), _without_pin_check(raw), where)
        ratio = float(_get(_as_dict(new), change.path)) / float(old)
        for path in coupled:
            derived = _get(raw, path)
            if derived is not None:
                _put(raw, path, derived.scaled(ratio, change.text), spec, where)
    return validate(type(spec), raw, where)


def _without_pin_check(raw: dict[str, Any]) -> dict[str, Any]:
    """Leave the pin and lane rate out while the figures disagree for a moment."""
    loose = dict(raw)
    if isinstance(loose.get("hbm"), dict):
        loose["hbm"] = loose["hbm"] | {"pin_rate": loose["hbm"].get("pin_rate")}
        changed = loose["hbm"]["pin_rate"]
        if changed is not None and not isinstance(changed, Cited):
            loose["hbm"]["pin_rate"] = None
    return loose


def _as_dict(value: Any) -> Any:
    if isinstance(value, Spec):
        fields = type(value).model_fields
        return {name: _as_dict(getattr(value, name)) for name in fields}
    if isinstance(value, dict):
        return {key: _as_dict(item) for key, item in value.items()}
    return value


def _get(raw: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        raw = raw.get(part) if isinstance(raw, dict) else None
    return raw


def _put(
    raw: dict[str, Any], path: tuple[str, ...], value: Any, spec: Spec, where: str
) -> None:
    inner: Any = raw
    for depth, part in enumerate(path[:-1]):
        if not isinstance(inner, dict) or not isinstance(inner.get(part), dict):
            valid = (
                inner
                if isinstance(inner, dict)
                else fields_at(type(spec), path[:depth])
            )
            hint = nearest(part, valid)
            raise InputError(
                f"{where}: {'.'.join(path)}: unknown field {part!r}; {hint}"
            )
        inner = inner[part]
    if isinstance(inner, dict) and path[-1] not in inner and not _open(spec, path):
        hint = nearest(path[-1], inner)
        raise InputError(
            f"{where}: {'.'.join(path)}: unknown field {path[-1]!r}; {hint}"
        )
    inner[path[-1]] = value


def _open(spec: Spec, path: tuple[str, ...]) -> bool:
    """Return whether a new key may be added there (a table keyed by name)."""
    current: Any = spec
    for part in path[:-1]:
        current = (
            current.get(part) if isinstance(current, dict) else getattr(current, part)
        )
    return isinstance(current, dict)
