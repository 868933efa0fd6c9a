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
        Figures to change by path: ``{"chip.hbm.bandwidth": "8 TB/s"}``; ``chip.`` may
        be left out.

    Raises
    ------
    InputError
        The chip, a path or a value is not known.
    """
    from accelsim import catalog
    from accelsim.chip.package import Chip
    from accelsim.overrides import Override, read_overrides

    inside = [
        Override(change.path[1:], change.value) if change.path[0] == "chip" else change
        for change in read_overrides(changes)
    ]
    return Chip(catalog.load("chips", name, inside))
