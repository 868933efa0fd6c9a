"""Every 25th row of a table of runs that fitted or ran out of memory.

python select_memory.py MEMORY_OOM.csv
"""

import csv
import sys
from pathlib import Path

EVERY = 25

with Path(sys.argv[1]).open(newline="") as file:
    rows = list(csv.DictReader(file))
with (Path(__file__).parent / "memory_small.csv").open("w", newline="") as file:
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows[::EVERY])
