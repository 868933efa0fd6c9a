"""How the tests of the command line run it, and one small answer to print."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from accelsim.cli import main
from accelsim.explore.compare import compare
from accelsim.explore.comparison import Comparison
from accelsim.explore.estimate import estimate
from accelsim.explore.result import Estimate


@pytest.fixture
def accelsim() -> Callable[..., Result]:
    """Run the program in this process: `accelsim("list", "chips")`."""

    def run(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(main, arguments, env=environment)

    return run


@pytest.fixture(scope="session")
def small_estimate() -> Estimate:
    return estimate(
        {"model": "llama3-8b", "system": "dgx-h100", "chips": 16, "global_batch": 64}
    )


@pytest.fixture(scope="session")
def small_comparison() -> Comparison:
    systems = ["dgx-h100", "gb200-nvl72", "trn2-ultraserver"]
    return compare("llama3-8b", systems, chips=64, global_batch=128)
