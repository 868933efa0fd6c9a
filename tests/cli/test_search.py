"""The command's choices are those of the search, which it does not load for --help."""

from accelsim.cli.search import OBJECTIVES as OFFERED
from accelsim.explore.search import OBJECTIVES


def test_objectives_are_those_of_the_search() -> None:
    assert tuple(OBJECTIVES) == OFFERED
