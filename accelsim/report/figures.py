"""How a picture leaves the program: which endings it may have, whole or not at all.

This file knows files and no picture; matplotlib is the caller's.
"""

from pathlib import Path
from typing import Any

from accelsim.errors import InputError
from accelsim.files import replacing, target_of

ENDINGS = (".png", ".svg", ".pdf")


def check_figure(path: str | Path, *read: Path) -> None:
    """Refuse a picture that cannot be written, before anything is computed.

    read : files that the answer comes from, which are not replaced.
    """
    if Path(path).suffix.lower() not in ENDINGS:
        raise InputError(f"--figure {path}: must end in {', '.join(ENDINGS)}")
    target_of(Path(path), *read)


def save(figure: Any, path: Path) -> None:
    """Write a picture whole or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=150)
