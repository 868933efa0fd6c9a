"""Touchstone files, whole and broken, and arrays made of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from accelsim.errors import InputError
from accelsim.link.channel import Channel, TwoPort
from accelsim.link.channel_files import find_channel, read_npz, read_port, warnings_of
from accelsim.link.touchstone import differential, gain_of, read_touchstone
from tests.link.conftest import LINK

POINTS = 120
GRID = np.linspace(0.0, 119e9, POINTS)
Complexes = NDArray[np.complex128]


def legs(points: int = POINTS, loss: float = 0.02) -> Complexes:
    """Return four single-ended ports, 1-3 and 2-4 through, passive."""
    s = np.zeros((points, 4, 4), np.complex128)
    through = np.exp(-(loss + 0.3j) * np.arange(points))
    for a, b in ((0, 1), (2, 3)):
        s[:, a, b] = s[:, b, a] = 0.9 * through
    s[:, 0, 3] = s[:, 3, 0] = s[:, 1, 2] = s[:, 2, 1] = 0.05 * through
    s[:, range(4), range(4)] = 0.04
    return s


def written(path: Path, s: Complexes, header: str = "# GHz S RI R 50") -> Path:
    count = s.shape[1]
    lines = ["! made for a test", header]
    for n, matrix in enumerate(s):
        flat = (matrix.T if count == 2 else matrix).reshape(-1)
        pairs = " ".join(f"{z.real:.17g} {z.imag:.17g}" for z in flat)
        lines.append(f"{0.1 * n:.6g} {pairs}")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_differential_of_a_pair(tmp_path: Path) -> None:
    s = legs()
    port = read_touchstone(written(tmp_path / "a.s4p", s))
    assert port.frequency[1] == pytest.approx(0.1e9)
    # Sdd21 = (S21 - S23 - S41 + S43)/2 for ports 1 3 | 2 4
    sdd21 = (s[:, 1, 0] - s[:, 1, 2] - s[:, 3, 0] + s[:, 3, 2]) / 2
    np.testing.assert_allclose(port.s[:, 1, 0], sdd21)
    assert port.impedance == 100.0


@pytest.mark.parametrize("form", ["RI", "MA", "DB"])
def test_the_three_formats_are_one(tmp_path: Path, form: str) -> None:
    s = legs()
    path = written(tmp_path / "a.s4p", s)
    if form != "RI":
        size = np.abs(s) if form == "MA" else 20 * np.log10(np.abs(s) + 1e-300)
        path = written(
            tmp_path / "b.s4p", size + 1j * np.rad2deg(np.angle(s)), f"# GHz S {form}"
        )
    np.testing.assert_allclose(read_touchstone(path).s, differential(s), atol=1e-12)


def test_a_two_port_is_differential_already(tmp_path: Path) -> None:
    s = differential(legs()) * np.array([[1.0, 0.5], [1.0, 1.0]])
    found = read_touchstone(written(tmp_path / "a.s2p", s, "# GHz S RI R 100"))
    np.testing.assert_allclose(found.s, s)  # s12 and s21 keep their places
    version2 = "[Version] 2.0\n# GHz S RI R 100\n[Number of Ports] 2\n"
    version2 += "[Two-Port Data Order] 12_21\n[Network Data]"
    swapped = s.transpose(0, 2, 1)
    path = written(tmp_path / "b.s2p", swapped, version2)
    np.testing.assert_allclose(read_touchstone(path).s, s)


def test_ports_may_stand_in_another_order(tmp_path: Path) -> None:
    s = legs()
    order = [0, 2, 1, 3]  # near +, near -, far +, far -
    path = written(tmp_path / "a.s4p", s[:, order][:, :, order])
    found = read_touchstone(path, ports=(1, 2, 3, 4))
    np.testing.assert_allclose(found.s, differential(s))
    with pytest.raises(InputError, match="must hold 1, 2, 3, 4"):
        read_touchstone(path, ports=(1, 1, 2, 3))


@settings(max_examples=10)
@given(st.floats(40.0, 200.0))
def test_waves_of_another_impedance_and_back(impedance: float) -> None:
    port = TwoPort(GRID, differential(legs()))
    again = port.referred_to(impedance).referred_to(100.0)
    np.testing.assert_allclose(again.s, port.s, atol=1e-12)
    assert gain_of(port.referred_to(impedance))[0] <= 1.0 + 1e-9


def test_an_ideal_line_reflects_at_another_impedance() -> None:
    s = np.tile(np.array([[0, 1], [1, 0]], np.complex128), (POINTS, 1, 1))
    found = TwoPort(GRID, s).referred_to(92.5)
    np.testing.assert_allclose(found.s, s, atol=1e-15)


BROKEN: dict[str, tuple[Callable[[str], str], str]] = {
    "truncated": (lambda t: t[:-200], "is truncated, or has not 4 ports"),
    "no numbers": (lambda t: t.split("\n")[1], "holds no numbers"),
    "nan": (lambda t: t.replace("0.9 ", "nan ", 1), "is no finite number"),
    "word": (lambda t: t.replace("0.9 ", "abc ", 1), "'abc' is no number"),
    "no option line": (lambda t: t.replace("# GHz S RI R 50", ""), "no option line"),
    "option": (lambda t: t.replace("RI", "IR"), "unknown 'IR'"),
    "impedance": (lambda t: t.replace("R 50", "R -5"), "is no impedance"),
    "Z": (lambda t: t.replace("GHz S", "GHz Z"), "holds Z-parameters"),
    "falls": (lambda t: t.replace("\n0.3 ", "\n0.1 "), "frequencies do not rise"),
    "ports": (
        lambda t: t.replace("# GHz", "[Number of Ports] 2\n# GHz"),
        "says 2 ports, its name says 4",
    ),
    "mixed": (
        lambda t: t.replace("# GHz", "[Mixed-Mode Order] D2,1\n# GHz"),
        "is mixed mode",
    ),
    "half": (
        lambda t: t.replace("# GHz", "[Matrix Format] Lower\n# GHz"),
        "only Full is read",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_files_are_told_in_one_line(tmp_path: Path, kind: str) -> None:
    change, message = BROKEN[kind]
    path = written(tmp_path / "a.s4p", legs())
    text = path.read_text()
    if "0.9 " in text or kind not in ("nan", "word"):
        path.write_text(change(text))
    else:
        first = text.split("\n")[2].split()[3]
        path.write_text(text.replace(first, {"nan": "nan", "word": "abc"}[kind], 1))
    with pytest.raises(InputError, match=message) as error:
        read_touchstone(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [("a.s3p", "has 3 ports"), ("a.txt", "must end in .s2p or .s4p")],
)
def test_other_files_are_refused(tmp_path: Path, name: str, message: str) -> None:
    path = written(tmp_path / name, legs())
    with pytest.raises(InputError, match=message):
        read_touchstone(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_touchstone(tmp_path / "a.s4p")


def test_doubts_are_named() -> None:
    f = GRID / 2.0 + 0.1e9
    loud = TwoPort(np.asarray(f), differential(legs()) * 1.2, name="loud")
    found = warnings_of(Channel(loud), 106.25e9)
    assert [line.partition(":")[0] for line in found] == [
        "band",
        "passivity",
        "step",
        "start",
    ]
    with pytest.raises(InputError, match="below half the symbol rate"):
        warnings_of(Channel(loud), 200e9)


def test_channels_of_a_folder() -> None:
    found = find_channel(LINK / "channels", "-", "synthB_cr.s4p", ["synth_fext1"], [])
    assert found.thru.loss_db(53.125e9) == pytest.approx(15.7, abs=0.05)
    assert len(found.fext) == 1
    assert not warnings_of(found, 53.125e9)
    with pytest.raises(InputError, match=r"has no nothing\.s4p"):
        find_channel(LINK / "channels", "-", "nothing.s4p")


def test_arrays_of_a_channel(tmp_path: Path) -> None:
    port = read_port(LINK / "channels" / "synthB_cr_sdd.npz")
    names = ("s11", "s12", "s21", "s22")
    s = dict(zip(names, port.s.reshape(-1, 4).T, strict=True))
    path = tmp_path / "whole.npz"
    arrays = {
        f"{kind}_{n}": s[n] for kind in ("THRU0", "FEXT0", "NEXT0") for n in names
    }
    np.savez(path, f=port.frequency, allow_pickle=False, **arrays)
    found = read_npz(path)
    assert isinstance(found, Channel)
    assert len(found.fext) == len(found.next) == 1
    np.testing.assert_array_equal(find_channel(tmp_path, "whole", "").thru.s, port.s)
    del arrays["THRU0_s12"]
    np.savez(path, f=port.frequency, allow_pickle=False, **arrays)
    with pytest.raises(InputError, match="THRU0_s12 is missing"):
        read_npz(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"s21": np.ones(3)}, "no array f"),
        ({"f": np.ones(3)}, "neither s21 nor THRU0_s21"),
        (
            {
                "f": np.zeros(200),
                **{n: np.ones(200) for n in ("s11", "s12", "s21", "s22")},
            },
            "does not rise",
        ),
    ],
)
def test_bad_arrays_are_refused(
    tmp_path: Path, arrays: dict[str, NDArray[np.float64]], message: str
) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, allow_pickle=False, **arrays)
    with pytest.raises(InputError, match=message):
        read_npz(path)
    path.write_text("no archive")
    with pytest.raises(InputError, match="cannot be read"):
        read_npz(path)
