"""The sweep command: rows, pictures, and one clear line for every bad sweep."""

import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result

from accelsim.errors import InputError
from accelsim.explore.sweep.store import Store, open_store
from accelsim.report.picture.marks import Line, Text
from accelsim.report.sweep_figure import contour, grid_of, map_figure, scaling_figure

Program = Callable[..., Result]
HEAD = """
[run]
model = "llama3-8b"
system = "dgx-h100"
chips = 16
plan = { tp = 2, dp = 8, micro_batch = 1, sharding = "zero1", recompute = "none" }
"""
AXES = """
[[axes]]
path = "chip.hbm.stacks"
values = [4, 5, 6]
[[axes]]
path = "free.usd"
values = [1, 2, 3, 4]
"""

LONG = "log = { start = 1, stop = 2, count = 10000 }"
BILLIONS = "".join(f'[[axes]]\npath = "free.{n}"\n{LONG}\n' for n in "abc")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from click.testing import CliRunner

    from accelsim.cli import main

    place = tmp_path_factory.mktemp("sweep")
    columns = '[columns]\ncost = "free.usd / tokens_per_s"\n'
    (place / "s.toml").write_text(HEAD + AXES + columns)
    told = ["sweep", "run", str(place / "s.toml"), "--out", str(place / "s"),
            "--workers", "1"]  # fmt: skip
    done = CliRunner().invoke(main, told)
    assert done.exit_code == 0, done.output
    return place / "s"


def test_free_axes_change_nothing_but_what_reads_them(folder: Path) -> None:
    rows = open_store(folder).rows().to_pylist()
    assert len(rows) == 12
    for stacks in (4, 5, 6):
        mine = [row for row in rows if row["chip.hbm.stacks"] == stacks]
        assert len({row["tokens_per_s"] for row in mine}) == 1
        for row in mine:
            assert row["cost"] == row["free.usd"] / row["tokens_per_s"]


@pytest.mark.parametrize(
    "told",
    [
        [
            "--kind",
            "map",
            "--z",
            "cost",
            "--base",
            "chip.hbm.stacks==5 and free.usd==2",
        ],
        ["--kind", "map", "--z", "cost", "--level", "1e-5", "--x", "free.usd"],
        ["--kind", "days", "--x", "free.usd", "--tokens", "1e12", "--level", "90"],
        ["--kind", "scaling", "--x", "free.usd", "--y", "cost"],
        ["--y", "mfu"],
    ],
)
def test_pictures(
    accelsim: Program, folder: Path, tmp_path: Path, told: list[str]
) -> None:
    picture = tmp_path / "p.svg"
    done = accelsim("sweep", "show", str(folder), "--figure", str(picture), *told)
    assert done.exit_code == 0, done.output
    assert "<svg" in picture.read_text("utf-8")


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (["--level", "1"], "says nothing of --kind lines"),
        (["--kind", "map", "--z", "tokens"], "did you mean"),
        (["--kind", "map", "--z", "plan"], "plan holds no numbers"),
        (["--kind", "map", "--base", "free.usd == 2"], "is true of 3 rows"),
        (["--kind", "map", "--x", "free.usd", "--y", "chips"], "no column 'chips'"),
        (["--kind", "map", "--x", "status", "--y", "plan"], "several rows"),
        (["--kind", "pie"], "pie"),
    ],
)
def test_bad_pictures(
    accelsim: Program, folder: Path, tmp_path: Path, told: list[str], reason: str
) -> None:
    picture = tmp_path / "p.svg"
    done = accelsim("sweep", "show", str(folder), "--figure", str(picture), *told)
    one_line(done, reason)
    assert not picture.exists()


def one_line(done: Result, reason: str, code: int = 2) -> None:
    assert done.exit_code == code, done.output
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert reason in lines[0]


def test_an_option_of_a_picture_needs_one(accelsim: Program, folder: Path) -> None:
    done = accelsim("sweep", "show", str(folder), "--x", "free.usd")
    one_line(done, "--x: says nothing without --figure")


def test_the_contour_of_a_plane_is_where_it_is() -> None:
    x, y = np.meshgrid(np.arange(6.0), np.arange(5.0))
    pieces = contour(x + 2.0 * y, 5.3)
    assert pieces
    for piece in pieces:
        for a, b in piece:
            assert a + 2.0 * b == pytest.approx(5.3)
    whole = sum(np.hypot(c - a, d - b) for (a, b), (c, d) in pieces)
    assert whole == pytest.approx(np.hypot(5.0, 2.5))  # from x = 0 to x = 5
    assert contour(np.full((3, 3), np.nan), 1.0) == []


def test_scaling_tells_the_share_of_the_ideal() -> None:
    rows = pa.table({"chips": [8, 16, 32], "tokens_per_s": [10.0, 19.0, 30.0]})
    drawn = scaling_figure("t", rows, "chips", "tokens_per_s", None)
    assert "75%" in [mark.words for mark in drawn.marks if isinstance(mark, Text)]


