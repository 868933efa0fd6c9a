"""Accuracy, all kinds: one table, the baseline that it is compared with, and the page.

    python benchmarks/accuracy.py            print one table
    python benchmarks/accuracy.py --check    and fail where it is not the baseline's
    python benchmarks/accuracy.py --write    renew the baseline and docs/accuracy.md
    python benchmarks/accuracy.py --write --full FOLDER    full tables, too

The clone carries small parts of larger tables. Figures of the larger ones are in a
baseline of their own, renewed only where they are at hand.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import accelsim
from benchmarks.pages import Block, Row, put, rows_of, table

ROOT = Path(__file__).parents[1]
MEASURED = ROOT / "benchmarks" / "measured"
LINK = MEASURED / "link"
BASELINE = ROOT / "benchmarks" / "baseline"
PAGE = ROOT / "docs" / "accuracy.md"
PEERS = BASELINE / "peers.toml"
SMALLEST = 8  # rows that a group needs to be told
POOR = 0.20  # median error from which a group is poor
KEPT = (
    "median_ape",
    "mape",
    "bias",
    "p90_ape",
    "mean_over_sources_median_ape",
    "spearman",
    "regret_median",
    "regret_p90",
    "max_abs_difference",
    "exact_rows",
)
HEADLINES = ("accuracy", "balanced_accuracy", "near_capacity_accuracy")
GROUPS = ("source", "chip")

Found = dict[str, Any]


class Table(NamedTuple):
    """A table of measurements: its kind, part in the clone, whole, and what it is."""

    kind: str
    part: str
    whole: str
    what: str

    @property
    def name(self) -> str:
        """Return what the baseline calls it."""
        return Path(self.whole).stem


TABLES = (
    Table("training", "training.csv", "training.csv", "step time of training runs"),
    Table("memory", "memory_small.csv", "memory_oom.csv", "peak memory; fits or not"),
    Table("gemm", "gemm_small.csv", "gemm.csv", "products, inference"),
    Table("gemm-training", "gemm_training_b200.csv", "gemm_training_b200.csv",
          "products of training, B200"),
    Table("attention", "attention_flash.csv", "attention_flash.csv",
          "FlashAttention's benchmarks"),
    Table("attention", "attention_tpu.csv", "attention_tpu.csv",
          "splash attention on TPUs"),
    Table("attention", "attention_prefill.csv", "attention_prefill.parquet",
          "TensorRT-LLM's prefill"),
    Table("nki", "nki_small.csv", "nki_kernels.csv", "kernels on Trainium2"),
    Table("collectives", "collectives_small.csv", "collectives.csv",
          "nccl-tests, nccom-test"),
    Table("moe", "moe_small.csv", "moe_alltoall_gb200.csv", "exchange of experts"),
    Table("astrasim", "astrasim_small.csv", "astrasim.csv", "ASTRA-sim's runs"),
    Table("systolic", "scalesim.csv", "scalesim.csv", "SCALE-Sim's cycles"),
    Table("systolic", "scalesim_small.csv", "scalesim_small.csv",
          "SCALE-Sim's cycles, small arrays"),
    Table("hbm", "hbm_small.csv", "hbm.csv", "Ramulator's bandwidths"),
    Table("com", "link/com430_summary.csv", "link/com430_summary.csv",
          "margins of the IEEE COM tool"),
    Table("fec", "link/fec_kp4_burst.csv", "link/fec_kp4_burst.csv",
          "lost codewords, bursts"),
    Table("fec", "link/fec_kp4_random.csv", "link/fec_kp4_random.csv",
          "lost codewords, random errors"),
)  # fmt: skip
MODULES = {"gemm-training": "gemm"}


def validated(one: Table, path: Path) -> Found:
    """Return what is kept of a validation."""
    name = MODULES.get(one.kind, one.kind)
    call = getattr(
        importlib.import_module(f"accelsim.validation.{name}"), f"validate_{name}"
    )
    if one.kind == "com":
        configs = LINK / "com430_configs.json"
        told = call(path, LINK / "reference", LINK / "channels", configs).to_dict()
    else:
        told = call(path).to_dict()
    return {
        "kind": one.kind,
        "rows": told["rows"],
        "scored": told["scored"],
        "metrics": _kept(told["metrics"], KEPT) | _kept(told, HEADLINES),
        "naive": _kept(told["naive"], KEPT),
        "groups": {name: _groups(told["groups"][name]) for name in GROUPS},
    }


def _kept(metrics: Mapping[str, Any], names: tuple[str, ...]) -> Found:
    found = {name: metrics.get(name) for name in names}
    return {k: float(f"{v:.6g}") for k, v in found.items() if v is not None}


def _groups(members: Mapping[str, Any]) -> Found:
    names = ("median_ape", "mape", "bias")
    return {
        member: {
            "rows": told["rows"],
            **_kept(told, names),
            "naive": _kept(told["naive"], names[:1]).get("median_ape"),
        }
        for member, told in members.items()
    }


def measured(folder: Path | None = None) -> dict[str, Found]:
    """Return what all tables give, of the clone or of a folder with whole ones."""
    found = {}
    for one in TABLES:
        path = MEASURED / one.part if folder is None else folder / one.whole
        if path.exists():
            found[one.name] = validated(one, path)
    return found


# What is compared: (metric, absolute slack, relative slack). The rest follows.
SLACKS = {
    "median_ape": (0.002, 0.03),
    "mape": (0.003, 0.03),
    "mean_over_sources_median_ape": (0.002, 0.03),
    "accuracy": (-0.005, 0.0),  # more of it is better
    "spearman": (-0.01, 0.0),
    "max_abs_difference": (1e-9, 0.03),
}
GROUP_SLACK = (0.01, 0.10)


def differences(old: Mapping[str, Found], new: Mapping[str, Found]) -> Iterator[str]:
    """Yield how new figures are not the old ones, worse or better."""
    if list(old) != list(new):
        yield f"other tables: {', '.join(set(old) ^ set(new))}"
    for name in (name for name in old if name in new):
        was, now = old[name], new[name]
        if was["scored"] != now["scored"]:
            yield f"{name}: {now['scored']} rows scored, {was['scored']} before"
        for metric, slack in SLACKS.items():
            pair = was["metrics"].get(metric), now["metrics"].get(metric)
            yield from _moved(f"{name}: {metric}", *pair, slack)
        for group in GROUPS:
            for member, had in was["groups"][group].items():
                has = now["groups"][group].get(member, {"rows": 0})
                if min(had["rows"], has["rows"]) >= SMALLEST:
                    pair = had.get("median_ape"), has.get("median_ape")
                    yield from _moved(f"{name}: {group} {member}", *pair, GROUP_SLACK)


def _moved(
    what: str, was: float | None, now: float | None, slack: tuple[float, float]
) -> Iterator[str]:
    if was is None or now is None:
        if was is not now:
            yield f"{what}: {was} before, {now} now"
    elif abs(now - was) > abs(slack[0]) + slack[1] * abs(was):
        worse = (now > was) == (slack[0] > 0)
        yield f"{'WORSE' if worse else 'better'}: {what} {was:.4g} -> {now:.4g}"


def percent(value: float | None) -> str:
    """Return a fraction as the page writes it."""
    return "" if value is None else f"{value * 100.0:.1f} %"


def signed(value: float | None) -> str:
    """Return a bias as the page writes it."""
    return "" if value is None else f"{value * 100.0:+.1f} %"


def overall(part: Mapping[str, Found], whole: Mapping[str, Found]) -> Block:
    """Return all kinds in one table."""
    head = Row("kind", "table", "rows scored", "median error", "mean", "bias",
               "naive median", "whole table: rows", "median", "naive")  # fmt: skip
    body = []
    for one in TABLES:
        told, full = part[one.name], whole.get(one.name)
        mine, naive = told["metrics"], told["naive"]
        extra = ("", "", "") if full is None else (
            f"{full['scored']:,}",
            percent(full["metrics"].get("median_ape")),
            percent(full["naive"].get("median_ape")),
        )  # fmt: skip
        body.append(Row(
            f"`{one.kind}`", one.what, f"{told['scored']:,}",
            percent(mine.get("median_ape")), percent(mine.get("mape")),
            signed(mine.get("bias")), percent(naive.get("median_ape")), *extra,
        ))  # fmt: skip
    return table(head, body)


def by_source(part: Mapping[str, Found], whole: Mapping[str, Found]) -> Block:
    """Return the training runs by source, the clone's and the whole table's."""
    tables = [part["training"], whole.get("training")]
    members = [told["groups"]["source"] if told else {} for told in tables]
    names = [n for n in {**members[0], **members[1]}
             if any(n in m and m[n]["rows"] >= SMALLEST for m in members)]  # fmt: skip
    names.sort(key=lambda n: _least(members, n))
    head = Row("source", "rows", "median error", "bias", "naive",
               "whole table: rows", "median", "bias", "naive")  # fmt: skip
    mean = "mean_over_sources_median_ape"
    means = [
        f"{percent(told['metrics'].get(mean))} (naive baseline: "
        f"{percent(told['naive'].get(mean))}) over the sources of {where}"
        for told, where in zip(tables, PLACES, strict=True)
        if told
    ]
    rows = [Row(n, *_cells(members[0].get(n)), *_cells(members[1].get(n)))
            for n in names]  # fmt: skip
    return f"Mean of the median errors: {'; '.join(means)}.\n\n{table(head, rows)}"


PLACES = ("the clone's part", "the whole table")


def _least(members: list[Found], name: str) -> float:
    told = next(m[name] for m in reversed(members) if name in m)
    return float(told["median_ape"])


def _cells(told: Found | None) -> tuple[str, str, str, str]:
    if told is None:
        return "", "", "", ""
    error = percent(told["median_ape"])
    naive = told["naive"]
    if naive is not None and told["median_ape"] < naive:
        error = f"**{error}**"
    return f"{told['rows']:,}", error, signed(told["bias"]), percent(naive)


def by_chip(part: Mapping[str, Found], whole: Mapping[str, Found]) -> Block:
    """Return the median error of every chip, a column a table that names chips."""
    asked = [one for one in TABLES if one.kind in BY_CHIP]
    best = {one.name: whole.get(one.name) or part[one.name] for one in asked}
    chips = sorted({c for told in best.values() for c in told["groups"]["chip"] if c})
    rows = []
    for chip in chips:
        told = [best[one.name]["groups"]["chip"].get(chip) for one in asked]
        if any(t and t["rows"] >= SMALLEST for t in told):
            cells = (f"{percent(t['median_ape'])} ({t['rows']:,})" if t else ""
                     for t in told)  # fmt: skip
            rows.append(Row(chip, *cells))
    return table(Row("chip", *(one.what for one in asked)), rows)


BY_CHIP = ("training", "gemm", "gemm-training", "attention", "nki", "collectives")


def poor(part: Mapping[str, Found], whole: Mapping[str, Found]) -> Block:
    """Return the groups that are poor, or worse than the naive baseline by much."""
    rows = []
    for one in TABLES:
        told = whole.get(one.name) or part[one.name]
        for group in GROUPS:
            for member, found in told["groups"][group].items():
                if found["rows"] >= SMALLEST and member and found["median_ape"] > POOR:
                    rows.append((found["median_ape"], Row(
                        one.what, group, member, *_cells(found),
                    )))  # fmt: skip
    rows.sort(key=lambda row: -row[0])
    head = Row("table", "by", "", "rows", "median error", "bias", "naive")
    return table(head, [row for _, row in rows])


def beside_peers(part: Mapping[str, Found], whole: Mapping[str, Found]) -> Block:
    """Return what other tools reach, and what we do on the same rows or their like."""
    import tomllib

    rows = []
    for peer in tomllib.loads(PEERS.read_text("utf-8"))["peer"]:
        ours = ""
        if "ours" in peer:
            name, *path = peer["ours"]
            told: Any = whole.get(name) or part[name]
            for key in path:
                told = told[key]
            ours = percent(told) if peer.get("unit", "%") == "%" else f"{told:.2g} dB"
        same = "the same rows" if peer.get("same") else peer.get("beside", "")
        rows.append(Row(peer["tool"], peer["rows"], peer["error"], peer["how"],
                        ours, same))  # fmt: skip
    head = Row("tool", "on what", "its error", "from", "ours", "on")
    return table(head, rows)


BLOCKS = {
    "overall": overall,
    "by-source": by_source,
    "by-chip": by_chip,
    "poor": poor,
    "peers": beside_peers,
}


def page(text: str) -> str:
    """Return the page with the tables that the baselines give."""
    part, whole = read("accuracy"), read("accuracy_whole")
    made = {name: block(part, whole) for name, block in BLOCKS.items()}
    return put(text, made, PAGE)


def read(name: str) -> dict[str, Found]:
    """Return the figures of a baseline, none if there is no such file."""
    path = BASELINE / f"{name}.json"
    if not path.exists():
        return {}
    held: Found = json.loads(path.read_text("utf-8"))
    found: dict[str, Found] = held["tables"]
    return found


def write(name: str, found: Mapping[str, Found]) -> None:
    """Write a baseline."""
    held = {"version": accelsim.__version__, "tables": found}
    path = BASELINE / f"{name}.json"
    path.write_text(json.dumps(held, indent=1, sort_keys=False) + "\n", "utf-8")


def main() -> int:
    """Do what the arguments say; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--write", action="store_true", help="renew baseline and page")
    how.add_argument("--check", action="store_true", help="fail where they differ")
    parser.add_argument("--full", type=Path, help="folder of the whole tables")
    asked = parser.parse_args()
    found = measured()
    if asked.write:
        write("accuracy", found)
        if asked.full is not None:
            write("accuracy_whole", measured(asked.full))
        PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    print(rows_of(overall(found, read("accuracy_whole"))))
    if not asked.check:
        return 0
    moved = list(differences(read("accuracy"), found))
    print("\n".join(moved))
    if moved:
        print("docs/accuracy.md is not true any more: `make accuracy` renews it")
    return int(bool(moved))


if __name__ == "__main__":
    sys.exit(main())
