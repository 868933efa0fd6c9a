"""`accelsim estimate`: one run, answered in full."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from accelsim.cli import options
from accelsim.cli.output import print_error, print_json, print_tables

if TYPE_CHECKING:
    from accelsim.explore.result import Estimate


@click.command(
    "estimate",
    epilog="""\b
Examples:
  accelsim estimate --model llama3-70b --system dgx-h100 --chips 512 --tp 8
  accelsim estimate megatron-175b-selene --explain --timeline
  accelsim estimate megatron-175b-selene --chakra traces
  accelsim estimate megatron-175b-selene --set chip.hbm.bandwidth="3 TB/s"
  accelsim estimate megatron-175b-selene --train-tokens 300G --checkpoint 10s

Exit code 1: no plan fits; the message says what is short and what comes nearest.""",
)
@options.run_options
@options.batch_options
@options.plan_options
@click.option("--explain", is_flag=True, help="Where the time went, and what helps.")
@click.option("--timeline", is_flag=True, help="Draw the passes of every stage.")
@click.option(
    "--figure",
    type=options.FilePath(dir_okay=False),
    metavar="FILE",
    help="Draw the timeline (.png, .svg or .pdf).",
)
@click.option(
    "--trace",
    type=options.FilePath(dir_okay=False, path_type=Path),
    metavar="FILE.json",
    help="Write the timeline for ui.perfetto.dev.",
)
@click.option(
    "--chakra",
    type=options.FilePath(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write it as Chakra execution traces, one a rank.",
)
@options.training_options
@options.uncertain_options
@options.set_option
@options.json_option
def estimate_command(
    run: str | None,
    explain: bool,
    timeline: bool,
    figure: str | None,
    trace: Path | None,
    chakra: Path | None,
    changes: tuple[str, ...],
    as_json: bool,
    **given: Any,
) -> None:
    """Estimate the step time, memory, energy and cost of one training run.

    RUN.toml is a file or the name of a run in the catalog; options win over what it
    says. Parts of the plan that are left out are searched for: the answer is the
    fastest plan that fits in memory.
    """
    from accelsim.catalog import parse_overrides
    from accelsim.explore.estimate import estimate
    from accelsim.kernels.warm import compiling_beside

    _check_files(figure, trace)
    overrides = parse_overrides(changes)
    samples, seed = options.samples_of(given)
    asked = options.run_of(run, given)
    with compiling_beside():
        answer = estimate(asked, overrides)
    told, more = answer.to_dict(), list[Any]()
    if explain:
        told["explanation"] = _explained(answer, more)
    if timeline or figure or trace or chakra:
        files = (figure, trace, chakra)
        told["timeline"] = _drawn(answer, files, more if timeline else None)
    if samples is not None:
        told["uncertain"] = _spread(answer, samples, seed, more)
    if as_json:
        print_json(told)
        return
    from accelsim.report.estimate import estimate_tables

    print_tables([*estimate_tables(answer), *more])


def _explained(answer: "Estimate", tables: list[Any]) -> dict[str, Any]:
    """Return the explanation as plain data; add its tables."""
    from accelsim.explore.explanation import explain
    from accelsim.report.explanation import explanation_tables

    found = explain(answer)
    tables += explanation_tables(found)
    return found.to_dict()


def _check_files(figure: str | None, trace: Path | None) -> None:
    """Refuse files that cannot be written, before anything is computed."""
    from accelsim.files import target_of
    from accelsim.report.figures import check_figure

    if figure is not None:
        check_figure(figure)
    if trace is not None:
        options.check_ending(trace, "--trace", (".json",))
        target_of(trace)


def _drawn(
    answer: "Estimate",
    files: tuple[str | None, Path | None, Path | None],
    tables: list[Any] | None,
) -> dict[str, Any]:
    """Draw the timeline where it is asked for; return how exact it is.

    files : picture, trace for Perfetto, folder of Chakra traces.
    """
    from accelsim.explore.timeline import timeline
    from accelsim.report.timeline import difference, timeline_tables

    found = timeline(answer)
    figure, trace, chakra = files
    title = (
        f"{answer.question.model.name} on {answer.chips} x {answer.question.chip.name}"
    )
    title += f", {answer.plan.text()}"
    if figure is not None:
        from accelsim.report.picture.raster import save
        from accelsim.report.timeline_figure import timeline_figure

        save(timeline_figure(found, title), Path(figure))
    if trace is not None:
        from accelsim.report.trace import write_trace

        write_trace(trace, found, title)
    if chakra is not None:
        from accelsim.report.chakra import write_chakra

        write_chakra(chakra, found, answer.plan)
    if tables is not None:
        tables += timeline_tables(found)
    for line in difference(found) if tables is None else ():
        print_error(f"note: {line}")
    return found.to_dict()


def _spread(
    answer: "Estimate", samples: int, seed: int, tables: list[Any]
) -> dict[str, Any]:
    """Return the intervals as plain data; add their tables."""
    from accelsim.explore.uncertain import uncertain
    from accelsim.report.uncertain import interval_tables

    found = uncertain([answer], samples, seed)[0].to_dict()
    told = found | {"samples": samples, "seed": seed}
    tables += interval_tables({answer.question.system.name: told})
    return told
