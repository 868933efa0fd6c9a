"""Systems side by side: what is held equal is equal, as far as whole nodes allow."""

from typing import Any

import pytest

from accelsim.errors import InputError, NoAnswerError
from accelsim.explore.compare import MATCHES, TOLERANCE, compare
from accelsim.explore.comparison import Comparison
from accelsim.explore.estimate import estimate
from accelsim.explore.result import Estimate

SYSTEMS = ["dgx-h100", "gb200-nvl72", "trn2-ultraserver"]
ASKED: dict[str, Any] = {"chips": 64, "global_batch": 256}


@pytest.fixture(scope="module")
def compared() -> dict[str, Comparison]:
    """Compare the same systems once for everything that can be held equal."""
    return {m: compare("llama3-8b", SYSTEMS, match=m, **ASKED) for m in MATCHES}


def estimates(found: Comparison) -> dict[str, Estimate]:
    answers = {row.system: row.estimate for row in found.rows}
    assert list(answers) == SYSTEMS
    return {name: e for name, e in answers.items() if e is not None}


def alone(system: str, chips: int) -> Estimate:
    asked = {"model": "llama3-8b", "system": system, "chips": chips}
    return estimate(asked | {"global_batch": 256})


def measure(found: Estimate, match: str) -> float:
    values = {
        "chips": float(found.chips),
        "power": found.power,
        "usd_per_hour": found.usd_per_hour or 0.0,
        "throughput": found.tokens_per_s,
    }
    return values[match]


def test_equal_chips(compared: dict[str, Comparison]) -> None:
    assert {e.chips for e in estimates(compared["chips"]).values()} == {64}


@pytest.mark.parametrize("match", MATCHES)
def test_the_baseline_keeps_its_chips(
    compared: dict[str, Comparison], match: str
) -> None:
    found = compared[match]
    assert found.baseline == "dgx-h100"
    assert estimates(found)["dgx-h100"].chips == 64
    for name, e in estimates(found).items():
        if match != "chips":
            assert e.chips % e.question.system.node.chips == 0, name


def unit(found: Estimate, match: str) -> float:
    """Return the smallest step of what is matched, over the goal's size: one node.

    Money steps by what is rented together.
    """
    system = found.question.system
    step = system.rent_unit if match == "usd_per_hour" else system.node.chips
    return step / found.chips


@pytest.mark.parametrize("match", ["power", "usd_per_hour"])
def test_equal_power_and_equal_money(
    compared: dict[str, Comparison], match: str
) -> None:
    found = estimates(compared[match])
    goal = measure(found["dgx-h100"], match)
    for name, e in found.items():
        # half a step away at most, and the counts that are tried are 3 % apart; or the
        # next count, which divides badly, does less with more
        gap = abs(measure(e, match) / goal - 1.0)
        if gap > max(0.5 * unit(e, match), 0.03) * 1.1:
            next_one = e.chips + e.question.system.node.chips
            more = alone(name, next_one)
            over = measure(more, match) > (1.0 + TOLERANCE) * goal
            assert over or more.tokens_per_s < e.tokens_per_s, name


def test_equal_throughput(compared: dict[str, Comparison]) -> None:
    found = estimates(compared["throughput"])
    goal = found["dgx-h100"].tokens_per_s
    for name, e in found.items():
        assert e.tokens_per_s >= 0.98 * goal, name


def test_what_does_not_match_is_said(compared: dict[str, Comparison]) -> None:
    for match, found in compared.items():
        rows = estimates(found)
        goal = measure(rows["dgx-h100"], match)
        for name, e in rows.items():
            far = abs(measure(e, match) / goal - 1.0) > 0.05
            said = any(note.startswith(f"{name}: ") for note in found.notes)
            assert said == far


@pytest.mark.parametrize("match", MATCHES)
def test_rows_are_single_answers(compared: dict[str, Comparison], match: str) -> None:
    for name, e in estimates(compared[match]).items():
        assert alone(name, e.chips).to_dict() == e.to_dict()


def test_ratios_are_to_the_baseline(compared: dict[str, Comparison]) -> None:
    found = compared["chips"]
    for row in found.rows:
        ratios = found.ratios(row)
        e, base = row.estimate, found.rows[0].estimate
        assert e is not None
        assert base is not None
        assert ratios["step_time_s"] == pytest.approx(e.step_time / base.step_time)
        assert ratios["j_per_token"] == pytest.approx(
            e.joule_per_token / base.joule_per_token
        )
        if row.system == found.baseline:
            assert set(ratios.values()) == {1.0}


def test_another_baseline() -> None:
    found = compare("llama3-8b", SYSTEMS, baseline="trn2-ultraserver", **ASKED)
    assert found.baseline == "trn2-ultraserver"
    assert set(found.ratios(found.rows[2]).values()) == {1.0}


def test_a_system_without_an_answer_is_a_row_that_says_why() -> None:
    found = compare(
        "llama3-8b", ["dgx-h100", "tpu-v5e-pod"], chips=1, global_batch=8,
        plan={"sharding": "none", "tp": 1, "pp": 1},
    )  # fmt: skip
    assert [row.estimate for row in found.rows] == [None, None]
    assert all("no plan fits in memory" in row.failure for row in found.rows)
    assert found.ratios(found.rows[1]) == {}


def test_best_precision_may_differ() -> None:
    found = compare("llama3-8b", ["dgx-a100", "dgx-h100"], precision="best", **ASKED)
    assert [r.estimate.question.precision for r in found.rows if r.estimate] == [
        "bf16",
        "fp8",
    ]
    assert any(note.startswith("precision differs") for note in found.notes)


@pytest.mark.parametrize(
    ("systems", "more", "words"),
    [
        ([], {}, "at least one system"),
        (["dgx-h100", "dgx-h100"], {}, "'dgx-h100' is named twice"),
        (["dgx-h100"], {"match": "size"}, "valid: chips, power, usd_per_hour"),
        (["dgx-h100"], {"baseline": "dgx-a100"}, "'dgx-a100' is not compared"),
        (["dgx-h1000"], {}, "did you mean 'dgx-h100'"),
    ],
)
def test_a_wrong_question_is_refused(
    systems: list[str], more: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        compare("llama3-8b", systems, chips=64, **more)
    assert "\n" not in str(caught.value)


def test_a_baseline_without_an_answer_matches_nobody() -> None:
    with pytest.raises(NoAnswerError, match="no plan fits in memory"):
        compare(
            "llama3-70b", ["dgx-h100", "dgx-b200"], chips=8, match="power",
            global_batch=64,
        )  # fmt: skip
