"""A bar on stderr while something runs part by part."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from accelsim.cli.output import print_error

if TYPE_CHECKING:
    from accelsim.explore.sweep.run import Progress

Answer = TypeVar("Answer")


def with_progress(
    name: str, compute: "Callable[[Callable[[Progress], None]], Answer]"
) -> Answer:
    """Run something that tells its progress; a bar on stderr if that is a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (
        TextColumn(name), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}/s"), TimeRemainingColumn(),
    )  # fmt: skip
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None, rate="–")

        def tell(progress: "Progress") -> None:
            for line in progress.lines:
                print_error(f"warning: {line}")
            speed = bar.tasks[0].speed
            rate = "–" if not speed else f"{speed:,.0f}"
            bar.update(task, completed=progress.points, total=progress.total, rate=rate)

        return compute(tell)
