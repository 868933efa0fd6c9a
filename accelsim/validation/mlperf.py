"""What MLPerf submissions publish beside their logs: plan, precision, recomputation.

This file knows the `config_*.sh` that stand beside the results of rounds 4.0 to 5.1
(mlcommons/training_results_v4.0@6fe9543, v4.1@b87b9e3, v5.0@0fdc28f, v5.1@441d65f). Who
publishes none took those of NVIDIA or AMD.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.validation.table import Row, count

LORA, SMALL, LARGE = "llama2_70b_lora", "llama31_8b", "llama31_405b"
MOST = 1_000_000  # chips of a system
HOPPER, BLACKWELL = r"H[12]00", r"G?B[23]00"


@dataclass(frozen=True, slots=True)
class Config:
    """A published configuration; the first that contradicts no cell of a row counts.

    Attributes
    ----------
    benchmark, chip : str
        Name of the benchmark, pattern of the chip.
    tp, cp, micro_batch : int
        As set; cp 0 is what one sequence a replica leaves.
    where : str
        Pattern of round, submitter and system, as the column `source` has them.
    chips : int
        Of the system, at most.
    precision, recompute : str
        As a table would write them.
    narrow : bool
        Attention in fp8, too (FP8_DPA=1).
    pp : int
    """

    benchmark: str
    chip: str
    tp: int = 1
    cp: int = 0
    micro_batch: int = 1
    where: str = ""
    chips: int = MOST
    precision: str = ""
    recompute: str = ""
    narrow: bool = False
    pp: int = 1

    def cells(self, row: Row) -> dict[str, str]:
        """Return the cells that it gives for a row."""
        chips, batch = count(row, "n_chips") or 1, count(row, "global_batch") or 1
        cp = self.cp or max(1, chips // (batch * self.tp))
        found = {"tp": str(self.tp), "pp": str(self.pp), "cp": str(cp)}
        found |= {"micro_batch": str(self.micro_batch), "recompute": self.recompute}
        return found | {"precision": self.precision}

    def fits(self, row: Row) -> bool:
        """Return whether it can be the configuration behind a row."""
        source = row.get("source", "")
        here = f"/{self.benchmark}" in source and re.search(self.where, source)
        small = (count(row, "n_chips") or 0) <= self.chips
        if not (here and small and re.match(rf"(?:{self.chip})\b", row["chip"])):
            return False
        said = self.cells(row).items()
        return all(row.get(k, "") in ("", v) for k, v in said if v)


CONFIGS = (
    # v5.1: Dell config_1xXE9680Lx8B200-SXM-180GB.sh, Lenovo config_SR780aV3_…,
    # Supermicro config_{AS-4126GS-NBR-LCC,SYS-422GS-NBRT-LCC}_…_fp4.sh, Nebius
    # configs/nebius_b200_n*: all with config_common_fp4.sh and …_fp8attn.sh
    *(
        Config(SMALL, "B[23]00", 1, 1, batch, where, precision="nvfp4", narrow=True)
        for batch, where in (
            (2, r"v5.1: (Dell/results/1xXE9680L|Lenovo/)"),
            (2, r"v5.1: Supermicro/results/(AS-4126|SYS-422)GS-NBR"),
            (2, r"v5.1: Nebius/results/nebius_b200_n1"),
            (1, r"v5.1: Nebius/results/nebius_b200_n"),
        )
    ),
    *(
        Config(LORA, "B200", 1, cp, 1, where, precision="nvfp4", narrow=True)
        for cp, where in (
            (2, r"v5.1: Dell/results/1xXE9680L"),
            (0, r"v5.1: Nebius/results/nebius_b200_n"),
        )
    ),
    # v5.1: NVIDIA README-*_ngpu{8,512,2560,5120}_ngc25.09_nemo.md name config_*_fp4.sh
    *(
        Config(LARGE, chip, tp, 2, 1, r"v5.1: NVIDIA/", precision="nvfp4", pp=8)
        for chip, tp in (("GB200", 4), ("GB300", 2))
    ),
    Config(SMALL, "GB[23]00", 1, 1, 2, chips=8, precision="nvfp4", narrow=True),
    Config(LORA, "GB200", 1, 2, chips=8, precision="nvfp4", narrow=True),
    Config(LORA, "GB300", 1, 1, chips=8, precision="nvfp4", narrow=True),
    # config_{DGXB200_1x8x2,DGXB200_8x8x1,GB200_18x4x1,GB300_18x4x1}*_8b.sh, HPE
    # config_XD670_8x8x1xtp1pp1cp2_8b.sh, AMD config_MI35*_1x8x1_8b.sh
    Config(SMALL, BLACKWELL, 1, 1, 2, chips=16),
    Config(SMALL, BLACKWELL, 1, 2, chips=128),
    Config(SMALL, "H200", 1, 2, 1, "HPE", narrow=True),
    Config(SMALL, "MI3[0-9]+X", 1, 1, 2),
    # v4.0, v4.1: config_{DGXH200,G593-ZD1,ESC_N8_H200}_1x8x2xtp2pp1cp1.sh; v5.0: HPE
    # config_XD670_{H200_1x8x2xtp2pp1cp1,2x8x4xtp4pp1cp2,H200_4x8x2xtp2pp1cp1}.sh
    Config(LORA, "H200", 2, 1, 1, r"v4|v5.0: HPE", 8, narrow=True),
    Config(LORA, "H200", 4, 2, 1, r"v5.0: HPE", 32),
    Config(LORA, "H200", 1, 2, chips=8),  # config_DGXH200_1x8x2xtp1pp1cp2.sh
    # config_{ESC_N8_H200_n2,C885A_2x8x1xtp1pp1cp1,XD670_H200_2x8x1xtp2pp1cp1}.sh
    Config(LORA, "H200", 2, 1, chips=16, narrow=True),
    Config(LORA, "H200", 4, 1, chips=32, narrow=True),  # DGXH200_4x8x1xtp4pp1cp1
    Config(LORA, "H200", 4, 1, 1, "Krai", narrow=True),  # XD670_H200_8x8x1xtp4pp1cp1
    # config_DGXH100_{1x4x8,1x8x4}xtp4pp1cp1.sh (FP8_DPA=1), …_{8,64,128}x8x1xtp4pp1cp2
    # (FP8_DPA=0), Lambda config_1cc_{2x8x4xtp4pp1cp2,4x8x1xtp4pp1cp1}.sh
    Config(LORA, "H100", 4, 1, chips=8, narrow=True),
    Config(LORA, "H100", 4, 2, chips=16),
    Config(LORA, "H100", 4, 1, chips=32),
    Config(LORA, f"{HOPPER}|L40S", 4, 2),
    # config_{DGXB200,DGXB300,GB200,GB300}_*.sh, config_common.sh: TP=1, FP8_DPA=1
    Config(LORA, BLACKWELL, narrow=True),
    # config_MI300X_{1,2,4}x8x1.sh and config_MI325X_2x8x1.sh: ACG=full ACM=block ACL=21
    Config(LORA, "MI300X", recompute="full on 21 layer(s)"),
    Config(LORA, "MI325X", chips=8, recompute="none"),
    Config(LORA, "MI325X", recompute="full on 21 layer(s)"),
    Config(LORA, "MI3[0-9]+X", recompute="none"),
)


def published(row: Row) -> Mapping[str, str]:
    """Return the cells that the configuration behind a row gives."""
    config = _behind(row)
    return {} if config is None else config.cells(row)


def narrow_attention(row: Row) -> bool:
    """Return whether the configuration behind a row has attention in fp8."""
    config = _behind(row)
    return config is not None and config.narrow


def scaled_now(row: Row) -> bool:
    """Return whether fp8 tensors are scaled by their own largest values.

    FP8_RECIPE="tensorwise" in config_common.sh of llama31_8b and llama31_405b, v5.1.
    """
    found = re.search(
        rf"v5\.1: .*/(?:{SMALL}|llama3_8b|{LARGE})", row.get("source", "")
    )
    return found is not None and not row["chip"].startswith("MI")


def _behind(row: Row) -> Config | None:
    return next((config for config in CONFIGS if config.fits(row)), None)
