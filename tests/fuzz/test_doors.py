"""No input, however broken, does more than be answered or refused.

A slice runs with the suite; `make soak` sends 100,000 inputs and more. An input is made
again from its door, the seed and its number, which a failure names; its bytes are kept.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.doors import Door, doors
from tests.fuzz.guard import Sandbox
from tests.fuzz.trial import Trial, finished_sweep

ROOT = Path(__file__).parents[2]
SLICE = 3  # inputs of a door in the suite
SOAK = int(os.environ.get("SOAK_INPUTS", "100000"))
SEED = os.environ.get("SOAK_SEED", "1")
DOORS = doors()
SHARES = sum(door.share for door in DOORS)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Return the sandbox, which is worked in."""
    made = Sandbox(tmp_path_factory.mktemp("doors").resolve()).made()
    here = Path.cwd()
    os.chdir(made.here)
    yield made
    os.chdir(here)


@pytest.fixture(scope="module")
def sweep(sandbox: Sandbox) -> Path:
    return finished_sweep(sandbox)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_a_slice_of_broken_inputs(door: Door, sandbox: Sandbox, sweep: Path) -> None:
    trial = Trial(door, sandbox, sweep)
    assert trial.send(0, trial.seeds[0]) == (0, "")  # which also compiles
    assert trial.failures(SLICE) == {}


@pytest.mark.soak
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_many_broken_inputs(door: Door) -> None:
    count = -(-SOAK * door.share // SHARES)
    command = [sys.executable, "-W", "error", "-m", "tests.fuzz.trial"]
    done = subprocess.run(
        [*command, door.name, f"{count:.0f}", SEED],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout)["failures"] == {}
