"""`accelsim fabric`: the listing, jobs, a picture, and one line for what cannot be."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from accelsim.cli import main


def run(*words: str) -> Result:
    wide = {"COLUMNS": "120"}  # no cell is broken, wherever the tests run
    return CliRunner().invoke(main, ["fabric", *words], env=wide)


def test_a_listing() -> None:
    done = run("dgx-h100", "--chips", "256")
    assert done.exit_code == 0
    assert "12 quantum-2" in done.output
    assert "bisection 6.4 TB/s" in done.output


def test_jobs_as_json() -> None:
    done = run(
        "trn2-48xlarge", "--job", "tp=64", "--degrade", "chip0-chip1=0.5", "--json"
    )
    answer = json.loads(done.output)
    (group,) = answer["groups"]
    assert group["slowdown"] > 1.0
    assert group["together_s"] > group["alone_s"] > 0.0
    assert answer["busiest_edges"][0]["utilisation"] <= 1.0
    assert answer["ranks"] == 64


def test_jobs_as_tables_and_a_picture(tmp_path: Path) -> None:
    for name in ("trn2-48xlarge", "gb200-nvl72"):
        path = tmp_path / f"{name}.svg"
        done = run(name, "--job", "tp=4,dp=4", "--once", "--figure", str(path))
        assert done.exit_code == 0
        assert "Busiest edges" in done.output
        assert path.read_text().startswith("<?xml")


def test_bad_input_is_one_line() -> None:
    for words in (
        ("no-such-system",),
        ("dgx-h100", "--job", "tp"),
        ("dgx-h100", "--chips", "0"),
        ("dgx-h100", "--down", "chip0"),
        ("dgx-h100", "--degrade", "chip0-node0"),
        ("dgx-h100", "--figure", "a.txt"),
        ("gb200-nvl72", "--set", "tiers.rack.switches=9"),
    ):
        done = run(*words)
        assert done.exit_code == 2, words
        assert len(done.stderr.strip().splitlines()) == 1
