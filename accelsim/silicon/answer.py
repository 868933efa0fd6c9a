"""All that is asked of a chip's silicon, as plain data; every key carries its unit."""

from datetime import date
from typing import Any

import numpy as np

from accelsim.errors import NoAnswerError
from accelsim.silicon.budget import budget_of
from accelsim.silicon.cost import MODEL, PARTS, ChipCost, chip_cost, die_of, yield_of
from accelsim.silicon.design import design_point
from accelsim.silicon.draws import Draws, drivers, interval
from accelsim.silicon.power import WORK, energies_of, operating_point, predict
from accelsim.silicon.scale import Ported, moved, ratios
from accelsim.silicon.wafer import MODELS
from accelsim.specs.chip import ChipSpec

MM2, MM, PICO = 1e6, 1e3, 1e12


def examine(
    chip: ChipSpec, when: date | None = None, model: str = MODEL
) -> dict[str, Any]:
    """Return cost, yields, area, edge and power of a chip as plain data.

    Raises
    ------
    NoAnswerError
        The chip does not tell its dies.
    """
    die, area = die_of(chip)
    cost = chip_cost(chip, when=when, model=model)
    return {
        "chip": chip.name,
        "process": die.process,
        "package": die.package,
        "dies": die.count,
        "die_area_mm2": float(area) * MM2 / die.count,
        "prices_of": None if when is None else when.isoformat(),
        "yield_model": model,
        "dies_per_wafer": cost.dies_per_wafer,
        "die_yield": cost.die_yield,
        "die_yields": {
            name: {
                "harvested": yield_of(chip, name),
                "whole": yield_of(chip, name, harvest=False),
            }
            for name in MODELS
        },
        "package_yield": cost.package_yield,
        "cost_usd": cost.total,
        "cost_parts_usd": parts(cost),
        "budget": _budget(chip),
        "power": _power(chip),
        "design": _design(chip),
    }


def _power(chip: ChipSpec) -> dict[str, Any]:
    """Return the clock and power of a chip by what it runs, under its TDP."""
    made: dict[str, Any] = {"tdp_w": float(chip.power.tdp)}
    made["at_work"] = {
        name: {
            "clock_share": point.clock,
            "power_w": point.power,
            "logic_w": point.logic,
            "leakage_w": point.leakage,
            "memory_w": point.memory,
            "links_w": point.links,
        }
        for name, point in ((n, operating_point(chip, w)) for n, w in WORK.items())
    }
    made |= {"pj_per_flop": _flop_energies(chip), "memory_pj_per_bit": _bit(chip)}
    of_gpu = chip.vendor == "NVIDIA"  # whose units the energies are fitted to
    made["clock_by_energies"] = predict(chip, energies_of()) if of_gpu else None
    return made


def _flop_energies(chip: ChipSpec) -> dict[str, float]:
    """Return what a FLOP of large products takes by precision, all counted [pJ].

    Power under the TDP over the rate that the clock (of a GPU) or the sustained share
    leaves: units draw alike in every precision, so that narrow FLOPs take less.
    """
    point = operating_point(chip, WORK["products"])
    shares = chip.matrix.sustained
    made = {}
    for kind, peak in chip.matrix.peak.items():
        share = shares.get(kind, shares.get("bf16"))
        kept = point.clock if chip.gemm or share is None else float(share)
        made[str(kind)] = point.power / (float(peak) * kept) * PICO
    return made


def _bit(chip: ChipSpec) -> float:
    """Return what a bit of the memory takes, device and port [pJ]."""
    die, _ = die_of(chip)
    half = float(chip.hbm.bandwidth) * 8.0 / 2.0
    return float(die.hbm_power) * float(chip.power.tdp) / half * PICO


def _design(chip: ChipSpec) -> dict[str, float] | None:
    """Return what a changed chip draws at its clock, and the clock that it keeps."""
    try:
        point = design_point(chip)
    except NoAnswerError:
        return None
    names = ("logic", "sram", "leakage", "links", "memory", "full")
    made = {f"{name}_w": float(getattr(point, name)) for name in names}
    return made | {"clock_share": point.clock}


def uncertain_cost(
    chip: ChipSpec, samples: int, seed: int, when: date | None = None
) -> dict[str, Any]:
    """Return the interval of a chip's cost, and what drives it (first-order Sobol)."""
    draws = Draws(samples, seed)
    total = chip_cost(chip, when=when, take=draws).total
    return {
        "samples": samples,
        "seed": seed,
        "cost_usd": interval(total),
        "drivers": drivers(draws.found, total),
    }


def uncertain_move(
    chip: ChipSpec,
    to: str,
    at: str,
    samples: int,
    seed: int,
    when: date | None = None,
) -> dict[str, Any]:
    """Return intervals of a moved chip's cost and ratios, and what drives the cost.

    Both chips share their draws, sample for sample.
    """
    draws = Draws(samples, seed)
    found = ratios(chip, to, at, draws)
    new = moved(chip, to, ratios(chip, to, at))
    before, after = (chip_cost(c, when=when, take=draws).total for c in (chip, new))
    every = {
        "cost_usd": after,
        "cost_ratio": after / before,
        "area_ratio": found.area,
        "clock_ratio": found.clock,
        "power_ratio": found.power,
        "energy_ratio": found.energy,
    }
    whole = np.ones(samples)
    return {
        "samples": samples,
        "seed": seed,
        "intervals": {name: interval(value * whole) for name, value in every.items()},
        "drivers": drivers(draws.found, after),
    }


def parts(cost: ChipCost) -> dict[str, float]:
    """Return the parts of a cost [USD]: they sum to its total."""
    return {name: float(getattr(cost, name)) for name in PARTS}


def _budget(chip: ChipSpec) -> dict[str, Any]:
    found = budget_of(chip)
    names = ("matrix", "sram", "serdes", "hbm", "rest")
    return {
        "area_mm2": {name: float(getattr(found, name)) * MM2 for name in names},
        "dies_mm2": float(found.die) * MM2,
        "edge_used_mm": float(found.edge_used) * MM,
        "edge_mm": float(found.edge) * MM,
        "fits_area": found.fits_area,
        "fits_edge": found.fits_edge,
        "fits_reticle": found.fits_reticle,
    }


def ported(found: Ported, against: ChipSpec | None = None) -> dict[str, Any]:
    """Return a chip before and after a change of process, and beside another one."""
    rows = {"before": found.before, "after": found.chip}
    rows |= {} if against is None else {"against": against}
    return {
        "to": found.to,
        "at": found.at,
        "area_ratio": float(found.ratios.area),
        "clock_ratio": float(found.ratios.clock),
        "power_ratio": float(found.ratios.power),
        "energy_ratio": float(found.ratios.energy),
        "cost_ratio": float(found.cost.total / found.cost_before.total),
        "cost_usd": float(found.cost.total),
        "cost_parts_usd": parts(found.cost),
        "chips": {word: _figures(chip) for word, chip in rows.items()},
    }


def _figures(chip: ChipSpec) -> dict[str, Any]:
    area = chip.die_area
    return {
        "chip": chip.name,
        "status": chip.status,
        "clock_hz": float(chip.clock),
        "peak_flop_per_s": {
            name: float(rate) for name, rate in chip.matrix.peak.items()
        },
        "hbm_bytes_per_s": float(chip.hbm.bandwidth),
        "tdp_w": float(chip.power.tdp),
        "die_area_mm2": None if area is None else float(area) * MM2,
        "flop_per_j": float(chip.matrix.peak["bf16"]) / float(chip.power.tdp),
    }
