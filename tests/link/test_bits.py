"""Errors counted one by one, beside what the distributions of a margin predict."""

from dataclasses import replace
from functools import cache

import numba
import numpy as np
import pytest

from accelsim import catalog
from accelsim.errors import InputError
from accelsim.link.bits import Counted, simulate, with_more_noise
from accelsim.link.channel import Channel
from accelsim.link.com import Com, Setting, com_at
from accelsim.link.expected import Expected, scale_for
from accelsim.link.responses import Responses, responses
from accelsim.link.segments import read_path, two_port
from accelsim.link.sheet import Sheet
from accelsim.link.spec_sheet import sheet_of_spec
from tests.link.conftest import synthetic

PLAIN = bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]
pytestmark = pytest.mark.skipif(PLAIN, reason="10^6 symbols of plain Python")
SYMBOLS = 1_500_000
# three times what 95 % allows: four links at two noises, and never by chance
SLACK = 3.0


@cache
def link(name: str) -> tuple[Com, Responses, Sheet]:
    if name == "crosstalk":
        sheet = sheet_of_spec(catalog.load("com", "8023dj-kr"))
        channel, setting = synthetic(), Setting(-10.0, -2.0, (1.0,), 0, phase=4)
        case = 1
    elif name == "short":
        sheet = sheet_of_spec(catalog.load("com", "8023dj-kr"))
        channel = Channel(two_port(read_path("connector, twinax-28awg 0.5 m")))
        setting, case = Setting(-10.0, -2.0, (1.0,), 0, phase=4), 1
    else:
        sheet = sheet_of_spec(catalog.load("com", name))
        channel = Channel(two_port(read_path("pcb-megtron8 500 mm, connector")))
        taps = (-0.1, 0.9) if sheet.levels == 2 else (0.02, -0.14, 0.84)
        setting, case = Setting(-6.0, -2.0, taps, len(taps) - 1), 0
        if not sheet.ctle.low_corner:
            setting = replace(setting, low_gain_db=0.0)
    paths = responses(channel, sheet, sheet.cases[case])
    return com_at(paths, sheet, setting), paths, sheet


@pytest.mark.parametrize("ratio", [1e-2, 1e-3])
@pytest.mark.parametrize("name", ["crosstalk", "short", "8023ck-kr", "8023by-kr4"])
def test_errors_and_bursts_are_as_predicted(name: str, ratio: float) -> None:
    com, paths, sheet = link(name)
    scale = scale_for(com, paths, sheet, ratio)
    found = simulate(com, paths, sheet, SYMBOLS, noise_scale=scale)
    counted = found.feedback
    low, high = counted.interval()
    wide = SLACK * (high - low) / 2.0 + 0.03 * counted.ratio
    assert counted.symbols == SYMBOLS
    assert abs(found.predicted - counted.ratio) < wide
    assert counted.carry is not None
    deviation = np.sqrt(max(counted.carry, 0.01) / counted.errors)
    assert abs(found.predicted_carry - counted.carry) < SLACK * deviation + 0.02
    if found.sequence:
        # a detector of sequences errs less, and in fewer runs
        assert found.sequence.errors < counted.errors


def test_precoding_leaves_the_ends_of_runs() -> None:
    # errors of a run alternate, so that 1/(1+D) keeps the two ends of each
    com, paths, sheet = link("8023ck-kr")
    scale = scale_for(com, paths, sheet, 1e-2)
    counted = simulate(com, paths, sheet, 300_000, noise_scale=scale).feedback
    assert counted.carry is not None
    assert counted.carry > 0.3
    assert counted.decoded == pytest.approx(2 * counted.runs.sum(), rel=0.1)


def test_a_good_link_is_counted_as_it_is_and_with_more_noise() -> None:
    runs = with_more_noise(*link("short"), 100_000)
    assert [run.noise_scale > 1.0 for run in runs] == [False, True]
    assert runs[0].feedback.errors == 0
    low, high = runs[0].feedback.interval()
    assert low == 0.0
    assert high == pytest.approx(3.84 / 100_000, rel=0.01)  # Wilson's of none
    assert runs[1].feedback.errors > 0


def test_the_same_seed_gives_the_same_errors() -> None:
    com, paths, sheet = link("crosstalk")
    one, two, other = (
        simulate(com, paths, sheet, 50_000, seed=seed, noise_scale=4.0)
        for seed in (7, 7, 8)
    )
    assert one.feedback.errors == two.feedback.errors
    assert one.feedback.errors != other.feedback.errors


def test_interval_of_counts() -> None:
    # Wilson's interval by hand: 10 of 1000, z = 1.96: 0.00544 to 0.01831
    counted = Counted(1000, 10, 10, np.array([10]))
    assert counted.interval() == pytest.approx((0.00544, 0.01831), abs=1e-5)
    assert counted.carry == 0.0


def test_without_feedback_an_error_is_no_likelier_after_another() -> None:
    com, paths, sheet = link("8023by-kr4")
    bare = replace(com, feedback=np.zeros(0))
    expected = Expected(bare, paths, sheet, 20.0)
    # two levels: half the symbols can err to either side, as at first
    assert expected.carry == pytest.approx(expected.first, rel=1e-4)


@pytest.mark.parametrize("symbols", [0, -1, 10**12])
def test_a_bad_number_is_refused(symbols: int) -> None:
    with pytest.raises(InputError, match="symbols: must be 1 to"):
        simulate(*link("short"), symbols)


def test_other_symbols_are_refused() -> None:
    com, paths, sheet = link("short")
    with pytest.raises(InputError, match="6 levels; 2 or 4"):
        simulate(com, paths, replace(sheet, levels=6), 10)
