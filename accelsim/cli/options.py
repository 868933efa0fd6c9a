"""Options that several commands share.

The choices repeat those of the specs, so that `--help` need not load them; a test
holds the two together.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from accelsim.errors import InputError

if TYPE_CHECKING:
    from accelsim.specs.run import RunSpec

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
ORDERS = ("tp-cp-dp-pp", "tp-cp-pp-dp")
CP_COMM_TYPES = ("p2p", "all_gather", "a2a", "a2a+p2p")
OFFERS = ("on-demand", "capacity-block", "reserved", "spot", "own")
SHARDINGS = ("none", "zero1", "zero2", "zero3")
SCHEDULES = ("1f1b", "interleaved", "gpipe", "zb-h1", "zb-v", "dualpipe")
RECOMPUTES = ("none", "selective", "full")
OPTIMIZERS = ("adam", "adam8bit", "sgd", "muon")
MATCHES = ("chips", "power", "usd_per_hour", "throughput")
PLAN_FIELDS = (
    "tp",
    "sp",
    "cp",
    "order",
    "cp_comm_type",
    "cp_a2a",
    "pp",
    "vp",
    "stage_layers",
    "schedule",
    "ep",
    "etp",
    "dp",
    "micro_batch",
    "sharding",
    "shard_group",
    "recompute",
    "recompute_layers",
    "recompute_modules",
    "optimizer",
    "offload_activations",
    "offload_optimizer",
)

# option -> field of the run's [training]
TRAINING_FIELDS = {
    "train_tokens": "tokens",
    "reliability": "reliability",
    "checkpoint": "checkpoint",
    "storage": "storage",
    "interval": "interval",
    "spares": "spares",
    "elastic": "elastic",
    "evaluation": "evaluation",
    "evaluate_every": "evaluate_every",
}

Command = TypeVar("Command", bound=Callable[..., Any])


class FilePath(click.Path):
    """The path of a file; click alone takes an empty one for the folder we are in."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the path, or refuse an empty one."""
        if not value:
            self.fail("the path is empty", param, ctx)
        return super().convert(value, param, ctx)


def _counts(_context: Any, _option: Any, told: str | None) -> tuple[int, ...] | None:
    """Return whole numbers between commas."""
    try:
        return None if told is None else tuple(int(word) for word in told.split(","))
    except ValueError:
        raise click.BadParameter(f"{told!r}: whole numbers between commas") from None


def stack(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return a decorator that adds several options, in this order."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


run_options = stack(
    click.argument("run", required=False, metavar="[RUN.toml]"),
    click.option(
        "--model", metavar="M", help="Name, TOML or Hugging Face config.json."
    ),
    click.option("--system", metavar="S", help="Name or TOML of the system."),
    click.option("--chips", type=int, metavar="N", help="Packages that work."),
    click.option(
        "--precision",
        type=click.Choice(PRECISIONS),
        help="Of the GEMMs in the layers.  [default: bf16]",
    ),
)
batch_options = stack(
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
    click.option(
        "--price-date",
        callback=lambda _context, _option, told: told and told.date(),
        type=click.DateTime(formats=["%Y-%m-%d"]),
        help="Prices of that day.  [default: the newest]",
    ),
)

plan_options = stack(
    click.option("--tp", type=int, help="Tensor parallelism, in workers."),
    click.option("--sp/--no-sp", default=None, help="Sequence parallelism beside tp."),
    click.option("--cp", type=int, help="Context parallelism."),
    click.option(
        "--cp-comm-type",
        type=click.Choice(CP_COMM_TYPES),
        help="How context parallelism exchanges keys, or heads for tokens.",
    ),
    click.option(
        "--cp-a2a", type=int, metavar="N", help="Workers of a group of a2a+p2p."
    ),
    click.option("--pp", type=int, help="Pipeline stages."),
    click.option(
        "--order", type=click.Choice(ORDERS), help="Of groups on ranks, inside out."
    ),
    click.option("--vp", type=int, help="Virtual stages of each pipeline stage."),
    click.option(
        "--stage-layers",
        metavar="N,N,…",
        callback=_counts,
        help="Layers of each stage, one by one.",
    ),
    click.option(
        "--schedule", type=click.Choice(SCHEDULES), help="Order of a pipeline's passes."
    ),
    click.option("--ep", type=int, help="Expert parallelism."),
    click.option("--etp", type=int, help="Tensor parallelism of the experts alone."),
    click.option("--dp", type=int, help="Data parallelism."),
    click.option("--micro-batch", type=int, help="Sequences of a micro-batch."),
    click.option(
        "--sharding", type=click.Choice(SHARDINGS), help="What the dp ranks share out."
    ),
    click.option(
        "--shard-group", type=int, metavar="N", help="Workers that share one copy."
    ),
    click.option(
        "--recompute", type=click.Choice(RECOMPUTES), help="What backward does again."
    ),
    click.option(
        "--recompute-layers", type=int, metavar="N", help="Layers of a stage, not all."
    ),
    click.option(
        "--recompute-modules",
        metavar="M+…",
        help="What selective recompute repeats: layernorm, moe_act, ….",
    ),
    click.option("--optimizer", type=click.Choice(OPTIMIZERS), help="[default: adam]"),
    click.option(
        "--offload-activations",
        type=float,
        metavar="SHARE",
        help="To the host, 0 to 1.",
    ),
    click.option(
        "--offload-optimizer", is_flag=True, default=None, help="Update on the host."
    ),
)

training_options = stack(
    click.option(
        "--train-tokens", metavar="N",
        help='Of the whole run ("15 T"): days, money and failures of all of it.',
    ),
    click.option(
        "--reliability", metavar="R",
        help="Fleet whose failure rates count.  [default: llama3-h100]",
    ),
    click.option("--checkpoint", metavar="T", help="Stops the work so long (10s)."),
    click.option(
        "--storage", metavar="B/s", help="Or its bytes are written at this bandwidth."
    ),
    click.option(
        "--interval", metavar="T", help="Between checkpoints.  [default: the best]"
    ),
    click.option(
        "--spares", type=int, metavar="N",
        help="Nodes that stand by.  [default: enough]",
    ),
    click.option(
        "--elastic/--no-elastic", default=None,
        help="Replicas go on without one another.",
    ),
    click.option("--evaluation", metavar="T", help="A test stops the work so long."),
    click.option(
        "--evaluate-every", type=int, metavar="N", help="Steps between such tests."
    ),
)  # fmt: skip

set_option = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="PATH=VALUE",
    help='Change a field, such as chip.hbm.bandwidth="8 TB/s"; may be repeated.',
)
uncertain_options = stack(
    click.option(
        "--uncertain",
        type=click.IntRange(2, 10_000_000),
        metavar="N",
        help="Samples of the figures that have a spread; the plan is held.",
    ),
    click.option(
        "--seed", type=click.IntRange(min=0), help="Of the samples.  [default: 1]"
    ),
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout."
)


