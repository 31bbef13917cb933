"""What people see: tables as wide as the terminal, and unbroken where there is none; and nothing that a terminal obeys.

Keys, errors and names are anybody's texts. Whatever of them is shown goes through `visible`, but for JSON.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

from rich.console import Console, RenderableType
from rich.markup import escape

from remit.errors import visible

UNWELL = 1
"""The exit code of a command that worked, and what it saw needs somebody."""
REFUSED = 3
"""The exit code where the domain said no."""

WIDE = 240
"""Columns of what is piped into a file or another program."""


def show(what: RenderableType) -> None:
    """Prints a table to standard output. The texts in it are cells."""
    console = Console(highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDE)
    console.print(what)


def cell(text: str) -> str:
    """Anybody's text as it may stand in a table, on one line."""
    return escape(visible(text.replace("\n", "\\n")))


def time_shown(seconds: float) -> str:
    """Universal time, of seconds since the epoch."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%SZ}"


def say(text: object, *, error: bool = False) -> None:
    """Prints lines to standard output, or to standard error."""
    lines = (visible(line) for line in str(text).split("\n"))
    print("\n".join(lines), file=sys.stderr if error else sys.stdout, flush=True)


class LineFormatter(logging.Formatter):
    """Lines of a log. Those that belong to one entry are indented, tracebacks too."""

    def format(self, record: logging.LogRecord) -> str:
        """One entry."""
        return visible(super().format(record))
