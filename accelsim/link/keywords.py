"""The keywords of the IEEE COM tool's sheets, as numbers.

This file knows their units and defaults (release 4.30); `link.words` knows which there
are, `link.keyword_packages` those of packages and boards.
"""

from collections.abc import Mapping
from math import floor
from typing import Any

from accelsim.errors import InputError
from accelsim.kernels.com_tables import AFTER, BALANCE, DIFFERENCE, PEAK
from accelsim.link.keyword_packages import boards_of, of, packages_of
from accelsim.link.sheet import (
    Corners,
    Ctle,
    Feedback,
    Filters,
    Forward,
    PackageCase,
    ReturnLoss,
    Sheet,
    Window,
)
from accelsim.link.words import Words

GHZ, NS = 1e9, 1e-9
SHAPES = {
    "gaussian": "gaussian",
    "norm": "gaussian",
    "normal": "gaussian",
    "guassian": "gaussian",
    "triangle": "triangle",
    "rectangle": "rectangle",
    "dual_rayleigh": "dual_rayleigh",
}


def sheet_of(name: str, keywords: Mapping[str, Any], case: int = 1) -> Sheet:
    """Return the sheet that keywords of the tool stand for.

    Parameters
    ----------
    case : int
        The package case, from 1, whose amplitudes and transmitter's noise the sheet
        has, where they differ.

    Raises
    ------
    InputError
        A keyword that is needed is missing or unknown, a value is none, or one asks for
        what is not computed here.
    """
    words = Words(name, keywords)
    chosen = words.values("z_p select", 1)
    words.case = int(chosen[case - 1]) if 1 <= case <= len(chosen) else case
    rate = words.number("f_b") * GHZ
    cases = packages_of(words)
    tx_taps, tx_cursor = _tx_taps(words)
    return Sheet(
        name=name,
        symbol_rate=rate,
        levels=int(words.number("L")),
        samples=int(words.number("M", 32)),
        reference=words.number("R_0", 50.0),
        transition_time=_edge(words),
        receiver_corner=words.number("f_r", 4.0),
        victim=words.of_case("A_v"),
        far=words.of_case("A_fe"),
        near=words.of_case("A_ne"),
        level_ratio=words.number("R_LM"),
        snr_tx_db=words.of_case("SNR_TX"),
        noise_density=words.number("eta_0"),
        random_jitter=words.number("sigma_RJ"),
        dual_dirac=words.number("A_DD"),
        error_ratio=words.number("DER_0"),
        cases=cases,
        ctle=_ctle(words, rate),
        tx_taps=tx_taps,
        tx_cursor=tx_cursor,
        tx_cursor_min=words.number("c(0)", 0.0),
        feedback=_feedback(words),
        forward=_forward(words),
        phases=_phases(words),
        anchor=_anchor(words),
        sequence_detector=int(words.number("MLSE", 0)),
        crosstalk_band=words.number("f_2", rate / GHZ) * GHZ,
        icn_far=of(words.values("A_ft", words.raw("A_fe")), 0),
        icn_near=of(words.values("A_nt", words.raw("A_ne")), 0),
        icn_far_corner=words.number("f_f", 4.0),
        icn_near_corner=words.number("f_n", 4.0),
        lowest_frequency=words.number("f_1", words.raw("f_min", 0.05)) * GHZ,
        erl=_erl(words, cases[0]) if words.number("ERL", 0) else None,
        margin_db=words.number("COM Pass threshold", 3.0),
        **_unusual(words, rate),
    )


def _unusual(words: Words, rate: float) -> dict[str, Any]:
    """Return what the tool's keywords can ask for and no standard does."""
    return {
        "as_measured": True,
        "kept": words.number("Impulse response truncation threshold", 1e-3),
        "largest_bin": words.number("PDF bin size", 1e-5),
        "forced_bin": words.flag("Force PDF bin size"),
        "crest": words.number("Noise_Crest_Factor", 0.0),
        "jitter_span": words.flag("LIMIT_JITTER_CONTRIB_TO_DFE_SPAN"),
        "noise_of_all_taps": words.flag("SNR_TXwC0"),
        "kappa": (words.number("kappa1", 1.0), words.number("kappa2", 1.0)),
        "filters": _filters(words, rate),
        "boards": boards_of(words),
        "window": _window(words),
    }


