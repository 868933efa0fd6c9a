"""The fast mode beside the full computation."""

from dataclasses import replace

import numba
import numpy as np
import pytest

from accelsim import catalog
from accelsim.errors import InputError
from accelsim.link.channel import Channel
from accelsim.link.com_search import best_com
from accelsim.link.fast import fast_margins, of_sections
from accelsim.link.responses import responses
from accelsim.link.segments import read_path, sections, two_port
from accelsim.link.spec_sheet import sheet_of_spec
from tests.link.conftest import sheet

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="10^5 frequencies of plain Python",
)
PATHS = [
    "pcb-megtron8 50 mm, connector, pcb-megtron8 50 mm",
    "pcb-megtron8 0.1 m, connector, twinax-28awg 0.5 m, connector, pcb-megtron8 0.1 m",
    "pcb-megtron7 300 mm",
    "twinax-26awg 2 m",
    "pcb-megtron7 150 mm, connector, twinax-28awg 1 m, connector, pcb-megtron7 150 mm",
    "pcb-megtron7 200 mm, connector, twinax-30awg 1.2 m, connector, pcb-megtron7 0.2 m",
]


def test_it_is_near_the_full_margin() -> None:
    made = sheet_of_spec(catalog.load("com", "8023dj-kr"))
    gains = tuple(float(gain) for gain in range(-20, 1, 4))
    made = replace(
        made,
        ctle=replace(made.ctle, gains_db=gains, low_gains_db=(-4.0, -2.0)),
        tx_taps=((0.0,), (-0.08, 0.0), (0.0,)),
    )
    paths = [read_path(text) for text in PATHS]
    fast = fast_margins(paths, made, case=1)
    full = [
        best_com(responses(Channel(two_port(path)), made, made.cases[1]), made)
        for path in paths
    ]
    merits = np.array([found.fom_db for found in full])
    before = np.array([found.before_sequence_db for found in full])
    # taps have no limits, which counts on short wires that reflect; the echo of 12 mm
    # packages, 18 intervals behind, is taken off as floating groups would
    assert np.all(np.abs(fast.fom_db - merits) < 1.3)
    assert np.all(np.abs(fast.com_db - before) < 1.1)
    assert abs(np.mean(fast.com_db - before)) < 0.3
    order = np.argsort(before)
    assert abs(np.argsort(fast.com_db)[0] - order[0]) == 0


def test_a_batch_is_its_links_one_by_one() -> None:
    made = sheet_of_spec(catalog.load("com", "8023dj-kr"))
    paths = [read_path(text) for text in PATHS]
    both = fast_margins(paths, made, 1)
    table = [sections(path) for path in paths]
    starts = np.cumsum([0, *map(len, table)])
    again = of_sections(np.concatenate(table), starts, made, 1)
    np.testing.assert_array_equal(both.com_db, again.com_db)
    for path, margin in zip(paths, both.com_db, strict=True):
        alone = fast_margins([path], made, 1).com_db[0]
        # each link's search starts at the choice of the one before
        assert alone == pytest.approx(margin, abs=0.5)


def test_crosstalk_costs_margin() -> None:
    made = sheet_of_spec(catalog.load("com", "8023dj-kr"))
    paths = [read_path(PATHS[1])]
    margins = [
        fast_margins(paths, made, 1, crosstalk=x).com_db[0] for x in (0.0, 1e-3, 3e-3)
    ]
    assert margins == sorted(margins, reverse=True)


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(InputError, match="needs a feed-forward equalizer"):
        fast_margins([read_path("connector")], sheet("kr100g"))
    with pytest.raises(InputError, match="no path was given"):
        fast_margins([], sheet_of_spec(catalog.load("com", "8023dj-kr")))
