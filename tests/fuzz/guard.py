"""What an input may do to the machine: end soon, touch its own output, run nothing.

This file knows Python's audit events and how a command of ours ends; it does not know
what is asked. The hook cannot be taken out again, so that it listens only while an
input is being tried.
"""

import contextlib
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

from click.testing import CliRunner

from accelsim import catalog
from accelsim.cli import main

PATIENCE = 5.0  # s of processor time that an input may take
GIVE_UP = 600.0  # s after which the process says where it is, and dies
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# What changes a file system without opening a file; the last paths are what is changed.
CHANGES = ("remove", "rename", "rmdir", "mkdir", "truncate", "chmod", "link", "symlink")
NEVER = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.startfile",
    "subprocess.Popen",
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "urllib.Request",
    "pickle.find_class",
    "ctypes.dlopen",
)
# What these do is not the input's doing: they keep caches, and compile in a process.
LIBRARIES = ("numba", "llvmlite", "matplotlib", "concurrent", "multiprocessing")
OWN = ("accelsim.kernels.jit", "accelsim.kernels.warm")


@dataclass
class Watch:
    """What was seen of an input.

    Attributes
    ----------
    allowed : tuple of str
        Folders that may be written to.
    secret : str
        A file that nothing may open.
    """

    allowed: tuple[str, ...]
    secret: str
    seen: list[str] = field(default_factory=list)


_watch: Watch | None = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    watch = _watch
    if watch is None:
        return
    if event == "open":
        _opened(watch, *arguments)
    elif event in NEVER or event.startswith("shutil."):
        if not _by_a_library():
            watch.seen.append(f"{event} {str(arguments)[:200]}")
    elif event.startswith("os.") and event[3:] in CHANGES:
        for path in arguments[: 2 if event in ("os.rename", "os.link") else 1]:
            _changed(watch, event, path)


def _opened(watch: Watch, path: Any, _mode: Any, flags: int) -> None:
    if isinstance(path, int):
        return
    name = _full(path)
    if name == watch.secret:
        watch.seen.append(f"read {name}")
    if flags & WRITING:
        _changed(watch, "open", path)


def _changed(watch: Watch, event: str, path: Any) -> None:
    if isinstance(path, int):
        return
    name = _full(path)
    inside = name == os.devnull or name.startswith(watch.allowed)
    if not inside and not _by_a_library():
        watch.seen.append(f"{event} {name}")


def _full(path: Any) -> str:
    """Return a path without dots, its links as they are."""
    return os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - links stay


def _by_a_library() -> bool:
    """Return whether what keeps a cache of its own is on the stack."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name in OWN or name.partition(".")[0] in LIBRARIES:
            return True
        frame = frame.f_back
    return False


sys.addaudithook(_hook)


@contextlib.contextmanager
def watching(allowed: tuple[Path, ...], secret: Path) -> Iterator[list[str]]:
    """Yield a list that what is not allowed is written to."""
    global _watch  # noqa: PLW0603 - a hook has no other way to be told
    _watch = Watch(tuple(str(path) for path in allowed), str(secret))
    try:
        yield _watch.seen
    finally:
        _watch = None


@dataclass(frozen=True)
class Sandbox:
    """A folder with what an input may write to, and what it must not.

    Attributes
    ----------
    catalog, inputs, out, here, secret : Path
        A catalog of the user's, folder of the other broken files, folder of outputs,
        the working folder, which must stay empty, and a file that nobody names.
    """

    root: Path

    @property
    def catalog(self) -> Path:
        return self.root / "catalog"

    @property
    def inputs(self) -> Path:
        return self.root / "inputs"

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def here(self) -> Path:
        return self.root / "here"

    @property
    def secret(self) -> Path:
        return self.root / "secret.toml"

    def made(self) -> "Sandbox":
        """Make the folders and return itself."""
        kinds = [self.catalog / kind for kind in catalog.KINDS_OF_THING]
        for folder in (self.inputs, self.out, self.here, *kinds):
            folder.mkdir(parents=True)
        self.secret.write_text('base = "h100-sxm"\n')
        return self


@dataclass(frozen=True)
class Tried:
    """How a command ended: its exit code, what it did wrong, and its seconds."""

    code: int
    wrong: str
    spent: float


def run(words: Sequence[str], sandbox: Sandbox, *, may_name: bool = False) -> Tried:
    """Run a command and return how it ended; its words may name any file to read.

    A command that took long is asked again: the first may have compiled a kernel.
    """
    tried = _once(words, sandbox, may_name)
    if not tried.wrong and tried.spent > PATIENCE:
        tried = _once(words, sandbox, may_name)
        if tried.spent > PATIENCE:
            return replace(tried, wrong=f"takes {tried.spent:.1f} s; {tried.wrong}")
    return tried


def _once(words: Sequence[str], sandbox: Sandbox, may_name: bool) -> Tried:  # noqa: FBT001
    secret = sandbox.root / "none" if may_name else sandbox.secret
    environment = {"ACCELSIM_PATH": str(sandbox.catalog)}
    start = time.process_time()
    with (
        _given_up(words),
        watching((sandbox.inputs, sandbox.out), secret) as seen,
    ):
        done = CliRunner().invoke(main, words, env=environment)
    spent = time.process_time() - start
    left = [f"wrote {name}" for name in sandbox.here.iterdir()]
    wrong = "; ".join([*_ending(done, words), *seen, *left][:3])
    return Tried(done.exit_code, wrong, spent)


@contextlib.contextmanager
def _given_up(words: Sequence[str]) -> Iterator[None]:
    """End the process if it is still here much later; say what was asked of it."""

    def end() -> None:
        print("no end:", words, file=sys.__stderr__, flush=True)
        faulthandler.dump_traceback(2)
        os._exit(1)

    timer = threading.Timer(GIVE_UP, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _ending(done: Any, words: Sequence[str]) -> list[str]:
    """Return what is wrong with how a command ended."""
    if not isinstance(done.exception, SystemExit | None):
        return [_where(done.exc_info)]
    if done.exit_code not in (0, 1, 2):
        return [f"exit code {done.exit_code}"]
    if not done.exit_code:
        return [] if done.stdout and "\x1b" not in done.stdout else ["odd output"]
    lines = done.stderr.splitlines()
    if len(lines) != 1 or not lines[0].startswith("error: "):
        return [f"stderr {done.stderr[:200]!r}"]
    if done.stdout and "--json" not in words:
        return [f"stdout {done.stdout[:200]!r}"]
    return []


def _where(info: Any) -> str:
    """Return an exception with the innermost line of ours that it passed."""
    kind, value, trace = info
    place = ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "/accelsim/" in file or "/kernels/" in file:
            place = f"{Path(file).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{kind.__name__} at {place}: {str(value)[:120]}"
