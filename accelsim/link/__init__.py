"""What one lane and one port carry, after coding and retimers, and how late.

The room's door is a function of the room's own name: `accelsim.link("connector")`. It
loads nothing before it is called.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelsim.link.answer import LinkBudget


def link(
    path: str,
    *,
    rate: str | float | None = None,
    code: str | None = None,
    lanes: int = 4,
    packet: str | float = 4096.0,
    serdes: str = "serdes-synopsys-224g-lr",
    crosstalk: float = 0.0,
) -> "LinkBudget":
    """Return the budget of a port from bump to bump.

    Parameters
    ----------
    path : str
        Segments and devices of the catalog with commas between them, such as
        ``pcb-megtron8 100 mm, connector, retimer-dsp-224g, twinax-28awg 1 m``.
    rate : str or float
        Raw, of a lane (``212.5 Gb/s``; a number is b/s); none for the highest usual one
        that every device of the path has.
    code : str
        Of the catalog; none for the one that goes with the SerDes.
    lanes : int
        Of the port.
    packet : str or float
        Payload of its packets (``4096 B``).
    serdes : str
        At both ends, where the path does not name its own.
    crosstalk : float
        Root mean square at the quantizer [V].

    Raises
    ------
    InputError
        A name, length, rate or size is wrong.
    """
    from accelsim.link.answer import ask

    return ask(
        path,
        rate=rate,
        code=code,
        lanes=lanes,
        packet=packet,
        serdes=serdes,
        crosstalk=crosstalk,
    )
