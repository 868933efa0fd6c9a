"""Budgets of links: sums, laws, verdicts, choices, figures by hand."""

from dataclasses import replace
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim import catalog
from accelsim.errors import InputError, NoAnswerError
from accelsim.link.answer import LinkBudget, question
from accelsim.link.budget import solve
from accelsim.link.choose import best_link
from accelsim.link.fec import Burst, burst_loss, flit_loss, random_loss
from accelsim.link.path import read_link_path
from accelsim.link.population import Spread, population, read_spread
from accelsim.link.retry import Retry, goodput_share
from accelsim.link.sweep import pays, sweep

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="thousands of links of plain Python",
)
CABLE = (
    "pcb-megtron8 50 mm, connector, twinax-28awg {} m, connector, pcb-megtron8 50 mm"
)
HALVES = "twinax-28awg {0} m, retimer-dsp-224g, twinax-28awg {0} m"


def test_the_room_is_a_function_and_a_room() -> None:
    from accelsim.link.answer import LinkBudget as There

    assert isinstance(accelsim.link("twinax-28awg 1 m"), There)


def test_every_total_is_the_sum_of_its_parts() -> None:
    found = accelsim.link(HALVES.format(1.5), lanes=8)
    assert found.latency == pytest.approx(sum(found.latency_parts.values()))
    assert found.power == pytest.approx(sum(found.power_parts.values()))
    assert found.power == pytest.approx(2 * 8 * 212.5e9 * found.energy)
    assert found.price == pytest.approx(sum(found.price_parts.values()))
    # RS(544,514), four in turn: 4 x 5,440 bits at 1.7 Tb/s
    assert found.latency_parts["fill"] == pytest.approx(12.8e-9)
    assert found.latency_parts["flight"] == pytest.approx(3.0 * 4.349e-9)
    assert found.efficiency == pytest.approx(514 / 544 * 256 / 257 * 4096 / 4134)
    assert found.price_parts["twinax-28awg"] == pytest.approx(8 * 3.0 * 2.5)


def test_the_regimes_of_a_growing_cable() -> None:
    found = [accelsim.link(CABLE.format(m)) for m in (0.5, 2.48, 6.0)]
    assert [each.regime for each in found] == ["inside", "marginal", "over"]
    short, middle, far = found
    assert short.tail == short.latency
    assert middle.tail > middle.latency
    assert middle.fall_back == far.link.lane_rate / 2
    assert far.by_rate[far.link.lane_rate] == "over"
    assert short.reach_left is not None
    assert short.reach_left > 0.0
    assert middle.reach_left is not None
    assert middle.reach_left < 0.0


def test_reach_left_is_where_the_budget_ends() -> None:
    found = accelsim.link("twinax-28awg 1 m")
    assert found.reach_left is not None
    ends = [1.0 + found.reach_left + more for more in (-0.01, 0.05)]
    made = [accelsim.link(f"twinax-28awg {m} m").regime for m in ends]
    assert made[0] == "inside"
    assert made[1] != "inside"


@given(length=st.floats(0.2, 1.6))
@settings(deadline=None, max_examples=8)
def test_a_retimer_resets_the_span_and_costs(length: float) -> None:
    plain = accelsim.link(f"twinax-28awg {2 * length} m")
    split = accelsim.link(HALVES.format(length))
    for span in split.spans:  # each as good as a wire of its own
        alone = accelsim.link(f"twinax-28awg {length} m").spans[0]
        assert span.loss_db == pytest.approx(alone.loss_db)
        assert span.com_db == pytest.approx(alone.com_db, abs=0.5)
    for figure in ("latency", "energy", "price", "failures"):
        assert getattr(split, figure) > getattr(plain, figure)


@given(lengths=st.lists(st.floats(0.5, 3.0), min_size=1, max_size=3))
@settings(deadline=None, max_examples=8)
def test_errors_add_along_a_path(lengths: list[float]) -> None:
    ratios, losses = [], []
    for n in range(1, len(lengths) + 1):
        path = ", retimer-dsp-224g, ".join(f"twinax-30awg {m} m" for m in lengths[:n])
        found = accelsim.link(path)
        ratios.append(found.bit_ratio)
        losses.append(found.codeword_loss)
        starts = [s.error_ratio / (1 - s.carry + s.error_ratio) for s in found.spans]
        ends = [2 * (1 - s.carry) for s in found.spans]
        if not found.precoded:
            ends = [1.0] * len(starts)
        expected = sum(a * b for a, b in zip(starts, ends, strict=True)) / 2
        assert found.bit_ratio == pytest.approx(min(expected, 0.5), rel=1e-9)
    assert losses == sorted(losses)


