"""Many plans at once: the same rows as one by one."""

import numpy as np

from accelsim.kernels import tables
from accelsim.training.evaluate import evaluate
from accelsim.training.lower import lower
from accelsim.training.plans import candidates
from tests.examples import MOE_SPEC, question

QUESTIONS = [
    question(16),
    question(8, model={"moe": MOE_SPEC}),
    question(16, seq_len=512),
]


def test_plans_share_layers_and_keep_their_rows() -> None:
    rows = lower(QUESTIONS)
    every = [candidates(q, i) for i, q in enumerate(QUESTIONS)]
    plans = np.concatenate([p[p.reason == tables.OK] for p in every])
    done = evaluate(rows, plans.view(np.recarray), only_fitting=False)
    for i in range(0, len(plans), 17):
        alone = evaluate(rows, plans[i : i + 1].view(np.recarray), only_fitting=False)
        assert alone.results[0] == done.results[i]
        assert alone.memory[0] == done.memory[i]


def test_a_search_times_what_fits() -> None:
    # between the least and the most that any plan of the example needs
    q = question(16, chip={"hbm": {"capacity": "3.5 GB"}})
    rows = lower([q])
    plans = candidates(q, 0)
    plans = plans[plans.reason == tables.OK]
    done = evaluate(rows, plans, only_fitting=True)
    fits = done.fits(rows)
    assert fits.any()
    assert not fits.all()
    assert np.array_equal(fits, done.memory.total <= 3.5e9)
    assert np.array_equal(np.isnan(done.results.step_time), ~fits)
