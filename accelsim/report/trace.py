"""A timeline as a trace that ui.perfetto.dev and chrome://tracing open.

Format: "Trace Event Format" (Google, 2016), JSON object with complete events ("X");
times in microseconds. One process; one thread for each stage and engine. Times are
whole nanoseconds, so that spans of a track touch and do not overlap.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from accelsim.files import replacing
from accelsim.training.timeline import ENGINES, Span, Timeline

PROCESS = 1
NS = 1e9
WORDS = {"compute": "compute", "p2p": "hand-over"} | {
    kind: f"exposed {kind}" for kind in ("tp", "cp", "ep", "dp")
}


def write_trace(path: Path, found: Timeline, title: str) -> None:
    """Write a trace whole or not at all.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    spans = sorted(found.spans(), key=lambda one: one.start)
    told = {
        "displayTimeUnit": "ms",
        "otherData": {"step_time_s": found.step_time, "schedule": found.schedule},
        "traceEvents": [*_names(spans, title), *_events(spans)],
    }
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8") as file,
    ):
        json.dump(told, file)


def _track(stage: int, engine: str) -> int:
    return stage * len(ENGINES) + ENGINES.index(engine) + 1


def _names(spans: list[Span], title: str) -> Iterator[dict[str, Any]]:
    """Yield the names of the process and of the tracks that have spans."""
    yield {
        "name": "process_name", "ph": "M", "pid": PROCESS, "args": {"name": title}
    }  # fmt: skip
    for stage, engine in sorted({(one.stage, one.engine) for one in spans}):
        track, words = _track(stage, engine), WORDS.get(engine, engine)
        event = {"ph": "M", "pid": PROCESS, "tid": track}
        yield event | {
            "name": "thread_name",
            "args": {"name": f"stage {stage} {words}"},
        }
        yield event | {"name": "thread_sort_index", "args": {"sort_index": track}}


def _events(spans: list[Span]) -> Iterator[dict[str, Any]]:
    free: dict[int, int] = {}
    for one in spans:
        track = _track(one.stage, one.engine)
        start, end = (round(at * NS) for at in (one.start, one.end))
        start = max(start, free.get(track, 0))
        if end <= start:
            continue
        free[track] = end
        yield {
            "name": one.name,
            "cat": one.engine,
            "ph": "X",
            "pid": PROCESS,
            "tid": track,
            "ts": start / 1e3,
            "dur": (end - start) / 1e3,
        }
