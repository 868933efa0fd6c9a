"""Logs of nccl-tests and nccom-test in their layouts, the fit to them, and bad ones."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import accelsim
from accelsim.cli import main
from accelsim.errors import InputError
from accelsim.validation.calibrate_collectives import calibrate_collectives
from accelsim.validation.collective_log import Logged, read_log

MEASURED = Path(__file__).parents[2] / "benchmarks" / "measured"
P4DE = MEASURED / "nccl_tests_p4de.txt"  # see benchmarks/measured/README.md
OLD = """\
#                                             out-of-place              in-place
#    size    count   type  redop  time  algbw  busbw  error  time  algbw busbw error
#     (B) (elements)              (us) (GB/s) (GB/s)         (us) (GB/s) (GB/s)
    65536    16384  float    sum 18.10   3.62   6.34  1e-07 17.90   3.66  6.41  1e-07
  1048576   262144  float    sum 41.00  25.57  44.76  1e-07 40.10  26.15 45.76  1e-07
"""
NCCOM = """\
$ nccom-test -r 16 allr -b 4 -e 1gb -f 16 -d fp32 --show-algorithm
     size(B)    count(elems)    type    time:avg(us)    algbw(GB/s)    busbw(GB/s)
    33554432         8388608    fp32         2754.15          12.18          22.84
   536870912       134217728    fp32         9689.51          55.41         103.89
Avg bus bandwidth:      13.0GB/s
"""


def log(folder: Path, text: str, name: str = "run.log") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_log_says_what_it_measured() -> None:
    rows = read_log(P4DE)
    assert len(rows) == 29
    assert rows[-1] == Logged("all_reduce", 2.0**31, 16, 2, 51406e-6)


def test_old_layouts_tell_ranks_by_their_bandwidths(tmp_path: Path) -> None:
    rows = read_log(log(tmp_path, OLD), kind="all_reduce")
    assert [row.ranks for row in rows] == [8, 8]  # 44.76 / 25.57 = 2 x 7 / 8
    assert rows[0].seconds == pytest.approx(18.1e-6)
    assert read_log(log(tmp_path, OLD, "all_gather_2.txt"), ranks=2)[0].ranks == 2


@pytest.mark.parametrize("prefix", ["0: ", "[1,0]<stdout>:", "node-3: "])
def test_launchers_put_words_before_a_line(tmp_path: Path, prefix: str) -> None:
    text = "\n".join(prefix + line for line in OLD.splitlines())
    plain = read_log(log(tmp_path, OLD), "all_reduce")
    assert read_log(log(tmp_path, text), "all_reduce") == plain


def test_nccom_tells_ranks_by_its_command(tmp_path: Path) -> None:
    rows = read_log(log(tmp_path, NCCOM))
    assert (rows[1].ranks, rows[1].nodes, rows[1].size) == (16, 1, 2.0**29)
    assert rows[1].seconds == pytest.approx(9689.51e-6)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("hello\n", "does not say which collective"),
        ("all_reduce\n", "no table"),
        ("all_reduce\n" + OLD.splitlines()[1], "no rows"),
        ("all_reduce\n" + OLD.replace("18.10", "fast"), "line 5: no time"),
        ("all_reduce\n" + OLD.replace("6.34", "9").replace("44.76", "60"), "--ranks"),
    ],
)
def test_a_log_that_cannot_be_read(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        read_log(log(tmp_path, text))


def test_a_fit_finds_the_links_of_another_cluster(tmp_path: Path) -> None:
    """Print what a system with other links would, and get them back."""
    truth = accelsim.system(
        "p4d", {"tiers.fabric.efficiency": 0.6, "tiers.fabric.latency": "30 us"}
    )
    sizes = [2.0**k for k in range(16, 33)]
    times = truth.collective("all_reduce", bytes=sizes, ranks=16, placement=8).time
    lines = [
        f"{s:.0f} 1 float sum {t * 1e6:.2f} 0 0 0"
        for s, t in zip(sizes, times, strict=False)
    ]
    text = "all_reduce\n# size count type redop time algbw busbw error\n"
    found = calibrate_collectives(
        [log(tmp_path, text + "\n".join(lines))], "p4d", ranks=16, nodes=2
    )
    assert found.after["held_out"] < 0.01 < found.before["held_out"]
    assert found.figures["tiers.fabric.efficiency"][1] == pytest.approx(0.6, rel=0.05)
    assert found.figures["tiers.fabric.latency"][1] == pytest.approx(30e-6, rel=0.2)


def test_the_command_writes_a_system(tmp_path: Path) -> None:
    out = tmp_path / "mine.toml"
    run = CliRunner().invoke(
        main,
        [
            "calibrate",
            "collectives",
            str(P4DE),
            "--system",
            "p4d",
            "--json",
            "--out",
            str(out),
        ],
    )
    assert run.exit_code == 0, run.output
    answer = json.loads(run.output)
    assert answer["after_mape"]["held_out"] < 0.1 < answer["before_mape"]["held_out"]
    again = calibrate_collectives([P4DE], str(out))
    assert again.before["held_out"] == pytest.approx(
        answer["after_mape"]["held_out"], rel=0.01
    )


@pytest.mark.parametrize("file", ["nowhere.txt", str(MEASURED / "README.md")])
def test_a_bad_log_is_one_line(file: str) -> None:
    run = CliRunner().invoke(
        main, ["calibrate", "collectives", file, "--system", "p4d"]
    )
    assert run.exit_code == 2
    assert run.output.count("\n") == 1
