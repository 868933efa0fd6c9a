"""`accelsim collective`: a table, a picture, and one line for what cannot be."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from accelsim.cli import main


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["collective", *words])


def test_sizes_and_systems() -> None:
    done = run("all_reduce", "--systems", "dgx-h100,trn2-48xlarge", "--json")
    rows = json.loads(done.output)["collectives"]
    assert len(rows) == 2 * 19  # 64 KiB, doubled eighteen times
    assert {row["system"] for row in rows} == {"dgx-h100", "trn2-48xlarge"}
    assert all(row["time_s"] > 0.0 for row in rows)


def test_one_size_as_a_table() -> None:
    done = run("all_gather", "--ranks", "16", "--bytes", "256MiB")
    assert done.exit_code == 0
    assert "all_gather among 16 ranks" in done.output
    assert "ring" in done.output


def test_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "busbw.svg"
    done = run("all_reduce", "--systems", "dgx-b200", "--figure", str(path))
    assert done.exit_code == 0
    assert path.read_text().startswith("<?xml")


def test_bad_input_is_one_line() -> None:
    for words in (
        ("allreduce",),
        ("all_reduce", "--bytes", "7"),
        ("all_reduce", "--ranks", "0"),
        ("all_reduce", "--systems", "dgx-h1000"),
        ("all_reduce", "--figure", "x.gif"),
    ):
        done = run(*words)
        assert done.exit_code == 2
        assert done.output.strip().count("\n") == 0
