"""Where tables go: as wide as the terminal, and unbroken where there is none."""

from __future__ import annotations

from rich.console import Console, RenderableType

__all__ = ["show"]

WIDE = 240
"""Columns of what is piped into a file or another program."""


def show(what: RenderableType) -> None:
    """Prints to standard output."""
    console = Console(highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDE)
    console.print(what)
