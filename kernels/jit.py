"""The decorator of every kernel, and where its machine code is kept.

This file knows Numba's options and its cache. It knows no formula. Kernels are
compiled on their first call, run serially, release the GIL and divide by zero as
NumPy does (to inf or nan).
"""

import functools
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba

_P = ParamSpec("_P")
_R = TypeVar("_R")


_FOLDER = Path(__file__).parent
_PACKAGE = __name__.rpartition(".")[0]
_IMPORTS = re.compile(
    rf"^from {re.escape(_PACKAGE)}(?:\.(\w+))? import (\(.*?\)|[^\n]*)", re.M | re.S
)


@functools.cache
def _source(module: str) -> tuple[bytes, frozenset[str]]:
    """Return a file's text, and the names of the files that it may import from."""
    path = _FOLDER / f"{module}.py"
    if not path.is_file():  # a name that another file of kernels gives
        return b"", frozenset()
    text = path.read_bytes()
    used: set[str] = set()
    for one, names in _IMPORTS.findall(text.decode()):
        used |= {one} if one else set(re.findall(r"\w+", names))
    return text, frozenset(used)


def reached(module: str) -> set[str]:
    """Return the names of the files that a kernel file holds code or constants of."""
    found, ahead = {"jit"}, [module]
    while ahead:
        one = ahead.pop()
        if one not in found and _source(one)[0]:
            found.add(one)
            ahead.extend(_source(one)[1])
    return found


@functools.cache
def _content(module: str) -> str:
    held = hashlib.sha256()
    for one in sorted(reached(module)):
        held.update(one.encode() + b"\0" + _source(one)[0])
    return held.hexdigest()


def digest(module: str) -> str:
    """Return the hash of a kernel file's source and of what else changes its code.

    Parameters
    ----------
    module
        Name of the file in this folder, without `.py`.
    """
    # Numba compares only the file that a kernel is in. A kernel holds the code of the
    # kernels and constants that it uses, so its cache must change with all of them;
    # and with the bounds check, which Numba would otherwise find in or miss from code
    # that was compiled under another setting.
    setting = f"boundscheck={numba.config.BOUNDSCHECK}"  # type: ignore[attr-defined]
    return hashlib.sha256((_content(module) + setting).encode()).hexdigest()[:12]


def _cache_of(module: str) -> Path | None:
    """Return the folder of a file's machine code, None where nothing can be kept.

    Nothing is of a file elsewhere, whose kernels may use any version of ours.
    """
    package, _, module = module.rpartition(".")
    if package != _PACKAGE:
        return None
    env = os.environ
    base = env.get("NUMBA_CACHE_DIR") or env.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        cache = Path(base).expanduser() / "accelsim" / f"{module}-{digest(module)}"
        cache.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # not writable, or a user without a home
        return None
    return cache if os.access(cache, os.W_OK) else None


@contextmanager
def _kept_in(folder: Path | None) -> Iterator[None]:
    """Let Numba keep what is decorated meanwhile in `folder`, and nothing else."""
    usual = numba.config.CACHE_DIR  # type: ignore[attr-defined]
    numba.config.CACHE_DIR = str(folder or "")  # type: ignore[attr-defined]
    try:
        yield
    finally:
        numba.config.CACHE_DIR = usual  # type: ignore[attr-defined]


def cached(name: str) -> bool | None:
    """Return whether machine code of `module.function` is kept, None without a cache.

    Numba's index file is named after module, function and line.
    """
    folder = _cache_of(f"{_PACKAGE}.{name.partition('.')[0]}")
    if folder is None or numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return None
    return any(folder.rglob(f"{name}-*.nbi"))


def _compiled(function: Callable[_P, _R], **more: Any) -> Callable[_P, _R]:
    folder = _cache_of(function.__module__)
    options: dict[str, Any] = {
        "cache": folder is not None,
        "nogil": True,
        "error_model": "numpy",
        # nothing here is called from C: saves a tenth of the compile time
        "no_cfunc_wrapper": True,
        **more,
    }
    with _kept_in(folder):
        return cast("Callable[_P, _R]", numba.njit(**options)(function))


def kernel(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile `function` on its first call for each set of argument types.

    Parameters
    ----------
    function
        A formula over arrays and scalars, without exceptions, strings or objects.

    Returns
    -------
    Callable
        The compiled function, with the signature of the plain one.
    """
    return _compiled(function)


def inlined(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile a kernel that becomes part of every kernel that calls it.

    For small steps of a loop that runs millions of times: calls cost a memory channel
    three fifths of its speed (HBM3, sequential: 3.0 and 7.8 million requests/s).
    """
    return _compiled(function, forceinline=True)
