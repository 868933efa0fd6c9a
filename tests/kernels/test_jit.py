"""The cache of compiled kernels: sound, and never in the way."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from accelsim.kernels import jit

PLAIN = os.environ.get("NUMBA_DISABLE_JIT") == "1"
COMPILES = pytest.mark.skipif(PLAIN, reason="its processes compile in both passes")
SOURCE = Path(jit.__file__).resolve().parent
# A package of two kernels in two files: one uses the other.
HELPER = """from sample.kernels.jit import kernel
@kernel
def step(x: float) -> float:
    return x + {constant}
"""
CALLER = """from sample.kernels.jit import kernel
from sample.kernels.helper import step
@kernel
def twice(x: float) -> float:
    return step(step(x))
"""
RUN = """
from sample.kernels.caller import twice
print(twice(1.0), sum(getattr(twice, "stats").cache_hits.values()))
"""


def write_sample(folder: Path, constant: float) -> None:
    kernels = folder / "sample" / "kernels"
    kernels.mkdir(parents=True, exist_ok=True)
    shutil.copy(SOURCE / "jit.py", kernels / "jit.py")
    (kernels / "helper.py").write_text(HELPER.format(constant=constant), "utf-8")
    (kernels / "caller.py").write_text(CALLER, "utf-8")


def run_sample(folder: Path, **environment: str) -> tuple[float, int]:
    """Return the result of a fresh process, and how many kernels it found cached."""
    setting = os.environ | {"NUMBA_DISABLE_JIT": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=folder,
        env=setting | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    value, hits = done.stdout.split()
    return float(value), int(hits)


@COMPILES
def test_a_changed_helper_recompiles_its_callers(tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    write_sample(tmp_path, constant=1.0)
    assert run_sample(tmp_path, NUMBA_CACHE_DIR=cache) == (3.0, 0)
    assert run_sample(tmp_path, NUMBA_CACHE_DIR=cache) == (3.0, 1)
    write_sample(tmp_path, constant=10.0)
    assert run_sample(tmp_path, NUMBA_CACHE_DIR=cache) == (21.0, 0)


@COMPILES
def test_a_kernel_elsewhere_recompiles_nothing(tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    write_sample(tmp_path, constant=1.0)
    run_sample(tmp_path, NUMBA_CACHE_DIR=cache)
    other = tmp_path / "sample" / "kernels" / "other.py"
    other.write_text("from sample.kernels.helper import step\n", "utf-8")
    assert run_sample(tmp_path, NUMBA_CACHE_DIR=cache) == (3.0, 1)


@COMPILES
@pytest.mark.parametrize("name", ["step", "layers", "dram_surface", "com_search"])
def test_a_digest_covers_every_file_that_a_kernel_reaches(name: str) -> None:
    """What Python itself loads for a kernel is what its digest was made of."""
    run = (
        f"import sys, accelsim.kernels.{name}; p = 'accelsim.kernels.';"
        "print(*(m[len(p):] for m in sys.modules if m.startswith(p)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", run], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == jit.reached(name)


@COMPILES
def test_kernels_run_where_nothing_can_be_kept(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder", "utf-8")
    write_sample(tmp_path, constant=1.0)
    assert run_sample(tmp_path, NUMBA_CACHE_DIR=str(in_the_way)) == (3.0, 0)


def test_the_bounds_check_has_a_cache_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = jit.digest("step")
    other = 0 if numba.config.BOUNDSCHECK else 1  # type: ignore[attr-defined]
    monkeypatch.setattr(numba.config, "BOUNDSCHECK", other)
    assert jit.digest("step") != usual


@pytest.mark.skipif(
    PLAIN,
    reason="plain Python raises where a kernel gives inf",
)
def test_division_by_zero_is_infinite() -> None:
    @jit.kernel
    def divide(x: float, y: float) -> float:
        return x / y

    assert divide(1.0, 0.0) == np.inf
