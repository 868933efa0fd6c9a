"""Parameter sheets and segments of the catalog: what they say, what is refused."""

from pathlib import Path

import pytest

from accelsim import catalog
from accelsim.errors import InputError
from accelsim.link.keywords import sheet_of
from accelsim.link.spec_sheet import sheet_of_spec
from tests.link.conftest import sheet


@pytest.mark.parametrize("name", catalog.names("com"))
def test_every_sheet_can_be_used(name: str) -> None:
    spec = catalog.load("com", name)
    made = sheet_of_spec(spec)
    assert spec.source
    assert len(made.cases) == len(spec.cases)
    assert made.symbol_rate == float(spec.symbol_rate)
    assert (made.forward is None) == (spec.annex == "93A")


@pytest.mark.parametrize(
    ("name", "keywords"), [("8023ck-kr", "kr100g"), ("8023by-kr4", "kr4_25g")]
)
def test_a_sheet_is_that_of_the_reference_runs(name: str, keywords: str) -> None:
    ours, theirs = sheet_of_spec(catalog.load("com", name)), sheet(keywords)
    for field in (
        "victim",
        "far",
        "near",
        "snr_tx_db",
        "error_ratio",
        "receiver_corner",
    ):
        assert getattr(ours, field) == getattr(theirs, field)
    assert ours.noise_density == pytest.approx(theirs.noise_density)
    assert ours.transition_time == pytest.approx(theirs.transition_time)
    for gains in ("gains_db", "low_gains_db"):
        assert getattr(ours.ctle, gains) == getattr(theirs.ctle, gains)
    for mine, other in zip(
        ours.tx_taps, [t for t in theirs.tx_taps if len(t) > 1], strict=True
    ):
        assert mine == pytest.approx(other)
    assert ours.feedback.high == theirs.feedback.high
    for case, same in zip(ours.cases, theirs.cases, strict=True):
        for end in ("transmitter", "fext", "next", "receiver"):
            a, b = getattr(case, end), getattr(same, end)
            assert a.pads == pytest.approx(b.pads)
            assert [p.length for p in a.lines] == pytest.approx(
                [p.length for p in b.lines]
            )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("annex=93A", "annex 178A has a"),
        ('symbol_rate="106.25 GHz"', "is a frequency"),
        ("feedback.high=[0.85, 0.1]", "high has 2 taps, low 1"),
        ("error_ratio=0.7", "less than 0.5"),
        ("levels=1", "greater than or equal to 2"),
        ("forward.quantiser_bits=6", "unknown field"),
    ],
)
def test_impossible_sheets_are_refused(change: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        catalog.load("com", "8023dj-kr", catalog.parse_overrides([change]))


def test_a_case_needs_its_package_and_lengths(tmp_path: Path) -> None:
    text = 'base = "8023dj-kr"\n[[cases]]\nname = "x"\npackage = "{}"\n'
    text += 'transmitter = [{}]\nreceiver = ["1 mm"]\n'
    path = tmp_path / "com" / "mine.toml"
    path.parent.mkdir()
    path.write_text(text.format("C", '"1 mm"'))
    with pytest.raises(InputError, match="no package 'C'"):
        catalog.load("com", path)
    path.write_text(text.format("A", ""))
    with pytest.raises(InputError, match="transmitter has 0 lengths, the package 1"):
        catalog.load("com", str(path).replace("mine", "./mine"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('what = "trace"\n', r"a trace or cable has a \[line\]"),
        ('what = "via"\nparts = [{ capacitor = "1 fF", coil = "1 pH" }]\n', "one of"),
        (
            'what = "via"\nparts = [{ line = { impedance = "90 ohm", gamma0 = 0.0, '
            "a1 = 0.0, a2 = 0.0, tau = 6.0 } }]\n",
            "needs a length",
        ),
    ],
)
def test_bad_segments_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        catalog.load("segments", path)


def test_keywords_and_specs_share_a_sheet() -> None:
    assert sheet_of.__module__ != sheet_of_spec.__module__
    assert type(sheet("kr100g")) is type(
        sheet_of_spec(catalog.load("com", "8023ck-kr"))
    )


def test_ends_of_a_case_may_differ() -> None:
    for name in ("8023ck-c2m", "8023dj-c2m"):
        (*_, case) = sheet_of_spec(catalog.load("com", name)).cases
        assert case.transmitter.lines
        assert not case.receiver.lines
        assert case.transmitter == case.fext == case.next


def test_a_module_is_judged_over_a_window() -> None:
    made = sheet_of_spec(catalog.load("com", "8023ck-c2m"))
    assert made.window is not None
    assert made.window.reach == pytest.approx(0.05)
    assert made.window.shape == "gaussian"


def test_a_cable_is_judged_between_boards() -> None:
    made = sheet_of_spec(catalog.load("com", "8023ck-cr"))
    assert made.boards is not None
    assert made.boards.transmitter is not None
    assert {b.line.length for b in made.boards.transmitter} == {0.1103}
    plain = sheet_of_spec(catalog.load("com", "8023ck-kr"))
    assert plain.boards is None
    assert plain.window is None


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("8023ck-c2m", "window.shape='round'", "window.shape"),
        ("8023ck-c2m", 'cases.0.receiver_package="lab"', "no package 'lab'"),
        ("8023ck-cr", 'boards.line.length="0.1 GHz"', "frequency"),
    ],
)
def test_a_bad_window_or_board_is_refused(name: str, change: str, message: str) -> None:
    spec = catalog.load("com", name)
    with pytest.raises(InputError, match=message):
        catalog.override(spec, catalog.parse_overrides([change]), f"com {name}")
