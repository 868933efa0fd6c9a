"""The wire: a margin, a whole search, a sweep, beside PyChOpMarg where it is installed.

PyChOpMarg 3.4.0 took 10.6 s of CPU to build such a channel and 4.1 s for nine settings
of its continuous-time equalizer, on one core of the same kind of machine: its reference
files here say so. serdespy (one tap, no noise) runs beside the symbols where it is
installed. Run with `pytest benchmarks/test_link.py --benchmark-enable`.
"""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from accelsim import catalog
from accelsim.link.answer import question
from accelsim.link.bits import simulate
from accelsim.link.budget import solve
from accelsim.link.channel import Channel, TwoPort
from accelsim.link.channel_files import find_channel
from accelsim.link.com import Setting, com_at
from accelsim.link.com_search import best_setting as best_93a
from accelsim.link.com_search import tx_settings
from accelsim.link.fast import of_sections
from accelsim.link.responses import responses
from accelsim.link.search_178a import best_setting as best_178a
from accelsim.link.segments import read_path, sections
from accelsim.link.sheet import Sheet
from accelsim.link.spec_sheet import sheet_of_spec
from accelsim.link.sweep import sweep

LINK = Path(__file__).parent / "measured" / "link"
pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="a benchmark of plain Python says nothing",
)


def channel(aggressors: int = 8) -> Channel:
    """Return the synthetic channel with so many aggressors, two in three from afar."""
    far = ["synth_fext1", "synth_fext2"] * 4
    near = ["synth_next1"] * 4
    third = aggressors // 3
    return find_channel(
        LINK / "channels", "-", "synthB_cr", far[: aggressors - third], near[:third]
    )


def sheet(name: str, **changes: Any) -> Sheet:
    return replace(sheet_of_spec(catalog.load("com", name)), **changes)


def test_margin_at_a_setting_with_eight_aggressors(benchmark: Any) -> None:
    made = sheet("8023ck-kr")
    paths = responses(channel(), made, made.cases[0])
    setting = Setting(-6.0, -2.0, (0.0, 0.02, -0.14, 0.84, 0.0), 3)
    com_at(paths, made, setting)  # compiles
    found = benchmark(com_at, paths, made, setting)
    assert found.com_db > 3.0


def test_packages_and_responses_of_nine_paths(benchmark: Any) -> None:
    made = sheet("8023ck-kr")
    wire = channel()
    responses(wire, made, made.cases[0])
    found = benchmark(responses, wire, made, made.cases[0])
    assert len(found.aggressors) == 8


def test_every_setting_of_93a(benchmark: Any) -> None:
    made = sheet("8023ck-kr")
    if benchmark.disabled:
        made = replace(made, ctle=replace(made.ctle, gains_db=(-6.0,)))
    paths = responses(channel(), made, made.cases[0])
    best_93a(paths, made)
    found = benchmark.pedantic(best_93a, (paths, made), rounds=3)
    assert found.tx_cursor == 3
    count = len(tx_settings(made)) * len(made.ctle.gains_db)
    benchmark.extra_info["settings"] = count * len(made.ctle.low_gains_db)


def test_every_setting_of_178a(benchmark: Any) -> None:
    made = sheet("8023dj-kr")
    if benchmark.disabled:
        made = replace(made, ctle=replace(made.ctle, gains_db=(-14.0,)))
    paths = responses(channel(3), made, made.cases[1])
    best_178a(paths, made)
    found = benchmark.pedantic(best_178a, (paths, made), rounds=3)
    assert found.low_gain_db < 0.0


def test_ten_thousand_links(benchmark: Any) -> None:
    made = sheet("8023dj-kr")
    count = 10 if benchmark.disabled else 10_000
    lengths = np.linspace(0.05, 2.0, count)
    texts = ["pcb-megtron8 100 mm, connector, twinax-28awg 1 m"] * 2
    one = sections(read_path(texts[0]))
    parts = np.tile(one, count)
    parts["value"][len(one) - 1 :: len(one)] = lengths
    starts = np.arange(count + 1) * len(one)
    of_sections(parts, starts, made, 1)
    found = benchmark.pedantic(of_sections, (parts, starts, made, 1), rounds=3)
    assert found.com_db[0] > found.com_db[-1]
    if benchmark.stats is not None:
        benchmark.extra_info["links_per_s"] = count / benchmark.stats.stats.min