def _edge(words: Words) -> float:
    shaped = words.flag("FORCE_TR") or words.flag("T_r_filter_type")
    return words.number("T_r", 8e-3) * NS if shaped else 0.0


def _anchor(words: Words) -> int:
    asked = int(words.number("ts_anchor", 0))
    if asked == 0:
        return AFTER if words.raw("CDR") == "Mod-MM" else BALANCE
    return PEAK if asked == 1 else DIFFERENCE


def _tx_taps(words: Words) -> tuple[tuple[tuple[float, ...], ...], int]:
    pre = post = 0
    while f"c(-{pre + 1})" in words:
        pre += 1
    while f"c({post + 1})" in words:
        post += 1
    before = [words.values(f"c(-{n})") for n in range(pre, 0, -1)]
    after = [words.values(f"c({n})") for n in range(1, post + 1)]
    nothing = (0.0,)
    while before and before[0] == nothing:
        before = before[1:]
    if not before:  # the tool then moves what follows next to the cursor
        while after and after[0] == nothing:
            after = after[1:]
    return (*before, *after), len(before)


def _ctle(words: Words, rate: float) -> Ctle:
    gains = words.values("g_DC", 0.0)
    zeros = _by_gain(words, "f_z", rate / 4.0, len(gains))
    poles = _by_gain(words, "f_p1", rate / 4.0, len(gains))
    far = _by_gain(words, "f_p2", rate, len(gains))
    low_zeros = low_poles = [0.0] * len(gains)
    low_gains: tuple[float, ...] = (0.0,)
    corners = low_gains
    if "f_HP_Z" in words:  # Annex 120E: the corner, not the gain, is what a list gives
        low_zeros = _by_gain(words, "f_HP_Z", 0.0, len(gains))
        low_poles = _by_gain(words, "f_HP_P", 0.0, len(gains))
        zeros = [
            zero / 10.0 ** (gain / 20.0)
            for zero, gain in zip(zeros, gains, strict=True)
        ]
    elif "g_DC_HP" in words:
        low_gains = words.values("g_DC_HP")
        corners = tuple(_by_gain(words, "f_HP_PZ", 0.0, len(low_gains)))
    made = [
        Corners(*each)
        for each in zip(zeros, poles, far, low_zeros, low_poles, strict=True)
    ]
    return Ctle(
        zero=zeros[0],
        pole=poles[0],
        far_pole=far[0],
        gains_db=gains,
        low_corner=corners[0],
        low_gains_db=low_gains,
        of_gain=tuple(made) if len(set(made)) > 1 or low_poles[0] else (),
        low_corners=corners if len(set(corners)) > 1 else (),
        refused=_refused(words, gains, low_gains),
    )


def _by_gain(words: Words, key: str, otherwise: float, count: int) -> list[float]:
    values = words.values(key, otherwise / GHZ)
    if len(values) == 1:
        values *= count
    if len(values) < count:
        raise InputError(f"{words.name}: {key}: has {len(values)} of {count}")
    return [value * GHZ for value in values[:count]]


def _refused(
    words: Words, gains: tuple[float, ...], low_gains: tuple[float, ...]
) -> frozenset[tuple[float, float]]:
    """Return the pairs of gains that a sheet does not allow together."""
    least = words.number("GDC_MIN", 0.0)
    ranges = words.rows("G_Qual") if "G_Qual" in words else ()
    lows = words.values("G2_Qual") if "G2_Qual" in words else ()
    if len(ranges) != len(lows) or any(len(pair) != 2 for pair in ranges):
        raise InputError(f"{words.name}: G_Qual: must have two gains a G2_Qual")
    bands = sorted(zip(lows, ranges, strict=True), reverse=True)
    tops = [bands[0][0] + 2.3e-16, *(low for low, _ in bands)] if bands else []

    def allowed(gain: float, low_gain: float) -> bool:
        if least and gain + low_gain > least:
            return False
        return not bands or any(
            low <= low_gain < top and min(pair) <= gain < max(pair)
            for top, (low, pair) in zip(tops, bands, strict=False)
        )

    return frozenset((g, h) for g in gains for h in low_gains if not allowed(g, h))


def _limits(words: Words, first: float, rest: str, count: int) -> tuple[float, ...]:
    if count < 2:
        return (first,)[:count]
    values = words.values(rest, 0.2)
    if len(values) == 1:
        values *= count - 1
    if len(values) < count - 1:
        raise InputError(f"{words.name}: {rest}: has {len(values)} of {count - 1}")
    return (first, *values[: count - 1])


