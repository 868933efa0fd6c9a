"""Random small spaces: the best of a search is the best of all single estimates.

A dozen here; benchmarks/test_search.py goes through two hundred.
"""

import pytest

from accelsim.errors import AccelsimError
from accelsim.explore.search import search
from tests.spaces import best_of_singles, random_run


@pytest.mark.parametrize("seed", range(12))
def test_the_best_is_that_of_single_estimates(seed: int) -> None:
    run = random_run(seed)
    least, count = best_of_singles(run)
    if not count:
        with pytest.raises(AccelsimError):
            search(run)
        return
    found = search(run, top=1)
    assert found.best.step_time == least
    assert found.plans_fit <= count  # `selective` may be `none` by another name
