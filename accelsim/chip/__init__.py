"""How long a chip takes for one operator, and how many bytes that moves.

The room's door is a function of the room's own name: `accelsim.chip("b200")`. It loads
nothing before it is called.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelsim.chip.package import Chip
    from accelsim.overrides import Overrides


def chip(name: str, changes: "Overrides" = ()) -> "Chip":
    """Return a chip of the catalog, or of a TOML file, that can be asked.

    Parameters
    ----------
    changes : mapping or texts
        Figures to change by path: ``{"hbm.bandwidth": "8 TB/s"}``.

    Raises
    ------
    InputError
        The chip, a path or a value is not known.
    """
    from accelsim import catalog
    from accelsim.chip.package import Chip
    from accelsim.overrides import read_overrides

    return Chip(catalog.load("chips", name, read_overrides(changes)))
