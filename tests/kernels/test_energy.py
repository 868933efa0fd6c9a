"""Joules of bytes: the tier that holds the group decides, by hand."""

import numpy as np

from accelsim.kernels import tables
from accelsim.kernels.energy import byte_joules, fill_link_joules
from accelsim.training.lower import table
from tests.examples import case, plan, switch, world
from tests.examples import tiers as tiers_of


def test_a_byte_costs_what_its_tier_costs() -> None:
    rows = tiers_of(switch(8), switch(1024))
    rows[0].carried, rows[1].carried = 1.0, 2.0
    spans = [byte_joules(rows, span) for span in (1.0, 8.0, 9.0, 1024.0, 4096.0)]
    assert spans == [1.0, 1.0, 2.0, 2.0, 2.0]


def test_each_kind_of_traffic_spans_its_own_group() -> None:
    rows = tiers_of(switch(8), switch(1024))
    rows[0].carried, rows[1].carried = 1.0, 10.0
    made = world(case=case(workers=64.0), tiers=rows).rows
    one = plan(tp=4, cp=2, ep=4, dp=4, pp=2)
    plans = np.array([one, one], tables.PLAN).view(np.recarray)
    results, joules = table(tables.RESULT, 2), np.empty(2)
    for name, size in (("tp", 1), ("cp", 2), ("ep", 3), ("dp", 4), ("pp", 5)):
        results[f"{name}_bytes"][1] = size
    fill_link_joules(made.cases, made.tiers, plans, results, joules)
    # tp spans 4 and cp 8 workers of a node; ep 16, dp 32 and pp 64 of all
    assert list(joules) == [0.0, 64 * (1 + 2 + 30 + 40 + 50)]