def test_ten_thousand_budgets(benchmark: Any) -> None:
    count = 10 if benchmark.disabled else 10_000
    text = "pcb-megtron8 50 mm, connector, retimer-dsp-224g, twinax-28awg 1 m"
    link = question(text)
    rows = np.tile(link.path.lengths, (count, 1))
    rows[:, -1] = np.linspace(0.1, 3.0, count)
    solve(link, rows[:2])  # compiles
    found = benchmark.pedantic(solve, (link, rows), rounds=3)
    assert found.regime[0] == 0
    if benchmark.stats is not None:
        benchmark.extra_info["budgets_per_s"] = count / benchmark.stats.stats.min


def test_symbols_one_by_one(benchmark: Any) -> None:
    # noise, jitter, feedback and a sequence detector, three aggressors of four levels
    made = sheet("8023dj-kr")
    paths = responses(channel(3), made, made.cases[1])
    com = com_at(paths, made, Setting(-10.0, -2.0, (1.0,), 0, phase=4))
    count = 10_000 if benchmark.disabled else 4_000_000
    simulate(com, paths, made, 10, noise_scale=4.0)
    found = benchmark.pedantic(
        simulate, (com, paths, made, count), {"noise_scale": 4.0}, rounds=3
    )
    assert found.feedback.errors > 0
    if benchmark.stats is not None:
        benchmark.extra_info["symbols_per_s"] = count / benchmark.stats.stats.min


@pytest.mark.skipif(
    importlib.util.find_spec("serdespy") is None, reason="serdespy is not installed"
)
def test_symbols_of_serdespy(benchmark: Any) -> None:
    # one tap of feedback on symbols without noise, the least that it can be asked
    receiver = importlib.import_module("serdespy.receiver")
    count, tap = (200, 0.4) if benchmark.disabled else (50_000, 0.4)
    levels = np.array([-3.0, -1.0, 1.0, 3.0])
    sent = np.random.default_rng(1).integers(0, 4, count)
    signal = levels[sent]
    signal[1:] += tap * levels[sent[:-1]]
    made = receiver.Receiver(np.repeat(signal, 2), 2, 53.125e9, levels, shift=False)

    def once() -> Any:
        made.signal_BR = signal
        made.pam4_DFE_BR(np.array([tap]))
        return made.symbols_out

    found = benchmark.pedantic(once, rounds=3)
    assert np.array_equal(found[:-1], sent[:-1])
    if benchmark.stats is not None:
        benchmark.extra_info["symbols_per_s"] = count / benchmark.stats.stats.min


def test_sweep_of_ten_thousand_links(benchmark: Any) -> None:
    count = 4 if benchmark.disabled else 209
    sweep(2)
    found = benchmark.pedantic(sweep, (count,), rounds=2)
    assert found.links == count * 48


@pytest.mark.skipif(
    importlib.util.find_spec("pychopmarg") is None, reason="PyChOpMarg is not installed"
)
@pytest.mark.filterwarnings("ignore")
def test_margin_of_pychopmarg(benchmark: Any, tmp_path: Path) -> None:
    com = importlib.import_module("pychopmarg.com")
    config = importlib.import_module("pychopmarg.config.ieee_8023dj_d3p3")
    path = write_legs(channel(0).thru, tmp_path / "thru.s4p")
    one_setting = {"tx_taps_min": [0.0] * 6, "tx_taps_max": [0.0] * 6}
    parameters = replace(
        config.com_params("KR"), g_DC=[-4.0], g_DC2=[-2.0], **one_setting
    )
    devices = [config.device_model("KR", "A2", is_rx=end) for end in (False, True)]

    def once() -> float:
        files = {"THRU": [path], "FEXT": [], "NEXT": []}
        made = com.COM(parameters, files, tx_device=devices[0], rx_device=devices[1])
        return float(made())

    job = "pychopmarg340_d3p3_KR_synthB_cr_xt0_A2_fixed_m4_m2"
    said = json.loads((LINK / "reference" / f"{job}.json").read_text("utf-8"))
    found = benchmark.pedantic(once, rounds=1)
    assert found == pytest.approx(said["COM"], abs=0.01)


def write_legs(port: TwoPort, path: Path) -> Path:
    """Write a pair as two legs without coupling: ports 1 to 2 and 3 to 4, 50 ohm."""
    legs = np.zeros((len(port.frequency), 4, 4), np.complex128)
    legs[:, :2, :2] = legs[:, 2:, 2:] = port.s
    pairs = np.stack([legs.real, legs.imag], axis=-1).reshape(len(legs), -1)
    table = np.column_stack([port.frequency, pairs])
    np.savetxt(path, table, fmt="%.12g", header="Hz S RI R 50", comments="# ")
    return path
