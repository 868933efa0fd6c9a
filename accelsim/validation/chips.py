"""The chips of a table, in the words that tables have for them."""

import re
from functools import lru_cache

from accelsim import catalog
from accelsim.specs.chip import ChipSpec
from accelsim.validation.left_out import NO_CHIP, LeftOutError

# Words that tell no two chips of the catalog apart.
UNTOLD = {
    *["nvidia", "amd", "aws", "gpu", "sxm", "sxm4", "sxm5", "hbm2e", "hbm3", "hbm3e"]
}


@lru_cache(maxsize=256)
def chip_named(text: str) -> ChipSpec:
    """Return the chip that a cell names, as in H100-SXM, A100-80GB or h200_sxm.

    Raises
    ------
    LeftOutError
        The catalog has no such chip.
    """
    words = re.split(r"[\s_-]+", text.strip().lower())
    told = [word for word in words if word not in UNTOLD]
    name, first = "-".join(told), told[0] if told else ""
    known = catalog.names("chips")
    guesses = [text.strip().lower(), name, f"{name}-sxm", f"{name}-80gb"]
    if "pcie" in told:
        guesses.append(f"{first}-pcie")
    elif not {"nvl", "500w"} & set(told):
        guesses += [f"{first}-sxm", first]
    for guess in guesses:
        if guess in known:
            chip: ChipSpec = catalog.load("chips", guess)
            return chip
    raise LeftOutError(NO_CHIP)
