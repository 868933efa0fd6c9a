"""From decibels to dollars: what a change of hardware does to an LLM training run.

This file knows the public names and where each of them lives. It loads nothing heavy:
``import accelsim`` costs milliseconds, and a room is loaded when one of its names is
first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# `accelsim.chip` is a function, and a room; so is `accelsim.link`. Python binds a room
# to its name when it is first imported: here, before the function takes the name for
# good. The room is found all the same: `from accelsim.chip.gemm import …` looks for a
# module's full name.
from accelsim.chip import chip
from accelsim.link import link

if TYPE_CHECKING:
    from accelsim.catalog import load
    from accelsim.errors import AccelsimError, InputError, NoAnswerError
    from accelsim.explore.chain import chain
    from accelsim.explore.compare import compare
    from accelsim.explore.estimate import estimate, estimate_many
    from accelsim.explore.explanation import explain
    from accelsim.explore.optimise import optimise
    from accelsim.explore.result import Estimate
    from accelsim.explore.search import search
    from accelsim.explore.sensitivity import sensitivity
    from accelsim.explore.sobol import sobol
    from accelsim.fabric.collective import system
    from accelsim.silicon.scale import port
    from accelsim.specs.run import PlanSpec, RunSpec

__version__ = "0.1.0"
__all__ = [
    "AccelsimError",
    "Estimate",
    "InputError",
    "NoAnswerError",
    "PlanSpec",
    "RunSpec",
    "chain",
    "chip",
    "compare",
    "estimate",
    "estimate_many",
    "explain",
    "link",
    "load",
    "optimise",
    "port",
    "search",
    "sensitivity",
    "sobol",
    "system",
]

_HOME = {
    "AccelsimError": "accelsim.errors",
    "Estimate": "accelsim.explore.result",
    "InputError": "accelsim.errors",
    "NoAnswerError": "accelsim.errors",
    "PlanSpec": "accelsim.specs.run",
    "RunSpec": "accelsim.specs.run",
    "chain": "accelsim.explore.chain",
    "chip": "accelsim.chip",
    "compare": "accelsim.explore.compare",
    "estimate": "accelsim.explore.estimate",
    "estimate_many": "accelsim.explore.estimate",
    "explain": "accelsim.explore.explanation",
    "link": "accelsim.link",
    "load": "accelsim.catalog",
    "optimise": "accelsim.explore.optimise",
    "port": "accelsim.silicon.scale",
    "search": "accelsim.explore.search",
    "sensitivity": "accelsim.explore.sensitivity",
    "sobol": "accelsim.explore.sobol",
    "system": "accelsim.fabric.collective",
}


def __getattr__(name: str) -> Any:
    """Load the room of a public name when the name is first used (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, loaded or not."""
    return sorted([*__all__, "__version__"])
