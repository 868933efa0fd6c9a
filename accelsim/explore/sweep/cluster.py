"""Run a sweep on Dask: chunks as tasks, parts written by the workers.

This file knows Dask, which it loads when it is asked for. Every worker sees the sweep's
folder under the same path and has the same accelsim; a part appears whole or not at
all, so that a lost worker costs the chunks it was at, and a lost scheduler those that
were under way.
"""

import time
from collections.abc import Iterator
from typing import Any

from accelsim.errors import InputError, NoAnswerError
from accelsim.explore.sweep.run import (
    Listener,
    Progress,
    in_worker,
    missing_chunks,
    unheard,
)
from accelsim.explore.sweep.store import Store

TRIES = 5  # of a chunk whose workers die, and of a scheduler that does not answer
PATIENCE = 30.0  # s to wait for a scheduler
ALONE = 60.0  # s without any worker after which a cluster is given up
LOOK = 1.0  # s between looks at the workers


def run_on_dask(
    store: Store, address: str, *, tell: Listener = unheard, verify: bool = False
) -> None:
    """Compute what is missing of a sweep on a Dask cluster.

    Parameters
    ----------
    address : str
        `tcp://host:port` of a scheduler, or `local:N` for N processes of this machine.

    Raises
    ------
    InputError
        No such address, Dask is not installed, or the folder cannot be written.
    NoAnswerError
        The scheduler or all workers stay away, or workers die again and again.
    """
    check_address(address)
    with store.locked():
        for attempt in range(TRIES):
            left, progress = missing_chunks(store, verify=verify and not attempt)
            tell(progress)
            if progress.points == progress.total:
                return
            try:
                _run_once(store, address, left, progress, tell)
            except OSError as error:  # a lost scheduler is a closed connection, too
                if attempt + 1 == TRIES:
                    raise NoAnswerError(
                        f"the cluster at {address} is lost ({error}); finished parts "
                        f"are kept: accelsim sweep resume {store.folder}"
                    ) from None
                time.sleep(2.0**attempt / 4.0)
            else:
                return


def check_address(address: str) -> None:
    """Refuse an address that cannot be one.

    Raises
    ------
    InputError
        No such address, or Dask is not installed.
    """
    try:
        import distributed  # noqa: F401 - only asked whether it is there
    except ImportError:
        raise InputError("--dask: Dask is missing: pip install distributed") from None
    local = address.removeprefix("local:")
    if address.startswith("local:"):
        if not local.isdigit() or int(local) < 1:
            raise InputError(f"--dask {address}: write local:N, with N processes")
    elif "://" not in address:
        raise InputError(f"--dask {address}: write tcp://HOST:PORT or local:N")


def _run_once(
    store: Store,
    address: str,
    chunks: Iterator[int],
    progress: Progress,
    tell: Listener,
) -> None:
    from distributed import Client, LocalCluster

    cluster = None
    if address.startswith("local:"):
        cluster = LocalCluster(
            n_workers=int(address.removeprefix("local:")),
            threads_per_worker=1,
            dashboard_address=":0",  # any: another may run
            host="127.0.0.1",
        )
    try:
        with Client(cluster or address, timeout=PATIENCE) as client:
            done = progress.points
            for chunk in _finished(client, store, chunks):
                first, last = store.manifest.span(chunk)
                done += last - first
                tell(Progress(done, store.manifest.points))
    finally:
        if cluster is not None:
            cluster.close()


def _finished(client: Any, store: Store, waiting: Iterator[int]) -> Iterator[int]:
    """Yield chunks as they are done, with a bounded number of them under way."""
    from distributed import as_completed

    folder = str(store.folder.resolve())
    window = 4 * max(1, sum(client.nthreads().values()))
    running = as_completed(raise_errors=False)

    def submit() -> None:
        for chunk in waiting:
            # not pure: a chunk that is asked for again is computed again
            running.add(
                client.submit(in_worker, folder, chunk, retries=TRIES, pure=False)
            )
            return

    for _ in range(window):
        submit()
    while not running.is_empty():
        future = _next(client, running)
        if future.status == "cancelled":
            raise ConnectionError("the connection was closed")
        yield _result(future)
        submit()


def _next(client: Any, running: Any) -> Any:
    """Return the next future that is done, as long as somebody works at any.

    A nanny whose worker dies again while it starts gives up, and Dask would wait.

    Raises
    ------
    ConnectionError
        There has been no worker for `ALONE` seconds.
    """
    looked = seen = time.monotonic()
    while not running.has_ready():
        time.sleep(0.002)
        now = time.monotonic()
        if now - looked > LOOK:
            looked = now
            seen = now if client.nthreads() else seen
            if now - seen > ALONE:
                raise ConnectionError("no worker is left")
    return next(running)


def _result(future: Any) -> int:
    from distributed.scheduler import KilledWorker

    try:
        return int(future.result())
    except KilledWorker as error:
        raise NoAnswerError(
            f"workers die at one part again and again (out of memory?): {error}"
        ) from None
