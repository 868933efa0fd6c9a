"""Run a sweep on this machine: chunks to worker processes, parts to the folder.

This file knows which chunks are missing and who computes them. A chunk is computed and
written by one worker; what is killed is computed again by the next run.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

from accelsim.errors import InputError
from accelsim.explore.sweep.ask import Sweep, sweep_of
from accelsim.explore.sweep.rows import question_of
from accelsim.explore.sweep.store import Store, open_store
from accelsim.specs.sweep import SweepSpec

CHUNK = 65_536  # points of a part; fewer for small sweeps, so that all cores have work
ASK_FIRST = 10_000_000  # points above which a run must be confirmed


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, told after each part.

    Attributes
    ----------
    points, total : int
        Points done (those of earlier runs included), and of the sweep.
    lines : tuple of str
        What the user should know, such as a damaged part.
    """

    points: int
    total: int
    lines: tuple[str, ...] = ()


Listener = Callable[[Progress], None]


def unheard(_progress: Progress) -> None:
    """Tell nobody."""


def chunk_of(points: int, workers: int = 8) -> int:
    """Return the points of a part: a power of two, at most `CHUNK`."""
    size = CHUNK
    while size > 16 and points < 4 * workers * size:
        size //= 2
    return size


def check(spec: SweepSpec) -> int:
    """Return the points of a sweep, after asking its first one.

    Raises
    ------
    InputError
        The sweep is wrong: an axis, an expression, or the base run itself.
    """
    sweep = sweep_of(spec)
    question_of(spec, {p: c[0] for p, c in sweep.points.chunk(0, 1).items()})
    return sweep.points.count


def run(
    store: Store, *, workers: int = 1, tell: Listener = unheard, verify: bool = False
) -> None:
    """Compute what is missing of a sweep.

    Parameters
    ----------
    workers : int
        Processes; 1 computes in this one.
    tell : callable
        Called with a `Progress` after every part.
    verify : bool
        Read the parts that are there to their ends, and compute damaged ones again.

    Raises
    ------
    InputError
        The folder cannot be written, another run is at work in it, or a worker died
        again and again.
    """
    with store.locked():
        missing, progress = missing_chunks(store, verify=verify)
        tell(progress)
        done = progress.points
        compute = _in_processes if workers > 1 else _here
        for chunk in compute(store, missing, workers):
            first, last = store.manifest.span(chunk)
            done += last - first
            tell(Progress(done, store.manifest.points))


def missing_chunks(
    store: Store, *, verify: bool = False
) -> tuple[Iterator[int], Progress]:
    """Return the chunks that are to be computed, and how far earlier runs got."""
    store.remove_temporary()
    finished, lines = store.sort_out(verify=verify)
    spans = [store.manifest.span(chunk) for chunk in finished]
    points = sum(last - first for first, last in spans)
    there = set(finished)  # no list of what is not there: a sweep may be of any size
    missing = (n for n in range(store.manifest.chunks) if n not in there)
    return missing, Progress(points, store.manifest.points, tuple(lines))


def compute_chunk(store: Store, sweep: Sweep, chunk: int) -> int:
    """Compute one chunk and write its part; returns the chunk."""
    store.write(chunk, sweep.ask(*store.manifest.span(chunk)))
    return chunk


def _here(store: Store, chunks: Iterable[int], _workers: int) -> Iterator[int]:
    sweep = _sweep(store)
    for chunk in chunks:
        yield compute_chunk(store, sweep, chunk)


def _sweep(store: Store) -> Sweep:
    """Return the sweep of a folder.

    Raises
    ------
    InputError
        It is a design's.
    """
    spec = store.manifest.spec
    if not isinstance(spec, SweepSpec):
        raise InputError(
            f"{store.folder}: holds the trials of a design: accelsim optimise goes on"
        )
    return sweep_of(spec)


_OPEN: dict[str, tuple[Store, Sweep]] = {}  # of a worker process: its sweep, read once


def in_worker(folder: str, chunk: int) -> int:
    """Compute one chunk of a folder in a process that may have seen it before."""
    if folder not in _OPEN:
        store = open_store(Path(folder))
        _OPEN[folder] = (store, _sweep(store))
    return compute_chunk(*_OPEN[folder], chunk)


def _leave_interrupts() -> None:
    """Let the process that the user sees answer Ctrl-C; a part is finished first."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _in_processes(store: Store, chunks: Iterable[int], workers: int) -> Iterator[int]:
    """Yield chunks as they are done; a pool whose worker was killed is made anew."""
    waiting, under_way, deaths = iter(chunks), dict[int, None](), 0
    while True:
        try:
            again = list(under_way)
            for chunk in _in_pool(store, chain(again, waiting), workers, under_way):
                deaths = 0
                yield chunk
            return
        except BrokenProcessPool:
            deaths += 1
            if deaths > 3:
                raise InputError(
                    f"{store.folder}: workers die before they finish a part (out of "
                    "memory?); try --workers 1"
                ) from None


def _in_pool(
    store: Store, chunks: Iterator[int], workers: int, under_way: dict[int, None]
) -> Iterator[int]:
    """Yield chunks as they are done; `under_way` are those that were handed out."""
    folder = str(store.folder.resolve())
    context = get_context("spawn")  # a fork would copy the threads of NumPy
    with ProcessPoolExecutor(workers, context, _leave_interrupts) as pool:
        running: set[Future[int]] = set()
        try:
            while True:
                for chunk in chunks:
                    under_way[chunk] = None
                    running.add(pool.submit(in_worker, folder, chunk))
                    if len(running) >= 2 * workers:
                        break
                if not running:
                    return
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    chunk = future.result()
                    del under_way[chunk]
                    yield chunk
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
