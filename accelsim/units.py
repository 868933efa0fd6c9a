"""Quantities as people write them, to SI and back.

This file knows units and nothing else: a table for each dimension, a parser that
refuses what is ambiguous, and a formatter for printing. Decimal and binary
prefixes are different words (1 GB is 10^9 B, 1 GiB is 2^30 B), so are bits and
bytes (b and B), and the bandwidth of a link must say whether it counts one
direction or both.
"""

import re
from decimal import Decimal
from math import isfinite

from accelsim.errors import InputError, nearest

_DECIMAL = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY = {
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
}
_SMALL = {"m": 1e-3, "u": 1e-6, "µ": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}


def _scaled(
    unit: str, prefixes: dict[str, float], factor: float = 1.0
) -> dict[str, float]:
    return {prefix + unit: scale * factor for prefix, scale in prefixes.items()}


def _per(units: dict[str, float], per: str, seconds: float = 1.0) -> dict[str, float]:
    return {f"{unit}/{per}": scale / seconds for unit, scale in units.items()}


_BYTES = (
    _scaled("B", _DECIMAL | _BINARY)
    | _scaled("b", _DECIMAL | _BINARY, 1 / 8)
    | _scaled("bit", _DECIMAL | _BINARY, 1 / 8)
)
_BITS = _scaled("b", _DECIMAL | _BINARY) | _scaled("bit", _DECIMAL | _BINARY)
_FLOP = _scaled("FLOP", _DECIMAL) | _scaled("OP", _DECIMAL)
_JOULE = _scaled("J", _DECIMAL | _SMALL) | {"Wh": 3600.0, "kWh": 3.6e6, "MWh": 3.6e9}
_BANDWIDTH = _per(_BYTES, "s")

# dimension -> (SI unit, {unit as written: factor to SI})
UNITS: dict[str, tuple[str, dict[str, float]]] = {
    "bytes": ("B", _BYTES),
    "bandwidth": ("B/s", _BANDWIDTH),
    "link_bandwidth": ("B/s", _BANDWIDTH),
    "bit_rate": ("b/s", _per(_BITS, "s") | {"GT/s": 1e9}),
    "symbol_rate": ("Bd", _scaled("Bd", _DECIMAL)),
    "time": (
        "s",
        _scaled("s", {"": 1.0} | _SMALL)
        | {
            "min": 60.0,
            "h": 3600.0,
            "d": 86400.0,
            "month": 2_629_800.0,
            "year": 31_557_600.0,
        },
    ),
    "frequency": ("Hz", _scaled("Hz", _DECIMAL)),
    "compute": ("FLOP", _FLOP),
    "compute_rate": ("FLOP/s", _per(_FLOP, "s")),
    "power": ("W", _scaled("W", _DECIMAL | {"m": 1e-3})),
    "energy": ("J", _JOULE),
    "energy_per_bit": ("J/b", _per(_JOULE, "b") | _per(_JOULE, "bit")),
    "energy_per_flop": ("J/FLOP", _per(_JOULE, "FLOP")),
    "edge_rate": ("b/s/m", {"Gb/s/mm": 1e12, "Tb/s/mm": 1e15, "b/s/m": 1.0}),
    "failure_rate": ("1/s", {"FIT": 1e-9 / 3600.0, "1/s": 1.0}),
    "price_per_length": ("USD/m", {"USD/m": 1.0}),
    "defect_density": ("1/m2", {"/cm2": 1e4, "/mm2": 1e6, "/m2": 1.0}),
    "price_per_area": ("USD/m2", {"USD/mm2": 1e6, "USD/cm2": 1e4, "USD/m2": 1.0}),
    "price_per_byte": ("USD/B", {"USD/GB": 1e-9, "USD/GiB": 2.0**-30, "USD/B": 1.0}),
    "carbon_intensity": ("kg/J", {"kg/kWh": 1 / 3.6e6, "g/kWh": 1e-3 / 3.6e6}),
    "length": (
        "m",
        _scaled("m", {"": 1.0, "k": 1e3, "c": 1e-2} | _SMALL)
        | {"in": 0.0254, "mil": 25.4e-6, "ft": 0.3048},
    ),
    "area": ("m2", {"m2": 1.0, "cm2": 1e-4, "mm2": 1e-6, "um2": 1e-12}),
    "money": ("USD", {"USD": 1.0, "kUSD": 1e3, "MUSD": 1e6, "BUSD": 1e9}),
    "money_rate": ("USD/s", {"USD/h": 1 / 3600.0, "USD/s": 1.0}),
    "energy_price": (
        "USD/J",
        {"USD/J": 1.0, "USD/kWh": 1 / 3.6e6, "USD/MWh": 1 / 3.6e9},
    ),
    "voltage": ("V", {"V": 1.0, "mV": 1e-3, "uV": 1e-6}),
    "resistance": ("ohm", {"ohm": 1.0}),
    "capacitance": ("F", _scaled("F", _SMALL)),
    "inductance": ("H", _scaled("H", _SMALL)),
    "voltage_density": ("V2/Hz", {"V2/Hz": 1.0, "V2/GHz": 1e-9}),
    "unit_interval": ("UI", {"UI": 1.0, "mUI": 1e-3}),
    "decibel": ("dB", {"dB": 1.0}),
    "temperature": ("degC", {"C": 1.0, "degC": 1.0, "°C": 1.0}),
    "fraction": ("", {"": 1.0, "%": 0.01}),
    "count": ("", {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}),
}
_EXAMPLES = {
    "bytes": "96 GiB",
    "bandwidth": "2.9 TB/s",
    "link_bandwidth": "50 GB/s per direction",
    "bit_rate": "106.25 Gb/s",
    "voltage": "413 mV",
    "capacitance": "120 fF",
    "inductance": "120 pH",
    "voltage_density": "9e-9 V2/GHz",
    "unit_interval": "0.02 UI",
    "decibel": "-6 dB",
    "symbol_rate": "112 GBd",
    "time": "1300 ns",
    "frequency": "2.4 GHz",
    "compute_rate": "989 TFLOP/s",
    "power": "700 W",
    "energy_per_bit": "5 pJ/b",
    "energy_per_flop": "1.5 pJ/FLOP",
    "money_rate": "35.76 USD/h",
    "length": "2 m",
    "temperature": "55 C",
    "edge_rate": "700 Gb/s/mm",
    "failure_rate": "20 FIT",
    "money": "40 USD",
    "price_per_length": "4 USD/m",
    "defect_density": "0.1 /cm2",
    "price_per_area": "0.3 USD/mm2",
    "price_per_byte": "15 USD/GB",
    "carbon_intensity": "0.35 kg/kWh",
    "energy_price": "0.07 USD/kWh",
    "count": "15 T",
}
_DIRECTIONS = {
    "per direction": 1.0,
    "one way": 1.0,
    "bidirectional": 0.5,
    "both ways": 0.5,
}
_NUMBER = r"[+-]?(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_QUANTITY = re.compile(rf"\s*({_NUMBER})\s*(.*?)\s*")


