"""One attempt to handle a message: what stays the same when the handler runs again.

A handler runs again after a version conflict (within the same attempt), and after a failure or a crash (in a new one,
possibly in another process). Identities, time and the keys of calls derive from the message, so that they repeat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from remit.domain import Aggregate
from remit.errors import CallError, HandlerFailed, KeyReused
from remit.log import with_moment
from remit.messages import Refusal
from remit.runtime.work.called import Called
from remit.stores import Entry

DERIVED = "*"
"""Suffix of the caller's name that marks a derived key."""


class Attempt(msgspec.Struct, eq=False):
    """One attempt to handle one message. Its handler runs once or several times in a row. A struct, as `Limit`."""

    origin: str
    """Identifies the message and its handler, for ever. Empty for a query."""
    cause: str
    """The `cause` header of the messages that the handler records."""
    trace: str
    begun: float
    """Seconds since the epoch."""
    context: str
    deadline: float
    """Loop time."""
    outer: Attempt | None = None
    """The attempt whose handler made this call."""
    timed: bool = True
    """Whether new identities begin with `begun`; only if `begun` is the same in each attempt."""
    run: int = 0
    ended: bool = False
    """Whether the last run has ended."""
    whole: bool = False
    """Whether the last run ended without an error."""
    identities: int = 0
    called: Called | None = None
    """The calls of the handler; None if it made none."""
    noted: list[Aggregate[Any, Any]] | None = None
    """The aggregates that recorded events in this run."""
    record: str = ""
    """The identity of the message in the log; empty if it is not from a log."""
    stamps: list[str] | None = None
    """The identities of events that a run has shown in envelopes before the commit. The next run shows the same."""
    outward: int = 0
    """How many calls of gateways this run has made."""
    stamped: int = 0
    """How many of `stamps` this run has shown."""
    parts: dict[int, Attempt] | None = None
    """The attempts at the further events that an old event has become."""

    def part(self, number: int) -> Attempt:
        """The attempt at one of the further events that an old event has become. Its calls have keys of their own, and
        its envelope is that of the old event."""
        parts = self.parts = {} if self.parts is None else self.parts
        if number not in parts:
            origin = f"{self.origin}/{number}"
            parts[number] = Attempt(
                origin, self.cause, self.trace, self.begun, self.context, self.deadline, record=self.record
            )
        parts[number].deadline = self.deadline
        return parts[number]

    @property
    def message(self) -> str:
        """Identifies the message, whatever its handler: 32 hexadecimal characters."""
        if self.record:
            return self.record
        if "\0" not in self.origin:
            return self.origin  # a command without a key: its origin is new and has this form
        return blake2b(f"{self.origin}\0message".encode(), digest_size=16).hexdigest()

    def begin_again(self) -> None:
        """Begins another run. It has to repeat the calls that the runs before it made."""
        if self.called is not None:
            self.called.begin_again(whole=self.whole)
        self.noted = None
        self.ended = self.whole = False
        self.identities = self.stamped = self.outward = 0

    def shown(self, entries: list[Entry], *, before_commit: bool) -> tuple[str, float]:
        """Identity and time of the event that was entered last, for envelopes in the unit of work. A reaction may send
        both elsewhere before the commit. So each run shows the same identity, and the time that `Clock` shows."""
        entry = entries[-1]
        if not before_commit:
            return entry.id, entry.at
        stamps = self.stamps = [] if self.stamps is None else self.stamps
        if self.stamped == len(stamps):
            stamps.append(entry.id)
        id, self.stamped = stamps[self.stamped], self.stamped + 1
        entries[-1] = entry._replace(id=id, headers=with_moment(entry.headers, self.begun))
        return id, self.begun

    def note(self, aggregate: Aggregate[Any, Any]) -> None:
        """Notes an aggregate that has recorded an event."""
        if self.noted is None:
            self.noted = [aggregate]
        else:
            self.noted.append(aggregate)

    def calls(self) -> Called:
        """The calls of the handler; created on first use."""
        if self.called is None:
            self.called = Called(self.origin, self.context)
        return self.called

    async def end(self) -> None:
        """Called after the handler and its `together` reactions have returned. Raises `Diverged`."""
        self.ended = True
        if self.called is not None:
            await self.called.join()
            self.called.refuse_contradiction()

    async def fail(self, error: BaseException) -> None:
        """Called after the handler has raised `error`. Returns if `error` itself is to be raised.

        Otherwise raises what takes its place: `Diverged`, if a call diverged or a refusal contradicts earlier runs; the
        exception that a task group has wrapped; a `RuntimeError` for a `BaseException` that is no `Exception`;
        `HandlerFailed` for a `KeyReused` of an inner call, which is no fault of the caller's key.
        """
        self.ended = True
        failure, called = meant(error), self.called
        if called is not None:
            await called.join()
            if called.diverged is not None and called.diverged is not error:
                raise called.diverged from error
            if isinstance(failure, Refusal):
                called.refuse_contradiction()
        if isinstance(failure, KeyReused):
            raise HandlerFailed(
                f"a call was made under a key that is taken: {failure.what}", where=self.context,
                expected=failure.expected, next=failure.next,
            ) from error  # fmt: skip
        if failure is not error:
            raise failure from error

    def is_within(self, other: Attempt) -> bool:
        """Whether this attempt is `other`, or belongs to a call made within it."""
        return any(each is other for each in self._outwards())

    def comes_from(self, origin: str) -> bool:
        """Whether this attempt, or one whose handler called it, handles the message of that origin."""
        return any(each.origin == origin for each in self._outwards())

    def _outwards(self) -> Iterator[Attempt]:
        inner: Attempt | None = self
        while inner is not None:
            yield inner
            inner = inner.outer

    def refuse_late(self, run: int, what: str) -> None:
        """Raises `CallError` if the run has ended that the caller belongs to."""
        if self.ended or run != self.run:
            raise CallError(
                f"{what} after its handler had ended", where=self.context,
                expected="everything that a handler begins is awaited in it",
                next="await every task that the handler has started, also when one of them fails (asyncio.TaskGroup)",
            )  # fmt: skip


def is_end(error: BaseException) -> bool:
    """Whether an exception ends the task or the process, instead of being a failure of the code that raised it. A
    handler that raises `SystemExit` has failed: one message must not end a process that serves others."""
    if isinstance(error, GeneratorExit):
        # A closed coroutine unwinds from the inside out, and each part gets a GeneratorExit whose traceback begins
        # where it is caught. One raised by a handler has a deeper traceback.
        return error.__traceback__ is None or error.__traceback__.tb_next is None
    return isinstance(error, (asyncio.CancelledError, KeyboardInterrupt))


def meant(error: BaseException) -> Exception:
    """The exception that made a handler fail, unwrapped from exception groups. An undeclared failure precedes a
    refusal, and a refusal precedes a transient error. A `BaseException` that is no `Exception` becomes a
    `RuntimeError`: it fails the message, not the task that runs the handler."""
    if not isinstance(error, BaseExceptionGroup):
        return error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")
    group: BaseExceptionGroup[BaseException] = error  # pyright: ignore[reportUnknownVariableType]  # of any
    inner = [meant(each) for each in group.exceptions]
    refusals = [each for each in inner if isinstance(each, Refusal)]
    failures = [each for each in inner if not isinstance(each, (Refusal, CallError, ConnectionError))]
    return (failures or refusals or inner)[0]
