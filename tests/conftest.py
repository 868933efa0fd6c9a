"""What every test runs under: one Hypothesis profile and no catalog of the user's."""

import os

import pytest
from hypothesis import HealthCheck, settings

# The first example of a kernel compiles it, so there is no deadline; a fixed seed
# makes a run repeatable.
settings.register_profile(
    "full",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
# Kernels in plain Python are up to 300 times slower.
settings.register_profile("few", settings.get_profile("full"), max_examples=15)
# `make soak`: --hypothesis-profile=soak
settings.register_profile(
    "soak", settings.get_profile("full"), derandomize=False, max_examples=2000
)
_SLOW = os.environ.get("NUMBA_DISABLE_JIT") == "1" or bool(os.environ.get("CI"))
settings.load_profile("few" if _SLOW else "full")


@pytest.fixture(autouse=True)
def _no_catalog_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACCELSIM_PATH", raising=False)
