"""What a channel gives for operators' traffic, without running it each time.

This file knows a surface: the channel kernel's answers on a grid of turns, read shares,
streams and loads, which cost a second once for a memory and microseconds after. It is
kept on disk under the hash of the kernels and of the memory's constraints in ticks, so
memories whose constraints are equal share one: a pin rate alone changes nothing where
the timings are clock cycles. What no turn describes, such as a stride that meets one
bank, is for the kernel itself (`memory.measure`).
"""

import hashlib
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accelsim.chip.dram import lower
from accelsim.chip.memory import serve
from accelsim.chip.streams import Streams, stream_requests
from accelsim.kernels import dram_surface, jit
from accelsim.specs.hbm import HbmSpec

Floats = NDArray[np.float64]
TURNS = 2.0 ** np.arange(12)  # transactions
SHARES = np.array([0.0, 0.25, 0.5, 0.75, 0.9, 1.0])  # of turns that read
STREAMS = np.array([1.0, 8.0])
LONGEST_TOGETHER = 64  # transactions; longer turns cost the same, however many streams
LOADS = np.array([0.1, 0.4, 0.7, 0.85, 0.95])  # of what saturates
LATENCY_TURNS = 2.0 ** np.arange(0, 12, 2)
LATENCY_SHARES = np.array([0.5, 0.75, 1.0])
WARM_UP = 1500  # requests
INTERVALS = 5  # of refresh that a run is measured over
LATENCY_REQUESTS = 2500
VERSION = 1  # of the streams that are run


@dataclass(frozen=True, slots=True)
class Surface:
    """A channel's costs: see `kernels.dram_surface` for the axes.

    Attributes
    ----------
    cost : array
        [turn, share, stream] ticks of a turn while the queues are full.
    latency : array
        [turn, share, load] ticks of a read, mean.
    burst : float
        Ticks per transaction at the channel's peak.
    """

    cost: Floats
    latency: Floats
    burst: Floats

    def ticks(self, turn: Floats, share: Floats, count: Floats) -> Floats:
        """Return the ticks per transaction of turns [transactions]."""
        out = np.zeros(len(turn))
        dram_surface.fill_rates(
            *(TURNS, SHARES, STREAMS, self.cost, turn, share, count, out)
        )
        return out

    def efficiency(self, transaction: int, *asked: Streams) -> Floats:
        """Return the shares of the peak that operators' traffic reaches."""
        turn, share, count = _columns(transaction, asked)
        return float(self.burst) / self.ticks(turn, share, count)

    def latency_ticks(self, transaction: int, load: float, asked: Streams) -> float:
        """Return the mean latency of a read at a load, as a share of saturation."""
        turn, share, _ = _columns(transaction, (asked,))
        out = np.zeros(1)
        dram_surface.fill_latencies(
            *(LATENCY_TURNS, LATENCY_SHARES, LOADS, self.latency),
            *(turn, share, np.array([load]), out),
        )
        return float(out[0])


_MADE: dict[str, Surface] = {}  # in this process, by key


def _columns(
    transaction: int, asked: tuple[Streams, ...]
) -> tuple[Floats, Floats, Floats]:
    turn = np.array([one.turn / transaction for one in asked])
    share = np.array([one.read_fraction for one in asked])
    return turn, share, np.array([float(one.count) for one in asked])


def key_of(spec: HbmSpec) -> str:
    """Return the hash of all that a channel's answers in ticks depend on."""
    kernels = [jit.digest(name) for name in ("dram_run", "dram_surface")]
    held = lower(spec).tobytes() + f"{VERSION} {kernels}".encode()
    for axis in (TURNS, SHARES, STREAMS, LOADS, LATENCY_TURNS, LATENCY_SHARES):
        held += axis.tobytes()
    return hashlib.sha256(held).hexdigest()[:32]


def surface(spec: HbmSpec) -> Surface:
    """Return a memory's surface: from this process, from disk, or from the kernel."""
    return _kept(key_of(spec), spec)


def _kept(key: str, spec: HbmSpec) -> Surface:
    if key not in _MADE:
        path = folder() / f"{key}.npz"
        found = _read(path)
        if found is None:
            found = build(spec)
            _write(path, found)
        _MADE[key] = found
    return _MADE[key]


