"""From names to specs: find a file, inherit, override, validate.

This file knows where configs live and how a bad one is reported. It does not know
what any figure is used for. Every failure is an `InputError` of one line that names
the file, the field, the value and what is allowed.
"""

import os
import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from accelsim.errors import InputError, nearest
from accelsim.overrides import Override, override, parse_overrides
from accelsim.specs.checking import validate
from accelsim.specs.chip import ChipSpec
from accelsim.specs.figure import KINDS, NamedSpec, Spec, cite
from accelsim.specs.hbm import HbmSpec
from accelsim.specs.link import LinkSpec
from accelsim.specs.model import ModelSpec
from accelsim.specs.price import PriceSpec
from accelsim.specs.run import RunSpec
from accelsim.specs.software import SoftwareSpec
from accelsim.specs.system import SystemSpec

BUILT_IN = Path(__file__).parent / "configs"
KINDS_OF_THING: dict[str, type[Spec]] = {
    "chips": ChipSpec,
    "hbm": HbmSpec,
    "links": LinkSpec,
    "systems": SystemSpec,
    "models": ModelSpec,
    "software": SoftwareSpec,
    "prices": PriceSpec,
    "runs": RunSpec,
}
_META = ("name", "source", "kind", "note", "base")

__all__ = [
    "KINDS_OF_THING",
    "Override",
    "any_named",
    "find",
    "folders",
    "load",
    "model",
    "names",
    "override",
    "parse_overrides",
    "raw_spec",
    "read_toml",
    "validate",
]


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
    return cite(value, source, kind)


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old: Any = merged.get(key)
        tables = isinstance(old, dict) and isinstance(value, dict)
        deeper = tables and "value" not in old and "value" not in value
        merged[key] = _merge(old, value) if deeper else value
    return merged


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
    found = [kind for mark, kind in marks.items() if mark in raw]
    found += [kind for kind in KINDS_OF_THING if raw.get("base") in names(kind)]
    kind = (found or ["runs"])[0]
    return kind, load(kind, name)
