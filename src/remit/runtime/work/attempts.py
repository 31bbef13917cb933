"""One attempt to handle a message: what repeats when the handler runs again.

A handler runs again after a version conflict (within the same attempt), and after a failure or a crash (in a new one,
maybe in another process). Identities, time and the keys of calls derive from the message, so that they repeat.
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
"""After the name of a context as the caller: the key was derived, not given."""


class Attempt(msgspec.Struct, eq=False):
    """One attempt to handle one message. Runs of its handler follow one another. A struct, as `Limit`."""

    origin: str
    """Identifies the message and who handles it, for ever; that of a question is empty."""
    cause: str
    """What the messages of the handler name as their cause."""
    trace: str
    begun: float
    """Seconds since the epoch."""
    context: str
    deadline: float
    """Loop time."""
    outer: Attempt | None = None
    """The attempt whose handler has called."""
    timed: bool = True
    """Whether identities begin with its time, which they do where that is known for ever."""
    run: int = 0
    ended: bool = False
    """Whether the last run is over."""
    whole: bool = False
    """Whether it came to its end."""
    identities: int = 0
    called: Called | None = None
    """What its handler has called, if it has called anything."""
    noted: list[Aggregate[Any, Any]] | None = None
    """The aggregates that have recorded something in this run."""
    record: str = ""
    """The identity of the message in the log; empty where it comes from no log."""
    stamps: list[str] | None = None
    """The identities of events that a run has shown before they were stored: the next run shows them again."""
    stamped: int = 0
    """How many of these this run has shown."""

    @property
    def message(self) -> str:
        """Identifies the message, whoever handles it: 32 hexadecimal characters."""
        if self.record:
            return self.record
        if "\0" not in self.origin:
            return self.origin  # that of a command without a key is new, and of this form
        return blake2b(f"{self.origin}\0message".encode(), digest_size=16).hexdigest()

    def begin_again(self) -> None:
        """The handler runs again. What it called in the whole run before this one has to be called again."""
        if self.called is not None:
            self.called.begin_again(whole=self.whole)
        self.noted = None
        self.ended = self.whole = False
        self.identities = self.stamped = 0

    def shown(self, entries: list[Entry], *, before_commit: bool) -> tuple[str, float]:
        """Identity and time of the event that was entered last, as those see it who ask for its envelope in the unit of
        work. A reaction may tell others of both before the commit: so each run shows the same identity, and the time
        that `Clock` shows."""
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
        """An aggregate has recorded something."""
        if self.noted is None:
            self.noted = [aggregate]
        else:
            self.noted.append(aggregate)

    def calls(self) -> Called:
        """What its handler calls."""
        if self.called is None:
            self.called = Called(self.origin, self.context)
        return self.called

    async def end(self) -> None:
        """The handler has returned, and so has what reacts together with it. Raises `Diverged`."""
        self.ended = True
        if self.called is not None:
            await self.called.join()
            self.called.refuse_contradiction()

    async def fail(self, error: BaseException) -> None:
        """The handler has raised something. Raises instead of it: `Diverged` where that is the cause, whatever the
        handler has made of it, or where it refuses in contradiction to the runs before; what a task group has wrapped;
        a `RuntimeError` for what is no `Exception`; and `HandlerFailed` for a key that was wrong inside, which is no
        fault of the caller's key."""
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
                f"a call was made under a key that is taken: {failure.what}", where=self.context, next=failure.next
            ) from error
        if failure is not error:
            raise failure from error

    def is_within(self, other: Attempt) -> bool:
        """Whether this one is what another one has called, or that one itself."""
        return any(each is other for each in self._outwards())

    def comes_from(self, origin: str) -> bool:
        """Whether this one, or one whose handler has called it, handles that message."""
        return any(each.origin == origin for each in self._outwards())

    def _outwards(self) -> Iterator[Attempt]:
        inner: Attempt | None = self
        while inner is not None:
            yield inner
            inner = inner.outer

    def refuse_late(self, run: int, what: str) -> None:
        """Raises `CallError` for who belongs to a run that is over."""
        if self.ended or run != self.run:
            raise CallError(
                f"{what} after its handler had ended", where=self.context,
                expected="everything that a handler begins is awaited in it",
                next="await every task that the handler has started, also when one of them fails (asyncio.TaskGroup)",
            )  # fmt: skip


def is_end(error: BaseException) -> bool:
    """Whether it ends the task or the process, and is no failure of whoever raises it. A handler that exits has failed:
    it is not for one message to end a process that serves others."""
    if isinstance(error, GeneratorExit):
        # A coroutine that is closed ends from its innermost part outwards, and each part gets one of its own: it begins
        # where it is caught. That of a handler has come from further inside.
        return error.__traceback__ is None or error.__traceback__.tb_next is None
    return isinstance(error, (asyncio.CancelledError, KeyboardInterrupt))


def meant(error: BaseException) -> Exception:
    """What has made a handler fail, or a task group in it: an undeclared failure before a refusal before what may pass
    by itself. Some libraries raise what is no `Exception`: that fails its message, not whoever runs the handler."""
    if not isinstance(error, BaseExceptionGroup):
        return error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")
    group: BaseExceptionGroup[BaseException] = error  # pyright: ignore[reportUnknownVariableType]  # of any
    inner = [meant(each) for each in group.exceptions]
    refusals = [each for each in inner if isinstance(each, Refusal)]
    failures = [each for each in inner if not isinstance(each, (Refusal, CallError, ConnectionError))]
    return (failures or refusals or inner)[0]
