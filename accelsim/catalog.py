"""From names to specs: find a file, inherit, override, validate.

This file knows where configs live and how a bad one is reported. It does not know
what any figure is used for. Every failure is an `InputError` of one line that names
the file, the field, the value and what is allowed.
"""

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from accelsim.errors import InputError, nearest
from accelsim.specs.chip import ChipSpec
from accelsim.specs.figure import KINDS, Cited, NamedSpec, Spec
from accelsim.specs.link import LinkSpec
from accelsim.specs.model import ModelSpec
from accelsim.specs.price import PriceSpec
from accelsim.specs.run import RunSpec
from accelsim.specs.software import SoftwareSpec
from accelsim.specs.system import SystemSpec

BUILT_IN = Path(__file__).parent / "configs"
KINDS_OF_THING: dict[str, type[Spec]] = {
    "chips": ChipSpec,
    "links": LinkSpec,
    "systems": SystemSpec,
    "models": ModelSpec,
    "software": SoftwareSpec,
    "prices": PriceSpec,
    "runs": RunSpec,
}
_META = ("name", "source", "kind", "note", "base")
AnySpec = TypeVar("AnySpec", bound=Spec)


def folders(kind: str) -> list[Path]:
    """Return the folders that hold a kind of thing, the user's first."""
    own = [Path(p).expanduser() for p in os.environ.get("ACCELSIM_PATH", "").split(":")]
    return [p / kind for p in own if str(p) != "."] + [BUILT_IN / kind]


def names(kind: str) -> list[str]:
    """Return the names that a kind of thing can be found by."""
    found = {f.stem for folder in folders(kind) for f in folder.glob("*.toml")}
    return sorted(found)


def find(kind: str, name: str, beside: Path | None = None) -> Path:
    """Return the file that `name` stands for.

    A name with a slash or an ending is a path: from the working directory, or,
    inside a file, from that file's own folder, which it must not leave.

    Raises
    ------
    InputError
        No such file or name; the nearest names are given.
    """
    if "/" in name or name.endswith((".toml", ".json")):
        return _path(name, beside)
    for folder in folders(kind):
        path = folder / f"{name}.toml"
        if path.is_file():
            return path
    singular = kind if kind == "software" else kind.removesuffix("s")
    hint = nearest(name, names(kind))
    raise InputError(f"unknown {singular} {name!r}; {hint}".rstrip("; "))


def _path(name: str, beside: Path | None) -> Path:
    path = Path(name).expanduser()
    if beside is not None:
        path = (beside.parent / name).resolve()
        if not path.is_relative_to(beside.parent.resolve()):
            raise InputError(f"{beside}: {name!r} leaves the folder of the file")
    if not path.exists():
        raise InputError(f"{name}: no such file")
    if not path.is_file():
        raise InputError(f"{name}: not a file")
    return path


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file, or fail in one line."""
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: is not valid TOML: {error}") from None
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply") from None
    if not raw:
        raise InputError(f"{path}: is empty")
    return raw


def raw_spec(kind: str, name: str, beside: Path | None = None) -> dict[str, Any]:
    """Return a spec's table with everything that it inherits, not yet validated."""
    return _inherit(kind, find(kind, name, beside), ())


