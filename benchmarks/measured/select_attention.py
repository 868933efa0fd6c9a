"""Make `attention_flash.csv` and `attention_prefill.csv`: what a clone carries.

    python benchmarks/measured/select_attention.py FLASH.csv PREFILL.parquet

Of the first table every row, without the notes; of the second rows at even distances,
so that chips, types, lengths and heads stay spread as they are. Nothing is chosen by
how well it is predicted.
"""

import csv
import sys
from pathlib import Path

from accelsim.validation import table
from accelsim.validation.attention_rows import FLASH, PREFILL

KEPT = 400  # prefill rows
HERE = Path(__file__).parent
MORE_FLASH = ("dtype", "n_kv_heads", "source")


def main() -> None:
    """Write both tables beside this file."""
    flash, prefill = (table.read(Path(name), ("chip",)) for name in sys.argv[1:3])
    write("attention_flash.csv", (*FLASH, *MORE_FLASH), flash)
    rows = [prefill[i * len(prefill) // KEPT] for i in range(KEPT)]
    write("attention_prefill.csv", (*PREFILL, "step", "src"), rows)


def write(name: str, columns: tuple[str, ...], rows: list[dict[str, str]]) -> None:
    """Write some columns of rows."""
    with (HERE / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(
            file, columns, extrasaction="ignore", lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
