"""`accelsim estimate --explain` on the command line."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

Program = Callable[..., Result]
RUN = ("estimate", "--model", "llama3-8b", "--system", "dgx-h100", "--chips", "16")


def test_a_step_is_explained(accelsim: Program) -> None:
    told = json.loads(accelsim(*RUN, "--explain", "--json").stdout)
    bars = told["explanation"]["waterfall_s"]
    assert sum(bars.values()) == pytest.approx(told["step_time_s"], rel=1e-12)
    first = told["explanation"]["elasticities"][0]
    assert first.keys() == {"path", "value", "percent_per_percent", "plan"}
    text = accelsim(*RUN, "--explain").stdout
    assert "where the time went" in text
    assert first["path"] in text
