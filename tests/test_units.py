"""Quantities as people write them: what is read, and what is refused and how."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.units import UNITS, parse, show, show_bytes

# Every value follows from the definition of the unit, not from the parser.
READ = [
    ("1 GB", "bytes", 1e9),
    ("1 GiB", "bytes", 2.0**30),
    ("96 GiB", "bytes", 103_079_215_104.0),
    ("1 TB", "bytes", 1e12),
    ("1 TiB", "bytes", 2.0**40),
    ("1 MiB", "bytes", 1_048_576.0),
    ("8 b", "bytes", 1.0),
    ("8 Gb", "bytes", 1e9),
    ("8 Gib", "bytes", 2.0**30),
    ("1 kB", "bytes", 1e3),
    ("2.9 TB/s", "bandwidth", 2.9e12),
    ("2048 GiB/s", "bandwidth", 2048 * 2.0**30),
    ("400 Gb/s", "bandwidth", 50e9),
    ("106.25 Gb/s", "bit_rate", 106.25e9),
    ("64 GT/s", "bit_rate", 64e9),
    ("112 GBd", "symbol_rate", 112e9),
    ("1300 ns", "time", 1.3e-6),
    ("3 us", "time", 3e-6),
    ("3 µs", "time", 3e-6),
    ("2 h", "time", 7200.0),
    ("2.4 GHz", "frequency", 2.4e9),
    ("989 TFLOP/s", "compute_rate", 989e12),
    ("380 TOP/s", "compute_rate", 380e12),
    ("700 W", "power", 700.0),
    ("4.6 kW", "power", 4600.0),
    ("1 kWh", "energy", 3.6e6),
    ("5 pJ/b", "energy_per_bit", 5e-12),
    ("814 mm2", "area", 814e-6),
    ("1 in", "length", 0.0254),
    ("36 USD/h", "money_rate", 0.01),
    ("85 %", "fraction", 0.85),
    ("0.85", "fraction", 0.85),
    ("2 k", "count", 2000.0),
    ("1_000 GB", "bytes", 1e12),
    ("1e3 GB", "bytes", 1e12),
    (".5 GB", "bytes", 5e8),
    ("  80   GB  ", "bytes", 80e9),
    ("80GB", "bytes", 80e9),
]


@pytest.mark.parametrize(("text", "dimension", "value"), READ)
def test_reads(text: str, dimension: str, value: float) -> None:
    assert parse(text, dimension) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "one_way"),
    [
        ("50 GB/s per direction", 50e9),
        ("50 GB/s one way", 50e9),
        ("50 GB/s, one way", 50e9),
        ("100 GB/s bidirectional", 50e9),
        ("100 GB/s both ways", 50e9),
        ("400 Gb/s per direction", 50e9),
        ("800 Gb/s bidirectional", 50e9),
        ("1 GiB/s per direction", 2.0**30),
    ],
)
def test_link_bandwidth_is_per_direction(text: str, one_way: float) -> None:
    assert parse(text, "link_bandwidth") == pytest.approx(one_way, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "dimension", "message"),
    [
        # A number without a unit says nothing.
        ("80", "bytes", "'80' has no unit"),
        ("3.35", "bandwidth", "such as '2.9 TB/s'"),
        # A unit of another dimension is named as what it is.
        ("2.9 TB", "bandwidth", "expected a bandwidth"),
        ("2.4 GHz", "power", "'2.4 GHz' is a frequency; expected a power"),
        ("700 W", "compute_rate", "'700 W' is a power"),
        ("96 GiB/s", "bytes", "'96 GiB/s' is a bandwidth"),
        ("85 %", "count", "'85 %' is a fraction"),
        # An unknown unit gets the nearest ones.
        ("80 GBs", "bytes", "has an unknown unit"),
        ("2.9 TBps", "bandwidth", "did you mean 'T"),
        ("2.4 ghz", "frequency", "did you mean 'GHz'"),
        ("989 TFLOPS", "compute_rate", "did you mean 'TFLOP/s'"),
        # Not a number at all.
        ("fast", "bandwidth", "'fast' is not a quantity"),
        ("", "bytes", "'' is not a quantity"),
        ("GB", "bytes", "'GB' is not a quantity"),
        ("1.2.3 GB", "bytes", "has an unknown unit"),
        # A link must say which way it counts.
        ("50 GB/s", "link_bandwidth", "must say 'per direction' or 'bidirectional'"),
        ("50 per direction", "link_bandwidth", "has no unit"),
        ("50 GB per direction", "link_bandwidth", "expected a link bandwidth"),
    ],
)
def test_refuses(text: str, dimension: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, dimension)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dimension", UNITS)
def test_si_unit_is_one(dimension: str) -> None:
    si_unit, units = UNITS[dimension]
    assert units.get(si_unit, 1.0) == 1.0  # USD/J is a result that nobody writes


def test_prefixes_are_decimal_and_binary() -> None:
    units = UNITS["bytes"][1]
    for power, prefix in enumerate("kMGTP", start=1):
        assert units[f"{prefix}B"] == 1000.0**power
        assert units[f"{prefix.upper()}iB"] == 1024.0**power
        assert units[f"{prefix}b"] == units[f"{prefix}B"] / 8


WRITTEN = [(d, u) for d, (_, units) in UNITS.items() for u in units]


@given(
    st.sampled_from([w for w in WRITTEN if w[0] != "link_bandwidth"]),
    st.floats(1e-9, 1e9, allow_subnormal=False),
)
def test_any_unit_scales_its_number(written: tuple[str, str], number: float) -> None:
    dimension, unit = written
    factor = UNITS[dimension][1][unit]
    # the product is rounded once, that of two floats is of rounded factors
    expected = pytest.approx(number * factor, rel=1e-15)
    assert parse(f"{number!r} {unit}", dimension) == expected
    assert parse(f"{number!r}{unit}", dimension) == expected


@given(
    st.sampled_from(["bytes", "bandwidth", "bit_rate", "compute_rate", "frequency"]),
    st.floats(1.0, 9e20),
)
def test_shown_value_is_read_back(dimension: str, value: float) -> None:
    shown = show(value, UNITS[dimension][0], digits=12)
    assume("e" not in shown)  # beyond the largest prefix
    assert parse(shown, dimension) == pytest.approx(value, rel=1e-11)


@given(st.floats(1e-12, 0.99))
def test_shown_time_is_read_back(value: float) -> None:
    shown = show(value, "s", digits=12)
    assert parse(shown, "time") == pytest.approx(value, rel=1e-11)


@given(st.floats(1e-3, 1e15, allow_subnormal=False), st.sampled_from(["GB/s", "Gb/s"]))
def test_both_directions_are_twice_one(value: float, unit: str) -> None:
    one_way = parse(f"{value!r} {unit} per direction", "link_bandwidth")
    both_ways = parse(f"{2 * value!r} {unit} bidirectional", "link_bandwidth")
    assert both_ways == pytest.approx(one_way, rel=1e-15)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (3.35e12, "B/s", "3.35 TB/s"),
        (2.9e-6, "s", "2.9 us"),
        (999.9, "W", "1 kW"),  # rounds up into the next prefix
        (0.0, "B", "0 B"),
        (float("inf"), "B", "inf B"),
        (-2e9, "B", "-2 GB"),
        (0.5, "", "500 m"),
    ],
)
def test_shows(value: float, unit: str, text: str) -> None:
    assert show(value, unit) == text


def test_memory_is_shown_in_gib() -> None:
    assert show_bytes(96 * 2.0**30) == "96.0 GiB"
