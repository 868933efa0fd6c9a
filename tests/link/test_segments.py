"""Paths in closed form: their losses, and what passive wires cannot do."""

from dataclasses import replace

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim import catalog
from accelsim.errors import InputError
from accelsim.link.channel import Channel
from accelsim.link.com_search import best_com
from accelsim.link.responses import responses
from accelsim.link.segments import delay, frequencies, read_path, two_port
from accelsim.link.sheet import Package, PackageCase
from accelsim.link.spec_sheet import sheet_of_spec
from accelsim.link.touchstone import gain_of

PLAIN = bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]
FEW = settings(max_examples=3 if PLAIN else 30)
COARSE = frequencies(60e9, 1e9)
NYQUIST = 53.125e9  # of 212.5 Gb/s PAM4
LINES = [n for n in catalog.names("segments") if catalog.load("segments", n).line]
FIXED = [n for n in catalog.names("segments") if n not in LINES]
PATHS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(LINES), st.floats(0.0, 1.0)),
        st.tuples(st.sampled_from(FIXED), st.none()),
    ),
    min_size=1,
    max_size=6,
).map(lambda parts: ", ".join(n if m is None else f"{n} {m:.6f} m" for n, m in parts))


@pytest.mark.parametrize(
    ("path", "loss_db", "tolerance"),
    [
        # tables of draft 3.3: 1.262 dB/in, and 5.05 dB for 33 mm, both matched
        ("pcb-8023dj-host 1 in", 1.262, 0.03),
        ("package-8023dj-a 33 mm", 5.05, 0.06),
        ("pcb-megtron7 1 in", 1.45, 0.15),
        ("pcb-megtron8 1 in", 1.15, 0.15),
        ("connector", 1.25, 0.25),
        ("twinax-26awg 1 m", 9.1, 0.2),
        ("twinax-30awg 1 m", 12.9, 0.2),
    ],
)
def test_loss_is_what_the_source_says(
    path: str, loss_db: float, tolerance: float
) -> None:
    found = two_port(read_path(path), COARSE).loss_db(NYQUIST)
    assert found == pytest.approx(loss_db, abs=tolerance)


@FEW
@given(PATHS)
def test_paths_are_passive_and_reciprocal(path: str) -> None:
    found = two_port(read_path(path), COARSE)
    assert gain_of(found)[0] <= 1.0 + 1e-9
    np.testing.assert_allclose(found.s[:, 0, 1], found.s[:, 1, 0], atol=1e-12)


@FEW
@given(PATHS, PATHS)
def test_a_path_is_its_parts_in_series(left: str, right: str) -> None:
    whole = two_port(read_path(f"{left}, {right}"), COARSE)
    parts = two_port(read_path(left), COARSE).then(two_port(read_path(right), COARSE))
    np.testing.assert_allclose(whole.s, parts.s, atol=1e-9)


@FEW
@given(PATHS)
def test_turning_a_path_round_swaps_its_ends(path: str) -> None:
    segments = read_path(path)
    there = two_port(segments, COARSE).s
    fixed = [s for s in segments if s.spec.parts]
    if fixed:  # those with parts of their own are not symmetric
        return
    back = two_port(segments[::-1], COARSE).s
    np.testing.assert_allclose(there[:, 0, 0], back[:, 1, 1], atol=1e-9)
    np.testing.assert_allclose(there[:, 1, 0], back[:, 0, 1], atol=1e-9)


def test_flight_takes_the_time_of_the_lines() -> None:
    # 0.5 m of cable and 0.1 m of board, by tau
    assert delay(read_path("twinax-28awg 0.5 m, connector")) == pytest.approx(
        0.5 * 4.349e-9 + 0.012 * 5.5e-9, rel=1e-3
    )


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("pcb-megtron8", "needs a length such as '100 mm'"),
        ("connector 3 mm", "a connector has no length"),
        ("pcb-megtron9 1 in", "did you mean"),
        ("pcb-megtron8 1 kg", "unknown unit"),
        ("pcb-megtron8 1 km", "must be from 0 to 100 m"),
        ("connector,,via", "between commas is empty"),
    ],
)
def test_bad_paths_are_told(path: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_path(path)


@pytest.mark.skipif(PLAIN, reason="10^5 frequencies of plain Python")
def test_longer_never_gains_on_a_matched_line_without_crosstalk() -> None:
    # a 100 ohm cable between dice of 50 ohm legs, and no package: nothing reflects. Nor
    # may edges jitter: a short wire keeps them steep, and jitter weighs with the slope,
    # so that with it the law is false
    bare = Package((), (), 0.0, (), 0.0, 50.0)
    made = sheet_of_spec(catalog.load("com", "8023dj-kr"))
    gains = tuple(float(gain) for gain in range(0, -20, -2))
    made = replace(
        made,
        reference=50.0,
        cases=(PackageCase(bare, bare, bare, bare),),
        ctle=replace(made.ctle, gains_db=gains, low_gains_db=(-2.0, 0.0)),
        tx_taps=((-0.16, -0.08, 0.0), (0.0,)),
        tx_cursor=1,
        random_jitter=0.0,
        dual_dirac=0.0,
    )
    merits = []
    for length in (0.3, 0.6, 0.9, 1.2, 1.5):
        path = read_path(f"twinax-28awg {length} m")
        paths = responses(Channel(two_port(path)), made, made.cases[0])
        merits.append(best_com(paths, made).fom_db)
    assert merits == sorted(merits, reverse=True)
