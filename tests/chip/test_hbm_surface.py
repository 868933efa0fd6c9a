"""The surface against the kernel, what it is kept under, and what chips make of it."""

from pathlib import Path

import numba
import numpy as np
import pytest

from accelsim import catalog
from accelsim.chip import streams, surface
from accelsim.chip.lower import memory_efficiency
from accelsim.chip.stack import at_pin_rate, chip_memory, operator_efficiency
from accelsim.chip.streams import Streams
from accelsim.errors import InputError
from accelsim.overrides import override, parse_overrides
from accelsim.specs.chip import ChipSpec
from accelsim.specs.hbm import HbmSpec

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT),  # type: ignore[attr-defined]
    reason="thousands of requests of plain Python take too long",
)
OPERATORS = (
    streams.product(8192, 2.0, (128, 256, 64), 128),
    streams.attention_blocks(8192, 1024, 128, 2.0),
    streams.optimizer_update(),
    streams.read_only(),
    streams.copy(16384.0),
)


def preset(name: str, *changes: str) -> HbmSpec:
    spec: HbmSpec = catalog.load("hbm", name)
    return override(spec, parse_overrides(changes), name)


def chip(name: str, *changes: str) -> ChipSpec:
    spec: ChipSpec = catalog.load("chips", name)
    return override(spec, parse_overrides(changes), name)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(surface, "folder", lambda: tmp_path)
    monkeypatch.setattr(surface, "_MADE", {})
    return tmp_path


@pytest.mark.parametrize("name", ["hbm2e-3.2", "hbm3-6.4", "hbm4-8.0"])
def test_operator_streams_are_within_a_hundredth_of_the_kernel(name: str) -> None:
    spec = preset(name)
    made = surface.surface(spec)
    found = made.efficiency(spec.organisation.transaction, *OPERATORS)
    for asked, mine in zip(OPERATORS, found, strict=True):
        ticks = surface.saturated_ticks(spec, asked, 1.0, 12)
        assert mine == pytest.approx(surface.burst_ticks(spec) / ticks, rel=0.011)


def test_a_surface_is_kept_and_read_back(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = preset("hbm3-6.4")
    made = surface.surface(spec)
    assert [p.name for p in own_cache.iterdir()] == [f"{surface.key_of(spec)}.npz"]
    monkeypatch.setattr(surface, "_MADE", {})
    monkeypatch.setattr(surface, "build", None)  # from disk, then
    np.testing.assert_array_equal(surface.surface(spec).cost, made.cost)
    assert made.latency_ticks(32, 0.5, Streams(1024.0, 1.0)) > 0


def test_a_broken_file_is_made_anew(own_cache: Path) -> None:
    spec = preset("hbm3-6.4")
    (own_cache / f"{surface.key_of(spec)}.npz").write_bytes(b"no surface")
    assert surface.surface(spec).cost.min() > 0


def test_a_pin_rate_shares_the_surface_where_timings_are_cycles() -> None:
    # every timing of this set is a count of cycles
    slow, fast = preset("hbm4-16.0"), preset("hbm4-16.0", "pin_rate=12 Gb/s")
    assert surface.key_of(slow) == surface.key_of(fast)
    times = preset("hbm3-6.4"), preset("hbm3-6.4", "pin_rate=4.8 Gb/s")
    assert surface.key_of(times[0]) != surface.key_of(times[1])


@pytest.mark.parametrize("change", ["timing.faw=30 ns", "controller.order=CPGBSR"])
def test_a_constraint_or_an_order_is_another_surface(change: str) -> None:
    changed = preset("hbm3-6.4", change)
    assert surface.key_of(changed) != surface.key_of(preset("hbm3-6.4"))


def test_a_chip_as_built_has_its_measured_share() -> None:
    for name in catalog.names("chips"):
        found = memory_efficiency(chip(name))
        assert found == chip(name).hbm.efficiency.value


@pytest.mark.parametrize(
    "change",
    [
        "hbm.memory.timing.faw=60 ns",
        "hbm.memory.controller.order=CPGBSR",
        "hbm.memory.controller.refresh_rate=2",
    ],
)
def test_a_worse_memory_gives_a_chip_less(change: str) -> None:
    assert memory_efficiency(chip("h100-sxm", change)) < 0.875


def test_refresh_of_idle_banks_gives_a_chip_more() -> None:
    better = chip("h100-sxm", "hbm.memory.controller.refresh=idle-bank")
    assert 0.9 < memory_efficiency(better) <= 1.0


# What memory-bound products of more than 0.2 GB reach of the datasheet's bandwidth, by
# the GEMM tables of ai-dynamo/aiconfigurator@095f58a; their middle.
PRODUCTS = {"a100-80gb": 0.88, "h100-sxm": 0.88, "b200": 0.86}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_reach_what_was_measured(name: str) -> None:
    found = chip_memory(chip(name))
    assert found is not None
    assert found.reached["product"] == pytest.approx(PRODUCTS[name], abs=0.03)
    assert found.reached["copy"] < found.reached["read_only"]


def test_a_faster_pin_reaches_a_smaller_share() -> None:
    # banks and refresh take as long as before
    spec = preset("hbm3e-9.6")
    assert operator_efficiency(spec, 9.6e9) < operator_efficiency(spec, 6.4e9)
    with pytest.raises(InputError, match="a pin"):
        at_pin_rate(spec, 1e15)


def test_a_chip_without_a_named_memory_has_none() -> None:
    assert chip_memory(chip("tpu-v5p")) is None


def test_an_unknown_memory_is_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "chips"
    folder.mkdir()
    path = folder / "mine.toml"
    path.write_text('base = "h100-sxm"\n[hbm]\nmemory = "hbm3-6.5"\n')
    with pytest.raises(InputError, match=r"hbm\.memory: .*hbm3-6\.4"):
        catalog.load("chips", str(path))


def test_a_file_may_change_the_memory_that_it_names(tmp_path: Path) -> None:
    folder = tmp_path / "chips"
    folder.mkdir()
    path = folder / "mine.toml"
    path.write_text(
        'base = "h100-sxm"\n[hbm.memory]\nbase = "hbm3-6.4"\n'
        '[hbm.memory.timing]\nfaw = "60 ns"\n'
    )
    made: ChipSpec = catalog.load("chips", str(path))
    assert made.hbm.memory is not None
    assert made.hbm.memory.timing.faw.value == pytest.approx(60e-9)
    assert memory_efficiency(made) < 0.875


@pytest.mark.parametrize("share", [0.0, 1e-300])
def test_writes_that_drain_to_the_last_one_end(share: float) -> None:
    spec = preset("hbm3-6.4", f"controller.write_low={share}")
    assert surface.saturated_ticks(spec, streams.copy(4096.0), 1.0, 2) > 0
