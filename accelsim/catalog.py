"""From names to specs: find a file, inherit, override, validate.

This file knows where configs live and how a bad one is reported. It does not know
what any figure is used for. Every failure is an `InputError` of one line that names
the file, the field, the value and what is allowed.
"""

import os
import reprlib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from accelsim.errors import InputError, nearest
from accelsim.overrides import Override, override, parse_overrides
from accelsim.specs.checking import validate
from accelsim.specs.chip import ChipSpec
from accelsim.specs.claim import ClaimSpec
from accelsim.specs.code import CodeSpec
from accelsim.specs.com import ComSpec
from accelsim.specs.device import DeviceSpec
from accelsim.specs.figure import KINDS, NamedSpec, Spec, cite
from accelsim.specs.hbm import HbmSpec
from accelsim.specs.link import LinkSpec
from accelsim.specs.model import ModelSpec
from accelsim.specs.packaging import PackageSpec
from accelsim.specs.price import PriceSpec
from accelsim.specs.process import ProcessSpec
from accelsim.specs.reliability import ReliabilitySpec
from accelsim.specs.run import RunSpec
from accelsim.specs.segment import SegmentSpec
from accelsim.specs.software import SoftwareSpec
from accelsim.specs.supply import SupplySpec
from accelsim.specs.sweep import DesignSpec, SweepSpec
from accelsim.specs.switch import SwitchSpec
from accelsim.specs.system import SystemSpec
from accelsim.stamps import Kept, note

BUILT_IN = Path(__file__).parent / "configs"
KINDS_OF_THING: dict[str, type[Spec]] = {
    "chips": ChipSpec,
    "hbm": HbmSpec,
    "com": ComSpec,
    "segments": SegmentSpec,
    "devices": DeviceSpec,
    "codes": CodeSpec,
    "links": LinkSpec,
    "switches": SwitchSpec,
    "systems": SystemSpec,
    "models": ModelSpec,
    "software": SoftwareSpec,
    "prices": PriceSpec,
    "processes": ProcessSpec,
    "packages": PackageSpec,
    "reliability": ReliabilitySpec,
    "supply": SupplySpec,
    "claims": ClaimSpec,
    "runs": RunSpec,
    "designs": DesignSpec,
    "sweeps": SweepSpec,
}
_SPECS = Kept(512)
MAX_DEPTH = 32
MAX_BASES = 32
_META = ("name", "source", "kind", "note", "base")

__all__ = [
    "KINDS_OF_THING",
    "Override",
    "any_named",
    "find",
    "folders",
    "has",
    "is_path",
    "load",
    "model",
    "names",
    "override",
    "parse_overrides",
    "read_toml",
    "singular",
    "validate",
]


def folders(kind: str) -> list[Path]:
    """Return the folders that hold a kind of thing, the user's first.

    Raises
    ------
    InputError
        ACCELSIM_PATH names something that is no folder.
    """
    own = [part for part in os.environ.get("ACCELSIM_PATH", "").split(":") if part]
    return [_own_folder(part) / kind for part in own] + [BUILT_IN / kind]


def _own_folder(text: str) -> Path:
    try:
        folder = Path(text).expanduser()
        found = folder.is_dir()
    except (OSError, RuntimeError, ValueError):  # too long, no such user, a NUL
        found = False
    if not found:
        raise InputError(f"ACCELSIM_PATH: {reprlib.repr(text)} is no folder")
    return folder


def names(kind: str) -> list[str]:
    """Return the names that a kind of thing can be found by."""
    found = {f.stem for folder in folders(kind) for f in folder.glob("*.toml")}
    return sorted(found)


def has(kind: str, name: str) -> bool:
    """Return whether a kind of thing has a name, without listing the others."""
    return any(_is_file(folder / f"{name}.toml") for folder in folders(kind))


def _is_file(path: Path) -> bool:
    note(path)
    return path.is_file()


def find(kind: str, name: str, beside: Path | None = None) -> Path:
    """Return the file that `name` stands for.

    A name with a slash or an ending is a path: from the working directory, or,
    inside a file, from that file's own folder, which it must not leave.

    Raises
    ------
    InputError
        No such file or name; the nearest names are given.
    """
    if is_path(name):
        return _path(name, beside)
    for folder in folders(kind):
        path = folder / f"{name}.toml"
        if _is_file(path):
            return path
    raise InputError(f"unknown {singular(kind)} {name!r}; {_hint(kind, name)}")


def singular(kind: str) -> str:
    """Return the word for one thing of a kind."""
    if kind in ("switches", "processes"):
        return kind.removesuffix("es")
    return kind.removesuffix("s")


def _hint(kind: str, name: str) -> str:
    other = [k for k in KINDS_OF_THING if k != kind and name in names(k)]
    if other:
        return f"it is a {singular(other[0])}"
    return nearest(name, names(kind)) or f"see `accelsim list {kind}`"


def _path(name: str, beside: Path | None) -> Path:
    try:
        path = Path(name).expanduser()
        note(path if beside is None else beside.parent / name)
        if beside is not None:
            path = (beside.parent / name).resolve()
            if not path.is_relative_to(beside.parent.resolve()):
                raise InputError(f"{name!r} leaves the folder of {beside}")
        if not path.exists():
            raise InputError(f"{name}: no such file")
        if (path / "config.json").is_file():  # a Hugging Face checkpoint
            path = path / "config.json"
        if not path.is_file():
            raise InputError(f"{name}: not a file")
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL
        raise InputError(f"{name!r} is no usable path: {error}") from None
    return path