def _feedback(words: Words) -> Feedback:
    count = int(words.number("N_b"))
    first = words.number("b_max(1)") if count else 0.0
    high = _limits(words, first, "b_max(2..N_b)", count)
    low = tuple(-value for value in high)
    if "b_min(2..N_b)" in words:
        low = (*low[:1], *_limits(words, 0.0, "b_min(2..N_b)", count)[1:])
    if "b_min(1)" in words and count:
        low = (words.number("b_min(1)"), *low[1:])
    groups = 0 if _has_forward(words) else int(words.number("N_bg", 0))
    tail = int(words.number("N_tail_start", 0))
    return Feedback(
        high=high,
        low=low,
        span=int(words.number("N_f", count)) if groups else count,
        groups=groups,
        group_taps=int(words.number("N_bf", 6)),
        floating_max=words.number("bmaxg", 0.2),
        tail_start=0 if _has_forward(words) else tail,
        tail_max=words.number("B_float_RSS_MAX", 0.0),
        step=words.number("N_b_step", 0.0),
    )


def _has_forward(words: Words) -> bool:
    keys = ("ffe_pre_tap_len", "ffe_post_tap_len")
    return any(words.flag(key) for key in keys)


def _forward(words: Words) -> Forward | None:
    if not _has_forward(words):
        return None
    method = words.raw("FFE_OPT_METHOD", "FV-LMS")
    if method != "MMSE":
        raise InputError(
            f"{words.name}: FFE_OPT_METHOD: {method!r} is not computed; only MMSE"
        )
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


def _phases(words: Words) -> tuple[int, int]:
    values = words.values("sample_adjustment", (0, 0))
    if len(values) == 1:
        return min(0, int(values[0])), max(0, int(values[0]))
    return int(values[0]), int(values[1])


def _filters(words: Words, rate: float) -> Filters:
    cosine = None
    if words.flag("Raised_Cosine"):
        end = rate * words.number("f_r", 4.0)
        start = words.number("RC_Start", rate / 2.0)
        cosine = (start, words.number("RC_end", end))
    order = int(words.number("BTorder", 4)) if words.flag("Bessel_Thomson") else 0
    return Filters(words.flag("Butterworth", 1), order, cosine)


def _window(words: Words) -> Window | None:
    kind = words.raw("PHY", words.raw("PMD_type", "C2C"))
    reach = words.number("T_h", words.raw("T_O", 0.0)) / 1e3
    if str(kind).upper() != "C2M" or not reach:
        return None
    if words.flag("MLSE"):
        raise InputError(f"{words.name}: T_O: is not computed with MLSE; only 0")
    asked = str(words.raw("Histogram_Window_Weight", "rectangle"))
    if asked.lower() not in SHAPES:
        allowed = ", ".join(sorted(set(SHAPES.values())))
        raise InputError(
            f"{words.name}: Histogram_Window_Weight: {asked!r} is none of {allowed}"
        )
    samples = int(words.number("samples_for_C2M", 100))
    sigma = words.number("Qr", words.raw("sigma_r", 0.02))
    ratio = words.number("QL", reach / sigma)
    steps = floor(reach * samples + 1e-9)
    return Window(reach, samples, SHAPES[asked.lower()], steps / ratio / samples)


def _erl(words: Words, case: PackageCase) -> ReturnLoss:
    delays = words.values("fixture delay time", (0.0, 0.0))
    weighing = int(words.number("Grr", words.raw("Grr_limit", 1)))
    if words.number("Gx", 0) == 1:
        weighing = 2
    return ReturnLoss(
        transition_time=words.number("TR_TDR", 8e-3) * NS,
        intervals=int(words.number("N", 0)),
        feedback=int(words.number("N_bx", words.raw("N_b"))),
        rho=words.number("rho_x", 0.618),
        beta=words.number("beta_x", 0.0),
        fixture_delay=(of(delays, 0), of(delays, 1)),
        window=words.flag("Tukey_Window"),
        impedance=words.number("Z_t", 50.0),
        filtered=words.flag("TDR_Butterworth", 1),
        weighing=weighing,
        bin=10.0 * words.number("PDF bin size", 1e-5),
        transits=words.number("TDR_duration", 5.0),
        package=case if words.flag("TDR_W_TXPKG") else None,
    )
