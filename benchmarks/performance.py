"""Speed: one table of what `make bench` measured, beside peers, and the page of it.

    python -m benchmarks.performance RUN.json            print the table, warn
    python -m benchmarks.performance RUN.json --write    and renew baseline and page
    python -m benchmarks.performance --check             every row has its benchmark

RUN.json is what pytest-benchmark wrote. Seconds of two machines cannot be compared, so
that a row is told as slower only where it lost more than the others did.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import accelsim
from benchmarks.pages import Block, Row, put, rows_of, table

ROOT = Path(__file__).parents[1]
BASELINE = ROOT / "benchmarks" / "baseline" / "performance.json"
PAGE = ROOT / "docs" / "performance.md"
SLOWER = 1.5  # times, against the other rows

Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Peer:
    """What a row stands beside: a benchmark of the same run, or recorded seconds."""

    tool: str
    bench: str = ""
    seconds: float = 0.0  # of one thing, where it was recorded
    count: float = 1.0  # things in a call of the benchmark


@dataclass(frozen=True, slots=True)
class Speed:
    """A row: a benchmark, how many things a call of it deals with, and a peer."""

    room: str
    what: str
    bench: str
    count: float = 1.0
    peer: Peer | None = None


CALCULON = Peer("Calculon caa4b11", seconds=14.6e-3)
SIMUMAX = Peer("SimuMax 4dcaae5, 80 layers", seconds=109e-3)
SCALE_SIM = Peer("SCALE-Sim 3.0.0", seconds=7.56)  # needs a NumPy of its own
RAMULATOR = (249_900, 108_700, 132_300), (76_000, 28_200, 41_500)
ROOFLINE = "NumPy, roofline of two constants"
FLOWS = "flows::test_events"
SPEEDS = (
    Speed("training", "one estimate, warm", "estimate::test_warm_estimates[1]",
          peer=CALCULON),
    Speed("training", "64 estimates together", "estimate::test_warm_estimates[64]", 64,
          SIMUMAX),
    Speed("training", "one step of GPT-3 175B, plan given", "peers::test_step",
          peer=Peer("llm-analysis 0.2.2", "peers::test_step_of_llm_analysis")),
    Speed("training", "a search, Llama 3 70B on 512 H100", "estimate::test_search"),
    Speed(
        "training",
        "legal plans of a search, GPT-3 on 4,096 A100",
        "search::test_gpt3_on_4096_a100",
        15_903_232,
        Peer("Calculon caa4b11, its search", seconds=7.2e-3),
    ),
    Speed(
        "training", "designs of a sweep", "sweep::test_a_million_designs", 1_024_000
    ),
    Speed("training", "layers of all shards of it", "estimate::test_fill_layers"),
    Speed("training", "steps of all plans of it", "estimate::test_fill_steps"),
    Speed("training", "100,000 samples of a comparison of four",
          "uncertain::test_four_systems", 1e5),
    *(Speed("chip", f"one product, {name}", f"gemm::test_one_product[{name}]")
      for name in ("a100-80gb", "h100-sxm", "b200", "trainium2")),
    Speed("chip", "one stream", "gemm::test_one_stream"),
    *(Speed("chip", f"products of training, {name}",
            f"gemm::test_many_products[{name}]", 2e4,
            Peer(ROOFLINE, "gemm::test_many_products_by_a_roofline", count=2e4))
      for name in ("a100-80gb", "h100-sxm", "b200")),
    *(Speed("chip", f"products of inference, {name}",
            f"gemm::test_many_small_products[{name}]", 2e4)
      for name in ("a100-80gb", "h100-sxm", "b200")),
    Speed("chip", "calls of attention, B200", "attention::test_arrays", 1e5,
          Peer(ROOFLINE, "attention::test_two_constants", count=1e5)),
    Speed("chip", "one call of attention", "attention::test_one_shape"),
    *(Speed("chip", f"NeuronCore: {what}", f"neuron::test_kernels[{name}]", 200)
      for name, what in (("products", "products"), ("heads", "attention"),
                         ("blocks", "MLP blocks"))),
    Speed("chip", "NeuronCore: one product", "neuron::test_one_product"),
    Speed("chip", "systolic array: products", "systolic::test_public_api", 2e4),
    *(Speed("chip", f"systolic array: the kernel, {name}",
            f"systolic::test_kernel[{name}]", 2e4) for name in ("ws", "is", "os")),
    *(Speed("chip", f"systolic array behind scratchpads of {size}",
            f"systolic::test_behind_scratchpads[{size}]",
            peer=SCALE_SIM
            if size == "128 kB" else None)
      for size in ("6144 kB", "128 kB", "32 kB")),
    *(Speed("memory", f"requests, {kind}, {preset}",
            f"hbm::test_requests_a_second[{kind}-{preset}]", 5e4,
            Peer("Ramulator 2.1", seconds=1.0 / rate))
      for kind, rates in zip(("sequential", "random"), RAMULATOR, strict=True)
      for preset, rate in zip(("hbm2-2.0", "hbm3-6.4", "hbm4-8.0"), rates,
                              strict=True)),
    *(Speed("memory", f"requests of 32 channels, {kind}",
            f"hbm::test_a_stack_of_32_channels[{kind}]", 1e7)
      for kind in ("sequential", "random")),
    Speed("memory", "a surface is built", "hbm::test_a_surface_is_built"),
    Speed("memory", "questions to a surface", "hbm::test_a_question_to_a_surface", 1e4),
    Speed("link", "a margin, eight aggressors",
          "link::test_margin_at_a_setting_with_eight_aggressors"),
    Speed("link", "a margin from two-ports on", "peers::test_margin",
          peer=Peer("PyChOpMarg 3.4.0, from files on",
                    "link::test_margin_of_pychopmarg")),
    Speed("link", "responses of nine paths",
          "link::test_packages_and_responses_of_nine_paths"),
    Speed("link", "every setting of Annex 93A", "link::test_every_setting_of_93a"),
    Speed("link", "every setting of Annex 178A", "link::test_every_setting_of_178a"),
    Speed("link", "links, fast mode", "link::test_ten_thousand_links", 1e4),
    Speed("link", "budgets", "link::test_ten_thousand_budgets", 1e4),
    Speed("link", "links of a sweep", "link::test_sweep_of_ten_thousand_links", 10_032),
    Speed("link", "symbols, feedback and sequence detector",
          "link::test_symbols_one_by_one", 4e6,
          Peer("serdespy 1.0, one tap, no noise", "link::test_symbols_of_serdespy",
               count=5e4)),
    Speed("link", "a cascade of 8 two-ports, 6,001 points", "peers::test_cascade",
          peer=Peer("scikit-rf 2.2.0", "peers::test_cascade_of_scikit_rf")),
    Speed("link", "a Touchstone file of four ports", "peers::test_file",
          peer=Peer("scikit-rf 2.2.0", "peers::test_file_by_scikit_rf")),
    *(Speed("fabric", f"all-reduces, {ranks} ranks",
            f"collectives::test_all_reduces[{ranks}]", 1e5) for ranks in (8, 64)),
    *(Speed("fabric", f"flows step by step, 1,024 ranks: {what}", f"{FLOWS}[{name}]")
      for name, what in (("ring-all_reduce", "ring"), ("halving-all_reduce", "halving"),
                         ("pairwise-all_to_all", "all-to-all"))),
    Speed("fabric", "all-reduce on a torus of 4,096", "flows::test_torus",
          peer=Peer("ASTRA-sim 518bd51, congestion-aware", seconds=51.0)),
    Speed("fabric", "all-reduce of 65,536 ranks", "flows::test_hierarchy"),
)  # fmt: skip


def seconds_of(run: Mapping[str, Any]) -> dict[str, float]:
    """Return the least seconds of each benchmark of a run."""
    return {short(b["fullname"]): float(b["stats"]["min"]) for b in run["benchmarks"]}


def short(node: str) -> str:
    """Return a benchmark's name without its folder."""
    return node.rpartition("/")[2].removeprefix("test_").replace(".py::", "::")


