"""The keywords of the IEEE COM tool's sheets, as numbers.

This file knows their names, units and defaults (release 4.30), and the few MATLAB
expressions that sheets are written in: ``[a b; c d]``, ``a:step:b``, ``x*ones(1,n)``.
"""

import re
from collections.abc import Mapping
from math import floor
from typing import Any

from accelsim.errors import InputError, nearest
from accelsim.link.sheet import (
    Ctle,
    Feedback,
    Forward,
    Line,
    Package,
    PackageCase,
    ReturnLoss,
    Sheet,
)

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_ONES = re.compile(rf"({_NUMBER})\*ones\(1,(\d+)\)")
_RANGE = re.compile(rf"^({_NUMBER}):(?:({_NUMBER}):)?({_NUMBER})$")
_MOST_VALUES = 10_000
Rows = tuple[tuple[float, ...], ...]

# What is not computed here: keywords that must be absent or have one of these values.
ONLY: dict[str, tuple[Any, ...]] = {
    "Include PCB": (0,),
    "T_O": (0,),
    "T_h": (0,),
    "N_b_step": (0,),
    "ts_anchor": (0, 1),
    "MLSE": (0, 1),
    "MLSD": (0,),
    "N_qb": (0,),
    "CDR": ("MM",),
    "FFE_OPT_METHOD": ("MMSE",),
    "f_HP_Z": (),
    "f_HP_P": (),
    "GDC_MIN": (0,),
    "SNR_TXwC0": (0,),
    "Raised_Cosine": (0,),
    "Bessel_Thomson": (0,),
    "LIMIT_JITTER_CONTRIB_TO_DFE_SPAN": (0,),
    "Noise_Crest_Factor": (0,),
    "Enforce Causality": (0,),
    "RX_CALIBRATION": (0,),
    "AC_CM_RMS": (0,),
}
NEEDED = ("f_b", "L", "DER_0", "N_b", "sigma_RJ", "A_DD", "eta_0", "SNR_TX", "R_LM")


def sheet_of(name: str, keywords: Mapping[str, Any]) -> Sheet:
    """Return the sheet that keywords of the tool stand for.

    Raises
    ------
    InputError
        A keyword that is needed is missing, a value is none, or one asks for what is
        not computed here.
    """
    for key in NEEDED:
        if key not in keywords:
            raise InputError(f"{name}: {key} is missing; {nearest(key, keywords)}")
    for key, values in ONLY.items():
        if key in keywords and keywords[key] not in values:
            allowed = ", ".join(map(str, values)) or "absent"
            value = keywords[key]
            raise InputError(
                f"{name}: {key}: {value!r} is not computed; only {allowed}"
            )
    words = _Words(name, keywords)
    rate = words.number("f_b") * 1e9
    tx_taps, tx_cursor = _tx_taps(words)
    return Sheet(
        name=name,
        symbol_rate=rate,
        levels=int(words.number("L")),
        samples=int(words.number("M", 32)),
        reference=words.number("R_0", 50.0),
        transition_time=words.number("T_r", 8e-3) * 1e-9 * words.number("FORCE_TR", 0),
        receiver_corner=words.number("f_r", 0.75),
        victim=words.number("A_v", 0.5),
        far=words.number("A_fe", 0.5),
        near=words.number("A_ne", 0.5),
        level_ratio=words.number("R_LM"),
        snr_tx_db=words.number("SNR_TX"),
        noise_density=words.number("eta_0"),
        random_jitter=words.number("sigma_RJ"),
        dual_dirac=words.number("A_DD"),
        error_ratio=words.number("DER_0"),
        cases=_packages(words),
        ctle=_ctle(words, rate),
        tx_taps=tx_taps,
        tx_cursor=tx_cursor,
        tx_cursor_min=words.number("c(0)", 0.0),
        feedback=_feedback(words),
        forward=_forward(words),
        phases=_phases(words),
        at_peak=words.number("ts_anchor", 0) == 1,
        sequence_detector=words.number("MLSE", 0) == 1,
        crosstalk_band=words.number("f_2", rate / 1e9) * 1e9,
        icn_far=words.number("A_ft", words.number("A_fe", 0.5)),
        icn_near=words.number("A_nt", words.number("A_ne", 0.5)),
        icn_far_corner=words.number("f_f", 4.0),
        icn_near_corner=words.number("f_n", 4.0),
        lowest_frequency=words.number("f_min", 0.05) * 1e9,
        erl=_erl(words) if words.number("ERL", 0) else None,
        margin_db=words.number("COM Pass threshold", 3.0),
    )


