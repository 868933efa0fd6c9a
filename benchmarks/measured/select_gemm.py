"""Make `gemm_small.csv` and `gemm_training_b200.csv`: what a clone carries.

    python benchmarks/measured/select_gemm.py GEMM.csv GEMM_TRAINING_B200.csv

Of each chip's products in aiconfigurator's tables, and of the training products, rows
at even distances, so that types and sizes stay spread as they are. Nothing is chosen by
how well it is predicted.
"""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from accelsim.validation import table
from accelsim.validation.gemm_rows import AIC, REQUIRED, TRAINING

CHIPS = ("A100-SXM-80GB", "H100-SXM", "B200-SXM", "GB200")
KEPT = 75  # of a chip
KEPT_TRAINING = 120
HERE = Path(__file__).parent


def main() -> None:
    """Write both tables beside this file."""
    products, training = (table.read(Path(name), ()) for name in sys.argv[1:3])
    rows = []
    for chip in CHIPS:
        mine = [
            r for r in products if r["chip"] == chip and r["source"].startswith(AIC)
        ]
        rows += spread(mine, KEPT)
    write("gemm_small.csv", (*REQUIRED, "source"), rows)
    write("gemm_training_b200.csv", ("b", *TRAINING), spread(training, KEPT_TRAINING))


def spread(rows: Sequence[table.Row], kept: int) -> list[table.Row]:
    """Return rows at even distances."""
    return [rows[i * len(rows) // kept] for i in range(kept)]


def write(name: str, columns: Sequence[str], rows: Sequence[table.Row]) -> None:
    """Write some columns of rows."""
    with (HERE / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(
            file, columns, extrasaction="ignore", lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
