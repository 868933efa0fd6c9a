"""Answers in a notebook: short tables, and frames of plain data."""

import sys
from html.parser import HTMLParser

import pytest

import accelsim
from accelsim.errors import InputError
from accelsim.explore.comparison import Comparison
from accelsim.explore.result import Estimate

RUN = {"model": "llama3-8b", "system": "dgx-h100", "chips": 8, "global_batch": 8}
PATH = "pcb-megtron8 100 mm, connector, pcb-megtron8 100 mm"


class Words(HTMLParser):
    """Gathers what stands in cells."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def words(html: str) -> list[str]:
    reader = Words()
    reader.feed(html)
    return reader.found


@pytest.fixture(scope="module")
def estimate() -> Estimate:
    return accelsim.estimate(RUN)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    systems = ["dgx-h100", "trn2-48xlarge"]
    return accelsim.compare("llama3-8b", systems, chips=8, global_batch=8)


def test_an_estimate_shows_what_is_read_first(estimate: Estimate) -> None:
    found = words(estimate._repr_html_())
    assert "llama3-8b on dgx-h100" in found
    at = found.index("MFU")
    assert found[at + 1].startswith(f"{estimate.mfu:.1%}")
    assert any(estimate.plan.text() in word for word in found)


def test_a_comparison_shows_its_systems(comparison: Comparison) -> None:
    found = words(comparison._repr_html_())
    assert {"dgx-h100", "trn2-48xlarge", "chips held equal"} <= set(found)


def test_a_system_without_an_answer_says_why() -> None:
    systems = ["dgx-h100", "trn2-48xlarge"]
    lost = accelsim.compare("llama3-405b", systems, chips=8)
    text = lost._repr_html_()
    assert "no plan fits in memory" in text
    assert list(lost.to_frame().index) == systems


def test_a_budget_shows_its_margin() -> None:
    budget = accelsim.link(PATH)
    found = words(budget._repr_html_())
    assert f"{budget.margin_db:.2f} dB" in found
    frame = budget.to_frame()
    assert frame["margin_db"].iloc[0] == budget.margin_db
    assert frame["latency_s"].iloc[0] == pytest.approx(budget.latency)


def test_frames_hold_plain_data(estimate: Estimate, comparison: Comparison) -> None:
    pytest.importorskip("pandas")
    row = estimate.to_frame().iloc[0]
    assert row["time_s.matmul"] == estimate.time.matmul
    assert row["plan.tp"] == estimate.plan.tp
    frame = comparison.to_frame()
    assert list(frame.index) == ["dgx-h100", "trn2-48xlarge"]
    assert frame.loc["dgx-h100", "relative.mfu"] == 1.0


def test_without_pandas_one_line_says_so(
    estimate: Estimate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match="pandas is missing: pip install pandas"):
        estimate.to_frame()
