"""The timeline of an estimate: its plan asked again, drawn pass by pass."""

from accelsim.explore.held import asked_again
from accelsim.explore.result import Estimate
from accelsim.training.timeline import Timeline, timeline_of


def timeline(estimate: Estimate) -> Timeline:
    """Return when every pass of an estimate's step runs on every stage."""
    rows, done = asked_again(estimate)
    return timeline_of(rows, done, 0)
