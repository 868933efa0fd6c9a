"""Claims: their verdicts, and files of a user's own."""

from pathlib import Path

import pytest

from accelsim import catalog
from accelsim.errors import InputError
from accelsim.explore.claim import judge

KEYS = (
    *("claim", "statement", "date", "probability", "interval", "holds_when"),
    "drivers",
)
SILICON = ("n2-iso-speed", "n2-iso-power", "n2-cost")
OWN = """
statement = "tokens of llama3-8b cost less on Trainium2 than on H100"
date = 2026-10-15
at_most = 1.0
[run]
model = "llama3-8b"
chips = 64
match = "chips"
measure = "usd_per_million_tokens"
[run.subject]
system = "trn2-ultraserver"
[run.against]
system = "p5-h100"
price_date = {day}
"""


def test_every_claim_is_loaded() -> None:
    assert set(SILICON) < set(catalog.names("claims"))


@pytest.mark.parametrize("name", SILICON)
def test_a_verdict_has_its_keys(name: str) -> None:
    found = judge(name, 500)
    assert set(KEYS) <= set(found)
    assert 0.0 <= found["probability"] <= 1.0
    assert found["interval"]["p5"] <= found["interval"]["p95"]
    assert all(0.0 <= share <= 1.0 for share in found["drivers"].values())


def test_the_headline_gains_of_n2_are_not_a_chips() -> None:
    # over N3P logic takes 0.784 of the power, memory and links more
    assert judge("n2-iso-speed", 2000)["probability"] < 0.01
    assert judge("n2-iso-power", 2000)["probability"] < 0.01


def test_the_answer_changes_with_the_date(tmp_path: Path) -> None:
    found = []
    for day in ("2024-12-31", "2026-10-15"):
        path = tmp_path / f"{day}.toml"
        path.write_text(OWN.format(day=day))
        found.append(judge(str(path), 500))
    old, new = found
    # H100's block price rose by 47.76 / 39.33
    assert old["nominal"] / new["nominal"] == pytest.approx(47.76 / 39.33, rel=1e-3)
    assert old["probability"] <= new["probability"]
    assert "MFU of trn2-ultraserver is" in new["holds_when"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("at_most = 1.0", "", "at_most or at_least"),
        ("[run]", "[silicon]\nchip='b200'\nto='n2'\nmeasure='cost'\n[run]", "one of"),
        ('"trn2-ultraserver"', '"trn9"', "unknown system 'trn9'"),
        ("price_date = {day}", "price_date = 2001-01-01", "price_date: 2001-01-01"),
        ("measure =", "measures =", "measures"),
        ("at_most = 1.0", "at_most = 0.0", "at_most: '0' must be more than zero"),
    ],
)
def test_a_bad_claim_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OWN.replace(old, new).replace("{day}", "2026-10-15"))
    with pytest.raises(InputError, match=message):
        judge(str(path), 100)
