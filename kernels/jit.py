"""The decorator of every kernel, and where its machine code is kept.

This file knows Numba's options and its cache. It knows no formula. Kernels are
compiled on their first call, run serially, release the GIL and divide by zero as
NumPy does (to inf or nan).
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba

_P = ParamSpec("_P")
_R = TypeVar("_R")


def digest() -> str:
    """Return the hash of every kernel's source, and of what else changes their code."""
    # Numba compares only the file that a kernel is in. A kernel holds the code of the
    # kernels and constants that it uses, so its cache must change with all of them;
    # and with the bounds check, which Numba would otherwise find in or miss from code
    # that was compiled under another setting.
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    content = b"".join(path.read_bytes() for path in sources)
    setting = f"boundscheck={numba.config.BOUNDSCHECK}"  # type: ignore[attr-defined]
    return hashlib.sha256(content + setting.encode()).hexdigest()[:12]


def _can_cache() -> bool:
    env = os.environ
    base = env.get("NUMBA_CACHE_DIR") or env.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        cache = Path(base).expanduser() / "accelsim" / digest()
        cache.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # not writable, or a user without a home
        return False
    numba.config.CACHE_DIR = str(cache)  # type: ignore[attr-defined]
    return os.access(cache, os.W_OK)


_CACHE = _can_cache()


def cached(name: str) -> bool | None:
    """Return whether machine code of `module.function` is kept, None without a cache.

    Numba's index file is named after module, function and line.
    """
    if not _CACHE or numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return None
    folder = Path(numba.config.CACHE_DIR)  # type: ignore[attr-defined]
    return any(folder.rglob(f"{name}-*.nbi"))


def _compiled(function: Callable[_P, _R], **more: Any) -> Callable[_P, _R]:
    options: dict[str, Any] = {
        "cache": _CACHE,
        "nogil": True,
        "error_model": "numpy",
        # nothing here is called from C: saves a tenth of the compile time
        "no_cfunc_wrapper": True,
        **more,
    }
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
