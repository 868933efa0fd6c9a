"""Run SCALE-Sim 3.0.0 on small random products and print them as a table.

`scalesim_small.csv` was made by `python run_scalesim.py > scalesim_small.csv` with
scalesim 3.0.0 and numpy 1.26 (it needs numpy < 2) from PyPI. Sizes are small, and
scratchpads of 1 to 4 kB smaller still, so that arrays of all shapes wait for all three
of them. Without SCALE-Sim, `run` raises ImportError.
"""

import contextlib
import csv
import io
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

COLUMNS = (
    *("sim", "M", "N", "K", "array_rows", "array_cols", "dataflow", "bw_mode"),
    *("dram_bw_words_per_cycle", "sram_kB_ifmap_filter_ofmap"),
    *("overall_cycles", "total_cycles", "stall_cycles"),
    *("overall_util_pct", "mapping_eff_pct"),
    *("ifmap_sram_reads", "filter_sram_reads", "ofmap_sram_writes"),
    *("ifmap_dram_reads", "filter_dram_reads", "ofmap_dram_writes"),
)
ROWS = 120
SIM = "scalesim-3.0.0(pip)"


@dataclass(frozen=True)
class Case:
    """One product on one array; scratchpads in kB of 1024 words."""

    m: int
    n: int
    k: int
    rows: int
    columns: int
    dataflow: str
    mode: str
    bandwidth: int
    sram: tuple[int, int, int]


def run(case: Case) -> tuple[float, ...]:
    """Return what SCALE-Sim says, in the order of COLUMNS from `overall_cycles` on."""
    config = import_module("scalesim.scale_config").scale_config()
    config.array_rows, config.array_cols = case.rows, case.columns
    config.df = case.dataflow
    config.ifmap_sz_kb, config.filter_sz_kb, config.ofmap_sz_kb = case.sram
    config.use_user_bandwidth = case.mode == "USER"
    config.bandwidths = [case.bandwidth]
    config.ifmap_sram_bank_bandwidth = config.filter_sram_bank_bandwidth = (
        case.bandwidth
    )
    config.ifmap_sram_bank_num = config.filter_sram_bank_num = 1
    config.valid_conf_flag = True
    layouts = import_module("scalesim.layout_utils").layouts()
    topology = import_module("scalesim.topology_utils").topologies()
    layer = import_module("scalesim.single_layer_sim").single_layer_sim()
    with (
        contextlib.redirect_stdout(io.StringIO()),
        tempfile.TemporaryDirectory() as folder,
    ):
        file = Path(folder) / "gemm.csv"
        file.write_text(f"Layer,M,N,K,\ngemm,{case.m},{case.n},{case.k},\n")
        topology.load_arrays(topofile=str(file), mnk_inputs=True)
        layer.set_params(
            layer_id=0, config_obj=config, topology_obj=topology,
            layout_obj=layouts, verbose=False,
        )  # fmt: skip
        layer.run()
        layer.calc_report_data()
    names = (
        *("overall_cycles", "total_cycles", "stall_cycles"),
        *("overall_util", "mapping_eff", *COLUMNS[15:]),
    )
    return tuple(round(float(getattr(layer, name)), 5) for name in names)


def cases(seed: int) -> Iterator[Case]:
    """Yield random cases that SCALE-Sim can do in seconds."""
    draw = random.Random(seed)
    while True:
        most = draw.choice((20, 60, 120, 200))
        m, n, k = (draw.randint(1, most) for _ in range(3))
        rows, columns = draw.choices((2, 3, 4, 5, 8, 13, 16, 32), k=2)
        if m * n * k > 40_000 * rows * columns:
            continue
        dataflow = draw.choice(("ws", "is", "os"))
        mode = draw.choice(("CALC", "USER", "USER", "USER", "USER"))
        bandwidth = draw.choice((1, 2, 3, 7, 10, 20, 33, 64, 200, 600))
        if mode == "CALC":
            bandwidth = 10  # SCALE-Sim's own for what is read before the start
        first, second, third = draw.choices((1, 1, 1, 1, 2, 4), k=3)
        sram = (first, second, third)
        yield Case(m, n, k, rows, columns, dataflow, mode, bandwidth, sram)


def main() -> None:
    """Print the table."""
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(COLUMNS)
    for _, case in zip(range(ROWS), cases(seed=3), strict=False):
        array = (case.rows, case.columns, case.dataflow, case.mode, case.bandwidth)
        sram = "/".join(map(str, case.sram))
        found = [int(x) if x == int(x) else x for x in run(case)]
        table.writerow([SIM, case.m, case.n, case.k, *array, sram, *found])


if __name__ == "__main__":
    main()
