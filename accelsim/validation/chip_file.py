"""A calibration as a chip or system file that derives from the old one.

This file knows how such a file is written; which figures it holds is the calibration's.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from accelsim import catalog
from accelsim.errors import InputError
from accelsim.files import replacing, target_of
from accelsim.validation.calibrate import Calibration


def check_chip_file(
    path: Path, base: str, read: Sequence[Path], kind: str = "chips"
) -> None:
    """Refuse a file of a chip (or system) that cannot be written or find its base.

    Raises
    ------
    InputError
        The file cannot be written there.
    """
    target_of(path, *read, catalog.find(kind, base))
    _base(path, base)


def write_chip_file(
    path: Path, base: str, found: Calibration, read: Sequence[Path]
) -> None:
    """Write the new constants; the file appears whole or not at all.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    names = ", ".join(dict.fromkeys(file.name for file in read))
    source = f"accelsim calibrate gemm on {names}"
    about = f"# {found.chip.name}, its products calibrated on measurements."
    write_figures(path, base, about, source, found.written, read)


def write_figures(
    path: Path, base: str, about: str, source: str, figures: Mapping[str, object],
    read: Sequence[Path],
) -> None:  # fmt: skip
    """Write measured figures, by path, to a file that derives from `base`.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    lines = [
        about,
        f"base = {_text(_base(path, base))}",
        f"source = {_text(source)}",
        'kind = "measured"',
    ]
    table = ""
    for constant, value in sorted(figures.items(), key=_by_table):
        where, _, name = constant.rpartition(".")
        if where != table:
            lines += ["", f"[{where}]"]
            table = where
        text = _text(value) if isinstance(value, str) else repr(value)
        figure = f'value = {text}, source = {_text(source)}, kind = "measured"'
        lines.append(f"{name} = {{ {figure} }}")
    with replacing(path, *read) as temporary:
        temporary.write_text("\n".join(lines) + "\n", "utf-8")


def _by_table(item: tuple[str, object]) -> tuple[str, str]:
    where, _, name = item[0].rpartition(".")
    return where, name


def _text(text: str) -> str:
    """Return a text as TOML has it, whose basic strings are those of JSON."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _base(path: Path, base: str) -> str:
    """Return what the new file calls its base: a name, or a path from its folder."""
    if not catalog.is_path(base):
        return base
    folder, file = path.resolve().parent, Path(base).expanduser().resolve()
    if not file.is_relative_to(folder):
        raise InputError(f"{path}: must be in the folder of its base {base}, or above")
    found = os.path.relpath(file, folder)
    return found if catalog.is_path(found) else f"./{found}"