@given(start=st.floats(1e-5, 1e-3), carry=st.floats(0.5, 0.9))
@settings(deadline=None, max_examples=20)
def test_interleaving_helps_bursts_and_takes_time(start: float, carry: float) -> None:
    burst = Burst(start, carry)
    lost = [burst_loss([burst], 544, 15, ways) for ways in (1, 2, 4)]
    assert lost[2] <= lost[1] * (1 + 1e-9) <= lost[0] * (1 + 2e-9)
    fills = [
        accelsim.link("twinax-28awg 1 m", code=f"kp4-{ways}way").latency_parts["fill"]
        for ways in (1, 2, 4)
    ]
    assert fills == sorted(set(fills))


@given(low=st.floats(1e-6, 1e-3), factor=st.floats(1.0, 5.0))
@settings(deadline=None, max_examples=20)
def test_loss_is_monotone_in_the_error_ratio(low: float, factor: float) -> None:
    high = low * factor
    for few, many in (
        [random_loss(p, 544, 15) for p in (low, high)],
        [burst_loss([Burst(p, 0.6)], 544, 15) for p in (low, high)],
        [flit_loss([Burst(p, 0.3)], 256) for p in (low, high)],
    ):
        assert few <= many * (1 + 1e-12)


def test_burst_ratios_by_hand() -> None:
    # p / (1 - a + p), and twice the share of ends with precoding
    assert Burst(1e-4, 0.75).symbol_ratio == pytest.approx(3.998400639744103e-4)
    assert Burst(1e-4, 0.75, precode=True).bit_ratio == pytest.approx(
        9.996001599360256e-5
    )


def test_retry_by_hand() -> None:
    # one loss in 100, a window of 11 frames: 0.99 / (0.99 + 0.11)
    share = goodput_share(0.01, 11e-9, 1e-9, "go-back-n")
    assert float(share) == pytest.approx(0.9)
    assert float(goodput_share(0.01, 11e-9, 1e-9, "selective")) == pytest.approx(0.99)
    retry = Retry(0.1, 100e-9, 300e-9)
    assert retry.mean == pytest.approx(100e-9 + 300e-9 / 9)
    assert retry.quantile(0.999) == pytest.approx(700e-9)
    assert retry.attempts(0.5) == 0.0
    assert Retry(1.0, 1.0, 1.0).mean == np.inf
    assert Retry(1.0, 1.0, 1.0).quantile(0.9) == np.inf
    assert Retry(0.5, 1.0, 1.0, replays=False).mean == 1.0


def test_credits_make_latency_cost_bandwidth() -> None:
    link = question("twinax-28awg 1 m", lanes=16)
    small = link.code.buffer.scaled(0.25, "a quarter")
    tight = replace(link, code=link.code.model_copy(update={"buffer": small}))
    free, held = solve(link), solve(tight)
    assert held.bandwidth[0] == pytest.approx(16_000.0 / held.round_trip[0])
    assert held.bandwidth[0] < free.bandwidth[0]
    slow = question(
        "twinax-28awg 0.5 m, retimer-dsp-224g, twinax-28awg 0.5 m", lanes=16
    )
    slow = replace(slow, code=tight.code)
    assert solve(slow).bandwidth[0] < held.bandwidth[0]


def test_a_batch_is_its_links() -> None:
    link = question(HALVES.format(1.0))
    rows = np.array([[1.0, 1.0], [0.5, 2.5], [2.0, 1.0]])
    batch = solve(link, rows)
    for n, row in enumerate(rows):
        alone = solve(link, row[None, :])
        assert alone.latency[0] == pytest.approx(batch.latency[n])
        assert alone.margin_db[0] == pytest.approx(batch.margin_db[n], abs=0.5)


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("pcb-megtron7 300 mm", {"serdes": "serdes-pcie6"}),
        ("pcb-megtron7 300 mm", {"serdes": "serdes-pcie5"}),
        ("pcb-megtron7 300 mm, retimer-aries-6, pcb-megtron7 300 mm",
         {"serdes": "serdes-pcie6"}),
        ("pcb-megtron8 20 mm", {"serdes": "serdes-ualink"}),
        ("pcb-megtron8 100 mm", {"serdes": "serdes-448g"}),
        ("pcb-megtron8 50 mm, optics-lpo-200g 20 m, pcb-megtron8 50 mm", {}),
        ("pcb-megtron8 50 mm, optics-dsp-200g 200 m, pcb-megtron8 50 mm",
         {"code": "kp4-inner"}),
        ("optics-cpo-200g 100 m", {}),
    ],
)  # fmt: skip
def test_links_of_all_kinds_are_inside(path: str, options: dict[str, Any]) -> None:
    assert accelsim.link(path, **options).regime == "inside"