def parse(text: str, dimension: str) -> float:
    """Return the SI value of a quantity such as ``"2.9 TB/s"``, correctly rounded.

    A link bandwidth ends in ``per direction`` (``one way``) or ``bidirectional``
    (``both ways``, halved); the value returned is per direction.

    Raises
    ------
    InputError
        Not a number, no unit, or a unit of another dimension; the message does
        not name the field, which the caller knows.
    """
    units = UNITS[dimension][1]
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise InputError(f"{text!r} is not a quantity; {expected(dimension)}")
    number, unit = match[1].replace("_", ""), match[2]
    if dimension == "link_bandwidth":
        unit, scale = _direction(text, unit)
        units = {name: factor * scale for name, factor in units.items()}
    if unit in units:
        value = _product(number, units[unit])
        if not isfinite(value):
            raise InputError(f"{text!r} is too large; {expected(dimension)}")
        return value
    if not unit:
        raise InputError(f"{text!r} has no unit; {expected(dimension)}")
    other = [name for name, (_, known) in UNITS.items() if unit in known]
    reason = f"is {_a(other[0])}" if other else "has an unknown unit"
    if unit.startswith(","):
        reason = "has a comma in its number"
    hint = "" if other else nearest(unit, units)
    raise InputError(f"{text!r} {reason}; {expected(dimension)}; {hint}".rstrip("; "))


def _product(number: str, factor: float) -> float:
    try:
        return float(Decimal(number) * Decimal(repr(factor)))
    except ArithmeticError:  # an exponent that no decimal has
        return float("inf")


def _direction(text: str, unit: str) -> tuple[str, float]:
    for words, scale in _DIRECTIONS.items():
        if unit.endswith(words):
            return unit.removesuffix(words).rstrip(" ,"), scale
    raise InputError(
        f"{text!r} must say 'per direction' or 'bidirectional'; "
        f"{expected('link_bandwidth')}"
    )


def _a(dimension: str) -> str:
    if dimension == "bytes":
        return "a number of bytes"
    article = "an" if dimension[0] in "aeiou" else "a"
    return f"{article} {dimension.replace('_', ' ')}"


def expected(dimension: str) -> str:
    """Return what a quantity of a dimension looks like, for an error message."""
    si_unit = UNITS[dimension][0]
    example = _EXAMPLES.get(dimension, f"1 {si_unit}".strip())
    return f"expected {_a(dimension)} such as {example!r}"


_PREFIXES = [
    (1e18, "E"),
    (1e15, "P"),
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "u"),
    (1e-9, "n"),
    (1e-12, "p"),
]


# SI units that no prefix stands well before: (unit as people write it, its number).
_CUSTOMARY = {
    "m2": ("mm2", 1e6),
    "1/m2": ("/cm2", 1e-4),
    "USD/m2": ("USD/mm2", 1e-6),
    "USD/B": ("USD/GB", 1e9),
    "USD/J": ("USD/kWh", 3.6e6),
    "kg/J": ("kg/kWh", 3.6e6),
}


def show(value: float, unit: str, digits: int = 3) -> str:
    """Return `value` in SI with a decimal prefix: ``show(3.35e12, "B/s")``."""
    if unit in _CUSTOMARY:
        unit, scale = _CUSTOMARY[unit]
        return f"{value * scale:.{digits}g} {unit}"
    if value == 0 or not isfinite(value):
        return f"{value:g} {unit}".rstrip()
    fitting = (pair for pair in _PREFIXES if abs(value) >= pair[0] * 0.9995)
    scale, prefix = next(fitting, _PREFIXES[-1])
    return f"{value / scale:.{digits}g} {prefix}{unit}".rstrip()


def show_bytes(value: float) -> str:
    """Return a memory size in GiB, the unit in which memories are sold."""
    return f"{value / 2**30:.1f} GiB"
