"""The progress of a command on a terminal: how many are done, how many per second, and the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from remit.cli.screen import cell

Step = Callable[[str, int, int | None], None]
"""Shows how far something is: its name, how many are done, and of how many, if that is known."""


@contextmanager
def progress(counted: str) -> Generator[Step]:
    """Shows progress bars, one for each name, unless standard error is no terminal. `counted` names what is counted."""
    from rich.console import Console  # slow to import, and needed by few commands only
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(counted))
    rate, console = TextColumn("{task.fields[rate]}"), Console(stderr=True)
    with Progress(*columns, rate, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def step(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(cell(name), total=None, rate="")
            at = tasks[name]
            speed = next(each.speed for each in bar.tasks if each.id == at)
            bar.update(at, completed=done, total=total, rate=f"{speed:,.0f}/s" if speed else "")

        yield step