def is_path(name: str) -> bool:
    """Return whether a name is a path instead: it has a slash or a known ending."""
    return "/" in name or name.endswith((".toml", ".json"))


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file, or fail in one line."""
    note(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: is not valid TOML: {error}") from None
    except ValueError as error:  # an integer of thousands of digits
        raise InputError(f"{path}: {error}") from None
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply") from None
    if not raw:
        raise InputError(f"{path}: is empty")
    if _depth(raw) > MAX_DEPTH:
        raise InputError(f"{path}: is nested too deeply")
    return raw


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        tables = [v for v in level if isinstance(v, dict | list)]
        level = [
            inner
            for v in tables
            for inner in (v.values() if isinstance(v, dict) else v)
        ]
    return depth


def _inherit(kind: str, path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path in seen:
        raise InputError(f"{path}: base leads back to the file itself")
    if len(seen) == MAX_BASES:
        raise InputError(f"{path}: base goes through more than {MAX_BASES} files")
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
        parent = _inherit(kind, _find_base(kind, base, path), (*seen, path))
        kept = {k: _carried(v, base) for k, v in parent.items() if k != "note"}
        merged = _merge(kept, tagged)
    else:
        raise InputError(f"{path}: base: {base!r} must be a name")
    if kind == "chips":
        _name_memory(merged, tagged, path)
    return merged | {"name": path.stem}


def _name_memory(merged: dict[str, Any], mine: dict[str, Any], path: Path) -> None:
    """Put the memory that a chip's file names in the place of its name."""
    part = mine.get("hbm")
    named = part.get("memory") if isinstance(part, dict) else None
    over = named if isinstance(named, dict) else {}
    base = named if named is None or isinstance(named, str) else over.get("base")
    if base is None:
        return
    if not isinstance(base, str):
        raise InputError(f"{path}: hbm.memory: {base!r} must be a memory's name")
    try:
        found = _inherit("hbm", find("hbm", base, path), ())
    except InputError as error:
        raise InputError(f"{path}: hbm.memory: {error}") from None
    over = {key: value for key, value in over.items() if key != "base"}
    merged["hbm"] = merged["hbm"] | {"memory": _merge(found, over)}


def _carried(value: Any, base: str) -> Any:
    """Return an inherited value: what was measured on the base is assumed here."""
    if not isinstance(value, dict):
        return value
    if "value" not in value:
        return {key: _carried(item, base) for key, item in value.items()}
    if value.get("kind") != "measured":
        return value
    source = f"carried over from {base}: {value.get('source', '')}"
    return value | {"kind": "assumed", "source": source}


def _find_base(kind: str, base: str, path: Path) -> Path:
    try:
        return find(kind, base, path)
    except InputError as error:
        raise InputError(f"{path}: base: {error}") from None


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
        return tuple(_cite(item, source, kind) for item in value)
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
    name: str | Path,
    changes: Iterable[Override] = (),
    beside: Path | None = None,
) -> Any:
    """Return the validated spec of a kind (`chips`, `models`, …) by name or path.

    Raises
    ------
    InputError
        For anything that is wrong with the name or the file, in one line.
    """
    if kind not in KINDS_OF_THING:
        raise InputError(f"unknown kind {kind!r}; {nearest(kind, KINDS_OF_THING)}")
    name = f"{name.parent}/{name.name}" if isinstance(name, Path) else name
    if not isinstance(name, str):
        raise InputError(f"{singular(kind)}: {name!r} must be a name or a path")
    path = find(kind, name, beside)
    if kind == "models" and path.suffix == ".json":
        from accelsim.workload.huggingface import read_config

        spec: Spec = _SPECS.of((), (kind, str(path)), lambda: read_config(path))
    else:
        spec = _SPECS.of((), (kind, str(path)), lambda: _read(kind, path))
    return override(spec, changes, f"{kind}/{name}")


def _read(kind: str, path: Path) -> Spec:
    raw = _inherit(kind, path, ())
    return validate(KINDS_OF_THING[kind], raw, str(path))


def model(name: str, changes: Iterable[Override] = ()) -> ModelSpec:
    """Return a model by name, TOML path or Hugging Face `config.json`."""
    spec: ModelSpec = load("models", name, changes)
    return spec


def any_named(name: str) -> tuple[str, NamedSpec | RunSpec]:
    """Return the kind and the spec of a name of any kind (for `accelsim show`)."""
    if is_path(name):
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
    marks = {
        "penalty": "devices",
        "matrix": "chips",
        "tiers": "systems",
        "heads": "models",
    }
    marks |= {"lane_rate": "links", "overlap": "software", "offers": "prices"}
    marks |= {
        "curve": "processes",
        "interposer": "packages",
        "failures": "reliability",
        "wafer_share": "supply",
    }
    marks |= {"annex": "com", "method": "codes", "what": "segments"}
    marks |= {"objectives": "designs", "axes": "sweeps", "statement": "claims"}
    raw = read_toml(path)
    found = [kind for mark, kind in marks.items() if mark in raw]
    found += [kind for kind in KINDS_OF_THING if raw.get("base") in names(kind)]
    kind = (found or ["runs"])[0]
    return kind, load(kind, name)
