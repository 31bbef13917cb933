"""What a person sees of a cohort that plays on a platform which is killed: how far it is, and how it ended."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.soak.crash import Outcome, Sizes

__all__ = ["progress", "show"]


@contextmanager
def progress(sizes: Sizes) -> Generator[Callable[[Outcome], None]]:
    """Two bars on standard error, gone at the end; nothing where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        students = bars.add_task("students", total=sizes.students)
        kills = bars.add_task("kills", total=sizes.kills)

        def watch(outcome: Outcome) -> None:
            bars.update(students, completed=outcome.students)
            bars.update(kills, completed=outcome.kills)

        yield watch


def show(sizes: Sizes, outcome: Outcome) -> None:
    """A table of what happened, and what does not hold."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    table.add_column()
    rows = {
        f"of {sizes.students} students came through": outcome.students,
        f"of {sizes.kills} kills of the running platform": outcome.kills,
        "of them between a commit and its consequence": outcome.between,
        "more kills while it was starting": outcome.starting,
        "requests repeated for want of an answer": outcome.retries,
        **outcome.counts,
        "findings": len(outcome.findings),
    }
    for what, count in rows.items():
        table.add_row(str(count), what)
    console = Console(highlight=False)
    console.print(table)
    for finding in outcome.findings:
        console.print(f"WRONG: {finding}", style="bold red", markup=False, soft_wrap=True)
    verdict = "everything holds" if not outcome.findings else "something does not hold"
    console.print(f"{verdict}, after {outcome.seconds:.0f} s with seed {sizes.seed} on {sizes.store}")
