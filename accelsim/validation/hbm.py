"""`validate hbm`: bandwidth and departures of memory channels beside Ramulator's.

Two kinds of truth: a table of runs (bandwidth of each; latency as a subset apart), and
an index of traces with the departure tick of every request.

The naive baselines: for the table, one share of the peak and one latency for all rows,
those whose mean error is least on them; for traces, departures at an even pace.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accelsim.chip.memory import Measured, measure, requests, serve
from accelsim.errors import InputError
from accelsim.validation import table
from accelsim.validation.contract import (
    Metrics,
    Pair,
    Validation,
    best_constant,
    validation,
)
from accelsim.validation.hbm_rows import (
    Row,
    case_of,
    flag,
    other_case,
    pattern_of,
    spec_of,
)
from accelsim.validation.left_out import LeftOutError

REQUIRED = (
    *("sim", "config", "channels", "order_lsb_to_msb", "bank_xor_hash", "scheduler"),
    *("read_q", "write_q", "refresh", "pattern", "stride_or_block_bytes_or_streams"),
    *("read_fraction", "rw_group", "inject_ticks_per_req", "measured_reqs", "tx_bytes"),
    *("tck_ns", "ticks", "achieved_GBs", "peak_GBs", "avg_read_latency_ns", "seed"),
)
FIELDS = (
    *("file", "config", "order_lsb_to_msb", "bank_xor_hash", "pattern", "param"),
    *("read_fraction", "rw_group", "seed"),
)
ARRAYS = ("id", "is_write", "addr_tx", "depart_tick")
BAD_CELL = "a cell that is no number"
BAD_TRACE = "a trace file that is missing or lacks an array"
OTHER_REQUESTS = "requests that are not those of the documented generator"
Ints = NDArray[np.int64]


class Scored(NamedTuple):
    """A row of the table, what was found, and both as GB/s and ns."""

    row: Row
    found: Measured
    bandwidth: Pair
    latency: Pair | None


def validate_hbm(path: Path | str) -> Validation:
    """Return how far our memory channels are from a reference simulator's.

    Parameters
    ----------
    path : Path
        A CSV table of runs, or the JSON index of traces beside their .npz files.

    Raises
    ------
    InputError
        The file is neither.
    """
    path = Path(path)
    return _traces(path) if path.suffix == ".json" else _runs(path)


def _runs(path: Path) -> Validation:
    reasons: Counter[str] = Counter()
    scored, others = [], []
    for number, row in enumerate(table.read(path, REQUIRED), start=1):
        try:
            scored.append(_score(number, row))
        except LeftOutError as left:
            reasons[str(left)] += 1
            others += _other(number, row)
        except ValueError:
            reasons[BAD_CELL] += 1
    peaks = [float(one.row["peak_GBs"]) for one in scored]
    pairs = _with_naive([one.bandwidth for one in scored], peaks)
    latencies = [one.latency for one in scored if one.latency is not None]
    made = validation(
        "hbm",
        str(path),
        pairs,
        reasons,
        apart=[
            *_with_naive(latencies, [1.0] * len(latencies)),
            *_with_naive(others, [1.0] * len(others)),
        ],
        details=[_detail(one) for one in scored],
    )
    exact = sum(one.found.ticks == int(float(one.row["ticks"])) for one in scored)
    return _with_exactness(made, pairs, exact)


def _other(number: int, row: Row) -> list[Pair]:
    """Return a row of another simulator beside ours, to be told apart."""
    try:
        case = other_case(row)
        if case is None:
            return []
        found = measure(case.spec, case.pattern, case.count, case.channels)
        expected = float(row["achieved_GBs"])
    except (ValueError, LeftOutError, InputError):
        return []
    return [
        Pair(
            id=f"{row['config']}:{row['pattern']}:{number}",
            source="dramsim3",
            chip="hbm2",
            subset="dramsim3",
            measured=expected,
            predicted=found.bandwidth / 1e9,
            naive=expected,
        )
    ]


def _with_naive(pairs: Sequence[Pair], scales: Sequence[float]) -> list[Pair]:
    """Return the pairs with one share of their scales as the naive baseline."""
    if not pairs:
        return []
    ratios = [s / pair.measured for s, pair in zip(scales, pairs, strict=True)]
    share = 1.0 / best_constant(ratios)
    return [
        replace(pair, naive=share * scale)
        for scale, pair in zip(scales, pairs, strict=True)
    ]


def _score(number: int, row: Row) -> Scored:
    """Run a row; times are in the reference's rounded ticks, as its own are."""
    case = case_of(row)
    tick_ns, expected = float(row["tck_ns"]), float(row["achieved_GBs"])
    latency = float(row["avg_read_latency_ns"])
    found = measure(case.spec, case.pattern, case.count, case.channels, case.warm_up)
    moved = found.requests * int(row["tx_bytes"]) / (found.ticks * tick_ns)
    pair = Pair(
        id=f"{row['config']}:{row['pattern']}:{number}",
        source=row["sim"].partition("@")[0],
        chip=row["config"].partition("_")[0],
        subset=row["pattern"],
        measured=expected,
        predicted=moved,
        naive=expected,
    )
    if latency <= 0 or found.latency is None:
        return Scored(row, found, pair, None)
    waited = found.latency / case.spec.tick * tick_ns
    apart = replace(
        pair, subset="latency", measured=latency, predicted=waited, naive=latency
    )
    return Scored(row, found, pair, apart)


