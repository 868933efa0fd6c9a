"""`accelsim silicon`: keys, tables, and what it refuses."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

Program = Callable[..., Result]


def test_json_sums_its_parts(accelsim: Program) -> None:
    found = json.loads(accelsim("silicon", "b200", "--json").stdout)
    assert found["cost_usd"] == pytest.approx(sum(found["cost_parts_usd"].values()))
    assert set(found["die_yields"]) == {
        *("poisson", "murphy", "seeds", "negative-binomial")
    }
    area = found["budget"]
    assert sum(area["area_mm2"].values()) == pytest.approx(area["dies_mm2"])


def test_a_moved_chip_stands_beside_another(accelsim: Program) -> None:
    words = ("trainium3", "--to", "n2", "--against", "trainium4-projected")
    moved = json.loads(accelsim("silicon", *words, "--json").stdout)["moved"]
    assert set(moved["chips"]) == {"before", "after", "against"}
    assert 1 < moved["clock_ratio"] < 1.1
    text = accelsim("silicon", *words).stdout
    assert "on n2 at iso-power" in text
    assert "trainium4-projected" in text


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("h100-sxm", "--to", "n22"), 2, "unknown process 'n22'"),
        (("h100-sxm", "--against", "b200"), 2, "give --to as well"),
        (("h100-sxm", "--set", "die.count=7"), 2, "no multiple of 7"),
        (("l40s",), 1, "has no [die]"),
        (("h100-sxm", "--date", "soon"), 2, "--date"),
    ],
)
def test_a_bad_question_is_one_line(
    accelsim: Program, words: tuple[str, ...], code: int, message: str
) -> None:
    done = accelsim("silicon", *words)
    assert done.exit_code == code
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
