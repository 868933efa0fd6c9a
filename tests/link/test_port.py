"""A link spec in the fabric's terms: what is stated, what its wire makes of it."""

import numba
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim import catalog
from accelsim.errors import InputError, NoAnswerError
from accelsim.link.port import Port, port
from accelsim.specs.link import LinkSpec

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="budgets of plain Python",
)
# Latency and energy of every link before it had a path [ns, pJ/b]: the path moves none
# of them by more than a nanosecond, and energy by what its devices are said to take.
BEFORE = {
    "efa-v3": 1000,
    "efa-v4": 1000,
    "infiniband-hdr": 600,
    "infiniband-ndr": 600,
    "infiniband-xdr": 600,
    "neuronlink-v2": 250,
    "neuronlink-v3": 250,
    "neuronlink-v3-z": 350,
    "neuronlink-v4": 350,
    "nvlink4": 500,
    "nvlink5": 500,
    "nvlink6": 500,
    "roce-200g": 800,
    "roce-400g": 800,
}


def spec(name: str, *changes: str) -> LinkSpec:
    """Return a link of the catalog with changes."""
    found: LinkSpec = catalog.load("links", name, catalog.parse_overrides(changes))
    return found


def one(*changes: str, name: str = "neuronlink-v4") -> Port:
    """Return the port of a link with changes."""
    return port(spec(name, *changes))


def test_a_port_without_a_path_is_what_is_stated() -> None:
    # NVLink 3: 25 GB/s one way a port (NVIDIA A100 whitepaper); 7 pJ/b is 56 pJ/B.
    found = port(spec("nvlink3"))
    assert found.bandwidth == 25e9
    assert found.latency == found.tail == 500e-9
    assert found.energy == pytest.approx(56e-12, rel=1e-9)
    assert (found.loss, found.regime) == (0.0, "stated")


@pytest.mark.parametrize("name", sorted(BEFORE))
def test_a_path_inside_its_budget_keeps_what_is_stated(name: str) -> None:
    link, found = spec(name), port(spec(name))
    assert link.bandwidth is not None
    assert found.regime == "inside"
    assert found.limit == "wire"
    assert found.bandwidth == pytest.approx(float(link.bandwidth), rel=1e-6)
    assert found.latency == pytest.approx(BEFORE[name] * 1e-9, abs=1e-9)


def test_parts_by_hand() -> None:
    # two PCIe 6 ends of 20 ns, 0.3 m of trace at 5.92 and 0.5 m of cable at 4.349 ns/m,
    # two connectors of 12 mm at 5.5 ns/m, a flit of 256 B at 512 Gb/s, 2 ns to decode
    flight = 0.3 * 5.92 + 0.5 * 4.349 + 2 * 0.012 * 5.5
    wire = 20.0 + flight + 256 * 8 / 512 + 2.0
    found = one()
    assert found.latency == pytest.approx((320.0 + wire) * 1e-9, rel=1e-6)
    # 5 pJ/b of SerDes and 0.1 of the code, a byte of payload a byte of the wire
    assert found.energy == pytest.approx(8 * 5.1e-12, rel=1e-6)


def test_a_derived_bandwidth_is_coding_and_frames() -> None:
    # UALink: RS(544,514) over 257-bit blocks, 632 of the 640 bytes of a flit
    found = one(name="ualink-200g")
    share = 514 / 544 * 256 / 257 * 632 / 640
    assert found.bandwidth == pytest.approx(4 * 212.5e9 / 8 * share, rel=1e-6)
    stated = one('bandwidth="80 GB/s per direction"', name="ualink-200g")
    assert stated.bandwidth == 80e9


def test_flat_then_a_cliff() -> None:
    lengths = (0.5, 1.0, 2.0, 4.0, 6.0, 10.0)
    found = [one(f'length="{length} m"') for length in lengths]
    regimes = [each.regime for each in found]
    assert regimes[:3] == ["inside"] * 3
    assert "over" in regimes
    for each in found:
        if each.regime == "inside":
            assert each.bandwidth == pytest.approx(64e9, rel=1e-3)
        if each.regime == "over":
            assert each.lane_rate < 64e9
            assert each.bandwidth <= 32e9
    with pytest.raises(NoAnswerError, match=r"link neuronlink-v4: .* over its budget"):
        one('length="12 m"')


def test_a_marginal_wire_loses_goodput_and_has_a_tail() -> None:
    lengths = [1.9 + n / 40 for n in range(24)]
    found = [one(f'length="{m} m"', name="nvlink5") for m in lengths]
    marginal = [each for each in found if each.regime == "marginal"]
    assert marginal
    for each in marginal:
        assert 0.99 * 50e9 <= each.bandwidth < 50e9
        assert each.wire is not None  # beneath its margin, or above the code's target
        assert each.wire.margin_db < 0.0 or each.loss > 6.2e-11
        assert (each.tail > each.latency) == (each.loss > 1e-9)


