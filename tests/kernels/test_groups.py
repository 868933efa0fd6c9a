"""Groups of workers that share what is sharded."""

from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.groups import alike, sharers
from tests.examples import plan


def test_all_replicas_share_unless_a_group_is_stated() -> None:
    assert (sharers(plan(dp=8, cp=2)), alike(plan(dp=8, cp=2))) == (16, 1)
    stated = plan(dp=8, cp=2, shard_group=4)
    assert (sharers(stated), alike(stated)) == (4, 4)


@given(st.integers(1, 64), st.integers(1, 64))
def test_groups_make_up_all_replicas(group: int, groups: int) -> None:
    one = plan(dp=group * groups, shard_group=group)
    assert sharers(one) * alike(one) == group * groups
