"""From a row of a reference simulation to the memory and the pattern that it ran.

This file knows the words of the reference tables: names of configurations, patterns,
schedulers and refresh managers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from accelsim import catalog
from accelsim.chip.memory import WARM_UP, Pattern, interleaved
from accelsim.overrides import override, parse_overrides
from accelsim.specs.hbm import HbmSpec
from accelsim.validation.left_out import LeftOutError

Row = Mapping[str, str]
PRESETS = {"hbm2": "hbm2-2.0", "hbm3": "hbm3-6.4", "hbm4": "hbm4-8.0"}
PATTERNS = {
    "seq": "sequential",
    "stride": "strided",
    "rand": "random",
    "randblk": "blocks",
    "multi": "streams",
    "multirand": "random-streams",
}
REFRESH = {
    "AllBank": "all-bank",
    "HBM34PerBankRefresh": "per-bank",
    "NoRefresh": "none",
}
OTHER_SIMULATOR = "another simulator's controller than Ramulator's"
UNKNOWN = "a configuration, pattern or policy that is not modelled"
WHOLE = 1000  # runs were asked for whole thousands of requests


@dataclass(frozen=True, slots=True)
class Case:
    """What a row ran: `count` requests measured after `warm_up` others."""

    spec: HbmSpec
    pattern: Pattern
    channels: int
    count: int
    warm_up: int


def spec_of(config: str, **settings: object) -> HbmSpec:
    """Return the memory of a configuration with settings of its controller."""
    name = PRESETS.get(config.partition("_")[0])
    if name is None:
        raise LeftOutError(UNKNOWN)
    changes = [f"controller.{key}={value}" for key, value in settings.items()]
    spec: HbmSpec = catalog.load("hbm", name)
    return override(spec, parse_overrides(changes), f"hbm {name}")


def pattern_of(
    word: str, size: int, reads: float, group: int, seed: int, interval: float = 0.0
) -> Pattern:
    """Return the pattern that the reference's words mean."""
    if word not in PATTERNS:
        raise LeftOutError(UNKNOWN)
    return Pattern(PATTERNS[word], size, reads, group, interval, seed)


def case_of(row: Row) -> Case:
    """Return what a row of the table of runs asks.

    Raises
    ------
    LeftOutError
        The row is of another simulator, or of something that is not modelled.
    ValueError
        A cell is no number.
    """
    if not row["sim"].startswith("ramulator"):
        raise LeftOutError(OTHER_SIMULATOR)
    if row["refresh"] not in REFRESH:
        raise LeftOutError(UNKNOWN)
    spec = spec_of(
        row["config"],
        order=row["order_lsb_to_msb"],
        bank_hash=flag(row["bank_xor_hash"]),
        scheduler=row["scheduler"],
        read_queue=int(row["read_q"]),
        write_queue=int(row["write_q"]),
        refresh=REFRESH[row["refresh"]],
    )
    pattern = pattern_of(
        row["pattern"],
        int(row["stride_or_block_bytes_or_streams"]),
        float(row["read_fraction"]),
        int(row["rw_group"]),
        int(row["seed"]),
        float(row["inject_ticks_per_req"]),
    )
    measured = int(row["measured_reqs"])
    # one more or fewer was measured where several requests left in the first tick or
    # the last one
    count = max(round(measured / WHOLE) * WHOLE, 1)
    return Case(spec, pattern, int(row["channels"]), count, _warm_up(row, measured))


def other_case(row: Row) -> Case | None:
    """Return the nearest thing to a row of DRAMsim3, None for any other simulator.

    Its channels have no pseudo-channels and move 64 B at once: our HBM2's channels as
    they are, interleaved, where a random request is a block of two transactions.
    """
    if not row["sim"].startswith("dramsim3") or not row["config"].startswith("HBM2"):
        return None
    bytes_, channels = int(row["tx_bytes"]), int(row["channels"])
    spec = interleaved(catalog.load("hbm", PRESETS["hbm2"]), channels)
    word, size = row["pattern"], int(row["stride_or_block_bytes_or_streams"])
    if word == "rand":
        word, size = "randblk", bytes_
    pattern = pattern_of(
        word, size, float(row["read_fraction"]), int(row["rw_group"]), int(row["seed"])
    )
    share = bytes_ // spec.organisation.transaction
    return Case(spec, pattern, channels, share * int(row["measured_reqs"]), WARM_UP)


def flag(word: str | int) -> str:
    """Return 0 or 1 as an override writes it."""
    return "true" if int(word) else "false"


def _warm_up(row: Row, measured: int) -> int:
    """Return the requests before the measurement, in whole thousands.

    The table does not state them, but its row counters run from the start: they hold
    the warm-up, the measured requests, and the few that were under way at the end.
    """
    counters = [row.get(name, "") for name in ("row_hits", "row_misses")]
    counters.append(row.get("row_conflicts", ""))
    if not all(counters):
        return WARM_UP
    seen = sum(float(counter) for counter in counters)
    return max(int(seen - measured) // WHOLE * WHOLE, WHOLE)
