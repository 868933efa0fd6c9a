"""A receiver at another rate than its sheet's.

This file knows what of a parameter sheet goes with the symbol rate. Below the sheet's
rate dice and packages stay; above it, where no sheet is yet, pads and coils are taken
to shrink with the symbol: a question, not a standard.
"""

from dataclasses import replace

from accelsim import catalog
from accelsim.errors import InputError, nearest
from accelsim.link.sheet import Ctle, Package, PackageCase, Sheet
from accelsim.link.spec_sheet import sheet_of_spec
from accelsim.specs.device import DeviceSpec

FALL_BACKS = 3  # halvings of the rate that are tried
SLOWEST = 16e9  # b/s, raw, of a lane


def tried_rates(lane_rate: float) -> list[float]:
    """Return a lane's rate and those that it may fall back to, the highest first."""
    slower = (lane_rate / 2.0**halving for halving in range(1, FALL_BACKS + 1))
    return [lane_rate, *(rate for rate in slower if rate >= SLOWEST)]


def sheet_of_device(spec: DeviceSpec, lane_rate: float) -> tuple[Sheet, int]:
    """Return the sheet that a device's spans are judged by, and the index of its case.

    Parameters
    ----------
    lane_rate : float
        Raw [b/s].

    Raises
    ------
    InputError
        The sheet or its case is not known.
    """
    named = catalog.load("com", spec.sheet)
    names = [case.name for case in named.cases]
    if spec.case not in names:
        hint = nearest(spec.case, names)
        raise InputError(f"{spec.name}: {spec.sheet} has no case {spec.case!r}; {hint}")
    bits = {2: 1, 4: 2}[spec.levels]
    made = at_rate(sheet_of_spec(named), lane_rate / bits)
    made = replace(made, levels=spec.levels, error_ratio=spec.error_ratio)
    return made, names.index(spec.case)


def at_rate(sheet: Sheet, symbol_rate: float) -> Sheet:
    """Return a sheet at another symbol rate: corners and edge go with the symbol."""
    ratio = symbol_rate / sheet.symbol_rate
    if ratio == 1.0:
        return sheet
    ctle = sheet.ctle
    scaled: Ctle = replace(
        ctle,
        zero=ctle.zero * ratio,
        pole=ctle.pole * ratio,
        far_pole=ctle.far_pole * ratio,
        low_corner=ctle.low_corner * ratio,
    )
    cases = sheet.cases
    if ratio > 1.0:
        cases = tuple(_smaller(case, ratio) for case in cases)
    return replace(
        sheet,
        symbol_rate=symbol_rate,
        transition_time=sheet.transition_time / ratio,
        ctle=scaled,
        cases=cases,
    )


def _smaller(case: PackageCase, ratio: float) -> PackageCase:
    def shrunk(package: Package) -> Package:
        return replace(
            package,
            pads=tuple(pad / ratio for pad in package.pads),
            coils=tuple(coil / ratio for coil in package.coils),
            bump=package.bump / ratio,
            ball=package.ball / ratio,
        )

    ends = (case.transmitter, case.fext, case.next, case.receiver)
    return PackageCase(*(shrunk(package) for package in ends))
