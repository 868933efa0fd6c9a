"""Options that several commands share.

The choices repeat those of the specs, so that `--help` need not load them; a test
holds the two together.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from accelsim.errors import InputError

PRECISIONS = (
    "fp32",
    "tf32",
    "bf16",
    "fp16",
    "int8",
    "fp8",
    "mxfp8",
    "nvfp4",
    "best",
)
OFFERS = ("on-demand", "capacity-block", "reserved", "spot", "own")
SHARDINGS = ("none", "zero1", "zero2", "zero3")
RECOMPUTES = ("none", "selective", "full")
MATCHES = ("chips", "power", "usd_per_hour", "throughput")
PLAN_FIELDS = (
    "tp",
    "sp",
    "cp",
    "pp",
    "vp",
    "ep",
    "dp",
    "micro_batch",
    "sharding",
    "recompute",
)

Command = TypeVar("Command", bound=Callable[..., Any])


def _stack(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


batch_options = _stack(
    click.option("--global-batch", type=int, metavar="B", help="Sequences of a step."),
    click.option(
        "--global-batch-tokens",
        type=int,
        metavar="T",
        help="Tokens of a step, instead of sequences.  [default: 4 Mi tokens]",
    ),
    click.option(
        "--seq-len",
        type=int,
        metavar="L",
        help="Tokens of a sequence.  [default: the model's]",
    ),
    click.option(
        "--software", metavar="W", help="Training stack.  [default: the system's]"
    ),
    click.option("--offer", type=click.Choice(OFFERS), help="Kind of price."),
)

plan_options = _stack(
    click.option("--tp", type=int, help="Tensor parallelism, in workers."),
    click.option("--sp/--no-sp", default=None, help="Sequence parallelism beside tp."),
    click.option("--cp", type=int, help="Context parallelism."),
    click.option("--pp", type=int, help="Pipeline stages."),
    click.option("--vp", type=int, help="Virtual stages of each pipeline stage."),
    click.option("--ep", type=int, help="Expert parallelism; divides dp x cp."),
    click.option("--dp", type=int, help="Data parallelism."),
    click.option("--micro-batch", type=int, help="Sequences of a micro-batch."),
    click.option(
        "--sharding", type=click.Choice(SHARDINGS), help="What the dp ranks share out."
    ),
    click.option(
        "--recompute", type=click.Choice(RECOMPUTES), help="What backward does again."
    ),
)

set_option = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="PATH=VALUE",
    help='Change a field, such as chip.hbm.bandwidth="8 TB/s"; may be repeated.',
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout."
)


def plan_of(options: dict[str, Any]) -> dict[str, Any]:
    """Take the fields of the plan out of a command's options; return those given."""
    taken = {field: options.pop(field) for field in PLAN_FIELDS}
    return {field: value for field, value in taken.items() if value is not None}


def require(options: dict[str, Any], *fields: str, otherwise: str = "") -> None:
    """Refuse a question that lacks one of the fields.

    Raises
    ------
    InputError
        With the options that are missing and what may stand in for them.
    """
    missing = [f"--{f.replace('_', '-')}" for f in fields if options[f] is None]
    if missing:
        raise InputError(f"missing {', '.join(missing)}{otherwise}")