class _Words:
    """Keywords with their sheet's name, for messages."""

    def __init__(self, name: str, keywords: Mapping[str, Any]) -> None:
        self.name = name
        self.keywords = keywords

    def rows(self, key: str, default: Any = None) -> Rows:
        """Return a value as rows of numbers."""
        raw = self.keywords.get(key, default)
        try:
            return _rows(raw)
        except ValueError:
            raise InputError(f"{self.name}: {key}: {raw!r} is no number") from None

    def values(self, key: str, default: Any = None) -> tuple[float, ...]:
        """Return a value as one row."""
        return tuple(value for row in self.rows(key, default) for value in row)

    def number(self, key: str, default: Any = None) -> float:
        """Return a value as one number."""
        values = self.values(key, default)
        if len(values) != 1:
            raw = self.keywords.get(key, default)
            raise InputError(f"{self.name}: {key}: {raw!r} must be one number")
        return values[0]


def _rows(raw: Any) -> Rows:
    if isinstance(raw, bool | int | float):
        return ((float(raw),),)
    if isinstance(raw, list | tuple):
        if raw and isinstance(raw[0], list | tuple):
            return tuple(tuple(map(float, row)) for row in raw)
        return (tuple(map(float, raw)),)
    if not isinstance(raw, str):
        raise ValueError(raw)
    text = raw.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    return tuple(_row(row) for row in text.split(";"))


def _row(text: str) -> tuple[float, ...]:
    text = _ONES.sub(lambda m: " ".join([m[1]] * min(int(m[2]), _MOST_VALUES)), text)
    found: list[float] = []
    for word in text.replace(",", " ").split():
        bounds = _RANGE.match(word)
        if bounds is None:
            found.append(float(word))
            continue
        start, stop = float(bounds[1]), float(bounds[3])
        step = float(bounds[2] or 1.0)
        count = floor((stop - start) / step + 1e-9) + 1 if step else 0
        if count > _MOST_VALUES:
            raise ValueError(word)
        found += [start + step * k for k in range(count)]
    return tuple(found)


def _tx_taps(words: _Words) -> tuple[tuple[tuple[float, ...], ...], int]:
    pre = post = 0
    while f"c(-{pre + 1})" in words.keywords:
        pre += 1
    while f"c({post + 1})" in words.keywords:
        post += 1
    names = [f"c(-{n})" for n in range(pre, 0, -1)] + [
        f"c({n})" for n in range(1, post + 1)
    ]
    taps = [words.values(name) for name in names]
    while pre and taps[0] == (0.0,):  # leading taps that are always nothing
        taps, pre = taps[1:], pre - 1
    return tuple(taps), pre


def _packages(words: _Words) -> tuple[PackageCase, ...]:
    chosen = [int(value) for value in words.values("z_p select", 1)]
    found = []
    for case in chosen:
        ends = {
            "transmitter": _package(words, "z_p (TX)", case, 0),
            "fext": _package(words, "z_p (FEXT)", case, 0),
            "next": _package(words, "z_p (NEXT)", case, 0),
            "receiver": _package(words, "z_p (RX)", case, 1),
        }
        found.append(PackageCase(**ends))
    return tuple(found)


def _package(words: _Words, key: str, case: int, end: int) -> Package:
    lengths, impedances = words.rows(key), words.rows("package_Z_c")
    if any(len(row) < case for row in lengths):
        raise InputError(f"{words.name}: {key}: has no case {case}")
    gamma0, a1, a2 = words.values("package_tl_gamma0_a1_a2")
    tau = words.number("package_tl_tau", 6.141e-3)
    lines = tuple(
        Line(
            length=row[case - 1] * 1e-3,
            impedance=_of(impedance, end),
            gamma0=gamma0 * 1e3,
            a1=a1 * 1e3,
            a2=a2 * 1e3,
            tau=tau * 1e3,
        )
        for row, impedance in zip(lengths, impedances, strict=False)
    )
    return Package(
        pads=_ladder(words, "C_d", end),
        coils=_ladder(words, "L_s", end),
        bump=_of(words.values("C_b", 0.0), end) * 1e-9,
        lines=lines,
        ball=_of(words.values("C_p", 0.0), end) * 1e-9,
        resistance=_of(words.values("R_d", 50.0), end),
    )


