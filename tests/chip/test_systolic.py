"""The public array: SCALE-Sim's figures beside its cycles, shapes, and bad input."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.chip.systolic import DATAFLOWS, Scratchpads, SystolicArray, SystolicGemm
from accelsim.errors import InputError

MEASURED = Path(__file__).parents[2] / "benchmarks" / "measured"
SMALL = Scratchpads(1024, 1024, 1024, bandwidth=7)
CYCLES = ("total_cycles", "stall_cycles", "overall_cycles")
DRAM = ("ifmap_dram_reads", "filter_dram_reads", "ofmap_dram_writes")


def published(name: str) -> list[dict[str, str]]:
    with (MEASURED / name).open(newline="") as file:
        return list(csv.DictReader(file))


ROWS = [*published("scalesim.csv"), *published("scalesim_small.csv")]


def run(row: dict[str, str]) -> SystolicGemm:
    room = row["sram_kB_ifmap_filter_ofmap"].split("/")
    ifmap, weights, ofmap = (1024 * int(x) for x in room)
    rate = int(row["dram_bw_words_per_cycle"])
    bandwidth = rate if row["bw_mode"] == "USER" else None
    pads = Scratchpads(ifmap, weights, ofmap, bandwidth)
    dataflow: Any = row["dataflow"]
    rows, columns = int(row["array_rows"]), int(row["array_cols"])
    array = SystolicArray(rows, columns, dataflow, pads)
    return array.gemm(int(row["M"]), int(row["N"]), int(row["K"]))


def test_cycles_and_words_of_scale_sim() -> None:
    assert len(ROWS) == 79 + 120
    assert sum(float(row["stall_cycles"]) > 0 for row in ROWS) > 30
    for row in ROWS:
        found = run(row)
        said = [float(row[name]) for name in (*CYCLES, *DRAM)]
        assert [getattr(found, name) for name in (*CYCLES, *DRAM)] == said, row


def test_sram_words_of_scale_sim() -> None:
    for row in ROWS:
        found = run(row)
        assert found.ifmap_sram_reads == int(float(row["ifmap_sram_reads"]))
        assert found.filter_sram_reads == int(float(row["filter_sram_reads"]))
        # SCALE-Sim 3.0.0 adds rows + columns to each fold's outputs that stay
        extra = int(row["array_rows"]) + int(row["array_cols"])
        extra = extra * int(found.folds) if row["dataflow"] == "os" else 0
        assert int(found.ofmap_sram_writes) + extra == float(row["ofmap_sram_writes"])


def test_utilisation_of_scale_sim() -> None:
    for row in ROWS:
        found = run(row)
        # five digits are printed
        assert 100 * found.utilisation == pytest.approx(
            float(row["overall_util_pct"]), abs=1e-5
        )
        assert 100 * found.mapping_efficiency == pytest.approx(
            float(row["mapping_eff_pct"]), abs=1e-5
        )


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("pads", [None, SMALL], ids=["at hand", "behind"])
def test_arrays_are_their_numbers(dataflow: Any, pads: Scratchpads | None) -> None:
    array = SystolicArray(8, 4, dataflow, pads)
    m, n, k = np.array([[3], [50]]), np.array([7, 20, 61]), 33
    found = array.gemm(m, n, k)
    assert np.shape(found.total_cycles) == (2, 3)
    names = [*CYCLES, *DRAM, "folds", "utilisation", "mapping_efficiency"]
    names += ["ifmap_sram_reads", "filter_sram_reads", "ofmap_sram_writes"]
    for i, j in np.ndindex(2, 3):
        one = array.gemm(int(m[i, 0]), int(n[j]), k)
        for name in names:
            number, many = getattr(one, name), getattr(found, name)
            if many is None:
                assert number is None
                assert pads is None
            elif np.ndim(many) == 0:  # no array waits that has no scratchpads
                assert many == number == 0
            else:
                assert isinstance(number, int | float)
                assert many[i, j] == number, name


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_waits_come_on_top(dataflow: Any) -> None:
    free = SystolicArray(8, 4, dataflow).gemm(40, 50, 60)
    for bandwidth in (1, 5, 64):
        pads = Scratchpads(1024, 1024, 1024, bandwidth)
        found = SystolicArray(8, 4, dataflow, pads).gemm(40, 50, 60)
        assert found.total_cycles - found.stall_cycles == free.total_cycles
        assert found.overall_cycles is not None
        assert found.overall_cycles >= found.total_cycles
        assert 0 < found.utilisation <= free.utilisation <= free.mapping_efficiency


def test_no_products() -> None:
    none = np.zeros(0, np.int64)
    found = SystolicArray(8, 4, "ws", SMALL).gemm(none, none, none)
    assert np.shape(found.total_cycles) == np.shape(found.utilisation) == (0,)


@pytest.mark.parametrize(
    ("m", "why"),
    [
        (0, "m: sizes go from 1"),
        (2**31, "m: sizes go from 1 to 2147483647"),
        (1.5, "m: 1.5 is no whole number"),
        ("8", "m: '8' is no whole number"),
        (np.array([4, -1]), "m: sizes go from 1"),
    ],
)
def test_bad_sizes_are_refused(m: Any, why: str) -> None:
    with pytest.raises(InputError, match=why):
        SystolicArray(8, 8).gemm(m, 8, 8)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: SystolicArray(0, 8), "rows: 0 is not allowed"),
        (lambda: SystolicArray(8, 2**31), "columns: 2147483648 is not allowed"),
        (lambda: SystolicArray(8, columns=True), "columns: True is not allowed"),
        (lambda: SystolicArray(8, 8, "wss"), "dataflow: 'wss' is unknown; did you"),  # type: ignore[arg-type]
        (lambda: Scratchpads(99, 100, 100), "ifmap: 99 is not allowed; .* from 100"),
        (lambda: Scratchpads(100, 100, 100, 0), "bandwidth: 0 is not allowed"),
        (lambda: Scratchpads(100, 100, 100, fill=0), "fill: 0 is not allowed"),
    ],
)  # fmt: skip
def test_bad_arrays_are_refused(make: Any, why: str) -> None:
    with pytest.raises(InputError, match=why):
        make()


def test_endless_runs_are_refused() -> None:
    with pytest.raises(InputError, match="too large for 1 x 1 units behind"):
        SystolicArray(1, 1, "ws", SMALL).gemm(10**5, 10**5, 10**5)
    assert SystolicArray(1, 1).gemm(10**5, 10**5, 10**5).folds == 10**10
