"""A fit finds the constants that made its data, and says what it moved."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from click.testing import CliRunner, Result

import accelsim
from accelsim import catalog
from accelsim.cli import main
from accelsim.errors import InputError
from accelsim.validation.calibrate import FEWEST, calibrate_gemm
from accelsim.validation.chip_file import write_chip_file

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="a fit asks for its products thousands of times",
)
MEASURED = Path(__file__).parents[2] / "benchmarks" / "measured"
TRUTH = {"kernel_latency": "2.5 us", "gemm.issue.bf16": 0.75, "hbm.efficiency": 0.7}
KEPT = (
    "gemm.flop_energy", "gemm.settle", "gemm.hot_clock", "gemm.operand_bytes",
    "sram.bandwidth", "gemm.cache_share", "gemm.split_latency", "gemm.memory_ramp",
    "gemm.fill",
)  # fmt: skip


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return products of an h100-sxm with other constants, as its owner times them."""
    chip = accelsim.chip("h100-sxm", TRUTH)
    random = np.random.default_rng(3)
    lines = ["chip,dtype,M,N,K,latency_us,source"]
    for _ in range(200):
        m, n, k = (int(64 * random.integers(1, 100)) for _ in range(3))
        time = chip.gemm(m, n, k, weight_sets=1, repeats=100, hot=False).time
        lines.append(f"H100-SXM,bf16,{m},{n},{k},{float(time) * 1e6!r},mine")
    lines.append("B200,bf16,64,64,64,1,mine")
    path = tmp_path_factory.mktemp("fit") / "mine.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_constants_are_recovered(synthetic: Path) -> None:
    found = calibrate_gemm([synthetic], "h100-sxm", KEPT, starts=1)
    assert found.values["kernel_latency"] == pytest.approx(2.5e-6, rel=0.02)
    assert found.values["gemm.issue.bf16"] == pytest.approx(0.75, rel=0.02)
    assert found.values["hbm.efficiency"] == pytest.approx(0.7, rel=0.02)
    assert found.rows["fitted"] + found.rows["held_out"] == 200
    assert found.before["held_out"] is not None
    assert found.after["held_out"] is not None
    assert found.before["held_out"] > 0.1
    assert found.after["held_out"] < 0.005
    assert set(found.written) == set(TRUTH)


def test_all_constants_together_explain_the_data(synthetic: Path) -> None:
    found = calibrate_gemm([synthetic], "h100-sxm", starts=1)
    assert found.after["held_out"] is not None
    assert found.after["held_out"] < 0.02
    # no row was timed hot: nothing is said about that
    assert "gemm.hot_clock" not in found.written
    assert found.chip.gemm.hot_clock == found.old.gemm.hot_clock  # type: ignore[union-attr]


def test_the_chip_file_derives_from_the_old_one(
    synthetic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = calibrate_gemm([synthetic], "h100-sxm", KEPT, starts=1)
    path = tmp_path / "chips" / "mine.toml"
    path.parent.mkdir()
    write_chip_file(path, "h100-sxm", found, [synthetic])
    monkeypatch.setenv("ACCELSIM_PATH", str(tmp_path))
    spec = catalog.load("chips", "mine")
    assert float(spec.hbm.efficiency) == pytest.approx(0.7, rel=0.02)
    figure = spec.hbm.efficiency
    assert (figure.source, figure.kind) == (
        "accelsim calibrate gemm on mine.csv", "measured",
    )  # fmt: skip
    assert spec.matrix.peak == catalog.load("chips", "h100-sxm").matrix.peak
    assert not list(path.parent.glob(".*"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: Any) -> Result:
        return CliRunner().invoke(main, ["calibrate", "gemm", *map(str, arguments)])

    return invoke


def test_the_command(run: Callable[..., Result], synthetic: Path) -> None:
    keep = [word for path in KEPT for word in ("--keep", path)]
    done = run(synthetic, "--chip", "h100-sxm", "--starts", 1, "--out", "a.toml", *keep)
    assert done.exit_code == 0, done.output
    for words in ("held out", "before", "after", "hbm.efficiency", "written: a.toml"):
        assert words in done.output
    assert 'base = "h100-sxm"' in Path("a.toml").read_text("utf-8")
    # and the new chip is a base in its turn, by its path
    done = run(
        synthetic, "--chip", "a.toml", "--starts", 1, "--out", "b.toml", "--json"
    )
    assert '"bad-input"' in done.output
    assert "0 products of a to fit on" in done.output


def test_measured_products_calibrate(run: Callable[..., Result]) -> None:
    path = MEASURED / "gemm_training_b200.csv"
    done = run(path, "--chip", "b200-simumax", "--starts", 1, "--json")
    assert done.exit_code == 0, done.output
    assert '"held_out"' in done.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "missing argument"),
        (("none.csv", "--chip", "b200"), "none.csv: no such file"),
        (("none.csv",), "missing option '--chip'"),
        (("none.csv", "--chip", "h100-smx"), "did you mean 'h100-sxm'"),
        (("none.csv", "--chip", "trainium2"), "calibrated for GPUs only"),
        (("none.csv", "--chip", "b200", "--out", "x.csv"), "must end in .toml"),
        (("none.csv", "--chip", "b200", "--out", "no/x.toml"), "no such folder"),
    ],
)
def test_bad_input(
    run: Callable[..., Result], arguments: tuple[str, ...], words: str
) -> None:
    done = run(*arguments)
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_constant_that_is_none(synthetic: Path) -> None:
    with pytest.raises(InputError, match=r"did you mean 'gemm\.settle'"):
        calibrate_gemm([synthetic], "h100-sxm", ["gemm.settled"])


def test_too_few_products(tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    header = "chip,dtype,M,N,K,latency_us\n"
    path.write_text(f"{header}B200,bf16,64,64,64,5\n", "utf-8")
    with pytest.raises(InputError, match=f"{FEWEST} are needed"):
        calibrate_gemm([path], "b200")