def _of(row: tuple[float, ...], end: int) -> float:
    return row[end] if end < len(row) else row[0]


def _ladder(words: _Words, key: str, end: int) -> tuple[float, ...]:
    """Return a ladder's values: a row an end, or one row with a value an end."""
    rows = words.rows(key, 0.0)
    if len(rows) > 1:
        return tuple(value * 1e-9 for value in rows[min(end, len(rows) - 1)])
    return (_of(rows[0], end) * 1e-9,)


def _ctle(words: _Words, rate: float) -> Ctle:
    second = "g_DC_HP" in words.keywords
    return Ctle(
        zero=words.values("f_z", rate / 4e9)[0] * 1e9,
        pole=words.values("f_p1", rate / 4e9)[0] * 1e9,
        far_pole=words.values("f_p2", rate / 1e9)[0] * 1e9,
        gains_db=words.values("g_DC", 0.0),
        low_corner=words.values("f_HP_PZ")[0] * 1e9 if second else 0.0,
        low_gains_db=words.values("g_DC_HP") if second else (0.0,),
    )


def _limits(words: _Words, first: str, rest: str, count: int) -> tuple[float, ...]:
    if count == 0:
        return ()
    values = words.values(rest, 0.2) if count > 1 else ()
    if len(values) == 1:
        values *= count - 1
    if len(values) < count - 1:
        raise InputError(f"{words.name}: {rest}: has {len(values)} of {count - 1}")
    return (words.number(first), *values[: count - 1])


def _feedback(words: _Words) -> Feedback:
    count = int(words.number("N_b"))
    high = _limits(words, "b_max(1)", "b_max(2..N_b)", count)
    low = tuple(-value for value in high)
    if "b_min(1)" in words.keywords:
        low = _limits(words, "b_min(1)", "b_min(2..N_b)", count)
    groups = 0 if _has_forward(words) else int(words.number("N_bg", 0))
    return Feedback(
        high=high,
        low=low,
        span=int(words.number("N_f", count)) if groups else count,
        groups=groups,
        group_taps=int(words.number("N_bf", 6)),
        floating_max=words.number("bmaxg", 0.2),
        tail_start=int(words.number("N_tail_start", 0)) if groups else 0,
        tail_max=words.number("B_float_RSS_MAX", 0.0),
    )


def _has_forward(words: _Words) -> bool:
    keys = ("ffe_pre_tap_len", "ffe_post_tap_len")
    return any(words.number(key, 0) for key in keys)


def _forward(words: _Words) -> Forward | None:
    if not _has_forward(words):
        return None
    groups = int(words.number("N_bg", 0))
    return Forward(
        pre=int(words.number("ffe_pre_tap_len", 0)),
        post=int(words.number("ffe_post_tap_len", 0)),
        limit=words.number("ffe_tapn_max", 0.7),
        first_pre_limit=words.number("ffe_pre_tap1_max", 0.7),
        first_post_limit=words.number("ffe_post_tap1_max", 0.7),
        span=int(words.number("N_f", 0)) if groups else 0,
        groups=groups,
        group_taps=int(words.number("N_bf", 6)),
        floating_max=words.number("bmaxg", 0.2),
        floating_start=int(words.number("N_tail_start", 0)),
        intervals=int(words.number("num_ui_RXFF_noise", 2048)),
    )


def _phases(words: _Words) -> tuple[int, int]:
    values = words.values("sample_adjustment", (0, 0))
    if len(values) == 1:
        return 0, int(values[0])
    return int(values[0]), int(values[1])


def _erl(words: _Words) -> ReturnLoss:
    delays = words.values("fixture delay time", (0.0, 0.0))
    return ReturnLoss(
        transition_time=words.number("TR_TDR", 8e-3) * 1e-9,
        intervals=int(words.number("N", 0)),
        feedback=int(words.number("N_bx", words.number("N_b"))),
        rho=words.number("rho_x", 0.618),
        beta=words.number("beta_x", 0.0),
        fixture_delay=(_of(delays, 0), _of(delays, 1)),
        window=words.number("Tukey_Window", 0) != 0,
        impedance=words.number("Z_t", words.number("R_0", 50.0)),
    )
