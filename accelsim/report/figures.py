"""How a picture leaves the program: which endings it may have, whole or not at all.

This file knows files and no picture; matplotlib is the caller's.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from accelsim.errors import InputError

ENDINGS = (".png", ".svg", ".pdf")


def check_figure(path: str) -> None:
    """Refuse a picture that cannot be written, before anything is computed."""
    folder = Path(path).absolute().parent
    if Path(path).suffix.lower() not in ENDINGS:
        raise InputError(f"--figure {path}: must end in {', '.join(ENDINGS)}")
    if not folder.is_dir():
        raise InputError(f"--figure {path}: {folder} is no folder")
    if not os.access(folder, os.W_OK):
        raise InputError(f"--figure {path}: {folder} cannot be written to")


def save(figure: Any, path: Path) -> None:
    """Write a picture whole or not at all."""
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.absolute().parent, suffix=path.suffix, delete=False
        ) as file:
            figure.savefig(file, format=path.suffix[1:].lower(), dpi=150)
        Path(file.name).replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
