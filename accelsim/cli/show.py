"""`accelsim list` and `accelsim show`: what the catalog holds, with its sources."""

from typing import TYPE_CHECKING, Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_json, print_tables
from accelsim.errors import InputError, nearest

if TYPE_CHECKING:
    from pathlib import Path

    from accelsim.catalog import Override
    from accelsim.specs.figure import NamedSpec, Spec
    from accelsim.specs.run import RunSpec


@click.command(
    "list",
    epilog="""\b
Example:
  accelsim list chips""",
)
@click.argument("kind", required=False)
@options.json_option
def list_command(kind: str | None, as_json: bool) -> None:
    """List what the catalog holds, or one KIND of it.

    Kinds: chips, hbm, com, segments, devices, codes, links, switches, systems, models,
    software, prices, processes, packages, reliability, supply, claims, runs,
    designs, sweeps. Files in the folders of ACCELSIM_PATH are listed with the
    built-in ones.
    """
    from accelsim.catalog import KINDS_OF_THING
    from accelsim.report.catalog import catalog_tables, describe_all

    kinds = list(KINDS_OF_THING) if kind is None else [_kind(kind)]
    found = {each: describe_all(each) for each in kinds}
    if as_json:
        print_json(found)
    else:
        print_tables(catalog_tables(found))


@click.command(
    "show",
    epilog="""\b
Examples:
  accelsim show h100-sxm
  accelsim show systems:dgx-h100 --json""",
)
@click.argument("name")
@options.set_option
@options.json_option
def show_command(name: str, changes: tuple[str, ...], as_json: bool) -> None:
    """Show every figure of NAME with its kind and source.

    NAME is a name of the catalog or the path of a TOML file or a Hugging Face
    config.json; kind:NAME says which kind it is where that is not clear.
    """
    from accelsim.catalog import override, parse_overrides, singular
    from accelsim.report.catalog import spec_fields, spec_tables

    kind, spec = _find(name)
    own = [_inside(change, kind, spec) for change in parse_overrides(changes)]
    spec = override(spec, own, f"{singular(kind)} {spec.name}")
    if as_json:
        print_json(spec_fields(kind, spec))
    else:
        print_tables(spec_tables(kind, spec, _namesakes(kind, name)))


def _kind(word: str) -> str:
    """Return the kind that a word means: `chip` is as good as `chips`."""
    from accelsim.catalog import KINDS_OF_THING, singular

    for kind in KINDS_OF_THING:
        if word in (kind, singular(kind)):
            return kind
    hint = nearest(word, KINDS_OF_THING)
    raise InputError(f"unknown kind {word!r}; {hint}".rstrip("; "))


def _find(name: str) -> "tuple[str, NamedSpec | RunSpec]":
    """Return kind and spec of a name or path, or of `kind:name` and `kind:path`."""
    from accelsim.catalog import any_named, is_path, load

    word, colon, rest = name.partition(":")
    if colon and "/" not in word:
        kind = _kind(word)
        return kind, load(kind, rest)
    return _of_file(name) if is_path(name) else any_named(name)


def _of_file(name: str) -> "tuple[str, NamedSpec | RunSpec]":
    """Return kind and spec of a file, or say that its kind is not clear."""
    from accelsim.catalog import any_named, find

    path = find("runs", name)  # a path is the same for every kind
    try:
        return any_named(name)
    except InputError as error:
        if path.suffix != ".json" and path.suffix.lower() == ".json":
            hint = "the config.json of a model must end in .json"
        elif path.suffix != ".json" and _taken_for_a_run(path, str(error)):
            hint = f"cannot tell which kind it is; write chip:{name}, model:{name}, …"
        else:
            raise
        raise InputError(f"{name}: {hint}") from None


def _taken_for_a_run(path: "Path", failure: str) -> bool:
    """Return whether a file failed as a run only for want of marks of any kind."""
    from accelsim.catalog import load, read_toml

    if not {"model", "system", "chips", "base"}.isdisjoint(read_toml(path)):
        return False
    try:
        load("runs", path)
    except InputError as error:
        return str(error) == failure
    return False


def _inside(change: "Override", kind: str, spec: "Spec") -> "Override":
    """Return the change with a path inside the spec: `chip.clock` is `clock`."""
    from dataclasses import replace

    from accelsim.catalog import singular

    path = change.path
    if len(path) > 1 and path[0] in (kind, singular(kind)):
        path = path[1:]
        if kind == "links" and len(path) > 1 and path[0] == getattr(spec, "name", ""):
            path = path[1:]
    return replace(change, path=path)


def _namesakes(kind: str, name: str) -> list[str]:
    """Return the other kinds in which the catalog has the name, as `kind:name`."""
    from accelsim.catalog import KINDS_OF_THING, names

    others: list[Any] = [k for k in KINDS_OF_THING if k != kind and name in names(k)]
    return [f"{other}:{name}" for other in others]