def figure_option(draws: str) -> Callable[[Command], Command]:
    """Return the option of a picture's file; `draws` says in its help what it shows."""
    return click.option(
        "--figure",
        type=FilePath(path_type=Path),
        metavar="FILE",
        help=f"{draws}; .png, .svg or .pdf.",
    )


def plan_of(options: dict[str, Any]) -> dict[str, Any]:
    """Take the fields of the plan out of a command's options; return those given."""
    taken = {field: options.pop(field) for field in PLAN_FIELDS}
    return {field: value for field, value in taken.items() if value is not None}


def samples_of(options: dict[str, Any]) -> tuple[int | None, int]:
    """Take the samples of uncertain figures and their seed out of a command's options.

    Raises
    ------
    InputError
        A seed without samples.
    """
    samples, seed = options.pop("uncertain"), options.pop("seed")
    if seed is not None and samples is None:
        raise InputError(f"--seed {seed}: give --uncertain as well")
    return samples, 1 if seed is None else seed


def training_of(options: dict[str, Any]) -> dict[str, Any] | None:
    """Take the fields of the whole run out of a command's options; return those given.

    None where none is: the estimate is that of a step alone.
    """
    taken = {field: options.pop(name) for name, field in TRAINING_FIELDS.items()}
    return {field: v for field, v in taken.items() if v is not None} or None


def run_of(run: str | None, options: dict[str, Any]) -> "RunSpec":
    """Take the run out of a command's options: a file's, if one is named, and theirs.

    Raises
    ------
    InputError
        No file, and not all that a run needs.
    """
    from accelsim.question import read_run, run_from

    if run is None:
        instead = " (or name a RUN.toml that says so)"
        require(options, "model", "system", "chips", otherwise=instead)
    base = None if run is None else read_run(run)
    options["training"] = training_of(options)
    plan = plan_of(options)
    return run_from(options | {"plan": plan}, base)


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


def names(text: str, option: str) -> list[str]:
    """Return names that are separated by commas.

    Raises
    ------
    InputError
        One is empty, or given twice.
    """
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise InputError(f"{option}: a name is empty in {text!r}")
    twice = [name for name in found if found.count(name) > 1]
    if twice:
        raise InputError(f"{option}: {twice[0]!r} is given twice")
    return found


def check_ending(path: Path, option: str, endings: tuple[str, ...]) -> None:
    """Refuse a file whose name has no known ending.

    Raises
    ------
    InputError
        With the endings that are known.
    """
    if path.suffix.lower() not in endings:
        raise InputError(f"{option}: {path} must end in {' or '.join(endings)}")
