"""The chips of a table, in the words that tables have for them."""

from functools import lru_cache

from accelsim import catalog
from accelsim.specs.chip import ChipSpec
from accelsim.validation.left_out import NO_CHIP, LeftOutError


@lru_cache(maxsize=256)
def chip_named(text: str) -> ChipSpec:
    """Return the chip that a cell names, as in H100-SXM, A100-80GB or h200_sxm.

    Raises
    ------
    LeftOutError
        The catalog has no such chip.
    """
    name = text.strip().lower().replace("_", "-").replace(" ", "-")
    name = name.removeprefix("nvidia-")
    bare = name.replace("-sxm4", "").replace("-sxm5", "").replace("-sxm", "")
    known = catalog.names("chips")
    for guess in (name, bare, f"{bare}-sxm", f"{bare}-80gb"):
        if guess in known:
            chip: ChipSpec = catalog.load("chips", guess)
            return chip
    raise LeftOutError(NO_CHIP)
