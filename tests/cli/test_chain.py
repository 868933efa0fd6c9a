"""`accelsim chain`, and `accelsim link` of a link of the catalog."""

import json
from collections.abc import Callable
from pathlib import Path

import numba
import pytest
from click.testing import Result

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="budgets of plain Python",
)
Run = Callable[..., Result]
JOB = {"model": "llama3-8b", "system": "trn3-ultraserver-gen2", "chips": 16}
LINK = "neuronlink-v4"


def test_the_command(accelsim: Run, tmp_path: Path) -> None:
    figure = tmp_path / "chain.png"
    job = [f"--{name}={value}" for name, value in JOB.items()]
    vary = ["--vary", "length=1m..5m", "--points", "3"]
    done = accelsim("chain", LINK, *job, *vary, "--figure", str(figure))
    assert done.exit_code == 0, done.output
    assert figure.stat().st_size > 10_000
    told = " ".join(done.output.split())
    for words in ("tokens/s", "goodput", "J/token", "1 m to 3 m: inside", "over the"):
        assert words in told
    found = json.loads(accelsim("chain", LINK, *job, *vary, "--json").output)
    assert [point["regime"] for point in found["points"]] == [
        "inside",
        "inside",
        "over",
    ]
    assert found["points"][2]["remedy"]["tokens_per_s"] > 0.0
    none = accelsim("chain", LINK, *job, "--set", f"link.{LINK}.length=30 m")
    assert none.exit_code == 1
    assert none.stderr.startswith("error: link neuronlink-v4")


def test_a_link_tells_what_is_stated(accelsim: Run) -> None:
    done = accelsim("link", LINK, "--set", "retimers=1", "--json")
    assert done.exit_code == 0, done.output
    port = json.loads(done.output)["port"]
    assert port["origin"] == {
        "bandwidth": "stated",
        "latency": "derived",
        "energy": "derived",
        "failures": "derived",
    }
    assert port["bandwidth_bytes_per_s"] == pytest.approx(64e9, rel=1e-6)
    assert "stated" in accelsim("link", LINK).output
    assert "names no path" in accelsim("link", "nvlink3").stderr
