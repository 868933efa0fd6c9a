"""`accelsim goodput`: keys, tables, and what it refuses."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result


def test_command(accelsim: Callable[..., Result]) -> None:
    words = ("goodput", "--chips", "16384", "--write", "3 s")
    found = json.loads(accelsim(*words, "--runs", "20000", "--json").stdout)
    assert found["simulated"] == pytest.approx(found["goodput"], rel=0.05)
    assert "goodput, exact" in accelsim(*words).stdout
    for more, message in (
        (("--reliability", "llama4"), "unknown reliability"),
        (("--interval", "soon"), "--interval: 'soon' is not a quantity"),
        (("--set", "detect=3"), "detect: '3' has no unit"),
        (("--seed", "3"), "--seed 3: give --runs as well"),
    ):
        done = accelsim(*words, *more)
        assert done.exit_code == 2
        assert message in done.stderr
    done = accelsim("goodput", "--chips", "20000", "--write", "3s", "--system", "p4d")
    assert "20000 exceeds the 16384 chips of p4d" in done.stderr
    done = accelsim("goodput", "--chips", "8")
    assert "give --write, or --model and --bandwidth" in done.stderr
