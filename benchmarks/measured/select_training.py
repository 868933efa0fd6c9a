"""Make `training.csv`: the part of the full table that a clone carries.

    python benchmarks/measured/select_training.py FULL.csv HEADLINE_IDS.csv

Kept are the headline cases, every row of a small source and of Trainium, and of each
large source rows at even distances, so that sizes, chips and plans stay spread as they
are; of encoders and LoRA a few. Nothing is chosen by how well it is predicted.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

SMALL = 14  # rows up to which a source is kept whole
SHARES = {  # rows kept of the larger ones
    "huggingface/nanotron": 26,
    "mosaicml/llm-foundry": 26,
    "NVIDIA/dgxc-benchmarking": 26,
    "NVIDIA-NeMo/Megatron-Bridge": 26,
    "mlcommons": 20,
    "VIA-Research/vTrain": 24,
    "NVIDIA/Megatron-LM": 20,
    "NVIDIA/NeMo": 26,
    "pytorch/torchtitan": 16,
    "AI-Hypercomputer/maxtext": 12,
    "tpu-recipes": 14,
    "AXLearn": 20,
}
FEW = 2  # rows kept of what is not predicted: encoders, LoRA, sources without sizes
UNSIZED = (
    "MegaScale",
    "deepspeedai/Megatron-DeepSpeed",
    "google/paxml",
    "stanford-crfm/levanter",
)

Row = dict[str, str]


def kept(rows: list[Row], headline: set[str]) -> list[Row]:
    """Return the rows of the clone's table, in the order of the full one."""
    by_source: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_source[row["family"]].append(row)
    chosen = set(headline)
    for source, mine in by_source.items():
        chosen |= {row["id"] for row in of_source(source, mine)}
    return [row for row in rows if row["id"] in chosen]


def of_source(source: str, rows: list[Row]) -> list[Row]:
    """Return what is kept of one source."""
    if source in UNSIZED:
        return rows[:FEW]
    apart = [row for row in rows if "lora" in row["model"] or "bert" in row["model"]]
    rest = [row for row in rows if row not in apart]
    share = SHARES.get(source, len(rest))
    if len(rest) > max(SMALL, share):
        rest = [rest[i * len(rest) // share] for i in range(share)]
    return apart[:FEW] + rest


def main(full: Path, headline: Path) -> None:
    """Write the table beside this file."""
    with full.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows, columns = list(reader), list(reader.fieldnames or ())
    with headline.open(encoding="utf-8", newline="") as file:
        ids = {row["id"] for row in csv.DictReader(file)}
    out = Path(__file__).with_name("training.csv")
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept(rows, ids))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
