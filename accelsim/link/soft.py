"""Which guesses a run rests on, those of its links' wires included.

This file knows the devices, segments and codes behind a link's path, and which of their
figures a port does not take since the link states its own.
"""

from accelsim.link.wire import link_of
from accelsim.question import Question
from accelsim.specs.figure import SOFT_KINDS, Figure, NamedSpec, figures
from accelsim.specs.link import LinkSpec

# what of a device or code a run can feel; the link may state the first two itself
DERIVED = ("latency", "energy")
FELT = (*DERIVED, "loss", "boost", "penalty", "corner", "jitter", "peaking", "decode")

LOSSY = ("line.", "parts.")  # of a segment


def soft_figures(q: Question) -> dict[str, Figure]:
    """Return the figures that rest on press reports or assumptions, by path."""
    found = q.soft_figures()
    for name, link in q.links.items():
        found |= {f"link.{name}.{path}": f for path, f in of_wire(link).items()}
    return found


def of_wire(spec: LinkSpec) -> dict[str, Figure]:
    """Return the soft figures of a link's wire, by path; none of a link without one."""
    if not spec.path or spec.ideal:
        return {}
    asked = link_of(spec)
    parts: dict[str, NamedSpec] = {i.spec.name: i.spec for i in asked.path.items}
    parts[asked.code.name] = asked.code
    felt = [name for name in FELT if name not in DERIVED or getattr(spec, name) is None]
    return {
        f"path.{part}.{path}": figure
        for part, made in parts.items()
        for path, figure in figures(made).items()
        if figure.kind in SOFT_KINDS and (path in felt or path.startswith(LOSSY))
    }
