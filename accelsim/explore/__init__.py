"""Many questions at once: compare, search, sweep."""

from accelsim.explore.compare import compare
from accelsim.explore.estimate import estimate, estimate_many
from accelsim.explore.result import Comparison, Estimate, Plan

__all__ = ["Comparison", "Estimate", "Plan", "compare", "estimate", "estimate_many"]