def test_a_flit_is_what_pcie_asks() -> None:
    # PCI-SIG tells some 5e-6 retries a flit at a first-burst ratio of 1e-6, bursts
    # included; that is bits, two of them a symbol
    found = flit_loss([Burst(2e-6, 0.4)], 256)
    assert 1e-7 < found < 5e-6


def test_a_redriver_gains_reach_but_errs_on_its_own() -> None:
    far = "twinax-28awg 2.5 m, {}twinax-28awg 2.5 m"
    made = [
        accelsim.link(far.format(more), rate=106.25e9, serdes="serdes-synopsys-112g-lr")
        for more in ("", "redriver-112g, ")
    ]
    assert made[1].margin_db > made[0].margin_db
    assert len(made[1].spans) == 1
    assert made[1].spans[0].loss_db == pytest.approx(made[0].spans[0].loss_db)


def test_a_device_beyond_its_rate_or_reach_is_over() -> None:
    fast = accelsim.link("retimer-aries-6, twinax-28awg 0.1 m", rate="212.5 Gb/s")
    assert fast.regime == "over"
    far = accelsim.link("optics-lpo-200g 60 m")
    assert far.regime == "over"


def test_populations_fail_more_when_hot_or_spread() -> None:
    link = question("twinax-28awg 2.2 m")
    cold, hot, wide = (
        population(link, 2_000, spread)
        for spread in (
            Spread(temperature=25.0),
            Spread(temperature=95.0),
            Spread(temperature=25.0, process=0.15),
        )
    )
    assert 0.0 < cold.below < hot.below
    assert cold.below < wide.below
    assert hot.port_yield < 1.0 - hot.below
    for found in (cold, hot, wide):
        assert 0.0 <= found.failing <= found.weak <= 1.0
        drawn = float(np.mean(found.margin_db < 0.0))  # the same, by counting
        assert found.below == pytest.approx(
            drawn, abs=4 * (drawn / 2_000) ** 0.5 + 1e-3
        )
    # a rack of 1,296 links of four lanes, both ways
    assert hot.expected(1_296) == pytest.approx(2 * 4 * 1_296 * hot.failing)
    with pytest.raises(InputError, match="population 0"):
        population(link, 0)
    with pytest.raises(InputError, match="process -1"):
        population(link, 10, Spread(process=-1.0))


def test_a_spread_is_read() -> None:
    assert read_spread() == Spread()
    assert read_spread("45..85 C", "6 %", "0.02") == Spread(65.0, 10.0, 0.06, 0.02)
    assert read_spread("-20 C..20 C").temperature_spread == 10.0
    assert read_spread("60 degC") == Spread(60.0, 0.0)
    for text in ("85..45 C", "45..850 C", "45", "warm", "45..85 K", ".."):
        with pytest.raises(InputError, match=f"temperature '{text}'"):
            read_spread(text)
    with pytest.raises(InputError, match="process '60 %': must be 0 to 50 %"):
        read_spread(process="60 %")
    with pytest.raises(InputError, match="voltage '3 V'"):
        read_spread(voltage="3 V")


def test_the_best_link_goes_no_further_than_is_sold() -> None:
    found = best_link(4.0, 106.25e9, serdes="serdes-synopsys-112g-lr")
    names = [choice.medium for choice in found]
    assert "twinax-26awg" not in names  # 3 m at most, though it would work
    assert "aec-taurus-100g" in names
    assert all(not choice.budget.beyond for choice in found)
    far = best_link(8.0, 106.25e9, serdes="serdes-synopsys-112g-lr")
    assert all(choice.medium.startswith("optics") for choice in far)


