"""Claims: their verdicts, and files of a user's own."""

from pathlib import Path

import pytest

import accelsim
from accelsim import catalog
from accelsim.errors import InputError
from accelsim.explore.claim import judge

KEYS = (
    *("claim", "statement", "date", "probability", "interval", "holds_when"),
    "drivers",
)
SILICON = (
    *("n2-iso-speed", "n2-iso-power", "n2-cost", "n2-memory", "n2-is-trn4"),
    *("n2-wafer-price", "n2-wafers", "trn3-fab-lost", "trn3-packaging-late"),
    "trn3-yield-slow",
)
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


def test_wafers_and_fleets_by_hand() -> None:
    # N2 is told at 33,000 USD at the most, N3P at 25,000 or more
    dear = judge("n2-wafer-price", 4000)
    assert dear["probability"] == 1.0
    assert dear["holds_when"] == "always: in every sample"
    assert dear["interval"]["p50"] == pytest.approx(
        dear["n2_wafer_usd"]["p50"] / dear["n3p_wafer_usd"]["p50"], rel=0.02
    )
    many = judge("n2-wafers", 4000)
    # a triangle of 60,000 to 140,000 around 100,000, five years on the line between
    assert many["interval"]["mean"] == pytest.approx(100_000, rel=0.01)
    assert many["bound"] == 60_000
    # six of 27 months, which ramp up
    lost = judge("trn3-fab-lost", 500)
    assert 1.0 - 6 / 27 - 0.05 < lost["interval"]["p50"] < 1.0 - 6 / 27
    assert lost["probability"] == 0.0
    assert lost["fleet_chips"]["p50"] < lost["planned_fleet_chips"]["p50"]


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


def test_a_claim_tells_its_sides_and_every_date(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = OWN.format(day="2026-10-15").replace(
        'system = "trn2-ultraserver"',
        'system = "trn2-ultraserver"\nprice_date = 2026-10-15',
    )
    path.write_text(text)
    found = judge(str(path), 500)
    rows = {row["date"]: row for row in found["by_date"]}
    # the rent of H100 at the launch of Trainium2, and of the claim
    old, new = rows["2024-12-03"], rows["2026-10-07"]
    assert old["against_usd_per_chip_hour"] == pytest.approx(39.33 / 8)
    assert new["against_usd_per_chip_hour"] == pytest.approx(47.76 / 8)
    assert old["nominal"] / new["nominal"] == pytest.approx(47.76 / 39.33)
    assert new["nominal"] == pytest.approx(found["nominal"])
    assert new["interval"] == found["interval"]
    # at that MFU the subject's tokens would cost what the other's do
    assert found["break_even_mfu"] == pytest.approx(
        found["subject"]["mfu"] * found["nominal"]
    )
    assert "stayed at 2.235" in found["why"]
    one = found["subject"]["usd_per_million_tokens_interval"]
    assert one["p5"] <= one["p50"] <= one["p95"]


def test_tokens_of_a_moved_chip(tmp_path: Path) -> None:
    text = (
        'statement = "tokens of llama3-8b on N2"\ndate = 2026-10-15\nat_most = 0.9\n'
        '[run]\nmodel = "llama3-8b"\nchips = 144\nmatch = "chips"\n'
        'measure = "MEASURE"\n'
        '[run.subject]\nsystem = "trn3-ultraserver-gen2"\noffer = "own"\nto = "n2"\n'
        'at = "AT"\n[run.against]\nsystem = "trn3-ultraserver-gen2"\noffer = "own"\n'
    )
    found = {}
    for at in ("iso-power", "iso-speed"):
        for measure in ("j_per_token", "usd_per_million_tokens"):
            path = tmp_path / f"{at}-{measure}.toml"
            path.write_text(text.replace("MEASURE", measure).replace("AT", at))
            found[at, measure] = judge(str(path), 500)
    cool, fast = found["iso-speed", "j_per_token"], found["iso-power", "j_per_token"]
    ported = accelsim.port("trainium3", to="n2", at="iso-speed")
    # the chip's power falls, what stands beside it does not
    assert float(ported.ratios.power) < cool["nominal"] < 1.0
    assert cool["subject"]["mfu"] == cool["against"]["mfu"]
    # faster at the same power: the clock's gain at most
    clock = float(accelsim.port("trainium3", to="n2").ratios.clock)
    assert 1.0 / clock - 1e-9 <= fast["nominal"] < 1.0
    assert next(iter(fast["drivers"])) == "subject.n2.clock"
    dear = found["iso-power", "usd_per_million_tokens"]
    assert {"subject.n2.cost", "subject.n2.clock"} <= set(dear["drivers"])
    # both chips share their spreads: the ratio is far narrower than either
    own = dear["subject"]["usd_per_million_tokens_interval"]
    narrow, wide = (i["p95"] / i["p5"] - 1.0 for i in (dear["interval"], own))
    assert narrow < 0.1 * wide
    assert dear["by_date"] == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("at_most = 1.0", "", "at_most or at_least"),
        ("[run]", "[silicon]\nchip='b200'\nto='n2'\nmeasure='cost'\n[run]", "one of"),
        ("[run]", "[process]\nprocess='n2'\nmeasure='wafer_usd'\n[run]", "one of"),
        ('"trn2-ultraserver"', '"trn9"', "unknown system 'trn9'"),
        ("price_date = {day}", "price_date = 2001-01-01", "price_date: 2001-01-01"),
        ("measure =", "measures =", "measures"),
        ('system = "p5-h100"', 'system = "p5-h100"\nto = "n9"', "unknown process 'n9'"),
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