def test_a_retimer_brings_a_wire_back_and_costs() -> None:
    far = one('length="5 m"')
    cut = one('length="5 m"', "retimers=1")
    assert (far.regime, cut.regime) == ("over", "inside")
    assert cut.bandwidth > far.bandwidth
    short, busy = one('length="1 m"'), one('length="1 m"', "retimers=1")
    assert busy.bandwidth == pytest.approx(short.bandwidth, rel=1e-6)
    # Aries 6: 10 ns and 5.4 pJ/b
    assert busy.latency - short.latency == pytest.approx(10e-9, abs=1e-12)
    assert busy.energy - short.energy == pytest.approx(8 * 5.4e-12, rel=1e-3)
    assert busy.failures > short.failures


def test_credits_can_cost_bandwidth() -> None:
    # a round trip of twice the wire and 100 ns to order a repetition
    wide = one('buffer="32 kB"')
    small = one('buffer="8 kB"')
    later = one(
        'buffer="8 kB"', 'length="1 m"', "retimers=2", 'retimer="retimer-aries-6"'
    )
    assert wide.limit == "wire"
    assert (small.limit, later.limit) == ("credits", "credits")
    assert small.wire is not None
    assert small.bandwidth == pytest.approx(8e3 / small.wire.round_trip)
    assert later.bandwidth < small.bandwidth


def test_what_is_stated_holds() -> None:
    assert one('latency="1 us"').latency == pytest.approx(1e-6)
    assert one('latency="1 us"', 'length="2 m"').latency == pytest.approx(1e-6)
    assert one('energy="2 pJ/b"').energy == pytest.approx(16e-12, rel=1e-6)
    assert one('failures="7 FIT"').failures == pytest.approx(7e-9 / 3600)
    # a bandwidth set by hand asks what more would be worth, not whether a wire can
    assert one('bandwidth="128 GB/s per direction"').bandwidth == 128e9
    assert one('bandwidth="128 GB/s per direction"').regime == "stated"


def test_a_rate_that_the_serdes_does_not_have_falls_back() -> None:
    found = one('lane_rate="128 Gb/s"')
    assert (found.regime, found.lane_rate) == ("over", 64e9)
    assert found.bandwidth == pytest.approx(64e9, rel=1e-6)
    faster = one('lane_rate="128 Gb/s"', 'serdes="serdes-pcie7"')
    assert faster.regime in ("inside", "marginal")
    assert faster.bandwidth > 100e9


@given(st.floats(0.05, 3.0), st.integers(0, 3), st.sampled_from(sorted(BEFORE)))
@settings(deadline=None, max_examples=30)
def test_a_port_never_beats_its_statement(
    length: float, retimers: int, name: str
) -> None:
    link = spec(name)
    changes = [f'length="{length} m"']
    if "optics" not in link.path:
        changes.append(f"retimers={retimers}")
    assert link.bandwidth is not None
    try:
        found = one(*changes, name=name)
    except NoAnswerError:
        return
    assert 0.0 < found.bandwidth <= float(link.bandwidth)
    assert found.tail >= found.latency * (1.0 - 1e-6) > 0.0  # a quantile, a mean
    assert found.energy > 0.0


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("nvlink3", ["retimers=1"], "retimers: says nothing without a path"),
        ("neuronlink-v4", ['path=""'], "latency: is missing; state it or give a path"),
        ("neuronlink-v4", ['serdes="serdes-pcie9"'], "unknown device 'serdes-pcie9'"),
        ("neuronlink-v4", ['path="twinax 1 m"'], "unknown segment or device 'twinax'"),
        ("neuronlink-v4", ['code="kp5"'], "unknown code 'kp5'"),
        ("neuronlink-v4", ["retimers=17"], "retimers"),
        ("neuronlink-v4", ["retimers=1", 'retimer="serdes-pcie6"'], "is a serdes"),
        ("infiniband-ndr", ["retimers=1"], "retimers cut a wire"),
        ("neuronlink-v4", ['length="-1 m"'], "length"),
        ("neuronlink-v4", ['lane_rate="2 Tb/s"'], "rate 2000 Gb/s: must be"),
        ("neuronlink-v4", ['serdes="serdes-pcie5"', "retimers=1"], "two and of four"),
    ],
)
def test_bad_links(name: str, changes: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        one(*changes, name=name)
