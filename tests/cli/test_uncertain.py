"""`accelsim claim`, `--uncertain` and `accelsim supply` on the command line."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

Program = Callable[..., Result]


def test_claims_are_listed_and_judged(accelsim: Program) -> None:
    listed = json.loads(accelsim("claim", "list", "--json").stdout)["claims"]
    assert "n2-cost" in {claim["name"] for claim in listed}
    assert "n2-cost" in accelsim("claim", "list").stdout
    words = ("claim", "n2-cost", "--samples", "200")
    found = json.loads(accelsim(*words, "--json").stdout)
    assert found["claim"] == "n2-cost"
    text = accelsim(*words).stdout
    assert "Holds when: " in text


def test_an_estimate_has_intervals(accelsim: Program) -> None:
    words = (
        "estimate",
        "--model",
        "llama3-8b",
        "--system",
        "dgx-h100",
        "--chips",
        "16",
    )
    more = ("--uncertain", "500", "--seed", "3")
    found = json.loads(accelsim(*words, *more, "--json").stdout)["uncertain"]
    assert (found["samples"], found["seed"]) == (500, 3)
    assert "5 to 95 %" in accelsim(*words, *more).stdout


def test_a_comparison_has_intervals(accelsim: Program) -> None:
    words = ("compare", "llama3-8b", "--systems", "dgx-h100,trn2-ultraserver")
    text = accelsim(*words, "--chips", "64", "--uncertain", "500").stdout
    assert "P(cheaper a token)" in text
    assert "what drives it" in text


def test_a_chips_cost_is_driven_by_memory_before_wafers(accelsim: Program) -> None:
    words = ("silicon", "trainium3", "--uncertain", "4000")
    drivers = json.loads(accelsim(*words, "--json").stdout)["uncertain"]["drivers"]
    memory = drivers["hbm.hbm3e-9.6.prices.1.usd"]
    assert memory > 10 * drivers["process.n3p.wafers.1.usd"]
    assert "Sobol index" in accelsim(*words).stdout


def test_on_n2_memory_drives_the_cost_before_wafers_too(accelsim: Program) -> None:
    words = ("silicon", "trainium3", "--to", "n2", "--uncertain", "4000")
    told = json.loads(accelsim(*words, "--json").stdout)["moved"]["uncertain"]
    memory = told["drivers"]["hbm.hbm3e-9.6.prices.1.usd"]
    assert memory > 2 * told["drivers"]["process.n2.wafers.0.usd"]
    clock = told["intervals"]["clock_ratio"]
    assert 1.0 < clock["p5"] <= clock["p95"] < 1.125 / 1.05
    assert "what drives the moved chip's cost" in accelsim(*words).stdout


def test_supply_tells_intervals(accelsim: Program) -> None:
    words = ("supply", "trainium3", "--until", "2026-12", "--samples", "50")
    found = json.loads(accelsim(*words, "--lose-fab", "2026-06", "--json").stdout)
    assert found["fleet_share_kept"]["p50"] < 1.0
    assert "good chips" in accelsim(*words).stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("claim", "n9"), "unknown claim 'n9'"),
        (("claim", "n2-cost", "--samples", "1"), "--samples"),
        (("supply", "trainium9"), "unknown supply"),
        (("supply", "trainium3", "--until", "2020-01"), "until"),
        (("supply", "trainium3", "--months", "3"), "--months 3: give --lose-fab"),
        (("supply", "trainium3", "--lost", "0.5"), "--lost 0.5: give --lose-fab"),
        (("supply", "trainium3", "--lose-fab", "2040-01"), "loses no month"),
        (("silicon", "trainium3", "--at", "iso-speed"), "give --to as well"),
        (("silicon", "trainium3", "--seed", "3"), "give --uncertain as well"),
    ],
)
def test_a_bad_question_is_one_line(
    accelsim: Program, words: tuple[str, ...], message: str
) -> None:
    done = accelsim(*words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
