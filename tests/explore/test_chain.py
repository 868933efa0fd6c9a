"""From a wire to tokens a second: flat, then a cliff, and what helps."""

import numba
import pytest

import accelsim as package
from accelsim.errors import InputError, NoAnswerError
from accelsim.explore.chain import Chain, chain, read_vary
from accelsim.link.remedy import remedies

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="budgets of plain Python",
)
JOB = {"model": "llama3-8b", "system": "trn3-ultraserver-gen2", "chips": 16}
LINK = "neuronlink-v4"


@pytest.fixture(scope="module")
def grown() -> Chain:
    return chain(JOB, LINK, "length=0.5m, 2m, 5m, 8m, 14m")


def test_flat_then_a_cliff(grown: Chain) -> None:
    near, further, over, slower, nothing = grown.points
    regimes = [point.regime for point in grown.points]
    assert regimes == ["inside", "inside", "over", "over", "none"]
    rates = [p.estimate.tokens_per_s for p in grown.points if p.estimate]
    joules = [p.estimate.joule_per_token for p in grown.points if p.estimate]
    assert near.estimate is not None
    assert rates[0] == pytest.approx(grown.base.tokens_per_s, rel=1e-12)
    assert rates[1] == pytest.approx(rates[0], rel=1e-4)  # flight alone
    # little of a step waits for wires: Neuron's collectives wait for memory
    assert rates[2] < 0.998 * rates[1]
    assert rates[3] < rates[2]
    assert joules == sorted(joules)
    assert nothing.way is None
    assert "over its budget" in nothing.failure
    assert further.remedy is None
    assert over.remedy is not None
    assert slower.remedy is not None


def test_a_remedy_brings_the_run_back(grown: Chain) -> None:
    base = grown.base
    for point in grown.points[2:]:
        assert point.remedy is not None
        assert point.remedied is not None
        assert point.remedy.works
        assert point.remedied.tokens_per_s == pytest.approx(base.tokens_per_s, rel=1e-2)
        assert point.remedied.joule_per_token > base.joule_per_token
    assert all(point.beyond for point in grown.points[2:])  # a backplane of 1 m


def test_the_plan_is_that_of_the_link_as_it_stands(grown: Chain) -> None:
    plans = {p.estimate.plan for p in grown.points if p.estimate}
    assert plans == {grown.base.plan}


def test_failures_of_links_cost_goodput(grown: Chain) -> None:
    # 16 chips in four sleds of 4: 4 ports in the sled and 5 to the rack
    assert grown.ports == 16 * (4 + 5)
    one = grown.points[0].way
    assert one is not None
    rate = 16 * 9 * one.port.failures
    assert grown.failures(one) == pytest.approx(rate)
    assert grown.goodput(one) == pytest.approx(1.0 / (1.0 + rate * 600.0))
    slower = chain(JOB, LINK, restart="1 d")
    way = slower.points[0].way
    assert way is not None
    assert slower.goodput(way) < grown.goodput(one) < 1.0


def test_retimers_move_latency_and_energy_alone() -> None:
    found = chain(JOB, LINK, "retimers=0..3")
    assert [point.value for point in found.points] == ["0", "1", "2", "3"]
    assert {point.regime for point in found.points} == {"inside"}
    ways = [point.way for point in found.points if point.way]
    assert [w.port.latency for w in ways] == sorted(w.port.latency for w in ways)
    assert [w.price for w in ways] == sorted(w.price for w in ways)
    joules = [p.estimate.joule_per_token for p in found.points if p.estimate]
    assert joules == sorted(joules)
    assert joules[3] > joules[0]


def test_remedies_are_sorted_by_what_is_asked() -> None:
    spec = chain(JOB, LINK, "length=5m").points[0]
    assert spec.way is not None
    for by in ("cost", "power", "latency"):
        found = remedies(spec.way.spec, by)
        assert len(found) > 3
        keys = [way.worth(by) for way in found]
        assert keys == sorted(keys)
        assert all(way.works for way in found)
    words = [way.words for way in remedies(spec.way.spec)]
    assert any("retimer-aries-6" in word for word in words)
    assert any("optics" in word for word in words)


@pytest.mark.parametrize(
    ("text", "field", "values"),
    [
        ("", "", [""]),
        ("length=1m..2m", "length", ["1 m", "1.5 m", "2 m"]),
        ("length=1 m, 20 cm", "length", ["1 m", "20 cm"]),
        ("retimers=1..2", "retimers", ["1", "2"]),
        ("path=a 1 m, b; c", "path", ["a 1 m, b", "c"]),
        ("lane_rate=32 Gb/s..64 Gb/s", "lane_rate", [*("3.2e+10 b/s", "4.8e+10 b/s")]),
    ],
)
def test_values_of_vary(text: str, field: str, values: list[str]) -> None:
    found = read_vary(text, 3)
    assert found[0] == field
    assert found[1][: len(values)] == values


@pytest.mark.parametrize(
    ("link", "vary", "message"),
    [
        ("nvlink5", "", "system trn3-ultraserver-gen2 has none"),
        (LINK, "length", "write length=0.5m..4m"),
        (LINK, "lengths=1m", "a link has no 'lengths'; did you mean 'length'"),
        (LINK, "length=4m..1m", "the last is less than the first"),
        (LINK, "length=1..2", "retimers|no unit"),
        (LINK, "path=a..b", "a range is of length or numbers"),
        (LINK, "retimers=1.5", "retimers"),
    ],
)
def test_bad_questions(link: str, vary: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        chain(JOB, link, vary)


def test_a_link_without_a_wire_is_refused() -> None:
    job = JOB | {"system": "dgx-a100"}
    with pytest.raises(InputError, match="link nvlink3: names no path"):
        chain(job, "nvlink3")


def test_a_wire_that_never_works_has_no_answer() -> None:
    far = {f"link.{LINK}.length": "20 m"}
    with pytest.raises(NoAnswerError, match=r"link neuronlink-v4: .* over its budget"):
        package.estimate(JOB, far)
    # a job inside of one sled needs no link of the ultraserver's network
    fibre = {"link.efa-v3.path": "pcb-megtron8 5 m"}
    assert package.estimate(JOB, fibre).tokens_per_s > 0.0


def test_a_slower_wire_is_told() -> None:
    found = package.estimate(JOB, {f"link.{LINK}.length": "5 m"})
    words = (
        "link neuronlink-v4 is over its budget at 64 Gb/s a lane: it runs at 32 Gb/s"
    )
    assert words in found.notes
