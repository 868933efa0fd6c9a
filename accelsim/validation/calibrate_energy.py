"""Energies of a cycle and a FLOP from two measured chips, and the clocks of the others.

This file knows a table of largest products and which two chips are fitted; how energies
make clocks is known to `silicon.power`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelsim.errors import InputError, NoAnswerError, nearest
from accelsim.silicon.cost import die_of
from accelsim.silicon.power import fit_energies, predict
from accelsim.specs.chip import ChipSpec
from accelsim.validation.chips import chip_named
from accelsim.validation.left_out import LeftOutError
from accelsim.validation.table import number, read

COLUMNS = ("chip", "tflops")
FITTED = ("a100-80gb", "h100-sxm")


def calibrate_energy(path: Path, fit: Sequence[str] = FITTED) -> dict[str, Any]:
    """Return the energies that two chips of a table give, and every chip's clock.

    Parameters
    ----------
    path : Path
        Table with `chip` and `tflops`: the bf16 rate of its largest products at TDP.
    fit : sequence of str
        Two chips whose multiprocessors differ in width.

    Raises
    ------
    InputError
        No such table, a rate above the peak, or chips that it does not have.
    """
    shares, chips = _measured(path)
    for name in fit:
        if name not in shares:
            raise InputError(f"--fit: {path} has no {name!r}; {nearest(name, shares)}")
    found = fit_energies({name: shares[name] for name in fit}, chips)
    rows, held = list[dict[str, Any]](), list[float]()
    for name, share in shares.items():
        clock, told = float(chips[name].clock), predict(chips[name], found)
        rows.append(
            {
                "chip": name,
                "fitted": name in fit,
                "measured_peak_share": share,
                "predicted_peak_share": told,
                "measured_clock_hz": share * clock,
                "predicted_clock_hz": told * clock,
                "error": told / share - 1.0,
            }
        )
        held += [] if name in fit else [abs(told / share - 1.0)]
    return {
        "file": str(path),
        "fitted_on": list(fit),
        "process": found.process,
        "clock_hz": found.clock,
        "cycle_nj": found.cycle * 1e9,
        "flop_pj": found.flop * 1e12,
        "rows": rows,
        "held_out_mape": sum(held) / len(held) if held else None,
    }


def _measured(path: Path) -> tuple[dict[str, float], dict[str, ChipSpec]]:
    """Return the share of its peak that each chip of a table reaches, and the chips."""
    shares, chips = dict[str, float](), dict[str, ChipSpec]()
    for line, row in enumerate(read(path, COLUMNS), 2):
        where = f"{path}: line {line}"
        try:
            chip, rate = chip_named(row["chip"]), number(row, "tflops")
            die_of(chip)
        except (LeftOutError, NoAnswerError, ValueError) as error:
            raise InputError(f"{where}: {row['chip']!r}: {error}") from None
        share = (rate or 0.0) * 1e12 / float(chip.matrix.peak["bf16"])
        if not 0.0 < share <= 1.0:
            raise InputError(f"{where}: tflops: {row['tflops']!r} is no part of a peak")
        shares[chip.name], chips[chip.name] = share, chip
    return shares, chips
