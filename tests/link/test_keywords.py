"""Every keyword of the IEEE COM tool that changes a margin, one at a time.

The figures are release 4.30's under GNU Octave 7.3, on the synthetic 15.7 dB channel
at 25.78 GBd NRZ and 53.125 GBd PAM4: `benchmarks/measured/link/com430_keywords.json`.
"""

import json
from typing import Any

import numba
import pytest

from accelsim.errors import InputError
from accelsim.link.channel_files import find_channel
from accelsim.link.com import com_at
from accelsim.link.com_search import best_setting
from accelsim.link.erl import effective_return_loss
from accelsim.link.keywords import sheet_of
from accelsim.link.matlab import rows_of
from accelsim.link.noise import icn
from accelsim.link.responses import responses
from accelsim.validation.com import setting_of
from tests.link.conftest import LINK

PLAIN = bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]
CONFIGS = json.loads((LINK / "com430_configs.json").read_text("utf-8"))["configs"]
ROWS = json.loads((LINK / "com430_keywords.json").read_text("utf-8"))
DECIBELS = 1e-8


def keywords(row: dict[str, Any]) -> dict[str, Any]:
    absent = {name.lower() for name in (*row["absent"], *row["change"])}
    kept: dict[str, Any] = {
        key: value
        for key, value in CONFIGS[row["config"]].items()
        if key.lower() not in absent
    }
    return {**kept, **row["change"]}


@pytest.mark.skipif(PLAIN, reason="10^5 frequencies of plain Python")
@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_margin_is_the_tools(row: dict[str, Any]) -> None:
    case = row["case"]
    sheet = sheet_of(row["name"], keywords(row), case)
    names = ["synth_fext1", "synth_fext2"][: row["fext"]]
    channel = find_channel(
        LINK / "channels", "-", "synthB_cr", names, ["synth_next1"][: row["next"]]
    )
    paths = responses(channel, sheet, sheet.cases[case - 1])
    setting = setting_of(row)
    found = com_at(paths, sheet, setting)
    assert found.com_db == pytest.approx(row["COM_dB"], abs=DECIBELS)
    assert found.vec_db == pytest.approx(row["VEC_dB"], abs=DECIBELS)
    assert found.fom_db == pytest.approx(row["FOM"], abs=DECIBELS)
    assert found.signal * 1e3 == pytest.approx(row["A_s_mV"], rel=1e-9)
    assert found.interference * 1e3 == pytest.approx(row["A_ni_mV"], rel=1e-9)
    if "ICN_mV" in row:
        assert icn(channel, sheet) * 1e3 == pytest.approx(row["ICN_mV"], rel=1e-9)
    if "ERL" in row:
        loss = effective_return_loss(channel.thru, sheet).erl_db
        assert loss == pytest.approx(row["ERL"], abs=DECIBELS)
    best = best_setting(paths, sheet)  # few settings: the search sees the same figure
    assert com_at(paths, sheet, best).fom_db >= found.fom_db - 1e-9


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("[1 2; 3 4]", ((1.0, 2.0), (3.0, 4.0))),
        ("[-0.06:0.02:0]", (pytest.approx((-0.06, -0.04, -0.02, 0.0), abs=1e-15),)),
        ("[ 0.3 0.2*ones(1,3) ]", ((0.3, 0.2, 0.2, 0.2),)),
        ("ones(1, 2)*-0.5", ((-0.5, -0.5),)),
        ("zeros(1,2)", ((0.0, 0.0),)),
        ("-3:0", ((-3.0, -2.0, -1.0, 0.0),)),
        ("53.125 / 2", ((26.5625,),)),
        ("1e-4", ((1e-4,),)),
        (True, ((1.0,),)),
        ([[1, 2], [3, 4]], ((1.0, 2.0), (3.0, 4.0))),
    ],
)
def test_expressions_are_read(text: Any, rows: Any) -> None:
    assert rows_of(text) == rows


@pytest.mark.parametrize("text", ["[1 x]", "0:1e-9:1", "1/0", None, "exp(1)"])
def test_what_is_no_number_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match=r".*"):
        rows_of(text)


def test_an_unknown_keyword_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown keyword 'sigma_J'.*sigma_RJ"):
        sheet_of("mine", CONFIGS["kr100g"] | {"sigma_J": 0.01})