def _detail(one: Scored) -> dict[str, Any]:
    pair, latency = one.bandwidth, one.latency
    return {
        "id": pair.id,
        "measured_gb_s": pair.measured,
        "predicted_gb_s": pair.predicted,
        "measured_ticks": one.row["ticks"],
        "predicted_ticks": one.found.ticks,
        "measured_latency_ns": latency.measured if latency else "",
        "predicted_latency_ns": latency.predicted if latency else "",
        "ape": pair.ape,
    }


def _with_exactness(made: Validation, pairs: Iterable[Pair], exact: int) -> Validation:
    """Return the answer with the rows that agree to the last digit, ours and naive."""
    some = list(pairs)
    if not some:
        return made
    measured = np.array([pair.measured for pair in some])
    ours = np.array([pair.predicted for pair in some])
    naive = np.array([pair.naive for pair in some])

    def figures(predicted: Any, count: int) -> Metrics:
        return {
            "max_abs_difference": float(np.max(np.abs(predicted - measured))),
            "exact_rows": float(count),
        }

    return replace(
        made,
        metrics=made.metrics | figures(ours, exact),
        naive=made.naive | figures(naive, int(np.sum(naive == measured))),
    )


def _traces(path: Path) -> Validation:
    reasons: Counter[str] = Counter()
    pairs: list[Pair] = []
    details = []
    for entry in _entries(path):
        try:
            expected, found = _replay(path.parent, entry)
        except LeftOutError as left:
            reasons[str(left)] += int(entry.get("n_completed", 1))
            continue
        pairs += _departures(entry, expected, found)
        details.append(
            {
                "file": entry["file"],
                "requests": len(expected),
                "exact": int(np.sum(expected == found)),
                "max_abs_difference_ticks": int(np.max(np.abs(expected - found))),
            }
        )
    exact = sum(one["exact"] for one in details)
    made = validation("hbm", str(path), pairs, reasons, details=details)
    return _with_exactness(made, pairs, exact)


def _entries(path: Path) -> list[Mapping[str, Any]]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{path}: is no JSON: {error}") from None
    entries = raw.get("entries") if isinstance(raw, dict) else None
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{path}: entries: is missing: a list of traces")
    for at, entry in enumerate(entries):
        lacking = [f for f in FIELDS if not isinstance(entry, dict) or f not in entry]
        if lacking:
            raise InputError(f"{path}: entries.{at}.{lacking[0]}: is missing")
    return entries


def _replay(folder: Path, entry: Mapping[str, Any]) -> tuple[Ints, Ints]:
    """Return the departure ticks of a trace, and those of its requests run here."""
    ids, write, address, depart = _arrays(folder / str(entry["file"]))
    try:
        spec = spec_of(
            str(entry["config"]),
            order=entry["order_lsb_to_msb"],
            bank_hash=flag(entry["bank_xor_hash"]),
        )
        pattern = pattern_of(
            str(entry["pattern"]),
            int(entry["param"]),
            float(entry["read_fraction"]),
            int(entry["rw_group"]),
            int(entry["seed"]),
        )
    except (TypeError, ValueError):
        raise LeftOutError(BAD_CELL) from None
    # requests that had not departed when the trace ended kept the queues full
    behind = spec.controller.read_queue + spec.controller.write_queue + 1000
    asked = requests(spec, pattern, int(ids.max()) + 1 + behind)
    same = np.array_equal(asked.address[ids], address)
    if not same or not np.array_equal(asked.write[ids], write):
        raise LeftOutError(OTHER_REQUESTS)
    return depart, serve(spec, asked).depart[ids]


def _arrays(path: Path) -> list[Ints]:
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as held:
            found = [held[name].astype(np.int64) for name in ARRAYS]
    except (OSError, KeyError, ValueError):
        raise LeftOutError(BAD_TRACE) from None
    if any(len(array) != len(found[0]) for array in found) or not len(found[0]):
        raise LeftOutError(BAD_TRACE)
    return found


def _departures(entry: Mapping[str, Any], expected: Ints, found: Ints) -> list[Pair]:
    """Return a pair a request: its departure tick, and that at an even pace."""
    name, chip = str(entry["file"]), str(entry["config"]).partition("_")[0]
    ranks = np.argsort(np.argsort(expected, kind="stable"), kind="stable") + 1
    even = ranks * (int(expected.max()) / len(expected))
    return [
        Pair(f"{name}:{at}", "ramulator2.1", chip, str(entry["pattern"]), *values)
        for at, values in enumerate(
            zip(expected.tolist(), found.tolist(), even.tolist(), strict=True)
        )
    ]
