import os
import subprocess
import sys
from pathlib import Path

import pytest

from accelsim.kernels.jit import cached
from accelsim.kernels.warm import compile_steps, compiling_beside


def test_steps_compile_and_run_on_no_rows() -> None:
    compile_steps()


def test_nothing_is_started_once_the_cache_holds_the_kernels() -> None:
    compile_steps()
    if cached("steps.fill_steps") is None:  # JIT off: nothing is ever cached
        return
    assert cached("steps.fill_steps")
    before = set(_children())
    with compiling_beside():
        assert set(_children()) == before


@pytest.mark.soak  # compiles every kernel of a step anew
def test_a_cold_cache_is_filled_by_the_second_process(tmp_path: Path) -> None:
    code = (
        "from accelsim.kernels.warm import compiling_beside\n"
        "from accelsim.kernels.jit import cached\n"
        "assert cached('steps.fill_steps') is False\n"
        "with compiling_beside():\n    pass\n"
        "assert cached('steps.fill_steps') is True\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    environment.pop("NUMBA_DISABLE_JIT", None)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()


def _children() -> list[str]:
    tasks = Path(f"/proc/{os.getpid()}/task")
    if not tasks.is_dir():
        return []
    return [
        child
        for task in tasks.iterdir()
        for child in (task / "children").read_text().split()
    ]
