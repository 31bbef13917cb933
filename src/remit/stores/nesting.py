"""The depth of transactions in a chain of calls. It prevents deadlocks between handlers that wait for connections.

A handler with a connection may call another handler that needs one too. With one common pool, the handlers that hold
connections would wait for handlers that wait for connections. So each transaction has a level, one deeper than the
nearest caller's, and each level has connections of its own. A context variable carries the level within a process, and
a header carries it to other processes.
"""

from __future__ import annotations

from contextvars import ContextVar


class Nested:
    """A transaction's place in the chain, until it is `over`."""

    __slots__ = ("level", "outer", "over")

    def __init__(self, level: int, outer: Nested | None) -> None:
        self.level = level
        self.outer = outer
        self.over = False

    @classmethod
    def here(cls) -> Nested:
        """Adds a place for a transaction that begins here. Calls made from here on are deeper."""
        outer = _live()
        nested = cls(0 if outer is None else outer.level + 1, outer)
        _innermost.set(nested)
        return nested


_innermost: ContextVar[Nested | None] = ContextVar("innermost", default=None)


def _live() -> Nested | None:
    """The nearest place that is not over: places of earlier calls stay in the context of the task."""
    found = _innermost.get()
    while found is not None and found.over:
        found = found.outer
    return found


def depth() -> int:
    """The level of a transaction that would begin here: how many callers may hold one."""
    outer = _live()
    return 0 if outer is None else outer.level + 1


def arrived(depth: int) -> Nested | None:
    """Sets the level of a call from another process. Pass the result to `left` when it is answered."""
    before = _innermost.get()
    _innermost.set(Nested(depth - 1, None) if depth > 0 else None)
    return before


def left(before: Nested | None) -> None:
    """Restores the level. Not by a token, because an abandoned coroutine is closed in another context."""
    _innermost.set(before)
