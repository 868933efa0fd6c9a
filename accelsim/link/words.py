"""Keywords of the IEEE COM tool: which there are, and how one is read.

This file knows the names that release 4.30 reads, which of them only report, and which
ask for what is not computed here.
"""

from collections.abc import Mapping
from typing import Any

from accelsim.errors import InputError, nearest
from accelsim.link.matlab import Rows, rows_of

# What is not computed here: keywords that must be absent or have one of these values.
ONLY: dict[str, tuple[Any, ...]] = {
    "ts_anchor": (0, 1, 2),
    "MLSE": (0, 1, 2),
    "MLSD": (0,),
    "N_qb": (0,),
    "CDR": ("MM", "Mod-MM"),
    "Include PCB": (0, 1, 2),
    "Min_VEO_Test": (0,),
    "EH_min_test": (0,),
    "Enforce Causality": (0,),
    "RX_CALIBRATION": (0,),
    "AC_CM_RMS": (0,),
    "T_r_meas_point": (0,),
    "USE_ETA0_PSD": (0,),
    "INC_PACKAGE": (1,),
    "INCLUDE_CTLE": (1,),
    "INCLUDE_TX_RX_FILTER": (1,),
    "IDEAL_TX_TERM": (0,),
    "IDEAL_RX_TERM": (0,),
    "WC_PORTZ": (0,),
    "TDMODE": (0,),
    "PKG_NAME": ("",),
    "PKG_Tx_FFE_preset": (0,),
    "AUTO_TFX": (0,),
    "TDECQ": (0, "none"),
    "Txpskew": (0,),
    "Txnskew": (0,),
    "Rxpskew": (0,),
    "Rxnskew": (0,),
    "crusor_gain": (0,),
    "ffe_backoff": (0,),
    "FloatingDFE_Development": (1,),
    "Dynamic TXFFE": (1,),
    "ERL_FOM": (1,),
    "ERL_ONLY": (0,),
    "S-parameter magnitude extrapolation policy": ("linear_trend_to_DC",),
    "S-parameter phase extrapolation policy": ("extrap_cubic_to_dc_linear_to_inf",),
}


def _split(names: str) -> frozenset[str]:
    return frozenset(names.split())


COMPUTED = _split(
    """
    f_b f_2 f_1 f_min c(0) N_b N_bx N_bg N_bf N_bmax N_f bmaxg B_float_RSS_MAX
    N_tail_start N_b_step ffe_pre_tap_len ffe_post_tap_len ffe_pre_tap1_max
    ffe_post_tap1_max ffe_tapn_max num_ui_RXFF_noise g_DC_HP f_HP_PZ f_HP_Z f_HP_P
    CTLE_type g_DC f_p1 f_p2 f_z GDC_MIN A_v A_fe A_ne A_ft A_nt L DER_0 sigma_RJ A_DD
    eta_0 SNR_TX R_LM M sample_adjustment b_max(1) b_max(2..N_b) b_min(1) b_min(2..N_b)
    G_Qual G2_Qual C_p C_d L_s C_b C_v R_d Z_t TR_TDR R_0 C_0 C_1
    package_tl_gamma0_a1_a2 package_tl_tau package_Z_c board_tl_gamma0_a1_a2
    board_tl_tau board_Z_c f_f f_n f_r BTorder RC_Start RC_end beta_x rho_x Grr_limit
    Grr Gx Tukey_Window Noise_Crest_Factor T_O T_h samples_for_C2M
    Histogram_Window_Weight sigma_r Qr QL kappa1 kappa2 T_r T_r_filter_type FORCE_TR N
    TDR_duration ERL TDR TDR_W_TXPKG TDR_Butterworth Bessel_Thomson Butterworth
    Raised_Cosine LIMIT_JITTER_CONTRIB_TO_DFE_SPAN PMD_type PHY SNR_TXwC0
    FFE_OPT_METHOD
    """
) | {
    "COM Pass threshold",
    "z_p (TX)",
    "z_p (NEXT)",
    "z_p (FEXT)",
    "z_p (RX)",
    "z_bp (TX)",
    "z_bp (NEXT)",
    "z_bp (FEXT)",
    "z_bp (RX)",
    "z_p select",
    "fixture delay time",
    "PDF bin size",
    "Force PDF bin size",
    "Impulse response truncation threshold",
}