def test_a_map_is_over_its_base_and_draws_the_level() -> None:
    told = [(x, y, float(x * y)) for y in (1, 2, 4) for x in (1, 2, 4, 8)]
    rows = pa.table({n: [row[k] for row in told] for k, n in enumerate("xyz")})
    grid = grid_of(rows, "x", "y", "z", "x == 2 and y == 2")
    assert grid.z.tolist() == [[x * y / 4 for x in (1, 2, 4, 8)] for y in (1, 2, 4)]
    drawn = map_figure("t", grid, ("x", "y", "z"), 1.0)
    lines = [m for m in drawn.marks if isinstance(m, Line) and m.tip == "z = 1"]
    assert len(lines) == len(contour(grid.z, 1.0)) > 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HEAD, "axes: is missing"),
        (HEAD + '[[axes]]\npath = "chip.hbm.stacks"\nvalues = []', "values is empty"),
        (HEAD + '[[axes]]\npath = "chip.hbm.stack"\nvalues = [4]', "'stacks'"),
        (HEAD + AXES + '[[axes]]\npath = "chip.hbm.stacks"\nvalues = [4]',
         "chip.hbm.stacks is swept twice"),
        (HEAD + AXES + '[[axes]]\npath = "chip.hbm"\nvalues = [4]',
         "lies inside chip.hbm"),
        (HEAD + AXES + '[assign]\n"chip.hbm.stacks" = { expression = "1" }',
         "swept and assigned"),
        (HEAD + AXES + '[assign]\n"chip.x" = { expression = "free.us" }',
         "did you mean 'free.usd'"),
        (HEAD + BILLIONS, "1,000,000,000,000 points; give --yes"),
    ],
)  # fmt: skip
def test_bad_sweeps_get_one_line_and_leave_nothing(
    accelsim: Program, tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "s.toml").write_text(text)
    out = tmp_path / "out"
    one_line(
        accelsim("sweep", "run", str(tmp_path / "s.toml"), "--out", str(out)), reason
    )
    assert not out.exists()


def test_an_output_that_cannot_be_written(accelsim: Program, folder: Path) -> None:
    file = str(folder.parent / "s.toml")
    for out in ("/proc/no/such", str(folder.parent / "s.toml" / "x")):
        one_line(accelsim("sweep", "run", file, "--out", out), "cannot be written")


@pytest.fixture
def again(folder: Path, tmp_path: Path) -> Iterator[Store]:
    """Give the sweep in a folder of its own, to be damaged; it must be whole after."""
    import shutil

    shutil.copytree(folder, tmp_path / "s")
    found, before = open_store(tmp_path / "s"), open_store(folder).checksum()
    yield found
    from accelsim.explore.sweep.run import run

    run(found, verify=True)
    assert found.checksum() == before


def test_a_full_disk_loses_nothing(
    again: Store, accelsim: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    again.part(0).unlink()

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        done = accelsim("sweep", "resume", str(again.folder), "--workers", "1")
    one_line(done, "cannot be written: No space left on device")
    assert not list((again.folder / "parts").glob(".*"))  # nothing half written


def test_a_foreign_part_is_refused_and_kept(again: Store, accelsim: Program) -> None:
    foreign = again.folder / "parts" / "mine.parquet"
    pq.write_table(pa.table({"x": [1]}), foreign)
    for command in ("resume", "show", "status"):
        one_line(accelsim("sweep", command, str(again.folder)), "is of another sweep")
    assert foreign.exists()
    foreign.unlink()


def test_a_copy_of_a_part_doubles_no_row(again: Store, accelsim: Program) -> None:
    copy = again.folder / "parts" / "00000099.parquet"
    copy.write_bytes(again.part(0).read_bytes())
    one_line(accelsim("sweep", "show", str(again.folder)), "is a copy of part 0")
    copy.unlink()


def test_a_flipped_bit_is_found_where_it_is_read(
    again: Store, accelsim: Program
) -> None:
    raw = bytearray(again.part(0).read_bytes())
    raw[60] ^= 0x10  # inside the first column's pages; the footer stays readable
    again.part(0).write_bytes(raw)
    one_line(accelsim("sweep", "show", str(again.folder)), "--verify computes it again")
    done = accelsim("sweep", "status", str(again.folder), "--checksum")
    one_line(done, "is damaged")
    done = accelsim("sweep", "resume", str(again.folder), "--verify", "--workers", "1",
                    "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "computed again" in done.stderr
    assert json.loads(done.stdout)["points_done"] == 12
    assert again.part(0).with_suffix(".damaged").exists()


def test_a_manifest_that_cannot_be_read(again: Store, accelsim: Program) -> None:
    path = again.folder / "sweep.json"
    kept: Any = path.read_text("utf-8")
    path.write_text(kept[:50], "utf-8")
    one_line(accelsim("sweep", "status", str(again.folder)), "cannot be read")
    path.write_text(kept, "utf-8")


def test_rows_of_no_sweep(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder of a sweep"):
        open_store(tmp_path)