def told(run: Mapping[str, Any]) -> Found:
    """Return the rows that a run gives, by their benchmark."""
    seconds = seconds_of(run)
    rows = {}
    for row in (row for row in SPEEDS if row.bench in seconds):
        mine = seconds[row.bench] / row.count
        found: Found = {"seconds": float(f"{mine:.4g}")}
        if row.peer is not None and (row.peer.seconds or row.peer.bench in seconds):
            other = row.peer.seconds or seconds[row.peer.bench] / row.peer.count
            found["peer_seconds"] = float(f"{other:.4g}")
        rows[row.bench] = found
    info = run["machine_info"]
    machine = f"{info['cpu'].get('brand_raw', info['machine'])}, Python "
    machine += info["python_version"]
    return {"version": accelsim.__version__, "machine": machine, "rows": rows}


def time(seconds: float) -> str:
    """Return seconds with a unit that suits them."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def ratio(value: float) -> str:
    """Return how often as fast we are."""
    return f"× {value:,.0f}" if value >= 10.0 else f"× {value:.2g}"


def speeds(held: Found) -> Block:
    """Return all rows in one table."""
    rows = []
    for row in SPEEDS:
        found = held["rows"].get(row.bench)
        if found is None:
            continue
        mine, other = found["seconds"], found.get("peer_seconds")
        beside = ("", "", "", "")
        if row.peer is not None and other is not None:
            where = "recorded" if row.peer.seconds else "same run"
            beside = (row.peer.tool, time(other), ratio(other / mine), where)
        rows.append(Row(row.room, row.what, time(mine), f"{1.0 / mine:,.3g}", *beside))
    head = Row("room", "what", "time of one", "a second", "beside", "time of one",
               "we are", "")  # fmt: skip
    return table(head, rows)


def machine(held: Found) -> Block:
    """Return on what it was measured."""
    return f"accelsim {held['version']}, one core of {held['machine']}."


def page(text: str, held: Found) -> str:
    """Return the page with the tables that the baseline gives."""
    return put(text, {"speeds": speeds(held), "machine": machine(held)}, PAGE)


def slower(old: Found, new: Found) -> Iterator[str]:
    """Yield the rows that lost speed against the others."""
    shared = [name for name in old["rows"] if name in new["rows"]]
    moved = {
        name: new["rows"][name]["seconds"] / old["rows"][name]["seconds"]
        for name in shared
    }
    usual = statistics.median(moved.values()) if moved else 1.0
    for name, times in moved.items():
        if times > SLOWER * usual:
            yield f"slower: {name} takes {times / usual:.2f} times as long as it did"


def lost(held: Found) -> Iterator[str]:
    """Yield the rows of the page that a baseline does not have."""
    yield from (row.bench for row in SPEEDS if row.bench not in held["rows"])


def without() -> list[str]:
    """Return rows without a benchmark, and benchmarks without a row."""
    command = [sys.executable, "-m", "pytest", "benchmarks", "--collect-only", "-q"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    there = {short(line) for line in done.stdout.splitlines() if "::" in line}
    there = {name for name in there if name not in NO_ROW}
    peers = {row.peer.bench for row in SPEEDS if row.peer is not None}
    rows = {row.bench for row in SPEEDS}
    found = [f"no benchmark: {name}" for name in sorted((rows | peers) - there - {""})]
    known = {*rows, *peers, *(f"hbm::test_requests_a_second[{n}]" for n in OTHERS)}
    return found + [f"no row: {name}" for name in sorted(there - known)]


# Comparisons that time nothing, and patterns between those that have a row.
NO_ROW = (
    "gemm::test_roofline_and_model_are_alike",
    # run where a Python, or sources, that have the peer are named
    "systolic::test_beside_scale_sim",
    "search::test_beside_calculon",
    "search::test_beside_llm_analysis",
    # rates of their own, in `extra_info`
    "search::test_full_estimates",
    "search::test_two_hundred_random_spaces",
    "sweep::test_planning_is_linear_in_time_and_constant_in_memory",
)
OTHERS = tuple(
    f"{kind}-{preset}"
    for kind in ("sequential, 67 % reads", "random, 67 % reads", "strided by 1 KiB",
                 "blocks of 256 B")
    for preset in ("hbm2-2.0", "hbm3-6.4", "hbm4-8.0")
)  # fmt: skip


def baseline() -> Found:
    """Return what was measured last, without rows if nothing was."""
    if not BASELINE.exists():
        return {"version": "", "machine": "", "rows": {}}
    found: Found = json.loads(BASELINE.read_text("utf-8"))
    return found


def main() -> int:
    """Do what the arguments say; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, nargs="?", help="of pytest-benchmark")
    parser.add_argument("--write", action="store_true", help="renew baseline and page")
    parser.add_argument("--check", action="store_true", help="rows have benchmarks")
    asked = parser.parse_args()
    if asked.check:
        wrong = without()
        print("\n".join(wrong) or "every row has its benchmark")
        return int(bool(wrong))
    new = told(json.loads(asked.run.read_text("utf-8")))
    print(rows_of(speeds(new)))
    for line in slower(baseline(), new):
        print("warning:", line)
    if asked.write:
        BASELINE.write_text(json.dumps(new, indent=1) + "\n", "utf-8")
        PAGE.write_text(page(PAGE.read_text("utf-8"), new), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