def folder() -> Path:
    """Return where surfaces are kept: the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "accelsim" / "hbm"


def _read(path: Path) -> Surface | None:
    """Return what is kept, or None if nothing readable is."""
    try:
        with np.load(path, allow_pickle=False) as held:
            return Surface(**{one.name: held[one.name] for one in fields(Surface)})
    except (OSError, KeyError, ValueError):
        return None


def _write(path: Path, made: Surface) -> None:
    """Keep a surface, whole or not at all; a cache that cannot be written is none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, suffix=".npz", delete=False
        ) as file:
            np.savez(file, **{f.name: getattr(made, f.name) for f in fields(Surface)})
        Path(file.name).replace(path)
    except OSError:
        return


def build(spec: HbmSpec, threads: int | None = None) -> Surface:
    """Run the kernel on every point of the grid, in threads."""
    cost = np.zeros((len(TURNS), len(SHARES), len(STREAMS)))
    latency = np.zeros((len(LATENCY_TURNS), len(LATENCY_SHARES), len(LOADS)))

    def column(at: tuple[int, int]) -> None:
        share, count = SHARES[at[0]], int(STREAMS[at[1]])
        guess = 0.1  # of the peak: a turn twice as long is at most twice as fast
        for i, turn in enumerate(TURNS):
            if count > 1 and turn > LONGEST_TOGETHER:
                break
            asked = Streams(turn * spec.organisation.transaction, share, count)
            ticks = saturated_ticks(spec, asked, guess)
            guess = min(2.2 * burst_ticks(spec) / ticks, 1.0)
            cost[i, at[0], at[1]] = ticks * turn

    with ThreadPoolExecutor(threads) as pool:
        every = [(i, j) for j in range(len(STREAMS)) for i in range(len(SHARES))]
        list(pool.map(column, every))
        long = TURNS > LONGEST_TOGETHER
        cost[long, :, 1:] = cost[long, :, :1]
        made = Surface(cost, latency, np.array(burst_ticks(spec)))
        points = [(i, j) for i in range(len(latency)) for j in range(len(latency[0]))]
        list(pool.map(lambda at: _fill_latency(spec, made, at), points))
    return made


def _fill_latency(spec: HbmSpec, made: Surface, at: tuple[int, int]) -> None:
    """Run one turn and share at every load that the surface's rate allows."""
    transaction = spec.organisation.transaction
    asked = Streams(LATENCY_TURNS[at[0]] * transaction, LATENCY_SHARES[at[1]])
    most = float(made.efficiency(transaction, asked)[0])
    for k, load in enumerate(LOADS):
        paced = Streams(asked.turn, asked.read_fraction, 1, load * most)
        traffic = stream_requests(spec, paced, LATENCY_REQUESTS)
        done = serve(spec, traffic)
        reads = (traffic.write == 0) & (np.arange(LATENCY_REQUESTS) > 100)
        wait = (done.depart - traffic.due)[reads]
        made.latency[at[0], at[1], k] = np.mean(wait) if len(wait) else 0.0


def burst_ticks(spec: HbmSpec) -> float:
    """Return the ticks per transaction of a channel's peak."""
    made = spec.organisation
    per_second = spec.channel_bandwidth / made.transaction
    return 1.0 / (per_second * spec.tick)


def saturated_ticks(
    spec: HbmSpec, asked: Streams, guess: float, intervals: int = INTERVALS
) -> float:
    """Return the ticks per transaction with full queues, over whole refresh intervals.

    guess : an upper limit of the efficiency, so that no more is run than is needed.
    """
    every = spec.timing.cycles(spec.clock)["refi"] * spec.ticks_per_clock
    needed = intervals * every * guess / burst_ticks(spec)
    count = int(needed) + WARM_UP + spec.controller.read_queue + 500
    done = serve(spec, stream_requests(spec, asked, count))
    order = np.sort(done.depart)
    start, last = int(order[WARM_UP]), int(order[-spec.controller.read_queue - 200])
    whole = max((last - start) // every, 1) * every
    end = min(start + whole, last)
    left = np.searchsorted(order, end, "right") - np.searchsorted(order, start, "right")
    return (end - start) / float(left)
