"""Every n-th row of tables of collectives, expert exchange and ASTRA-sim's runs.

python select_fabric.py COLLECTIVES.csv MOE.csv ASTRASIM.csv
"""

import csv
import sys
from pathlib import Path

HERE = Path(__file__).parent
PARTS = (("collectives_small", 31), ("moe_small", 70), ("astrasim_small", 17))

for given, (name, every) in zip(sys.argv[1:], PARTS, strict=True):
    with Path(given).open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (HERE / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[::every])
