"""Annex 178A against PyChOpMarg 3.4.0, which encodes draft 3.3."""

import json
from dataclasses import replace

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim import catalog
from accelsim.kernels.com_bounds import STEP_SHARE
from accelsim.kernels.com_coarse import clipping_level
from accelsim.link.com import Setting, com_at, equalized
from accelsim.link.com_178a import noise_of, received
from accelsim.link.com_mmse import anchor_of
from accelsim.link.com_search import best_com, ctle_settings, tx_settings
from accelsim.link.responses import Responses, responses
from accelsim.link.search_178a import best_setting
from accelsim.link.sequences import scaled, sequence_errors, tail_of_sum
from accelsim.link.sheet import Sheet
from accelsim.link.spec_sheet import sheet_of_spec
from tests.link.conftest import LINK, synthetic

PLAIN = bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]
pytestmark = pytest.mark.skipif(PLAIN, reason="10^5 frequencies of plain Python")
CLOSE = 0.03  # dB: it equalizes over frequency, we over time
JOBS = sorted(path.stem for path in (LINK / "reference").glob("pychopmarg*synthB*"))
CASES = {"A1": 0, "A2": 1, "B1": 2, "B2": 3}


def backplane(**changes: object) -> Sheet:
    found = sheet_of_spec(catalog.load("com", "8023dj-kr"))
    return replace(found, **changes)  # type: ignore[arg-type]


def best_phase(paths: Responses, made: Sheet, setting: Setting) -> Setting:
    shape = equalized(paths.victim, made, setting)
    anchor, noise = anchor_of(shape, paths, made), noise_of(paths, made, setting)
    errors = {}
    for phase in range(-16, 17):
        found = received(shape, anchor + phase, noise, made)
        assert found is not None
        errors[phase] = found.taps.error
    return replace(setting, phase=min(errors, key=lambda phase: errors[phase]))


@pytest.mark.parametrize("job", JOBS)
def test_margin_is_near_that_of_another_program(job: str) -> None:
    said = json.loads((LINK / "reference" / f"{job}.json").read_text("utf-8"))
    made = backplane()
    paths = responses(synthetic(said["xtalk"]), made, made.cases[CASES[said["case"]]])
    setting = Setting(said["gDC"], said["gDC2"], (1.0,), 0)
    setting = best_phase(paths, made, setting)
    assert setting.phase == said["cursor_ix"] - said["vic_peak_loc"]
    found = com_at(paths, made, setting)
    assert found.com_db == pytest.approx(said["COM"], abs=CLOSE)
    assert found.before_sequence_db == pytest.approx(said["COM_DFE"], abs=CLOSE)
    assert found.fom_db == pytest.approx(said["FOM"], abs=CLOSE)
    assert found.feedback[0] == pytest.approx(said["dfe_taps"][0], abs=0.03)
    assert found.forward is not None
    theirs = np.array(said["rx_taps"])
    np.testing.assert_array_equal(found.forward != 0.0, theirs != 0.0)


def small() -> Sheet:
    made = backplane(tx_taps=((0.0,), (-0.08, -0.04, 0.0), (0.0,)))
    ctle = replace(made.ctle, gains_db=(-10.0, -6.0), low_gains_db=(-2.0, 0.0))
    return replace(made, ctle=ctle)


def test_search_finds_the_best_of_all() -> None:
    made = small()
    paths = responses(synthetic(), made, made.cases[1])
    found = best_com(paths, made)
    merits = []
    for gain, low in ctle_settings(made):
        for taps in tx_settings(made):
            one = Setting(gain, low, tuple(taps.tolist()), made.tx_cursor)
            one = best_phase(paths, made, one)
            merits.append(com_at(paths, made, one).fom_db)
    assert found.fom_db == pytest.approx(max(merits), abs=1e-9)