def _inherit(kind: str, path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path in seen:
        raise InputError(f"{path}: base leads back to the file itself")
    raw = read_toml(path)
    source, figure_kind = _provenance(path, raw)
    tagged = {
        key: value if key in _META else _cite(value, source, figure_kind)
        for key, value in raw.items()
    }
    base = tagged.pop("base", None)
    if base is None:
        merged = tagged
    elif isinstance(base, str):
        parent = _inherit(kind, find(kind, base, path), (*seen, path))
        merged = _merge({k: v for k, v in parent.items() if k != "note"}, tagged)
    else:
        raise InputError(f"{path}: base: {base!r} must be a name")
    return merged | {"name": path.stem}


def _provenance(path: Path, raw: Mapping[str, Any]) -> tuple[str, str]:
    source, kind = raw.get("source", ""), raw.get("kind", "assumed")
    if not isinstance(source, str):
        raise InputError(f"{path}: source: {source!r} must be text")
    if kind not in KINDS:
        raise InputError(f"{path}: kind: {kind!r} unknown; valid: {', '.join(KINDS)}")
    return source, kind


def _cite(value: Any, source: str, kind: str) -> Any:
    if isinstance(value, dict):
        if "value" in value:
            return {"source": source, "kind": kind} | value
        return {key: _cite(item, source, kind) for key, item in value.items()}
    if isinstance(value, list):
        return [_cite(item, source, kind) for item in value]
    return Cited(value, source, kind) if isinstance(value, str) else value


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        whole = both and ("value" in value or "value" in old)
        merged[key] = _merge(old, value) if both and not whole else value
    return merged


def validate(spec: type[AnySpec], raw: Mapping[str, Any], where: str) -> AnySpec:
    """Return the validated spec, or raise one line that names field and value."""
    try:
        return spec.model_validate(raw)
    except ValidationError as error:
        raise InputError(f"{where}: {describe(error, spec)}") from None


def describe(error: ValidationError, spec: type[Spec]) -> str:
    """Return the first problem of a validation error as one line."""
    problems = error.errors(include_url=False)
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    field = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if first["type"] == "extra_forbidden":
        valid = _fields_at(spec, first["loc"][:-1])
        hint = nearest(str(first["loc"][-1]), valid)
        return f"{field}: unknown field; {hint}{more}".replace("; (", " (")
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"{field}: is missing{more}"
    if first["type"] in ("value_error", "assertion_error"):
        return (f"{field}: {message}" if field else message) + more
    return f"{field}: {first['input']!r}: {message[0].lower()}{message[1:]}{more}"


def _fields_at(spec: type[Spec], location: tuple[Any, ...]) -> list[str]:
    current: Any = spec
    for part in location:
        if not (isinstance(current, type) and issubclass(current, Spec)):
            return []
        field = current.model_fields.get(str(part))
        options = _spec_types(field.annotation) if field else []
        current = options[0] if options else None
    if isinstance(current, type) and issubclass(current, Spec):
        return list(current.model_fields)
    return []


def _spec_types(annotation: Any) -> list[type[Spec]]:
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return [annotation]
    inside = getattr(annotation, "__args__", ())
    return [found for part in inside for found in _spec_types(part)]


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
                f"--set {text!r}: write path=value, such as "
                'chip.hbm.bandwidth="8 TB/s"'
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
            valid = inner if isinstance(inner, dict) else _fields_at(type(spec), path[:depth])
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
        current = current.get(part) if isinstance(current, dict) else getattr(current, part)
    return isinstance(current, dict)


def load(
    kind: str,
    name: str,
    changes: Iterable[Override] = (),
    beside: Path | None = None,
) -> Any:
    """Return the validated spec of a kind (`chips`, `models`, …) by name or path.

    Raises
    ------
    InputError
        For anything that is wrong with the name or the file, in one line.
    """
    path = find(kind, name, beside)
    if kind == "models" and path.suffix == ".json":
        from accelsim.workload.huggingface import read_config

        spec: Spec = read_config(path)
    else:
        spec = _cached(kind, str(path), path.stat().st_mtime_ns)
    return override(spec, changes, f"{kind}/{name}")


@lru_cache(maxsize=512)
def _cached(kind: str, path: str, _changed: int) -> Spec:
    raw = _inherit(kind, Path(path), ())
    return validate(KINDS_OF_THING[kind], raw, path)


def model(name: str, changes: Iterable[Override] = ()) -> ModelSpec:
    """Return a model by name, TOML path or Hugging Face `config.json`."""
    spec: ModelSpec = load("models", name, changes)
    return spec


def any_named(name: str) -> tuple[str, NamedSpec | RunSpec]:
    """Return the kind and the spec of a name of any kind (for `accelsim show`)."""
    if "/" in name or name.endswith((".toml", ".json")):
        return _any_path(name)
    kind_hint, _, rest = name.partition(":")
    if rest and kind_hint in KINDS_OF_THING:
        return kind_hint, load(kind_hint, rest)
    for kind in KINDS_OF_THING:
        if name in names(kind):
            return kind, load(kind, name)
    everything = [n for kind in KINDS_OF_THING for n in names(kind)]
    raise InputError(f"unknown name {name!r}; {nearest(name, everything)}")


def _any_path(name: str) -> tuple[str, NamedSpec | RunSpec]:
    path = _path(name, None)
    if path.suffix == ".json":
        return "models", load("models", name)
    parent = path.parent.name
    if parent in KINDS_OF_THING:
        return parent, load(parent, name)
    marks = {"matrix": "chips", "tiers": "systems", "heads": "models"}
    marks |= {"lane_rate": "links", "overlap": "software", "offers": "prices"}
    raw = read_toml(path)
    for mark, kind in marks.items():
        if mark in raw:
            return kind, load(kind, name)
    return "runs", load("runs", name)
