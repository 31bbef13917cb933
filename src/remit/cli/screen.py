"""Output for people: tables, or blocks of lines if the terminal is too narrow for a table. No control characters.

Keys, errors and names may contain any text. All of it passes through `visible` before it is printed, except in JSON.
"""

from __future__ import annotations

import json as jsons
import logging
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from remit.errors import Finding, ModelError, RemitError, visible

UNWELL = 1
"""The exit code of a command that worked and saw something that needs attention."""
REFUSED = 3
"""The exit code after a refusal of the domain."""

PARTS = ("code", "where", "what", "expected", "next")
"""The parts of an error."""

WIDE = 240
"""The width of output that goes into a file or another program, in columns."""


def show(table: Table) -> None:
    """Prints a table to standard output. Its texts must come from `cell`.

    Nothing is truncated: on a terminal that is too narrow for the table, each row becomes a block of lines.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDE)
    wide = Measurement.get(console, console.options.update(max_width=WIDE * 10), table).maximum
    if console.is_terminal and wide > console.width:
        for block in _blocks(table, console.width):
            console.print(block, soft_wrap=True)  # a terminal wraps long lines without losing text
    else:
        console.print(table)


def _blocks(table: Table, width: int) -> Iterator[str]:
    """Rows as blocks: the first cell alone, and below it the other cells with their titles, as many per line as fit."""
    titles = [str(column.header) for column in table.columns]
    for first, *others in zip(*(map(str, column.cells) for column in table.columns), strict=True):
        lines = [""]
        for title, text in zip(titles[1:], others, strict=True):
            if not text:
                continue
            pair = f"[dim]{title}[/] {text}"
            if lines[-1] and cell_len(Text.from_markup(f"  {lines[-1]}  {pair}").plain) > width:
                lines.append("")
            lines[-1] += f"  {pair}" if lines[-1] else pair
        yield "\n  ".join([f"[bold]{first}[/]", *filter(None, lines)])


def cell(text: str) -> str:
    """Any text in a form for a table cell: on one line, without control characters and markup."""
    return escape(visible(text.replace("\n", "\\n")))


def time_shown(seconds: float) -> str:
    """The time in UTC. `seconds` are since the epoch."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%SZ}"


def say(text: object, *, error: bool = False) -> None:
    """Prints lines to standard output, or to standard error, without control characters."""
    lines = (visible(line) for line in str(text).split("\n"))
    print("\n".join(lines), file=sys.stderr if error else sys.stdout, flush=True)


def say_error(error: RemitError, *, as_json: bool) -> None:
    """Prints an error to standard error. As JSON, prints every finding of a `ModelError` separately."""
    if not as_json:
        say(error, error=True)
        return
    found: Sequence[Finding | RemitError] = (error.findings if isinstance(error, ModelError) else []) or [error]
    entries = [{name: getattr(each, name) for name in PARTS} for each in found]
    say(jsons.dumps({"errors": entries}), error=True)


class LineFormatter(logging.Formatter):
    """Log lines. Further lines of one entry, such as a traceback, are indented."""

    def format(self, record: logging.LogRecord) -> str:
        """The text of one entry."""
        return visible(super().format(record))
