"""What asks an answer again: the command, the run, and every config that was read.

This file knows where specs were found; it prints the files as they are.
"""

import platform
from collections.abc import Iterable, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import accelsim
from accelsim import catalog
from accelsim.errors import AccelsimError
from accelsim.explore.held import held
from accelsim.explore.result import Estimate
from accelsim.link.budget import Link
from accelsim.link.path import Item, Placed
from accelsim.link.wire import link_of
from accelsim.markup import Markup, joined, tag
from accelsim.question import Question
from accelsim.report.page.page import Section, paragraph
from accelsim.specs.writing import run_toml

File = tuple[str, Path]  # kind, path
WITH = ("numba", "numpy", "scipy")


def reproduce_section(
    command: str, found: Sequence[Estimate], files: Sequence[File]
) -> Section:
    """Return the command, the run of each estimate, versions and config files.

    command : as it was typed.
    """
    versions = ", ".join(f"{name} {version(name)}" for name in WITH)
    lead = (
        f"accelsim {accelsim.__version__}, Python {platform.python_version()}, "
        f"{versions}."
    )
    runs = [_opened(f"run.toml: {_name(one)}", answered_toml(one)) for one in found]
    texts = [_file(kind, path) for kind, path in files]
    parts: list[Markup] = [paragraph(lead), tag("pre", command)]
    if runs:
        words = "Each answer as a run, its plan found: accelsim estimate run.toml"
        parts += [tag("h3", "Runs"), paragraph(words, quiet=True), joined(runs)]
    words = "The files of the catalog that were read, as they were; sha256 of each."
    parts += [tag("h3", "Configs"), paragraph(words, quiet=True), joined(texts)]
    return Section("reproduce", "To reproduce", tuple(parts))


def answered_toml(found: Estimate) -> str:
    """Return an estimate's question with its plan as a TOML file."""
    return run_toml(held(found).run, f"accelsim {accelsim.__version__}")


def _name(found: Estimate) -> str:
    q = found.question
    return f"{q.model.name} on {found.chips:,} × {q.chip.name} of {q.system.name}"


def _opened(words: str, text: str) -> Markup:
    return tag("details", tag("summary", words), tag("pre", text))


def _file(kind: str, path: Path) -> Markup:
    raw = path.read_bytes()
    digest = sha256(raw).hexdigest()[:16]
    words = f"{catalog.singular(kind)} {path.name}  ·  {digest}"
    return _opened(words, raw.decode("utf-8", "replace"))


def files_of(q: Question) -> list[File]:
    """Return the files that a question was read from, bases included."""
    run = q.run
    system = catalog.find("systems", run.system)
    found: list[File] = [
        ("models", catalog.find("models", run.model)),
        ("systems", system),
    ]
    found += _beside([("chips", q.system.chip)], system)
    found += _beside([("links", name) for name in q.links], system)
    if run.software is None:
        found += _beside([("software", q.system.software)], system)
    else:
        found.append(("software", catalog.find("software", run.software)))
    found += _beside([("prices", q.system.price)], system)
    for link in q.links.values():
        found += wire_files(link_of(link)) if link.path else []
    return with_bases(found)


def wire_files(asked: Link) -> list[File]:
    """Return the files behind the path of a link."""
    names = [(_kind(item), item.spec.name) for item in asked.path.items]
    return _beside([*names, ("codes", asked.code.name)], None)


def _kind(item: Item) -> str:
    return "devices" if isinstance(item, Placed) else "segments"


def _beside(names: Iterable[tuple[str, str]], owner: Path | None) -> list[File]:
    found = []
    for kind, name in names:
        try:
            found.append((kind, catalog.find(kind, name, owner)))
        except AccelsimError:  # a spec that came from no file
            continue
    return found


def with_bases(found: Iterable[File]) -> list[File]:
    """Return files and the files that they inherit from, each once."""
    todo, seen = list(found), dict[Path, File]()
    while todo:
        kind, path = todo.pop(0)
        if path not in seen:
            seen[path] = (kind, path)
            base = catalog.read_toml(path).get("base") if path.suffix == ".toml" else ""
            todo += _beside([(kind, base)], path) if base else []
    return list(seen.values())