def test_the_best_link_changes_with_distance() -> None:
    near, far = best_link(0.3), best_link(50.0)
    assert near[0].medium.startswith("pcb")
    assert far[0].medium.startswith("optics")
    assert near[0].budget.price <= near[-1].budget.price
    by_latency = best_link(0.3, by="latency")
    assert by_latency[0].budget.latency <= near[0].budget.latency
    with pytest.raises(NoAnswerError, match="no medium carries"):
        best_link(5_000.0)
    with pytest.raises(InputError, match="by 'weight'"):
        best_link(1.0, by="weight")
    with pytest.raises(InputError, match="distance 0 m"):
        best_link(0.0)


def test_a_sweep_says_where_copper_ends() -> None:
    found = sweep(12, materials=("pcb-megtron8", "twinax-26awg"), most=2)
    assert found.links == 12 * 3 * 2 * 3
    for rate in (106.25e9, 212.5e9, 425e9):
        for material in ("pcb-megtron8", "twinax-26awg"):
            reaches = [row.reach for row in found.of(rate, material)]
            assert reaches == sorted(reaches)
            assert pays(found, rate, material)[0] is not None
    fast, slow = (found.of(rate, "twinax-26awg")[0].reach for rate in (425e9, 106.25e9))
    assert fast < slow


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("twinax-28agw 1 m", {}, "did you mean 'twinax-28awg'"),
        ("twinax-28awg", {}, "needs a length"),
        ("retimer-dsp-224g 1 m", {}, "a retimer has no length, '1 m' given"),
        ("optics-lpo-200g", {}, "optics need a length of fibre"),
        ("optics-lpo-200g 200 km", {}, "must be from 0 to 100 km"),
        ("connector,, connector", {}, "a part between commas is empty"),
        ("connector, serdes-pcie6, connector", {}, "a serdes is an end"),
        ("connector", {"serdes": "retimer-aries-6"}, "is a retimer, not a serdes"),
        ("connector", {"rate": "5 Tb/s"}, "must be 1 to 1,000 Gb/s"),
        ("connector", {"rate": "5 GB"}, "rate: '5 GB' is a number of bytes"),
        ("connector", {"packet": "5 m"}, "packet: '5 m'"),
        ("configs/chips/b200.toml", {}, "is one of chips, not a segment or device"),
        ("connector", {"lanes": 0}, "lanes 0"),
        ("connector", {"packet": 0.0}, "packet 0 B"),
        ("connector", {"code": "kp5"}, "unknown code 'kp5'"),
        ("connector, retimer-aries-5, connector", {}, "of two and of four levels"),
    ],
)
def test_bad_questions_are_refused(
    path: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        accelsim.link(path, **options)


@pytest.mark.parametrize("name", catalog.names("devices"))
def test_every_device_ends_or_crosses_a_link(name: str) -> None:
    spec = catalog.load("devices", name)
    length = " 5 m" if spec.what == "optics" else ""
    path = f"connector, {name}{length}, connector" if spec.what != "serdes" else name
    serdes = "serdes-pcie5" if spec.levels == 2 else "serdes-448g"
    path = path if spec.what != "serdes" else f"{name}, connector, {name}"
    found: LinkBudget = accelsim.link(path, serdes=serdes)
    assert found.latency > 0.0


@pytest.mark.parametrize("name", catalog.names("codes"))
def test_every_code_carries_a_link(name: str) -> None:
    serdes = "serdes-pcie5" if name == "pcie5" else "serdes-pcie6"
    found = accelsim.link("pcb-megtron8 50 mm", code=name, serdes=serdes)
    assert 0.0 < found.efficiency < 1.0


def test_a_device_may_be_a_file() -> None:
    path = catalog.find("devices", "retimer-dsp-224g")
    found = accelsim.link(f"twinax-28awg 1 m, {path}, twinax-28awg 1 m")
    assert found.spans[0].receiver == "retimer-dsp-224g"


def test_spans_are_what_lies_between_retimers() -> None:
    path = read_link_path(
        "pcb-megtron8 1 mm, redriver-112g, connector, retimer-taurus-100g, twinax-28awg"
        " 1 m",
        "serdes-synopsys-112g-lr",
    )
    assert [len(span.items) for span in path.spans()] == [3, 1]
    assert path.lengths == [0.001, 1.0]