def test_the_step_of_the_bound_is_never_too_large() -> None:
    # what makes the bound one: a saddle point's step, times its share, is below the
    # step of the whole distribution, at every setting and phase tried
    made = small()
    paths = responses(synthetic(), made, made.cases[1])
    rules = made.forward
    assert rules is not None
    for gain, low in ctle_settings(made):
        for taps in tx_settings(made):
            one = Setting(gain, low, tuple(taps.tolist()), made.tx_cursor)
            shape = equalized(paths.victim, made, one)
            anchor, noise = anchor_of(shape, paths, made), noise_of(paths, made, one)
            saddle = 10.0 / float(np.max(shape))
            quiet = float(np.sum(noise.receiver)) * made.symbol_rate
            quiet /= len(noise.receiver)
            for phase in (-16, -8, 0, 8, 16):
                at = anchor + phase
                found = received(shape, at, noise, made)
                assert found is not None
                near = shape[at - 12 * 32 : at + 31 * 32 : 32]
                for _ in range(2):
                    level, saddle = clipping_level(
                        near, quiet, rules.clipping / 2.0, saddle
                    )
                assert STEP_SHARE * level * 2.0 / 63.0 <= found.step


def test_a_quantizer_and_crosstalk_cost_margin() -> None:
    made = small()
    forward = made.forward
    assert forward is not None
    setting = best_setting(responses(synthetic(), made, made.cases[1]), made)
    ideal = replace(made, forward=replace(forward, quantizer_bits=0))
    rough = replace(made, forward=replace(forward, quantizer_bits=5))
    quiet = responses(synthetic(0), made, made.cases[1])
    loud = responses(synthetic(), made, made.cases[1])
    margins = [
        com_at(paths, sheet, setting).com_db
        for paths, sheet in ((quiet, ideal), (loud, ideal), (loud, made), (loud, rough))
    ]
    assert margins == sorted(margins, reverse=True)


def test_a_sequence_detector_gains_only_with_a_feedback_tap() -> None:
    made = small()
    paths = responses(synthetic(), made, made.cases[1])
    found = com_at(paths, made, best_setting(paths, made))
    assert found.before_sequence_db is not None
    assert found.com_db > found.before_sequence_db
    alone = com_at(paths, replace(made, sequence_detector=False), found.setting)
    assert alone.com_db == found.before_sequence_db


def normal(sigma: float) -> np.ndarray:
    axis = np.arange(-60, 61)
    density = np.exp(-(axis**2) / (2 * sigma**2))
    return np.asarray(density / density.sum())


@settings(max_examples=20)
@given(st.floats(2.0, 5.0), st.floats(2.0, 5.0), st.floats(1.0, 80.0))
def test_a_tail_is_that_of_the_direct_sum(a: float, b: float, reach: float) -> None:
    parts = [normal(a), normal(b), normal(b)]
    direct = np.convolve(np.convolve(parts[0], parts[1]), parts[2])
    axis = np.arange(len(direct)) - (len(direct) - 1) // 2
    expected = direct[axis <= np.ceil(-reach)].sum()  # the first bin at or above
    parts[2] = parts[1]
    assert tail_of_sum(parts, reach) == pytest.approx(expected, rel=1e-9)


def test_a_tail_reaches_far_below_rounding() -> None:
    parts = [normal(4.0), normal(3.0)]
    found = tail_of_sum(parts, 100.0)
    direct = np.convolve(parts[0], parts[1])
    assert 0.0 < found < 1e-80
    assert found == pytest.approx(direct[: 120 - 100 + 1].sum(), rel=1e-9)
    assert tail_of_sum(parts, 1000.0) == 0.0
    assert tail_of_sum(parts, -1.0) == 0.5


def test_scaling_keeps_mass_and_variance() -> None:
    density = normal(12.0)
    half = scaled(density, 0.5)
    axis = np.arange(len(half)) - (len(half) - 1) // 2
    assert half.sum() == pytest.approx(1.0)
    assert np.sum(half * axis**2) == pytest.approx(36.0, rel=0.01)
    np.testing.assert_array_equal(scaled(density, 0.0), [1.0])


def test_errors_of_sequences_fall_with_the_signal() -> None:
    white = np.zeros(300)
    white[0] = 1.0
    errors = [
        sequence_errors(normal(10.0), 1e-3, signal, 0.6, white, 4)
        for signal in (0.02, 0.03, 0.04)
    ]
    assert errors == sorted(errors, reverse=True)
    # without a tap left the detector sees one sample: the tail of one
    one = sequence_errors(normal(10.0), 1e-3, 0.03, 0.0, white, 4)
    first = tail_of_sum([normal(10.0)], 30.0)
    assert one == pytest.approx(first, rel=0.5)
