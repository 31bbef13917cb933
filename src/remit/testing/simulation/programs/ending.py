"""Calls that can come to an end: a handler that is tried until it succeeds gives what it calls enough time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from remit.testing.simulation.programs.grammar import (
    Branch,
    Gather,
    Handler,
    Program,
    Send,
    Statement,
    Swallow,
    Wait,
    inner,
    uses,
)
from remit.testing.simulation.programs.tape import CALL_SECONDS

__all__ = ["ended"]

_PART = 0.5
"""The most that the waits of a called handler may take of a call's time."""


def ended(program: Program) -> Program:
    """The program without calls that are repeated for ever.

    A reaction, or a command that was sent for later, is tried again while the outcome of its call is unknown. If the
    called handler always takes longer than the call's deadline, the call gets the default deadline. If it takes longer
    than that too, the caller catches the error.
    """
    clock = _Clock(program)
    tried = set(_tried(program))
    return replace(
        program,
        handlers=tuple(
            replace(each, body=clock.with_time(each.body)) if each in tried else each for each in program.handlers
        ),
    )


def _tried(program: Program) -> Iterator[Handler]:
    """The handlers whose failure makes a message come again."""
    later = {name for each in program.handlers for name in uses(each.body).later}
    waiting = [each for each in program.handlers if each.role != "command" or later & set(each.messages)]
    found: set[str] = set()
    while waiting:
        handler = waiting.pop()
        if handler.name in found:
            continue
        found.add(handler.name)
        yield handler
        sent = {each.command for each in inner(handler.body) if isinstance(each, Send) and each.catch != "all"}
        waiting += [each for each in program.handlers if sent & set(each.messages)]


class _Clock:
    """How long handlers of a program take, at least: the sum of what they wait for."""

    def __init__(self, program: Program) -> None:
        self._bodies = {name: each.body for each in program.handlers for name in each.messages}

    def with_time(self, body: tuple[Statement, ...]) -> tuple[Statement, ...]:
        """The same statements; each call has time enough, or its failure is caught."""
        return tuple(map(self._with_time, body))

    def _with_time(self, each: Statement) -> Statement:
        if isinstance(each, Gather):
            return replace(each, branches=tuple(map(self.with_time, each.branches)))
        if isinstance(each, Branch):
            return replace(each, then=self.with_time(each.then), otherwise=self.with_time(each.otherwise))
        if not isinstance(each, Send) or each.catch == "all":
            return each
        takes = self._seconds(self._bodies.get(each.command, ()))
        if takes <= (each.deadline or CALL_SECONDS) * _PART:
            return each
        return replace(each, deadline=0.0, catch=each.catch if takes <= CALL_SECONDS * _PART else "all")

    def _seconds(self, body: tuple[Statement, ...]) -> float:
        return sum(map(self._takes, body))

    def _takes(self, each: Statement) -> float:
        if isinstance(each, (Wait, Swallow)):
            return each.seconds
        if isinstance(each, Gather):
            return max(map(self._seconds, each.branches), default=0.0)
        if isinstance(each, Branch):
            return max(self._seconds(each.then), self._seconds(each.otherwise))
        return each.times * self._seconds(self._bodies.get(each.command, ())) if isinstance(each, Send) else 0.0
