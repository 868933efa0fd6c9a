"""The program `accelsim`: its commands, and how it ends.

This file knows the exit codes and how a failure is told. It computes nothing, and
loads nothing but click before a command runs.

Exit codes: 0, answered; 1, a valid question that has no answer; 2, bad input;
130, interrupted; 141, the reader of the output went away.
"""

import contextlib
import sys
from typing import Any

import click

import accelsim
from accelsim.cli.calibrate import calibrate_group
from accelsim.cli.chain import chain_command
from accelsim.cli.claim import claim_command
from accelsim.cli.collective import collective_command
from accelsim.cli.compare import compare_command
from accelsim.cli.estimate import estimate_command
from accelsim.cli.explore import explore_command
from accelsim.cli.fabric import fabric_command
from accelsim.cli.goodput import goodput_command
from accelsim.cli.hbm import hbm_command
from accelsim.cli.link import link_command
from accelsim.cli.operators import attention_command, gemm_command
from accelsim.cli.optimise import optimise_command
from accelsim.cli.output import nowhere, one_line, print_error, print_json
from accelsim.cli.report import report_group
from accelsim.cli.search import search_command
from accelsim.cli.sensitivity import sensitivity_command
from accelsim.cli.show import list_command, show_command
from accelsim.cli.silicon import silicon_command
from accelsim.cli.supply import supply_command
from accelsim.cli.sweep import sweep_group
from accelsim.cli.validate import validate_group
from accelsim.cli.validate_kernels import KERNEL_COMMANDS
from accelsim.errors import AccelsimError, NoAnswerError

NO_ANSWER = 1
BAD_INPUT = 2
INTERRUPTED = 130
PIPE_CLOSED = 141


class Program(click.Group):
    """The commands, with every failure told in one line on stderr."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command and exit the process with its code."""
        given = extra.get("args") or (args[0] if args else None) or sys.argv[1:]
        as_json = "--json" in given
        if sys.stdout is None:  # closed by the shell (`>&-`)
            sys.exit(_fail("stdout is closed", BAD_INPUT, as_json=False))
        try:
            code = super().main(*args, **{**extra, "standalone_mode": False})
        except click.Abort:
            code = INTERRUPTED
        except click.ClickException as error:
            code = _fail(_usage(error), BAD_INPUT, as_json=as_json)
        except NoAnswerError as error:
            code = _fail(str(error), NO_ANSWER, as_json=as_json)
        except AccelsimError as error:
            code = _fail(str(error), BAD_INPUT, as_json=as_json)
        except OSError as error:
            code = _fail(_system_error(error), BAD_INPUT, as_json=as_json)
        sys.exit(code)

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the commands in the order of the documents, not of the alphabet."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader that went away (`| head`) ends it quietly."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            nowhere(sys.stdout)
            raise click.exceptions.Exit(PIPE_CLOSED) from None
        except KeyboardInterrupt:
            print_error("interrupted")
            raise click.exceptions.Exit(INTERRUPTED) from None


def _usage(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    message = message[:1].lower() + message[1:]
    context = getattr(error, "ctx", None)
    return f"{message}; see {context.command_path} --help" if context else message


def _system_error(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


def _fail(message: str, code: int, *, as_json: bool) -> int:
    line = one_line(message).rstrip("; ")
    if as_json:
        kind = "no-answer" if code == NO_ANSWER else "bad-input"
        # A stdout that takes nothing may be why we are here: stderr says it all.
        with contextlib.suppress(OSError):
            print_json({"error": line, "kind": kind})
    print_error(f"error: {line}")
    return code


@click.group(
    cls=Program,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Example:
  accelsim compare llama3-70b --systems trn2-ultraserver,dgx-h100 --chips 512

Every command has its own --help.""",
)
@click.version_option(
    accelsim.__version__, prog_name="accelsim", message="%(prog)s %(version)s"
)
@click.pass_context
def main(context: click.Context) -> None:
    """Compare LLM training on AI accelerators, from the compute tile to the dollar.

    What a run costs in time, memory, energy and money on Trainium, GPUs and TPUs,
    and what a change of hardware gains or loses. Chips, links, systems, models and
    prices are text files with the source of every figure.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for _command in (
    list_command,
    show_command,
    estimate_command,
    compare_command,
    search_command,
    sweep_group,
    sensitivity_command,
    optimise_command,
    gemm_command,
    attention_command,
    collective_command,
    fabric_command,
    hbm_command,
    link_command,
    chain_command,
    silicon_command,
    goodput_command,
    supply_command,
    claim_command,
    validate_group,
    calibrate_group,
    report_group,
    explore_command,
):
    main.add_command(_command)
for _command in KERNEL_COMMANDS:
    validate_group.add_command(_command)
