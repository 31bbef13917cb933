"""How deep a transaction is in the chain of its callers: whoever waits for a connection waits for deeper ones only.

A handler that may have a connection calls another one that needs one too. When all come from one heap, those that have
them wait for those that wait for them. So each is of a level, one deeper than that of the nearest caller which may have
one, and each level has connections of its own. The chain goes through the tasks of a process by a context variable, and
to other processes by a header.
"""

from __future__ import annotations

from contextvars import ContextVar


class Nested:
    """The place of a transaction in the chain, until it is `over`."""

    __slots__ = ("level", "outer", "over")

    def __init__(self, level: int, outer: Nested | None) -> None:
        self.level = level
        self.outer = outer
        self.over = False

    @classmethod
    def here(cls) -> Nested:
        """A place for a transaction that begins here. What is called from here on is deeper."""
        outer = _live()
        nested = cls(0 if outer is None else outer.level + 1, outer)
        _innermost.set(nested)
        return nested


_innermost: ContextVar[Nested | None] = ContextVar("innermost", default=None)


def _live() -> Nested | None:
    """The nearest one that is not over: those of earlier calls stay in the context of a task that goes on."""
    found = _innermost.get()
    while found is not None and found.over:
        found = found.outer
    return found


def depth() -> int:
    """The level of a transaction that would begin here: how many callers may have one open."""
    outer = _live()
    return 0 if outer is None else outer.level + 1


def arrived(depth: int) -> Nested | None:
    """A call came from another process, where the level was this; to be undone by `left` with what this gives."""
    before = _innermost.get()
    _innermost.set(Nested(depth - 1, None) if depth > 0 else None)
    return before


def left(before: Nested | None) -> None:
    """That call is answered. Not by a token: what is never ended is closed in another context."""
    _innermost.set(before)
