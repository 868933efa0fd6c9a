"""Kill -9 at random moments: no row is lost, none is doubled, all are the same.

One kill of each kind is in the suite; `pytest -m soak` does fifty of each.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from accelsim.errors import AccelsimError
from accelsim.explore.sweep import cluster, run, store
from accelsim.explore.sweep.store import Store
from accelsim.specs.checking import validate
from accelsim.specs.sweep import SweepSpec

PLAN = {"tp": 2, "dp": 8, "micro_batch": 1, "sharding": "zero1", "recompute": "none"}
RUN = {"model": "llama3-8b", "system": "dgx-h100", "chips": 16, "plan": PLAN}
START = "from accelsim.cli import main; import sys; sys.argv[0] = 'accelsim'; main()"
ROOT = Path(__file__).parents[3]
PATIENCE = 600.0  # s, on a machine that does other things too
FIFTY = [1, pytest.param(50, marks=pytest.mark.soak)]


def made(folder: Path, kills: int) -> Store:
    """Return a sweep with parts enough that a kill comes in the middle of it."""
    count = 40 if kills < 10 else 200
    spans = {"start": "3 TB/s", "stop": "4 TB/s", "count": count}
    axes = (
        {"path": "chip.hbm.bandwidth", "range": spans},
        {"path": "chips", "values": (1, 16)},  # one is too small: a row that says so
    )
    raw = {"name": "s", "run": RUN, "axes": axes, "columns": {"x": "1 / tokens_per_s"}}
    spec = validate(SweepSpec, raw, "s")
    return store.create(folder, store.manifest_of(spec, run.check(spec), 4))


def checked(found: Store, checksum: str) -> None:
    """Compare a sweep that was killed with one that was not."""
    points = found.rows(["point"]).column("point").to_pylist()
    assert points == list(range(found.manifest.points))
    assert found.checksum() == checksum
    assert not [p for p in (found.folder / "parts").iterdir() if p.suffix != ".parquet"]


def undisturbed(folder: Path, kills: int) -> str:
    found = made(folder, kills)
    run.run(found)
    return found.checksum()


def folders(tmp_path: Path, kills: int) -> Iterator[Store]:
    """Yield one empty sweep after another."""
    number = 0
    while True:
        yield made(tmp_path / f"s{number}", kills)
        number += 1


def parts(found: Store) -> int:
    return len(list((found.folder / "parts").glob("*.parquet")))


def wait_for_work(job: "subprocess.Popen[str]", found: Store) -> None:
    """Return when a job has written a part, or has ended."""
    before, end = parts(found), time.monotonic() + PATIENCE
    while job.poll() is None and parts(found) == before:
        assert time.monotonic() < end, "no part is written"
        time.sleep(0.02)


@pytest.mark.parametrize("kills", FIFTY)
def test_a_sweep_that_is_killed_goes_on(tmp_path: Path, kills: int) -> None:
    checksum = undisturbed(tmp_path / "whole", kills)
    rng, done = random.Random(kills), 0
    for found in folders(tmp_path, kills):
        while parts(found) < found.manifest.chunks:
            workers = str(1 if done % 5 else 2)
            job = subprocess.Popen(
                [sys.executable, "-c", START, "sweep", "resume", str(found.folder),
                 "--workers", workers],
                cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                start_new_session=True,
            )  # fmt: skip
            if done < kills:  # one in three before it has written anything
                if rng.random() < 0.67:
                    wait_for_work(job, found)
                time.sleep(rng.uniform(0.0, 0.3))
                done += job.poll() is None
                with contextlib.suppress(ProcessLookupError):  # it had ended
                    os.killpg(job.pid, signal.SIGKILL)
            out, err = job.communicate(timeout=PATIENCE)
            assert job.returncode in (0, -signal.SIGKILL), out + err
        if parts(found) == found.manifest.chunks:
            run.run(found)  # removes what was half written
        checked(found, checksum)
        if done >= kills:
            return


@pytest.mark.parametrize("kills", FIFTY)
def test_dask_workers_that_are_killed_lose_nothing(
    tmp_path: Path, kills: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "ALONE", 3.0)
    monkeypatch.setattr(cluster, "TRIES", 1)
    checksum = undisturbed(tmp_path / "whole", kills)
    rng, done = random.Random(kills), 0
    for found in folders(tmp_path, kills):
        while parts(found) < found.manifest.chunks:
            # a nanny whose worker is killed while it starts gives up: begin anew
            with distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=":0",
                host="127.0.0.1",
            ) as made_anew:  # fmt: skip
                done = disturbed(found, made_anew, rng, done, kills)
        run.run(found)  # removes what was half written
        checked(found, checksum)
        if done >= kills:
            return


def disturbed(
    found: Store, workers: Any, rng: random.Random, done: int, kills: int
) -> int:
    """Run a sweep on a cluster whose workers are killed; returns the kills so far."""
    job = threading.Thread(target=quietly, args=(found, workers.scheduler_address))
    job.start()
    while job.is_alive():
        before, end = parts(found), time.monotonic() + rng.uniform(0.0, 20.0)
        while job.is_alive() and parts(found) == before and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(rng.uniform(0.0, 0.3))
        there = list(workers.workers.values())
        if done < kills and job.is_alive() and there:
            done += killed(rng.choice(there))
    job.join()
    return done


def quietly(found: Store, address: str) -> None:
    """Run a sweep; where workers died at one part too often, the next run goes on."""
    with contextlib.suppress(AccelsimError):
        cluster.run_on_dask(found, address)


def killed(worker: Any) -> bool:
    """Kill the process of a worker; its nanny starts another."""
    process = worker.process
    pid = process.pid if process is not None and process.is_alive() else None
    if pid is None:
        return False
    os.kill(pid, signal.SIGKILL)
    return True
