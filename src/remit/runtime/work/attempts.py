"""One attempt to handle a message: what repeats when the handler runs again, and what it has called.

A handler runs again after a version conflict (within the same attempt), and after a failure or a crash (in a new one,
maybe in another process). Identities, time and the keys of calls derive from the message, so that they repeat. What a
handler calls has its effect at once, before the handler's own changes are committed: a run that decides differently
from the run before it is therefore an error, never a second effect beside the first.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec

from remit.domain import Aggregate
from remit.errors import CallError, Diverged, HandlerFailed, KeyReused, OutcomeUnknown
from remit.messages import Refusal

__all__ = ["DERIVED", "Attempt", "RepeatedClock", "RepeatedIds", "identity_of", "is_end", "meant"]

DERIVED = "*"
"""After the name of a context as the caller: the key was derived, not given."""
PREFIX = 12
"""So many characters of an identity are its time, in hexadecimal milliseconds."""


class Attempt:
    """One attempt to handle one message. Runs of its handler follow one another."""

    __slots__ = (
        "before",
        "begun",
        "calls",
        "cause",
        "context",
        "deadline",
        "diverged",
        "ended",
        "equals",
        "identities",
        "idle",
        "noted",
        "origin",
        "outer",
        "run",
        "said",
        "timed",
        "trace",
        "types",
        "under_way",
        "whole",
    )

    def __init__(self, origin: str, trace: str, begun: float, context: str, deadline: float) -> None:
        """`origin` identifies the message and who handles it, for ever; that of a question is empty. `begun` is in
        seconds since the epoch, the deadline is loop time."""
        self.origin = origin
        self.trace = trace
        self.begun = begun
        self.context = context
        self.deadline = deadline
        self.cause = origin
        """What the messages of the handler name as their cause."""
        self.outer: Attempt | None = None
        """The attempt whose handler has called."""
        self.timed = True
        """Whether identities begin with its time: where it is known for ever."""
        self.run = 0
        self.ended = False
        self.whole = False
        """Whether the last run came to its end."""
        self.identities = 0
        self.under_way = 0
        self.equals: dict[str, int] | None = None
        """How often this run has made calls that are equal."""
        self.calls: dict[str, Exception | None] | None = None
        """The calls of this run by key, with what each failed with."""
        self.before: dict[str, Exception | None] | None = None
        """Those of the runs before, which this one has to repeat."""
        self.said: dict[str, bytes] | None = None
        """What the calls of this run say whose command has an identity."""
        self.types: dict[str, str] | None = None
        """The types of the commands that were called, by key."""
        self.noted: list[Aggregate[Any, Any]] | None = None
        """The aggregates that have recorded something in this run."""
        self.diverged: Diverged | None = None
        self.idle: asyncio.Future[None] | None = None

    # ── runs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin_again(self) -> None:
        """The handler runs again. What it called in the whole run before this one has to be called again."""
        self.before = self.calls if self.whole else {**(self.before or {}), **(self.calls or {})}
        self.calls = self.equals = self.said = self.noted = None
        self.ended = self.whole = False
        self.identities = 0

    def note(self, aggregate: Aggregate[Any, Any]) -> None:
        """An aggregate has recorded something."""
        if self.noted is None:
            self.noted = [aggregate]
        else:
            self.noted.append(aggregate)

    async def end(self) -> None:
        """The handler has returned, and so has what reacts together with it. Raises `Diverged`."""
        self.ended = True
        await self.settle()
        self.refuse_contradiction()

    async def fail(self, error: BaseException) -> None:
        """The handler has raised something. Raises instead of it: `Diverged` where that is the cause, whatever the
        handler has made of it, or where it refuses in contradiction to the runs before; what a task group has wrapped;
        a `RuntimeError` for what is no `Exception`; and `HandlerFailed` for a key that was wrong inside, which is no
        fault of the caller's key."""
        self.ended = True
        await self.settle()
        failure = meant(error)
        if self.diverged is not None and self.diverged is not error:
            raise self.diverged from error
        if isinstance(failure, Refusal):
            self.refuse_contradiction()
        if isinstance(failure, KeyReused):
            raise HandlerFailed(
                f"a call was made under a key that is taken: {failure.what}", where=self.context, next=failure.next
            ) from error
        if failure is not error:
            raise failure from error

    async def settle(self) -> None:
        """Waits for calls that were begun and not waited for."""
        while self.under_way:
            self.idle = asyncio.get_running_loop().create_future()
            await self.idle

    def refuse_contradiction(self) -> None:
        """Raises `Diverged` where a run ends, with a reply or a refusal, that contradicts the runs before it."""
        if self.diverged is None and (left := self._left()):
            self.diverged = _diverged(self.context, f"it did not call {left} again")
        if self.diverged is not None:
            raise self.diverged

    def is_within(self, other: Attempt) -> bool:
        """Whether this one is what another one has called, or that one itself."""
        inner: Attempt | None = self
        while inner is not None:
            if inner is other:
                return True
            inner = inner.outer
        return False

    def comes_from(self, origin: str) -> bool:
        """Whether this one, or one whose handler has called it, handles that message."""
        inner: Attempt | None = self
        while inner is not None:
            if inner.origin == origin:
                return True
            inner = inner.outer
        return False

    # ── calls ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def key_of(self, type: str, content: bytes, identity: bytes | None) -> str:
        """The key of a call that its handler gave none: the same whenever the message is handled.

        It is made of the message, the command's type, and its declared identity or else its content; calls that are
        equal are counted. Raises `Diverged` where two commands of this run have one identity and different contents.
        """
        what = content if identity is None else identity
        made = blake2b(f"{self.origin}\0{type}\0".encode() + what, digest_size=16).hexdigest()
        if identity is not None:
            self._refuse_other_content(made, type, content)
            return made
        equals = self.equals = {} if self.equals is None else self.equals
        count = equals.get(made, 1)
        if (calls := self.calls) is not None:
            while (key := _numbered(made, count)) in calls and calls[key] is None:
                count += 1  # one that failed is made again under its key: it is the same wish
        equals[made] = count
        return _numbered(made, count)

    def _refuse_other_content(self, key: str, type: str, content: bytes) -> None:
        said = self.said = {} if self.said is None else self.said
        if self.calls is not None and self.calls.get(key) is not None:
            said.pop(key, None)  # it has failed, and may be made otherwise
        if said.setdefault(key, content) != content:
            raise Diverged(
                f"one handler sent two commands {type} with the same identity and different contents",
                where=self.context, expected="one command for one identity while one message is handled",
                next="send one of them, or let their identities differ",
            )  # fmt: skip

    def enter(self, key: str, type: str) -> None:
        """A call begins. Raises what the same call failed with in the run before, so that the handler decides as it did
        then; `Diverged` when the call may stand for another one that was made before."""
        before, calls = self.before, self.calls
        if before and (calls is None or key not in calls):
            failed = before.get(key)
            if failed is not None and not isinstance(failed, OutcomeUnknown):
                self._note(key, failed)
                raise failed.with_traceback(None)
            if key not in before and (left := self._left()):
                self.diverged = _diverged(self.context, f"it sent another {type}, and not {left} again")
                raise self.diverged
        self._note(key, None)
        types = self.types = {} if self.types is None else self.types
        types[key] = type
        self.under_way += 1

    def leave(self, key: str, run: int, error: BaseException | None) -> None:
        """A call of a run has ended; with an error where it raised one."""
        if run == self.run and error is not None:
            self._note(key, error if isinstance(error, Exception) else OutcomeUnknown("the call was cancelled"))
            if self.equals is not None:  # it may be made again, also when equal ones were made after it
                self.equals.pop(key.partition("-")[0], None)
        self.under_way -= 1
        if not self.under_way and self.idle is not None and not self.idle.done():
            self.idle.set_result(None)

    def _note(self, key: str, failed: Exception | None) -> None:
        calls = self.calls = {} if self.calls is None else self.calls
        calls[key] = failed

    def _left(self) -> str:
        """The types of what the runs before have called and this one has not. Also one that failed may have called
        others."""
        left = [key for key in self.before or () if key not in (self.calls or ())]
        return ", ".join(dict.fromkeys((self.types or {}).get(key, "") for key in left))

    def refuse_late(self, run: int, what: str) -> None:
        """Raises `CallError` for who belongs to a run that is over."""
        if self.ended or run != self.run:
            raise CallError(
                f"{what} after its handler had ended", where=self.context,
                expected="everything that a handler begins is awaited in it",
                next="await every task that the handler has started, also when one of them fails (asyncio.TaskGroup)",
            )  # fmt: skip


