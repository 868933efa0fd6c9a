"""Every 15th row of a table of memory simulators' runs.

python select_hbm.py HBM.csv
"""

import csv
import sys
from pathlib import Path

EVERY = 15

with Path(sys.argv[1]).open(newline="") as file:
    rows = list(csv.DictReader(file))
with (Path(__file__).parent / "hbm_small.csv").open("w", newline="") as file:
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows[::EVERY])