# They print, save or speed up, or say what only other figures need.
REPORTED = _split(
    """
    Delta_f N_v D_p EH_min EH_max ffe_tap_step_size ffe_main_cursor_min delta_IL f_v
    TDR_f_BT_3db ACCM_MAX_Freq skew_ps imb_Z_fctr imb_C_fctr flip f_hp EXE_MODE
    DIAGNOSTICS DISPLAY_WINDOW CSV_REPORT SAVE_TD SAVE_FIGURES SAVE_FIGURE_to_CSV EW
    FT_COOP RESULT_DIR BREAD_CRUMBS BREAD_CRUMBS_FIELDS COM_CONTRIBUTION T_k SHOW_BRD
    inc_reflect_board RUNTAG Optimize_loop_speed_up SAVE_CONFIG2MAT PLOT_CM
    COMPUTE_RILN COMPUTE_TDILN SAVE_KEYWORD_FILE fraction_of_F_range_start_extrap_from
    TIME_AXIS
    """
) | {
    "ERL Pass threshold",
    "VEC Pass threshold",
    "Local Search",
    "Port Order",
    "exit if deployed",
    "Display frequency domain",
    "Sigma BBN step",
    "BBN Q factor",
    "Force BBN Q factor",
    "Use simple error propagation model",
    "Max burst length calculated",
    "Error propagation COM margin",
    "Enforce Causality REL_TOL",
    "Enforce Causality DIFF_TOL",
    "Enforce Causality pulse start tolerance",
    "RXFFE FLOAT CTL",
    "RXFFE TAP CONSTRAINT",
}
NEEDED = ("f_b", "L", "DER_0", "N_b", "sigma_RJ", "A_DD", "eta_0", "SNR_TX", "R_LM")
_KNOWN = {name.lower(): name for name in (*COMPUTED, *REPORTED, *ONLY)}


class Words:
    """Keywords with their sheet's name, for messages; case is not told apart.

    Raises
    ------
    InputError
        A keyword that is needed is missing, one is unknown, or one asks for what is not
        computed here.
    """

    def __init__(self, name: str, keywords: Mapping[str, Any], case: int = 1) -> None:
        self.name = name
        self.case = case
        self.keywords = {self._known(key): value for key, value in keywords.items()}
        for key in NEEDED:
            if key not in self.keywords:
                hint = nearest(key, list(self.keywords))
                raise InputError(f"{name}: {key} is missing; {hint}")
        for key, values in ONLY.items():
            if key in self.keywords and self.keywords[key] not in values:
                allowed = ", ".join(map(str, values)) or "absent"
                value = self.keywords[key]
                raise InputError(
                    f"{name}: {key}: {value!r} is not computed; only {allowed}"
                )

    def _known(self, key: str) -> str:
        lower = str(key).strip().lower()
        if lower in _KNOWN:
            return _KNOWN[lower]
        if lower.startswith("c(") and lower.endswith(")"):
            return lower
        hint = nearest(str(key), [*COMPUTED, *ONLY])
        raise InputError(f"{self.name}: unknown keyword {key!r}; {hint}")

    def __contains__(self, key: str) -> bool:
        return key in self.keywords

    def raw(self, key: str, default: Any = None) -> Any:
        """Return a value as it is written."""
        return self.keywords.get(key, default)

    def rows(self, key: str, default: Any = None) -> Rows:
        """Return a value as rows of numbers."""
        raw = self.raw(key, default)
        try:
            return rows_of(raw)
        except ValueError:
            raise InputError(f"{self.name}: {key}: {raw!r} is no number") from None

    def values(self, key: str, default: Any = None) -> tuple[float, ...]:
        """Return a value as one row."""
        return tuple(value for row in self.rows(key, default) for value in row)

    def number(self, key: str, default: Any = None) -> float:
        """Return a value as one number."""
        values = self.values(key, default)
        if len(values) != 1:
            raw = self.raw(key, default)
            raise InputError(f"{self.name}: {key}: {raw!r} must be one number")
        return values[0]

    def of_case(self, key: str, default: Any = None) -> float:
        """Return one number, the one of the package case where there are several."""
        values = self.values(key, default)
        if len(values) == 1:
            return values[0]
        if len(values) < self.case:
            raise InputError(f"{self.name}: {key}: has no case {self.case}")
        return values[self.case - 1]

    def flag(self, key: str, default: int = 0) -> bool:
        """Return whether a switch is on."""
        return self.number(key, default) != 0.0