def identity_of(value: Any) -> bytes:
    """What the identity of a command says."""
    return msgspec.json.encode(value, order="deterministic")


def is_end(error: BaseException) -> bool:
    """Whether it ends the task or the process, and is no failure of whoever raises it. A handler that exits has failed:
    it is not for one message to end a process that serves others."""
    if isinstance(error, GeneratorExit):  # also what is thrown into a coroutine that is dropped, outside of any task
        try:
            return asyncio.current_task() is None
        except RuntimeError:
            return True
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


def _numbered(key: str, count: int) -> str:
    return key if count == 1 else f"{key}-{count}"


def _diverged(context: str, how: str) -> Diverged:
    return Diverged(
        f"a handler was run again on newer state, and decided differently: {how}", where=context,
        expected="a run that makes the calls of the run before, whose effects stay",
        next="look at what was called; then decide anew: the same command with the same key, remit parked retry",
    )  # fmt: skip


class RepeatedIds:
    """The identities that a handler gets: the n-th is the same whenever the message is handled."""

    __slots__ = ("_attempt",)

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def new(self) -> str:
        attempt = self._attempt
        attempt.identities += 1
        made = blake2b(f"{attempt.origin}\0id\0{attempt.identities}".encode(), digest_size=16).hexdigest()
        return f"{int(attempt.begun * 1000):012x}{made[PREFIX:]}" if attempt.timed else made


class RepeatedClock:
    """The time that a handler gets: when its message was first begun."""

    __slots__ = ("_attempt",)

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._attempt.begun, UTC)
