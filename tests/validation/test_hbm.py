"""`validate hbm`: both kinds of truth, and what is wrong with either."""

import csv
import json
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.validation.hbm import validate_hbm
from accelsim.validation.hbm_rows import case_of

PLAIN = bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]
TRACES = Path(__file__).parents[1] / "reference" / "hbm_departures.npz"
# Ramulator 2.1 (CMU-SAFARI/ramulator2@c5b1c3a), one HBM3 channel at 6.4 Gb/s
ROW = {
    "sim": "ramulator2.1@c5b1c3a",
    "config": "hbm3_1_rb32",
    "channels": "1",
    "order_lsb_to_msb": "PGCBSR",
    "bank_xor_hash": "0",
    "scheduler": "FRFCFS-RowHit",
    "read_q": "32",
    "write_q": "32",
    "refresh": "AllBank",
    "pattern": "seq",
    "stride_or_block_bytes_or_streams": "0",
    "read_fraction": "1.0",
    "rw_group": "1",
    "inject_ticks_per_req": "0.0",
    "measured_reqs": "30000",
    "tx_bytes": "32",
    "tck_ns": "0.312",
    "ticks": "71182",
    "achieved_GBs": "43.2261",
    "peak_GBs": "51.2",
    "avg_read_latency_ns": "38.07",
    "row_hits": "34848.0",
    "row_misses": "440.0",
    "row_conflicts": "734.0",
    "seed": "1",
}
ENTRY = {
    "file": "trace.npz",
    "config": "hbm3_1",
    "order_lsb_to_msb": "PGCBSR",
    "bank_xor_hash": 0,
    "pattern": "seq",
    "param": 0,
    "read_fraction": 0.67,
    "rw_group": 1,
    "seed": 1,
    "n_completed": 4000,
}


def write_table(folder: Path, *rows: dict[str, str]) -> Path:
    path = folder / "hbm.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(ROW))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_index(folder: Path, *entries: dict[str, Any]) -> Path:
    path = folder / "index.json"
    path.write_text(json.dumps({"entries": entries}), encoding="utf-8")
    return path


def write_trace(folder: Path, **changes: Any) -> None:
    from accelsim import catalog
    from accelsim.chip.memory import Pattern, requests

    count = 20 if PLAIN else 4000
    spec = catalog.load("hbm", "hbm3-6.4")
    asked = requests(spec, Pattern(read_fraction=0.67), count)
    with np.load(TRACES) as traces:
        depart = traces["hbm3_seq0_rf0.67_h0_wb1"][:count]
    arrays = {
        "id": np.arange(count),
        "is_write": asked.write,
        "addr_tx": asked.address,
        "depart_tick": depart,
    }
    np.savez(folder / "trace.npz", **(arrays | changes))


@pytest.mark.skipif(PLAIN, reason="36,000 requests of plain Python take too long")
def test_a_run_takes_the_ticks_of_the_reference(tmp_path: Path) -> None:
    found = validate_hbm(write_table(tmp_path, ROW))
    assert (found.rows, found.scored) == (1, 1)
    assert found.metrics["exact_rows"] == 1
    assert found.metrics["mape"] == pytest.approx(0.0, abs=2e-6)
    # the reference prints hundredths of a nanosecond
    latency = found.groups["subset"]["latency"]
    assert latency["mape"] == pytest.approx(0.0, abs=0.005 / 38)
    assert found.details[0]["predicted_ticks"] == 71182


def test_rows_that_do_not_count_say_why(tmp_path: Path) -> None:
    path = write_table(
        tmp_path,
        ROW | {"sim": "dramsim3@2981759"},
        ROW | {"pattern": "zigzag"},
        ROW | {"refresh": "Fancy"},
        ROW | {"config": "ddr5_1"},
        ROW | {"read_q": "many"},
    )
    found = validate_hbm(path)
    assert (found.rows, found.scored) == (5, 0)
    assert sorted(found.left_out.values()) == [1, 1, 3]


@pytest.mark.skipif(PLAIN, reason="thousands of requests of plain Python")
def test_another_simulator_is_told_apart_and_not_scored(tmp_path: Path) -> None:
    # umd-memsys/DRAMsim3@2981759, HBM2_8Gb_x128.ini: 8 channels, 90 % reads
    other = ROW | {
        "sim": "dramsim3@2981759",
        "config": "HBM2_8Gb_x128.ini",
        "channels": "8",
        "read_fraction": "0.9",
        "measured_reqs": "20000",
        "tx_bytes": "64",
        "achieved_GBs": "219.377",
        "peak_GBs": "256.0",
    }
    found = validate_hbm(write_table(tmp_path, ROW, other))
    assert (found.rows, found.scored) == (2, 1)
    assert found.metrics["exact_rows"] == 1
    assert found.groups["subset"]["dramsim3"]["rows"] == 1


def test_the_warm_up_follows_from_the_counters() -> None:
    case = case_of(ROW)
    assert (case.warm_up, case.count) == (6000, 30000)
    # two requests ended the warm-up or the measurement at once
    assert case_of(ROW | {"measured_reqs": "29999"}).count == 30000
    assert case_of(ROW | {"measured_reqs": "30001"}).count == 30000
    assert case_of(ROW | {"row_hits": ""}).warm_up == 6000


@pytest.mark.skipif(PLAIN, reason="thousands of requests of plain Python take too long")
def test_every_request_of_a_trace_counts(tmp_path: Path) -> None:
    write_trace(tmp_path)
    found = validate_hbm(write_index(tmp_path, ENTRY))
    assert (found.rows, found.scored) == (4000, 4000)
    assert found.metrics["exact_rows"] == 4000
    assert found.metrics["max_abs_difference"] == 0
    naive = found.naive["mape"]
    assert naive is not None
    assert naive > 0


def test_a_trace_of_other_requests_is_left_out(tmp_path: Path) -> None:
    write_trace(tmp_path)
    found = validate_hbm(write_index(tmp_path, ENTRY | {"seed": 2}))
    assert found.scored == 0
    assert list(found.left_out.values()) == [4000]


def test_a_trace_without_its_file_is_left_out(tmp_path: Path) -> None:
    found = validate_hbm(write_index(tmp_path, ENTRY))
    assert found.scored == 0
    assert found.left_out == {"a trace file that is missing or lacks an array": 4000}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "is no JSON"),
        ("[]", "entries: is missing"),
        ('{"entries": []}', "entries: is missing"),
        ('{"entries": [{"file": "a.npz"}]}', r"entries\.0\.config: is missing"),
    ],
)
def test_an_index_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "index.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        validate_hbm(path)


def test_no_such_index(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        validate_hbm(tmp_path / "index.json")
