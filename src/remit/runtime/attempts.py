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

from remit.domain import Aggregate
from remit.errors import CallError, Diverged, KeyReused, OutcomeUnknown

__all__ = ["Attempt", "RepeatedClock", "RepeatedIds"]

PREFIX = 12
"""So many characters of an identity are its time, in hexadecimal milliseconds."""


class Attempt:
    """One attempt to handle one message. Runs of its handler follow one another."""

    # What few attempts need is not made for each of them.
    run = 0
    ended = False
    identities = 0
    under_way = 0
    equals: dict[str, int] | None = None
    """How often this run has made calls that are equal."""
    calls: dict[str, BaseException | None] | None = None
    """The calls of this run by key: what each was answered with, None where it may have had an effect."""
    before: dict[str, BaseException | None] | None = None
    """Those of the run before that this run has not repeated yet."""
    said: dict[str, bytes] | None = None
    """What the calls of this run say whose command has an identity."""
    noted: list[Aggregate[Any, Any]] | None = None
    """The aggregates that have recorded something in this run."""
    diverged: Diverged | None = None
    idle: asyncio.Future[None] | None = None
    cause = ""
    """What the messages of the handler name as their cause, if it is not the origin."""
    outer: Attempt | None = None
    """The attempt whose handler has called."""
    timed = True
    """Whether its time is the same in every attempt."""

    def __init__(self, origin: str, trace: str, begun: float, context: str, deadline: float) -> None:
        """`origin` identifies the message and who handles it, for ever; that of a question is empty. `begun` is in
        seconds since the epoch, the deadline is loop time."""
        self.origin = origin
        self.trace = trace
        self.begun = begun
        self.context = context
        self.deadline = deadline

    # ── runs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin_again(self) -> None:
        """The handler runs again. What it called in the whole run before this one has to be called again."""
        self.ended = False
        self.before, self.calls, self.equals, self.said = self.calls, None, None, None
        self.identities, self.noted = 0, None

    def note(self, aggregate: Aggregate[Any, Any]) -> None:
        """An aggregate has recorded something."""
        if self.noted is None:
            self.noted = [aggregate]
        else:
            self.noted.append(aggregate)

    async def end(self) -> None:
        """The handler has returned: waits for calls that it has begun and not waited for, and lets none begin.

        Raises `Diverged`.
        """
        self.ended = True
        while self.under_way:
            self.idle = asyncio.get_running_loop().create_future()
            await self.idle
        if self.diverged is not None:
            raise self.diverged
        if self.before and (left := self._left()):
            raise _diverged(self.context, f"it did not repeat {left} of its calls")

    def is_within(self, other: Attempt) -> bool:
        """Whether this one is what another one has called, or that one itself."""
        inner: Attempt | None = self
        while inner is not None:
            if inner is other:
                return True
            inner = inner.outer
        return False

    # ── calls ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def key_of(self, type: str, content: bytes, identity: bytes | None) -> str:
        """The key of a call that its handler gave none: the same whenever the message is handled.

        It is made of the message, the command's type, and its declared identity or else its content; calls that are
        equal are counted. Raises `KeyReused` where two commands of this run have one identity and different contents.
        """
        what = content if identity is None else identity
        made = blake2b(f"{self.origin}\0{type}\0".encode() + what, digest_size=16).hexdigest()
        if identity is not None:
            self._refuse_contradiction(made, type, content)
            return made
        equals = self.equals = {} if self.equals is None else self.equals
        count = equals[made] = equals.get(made, 0) + 1
        return made if count == 1 else f"{made}-{count}"

    def _refuse_contradiction(self, key: str, type: str, content: bytes) -> None:
        said = self.said = {} if self.said is None else self.said
        if said.setdefault(key, content) != content:
            raise KeyReused(
                f"one handler sent two commands {type} with the same identity and different contents",
                where=self.context, expected="one command for one identity while one message is handled",
                next="send one of them, or let their identities differ",
            )  # fmt: skip

    def enter(self, key: str, type: str) -> None:
        """A call begins. Raises what the same call ended with in the run before, if it had no effect then; `Diverged`
        when it may stand for another call that had one; `CallError` when the handler has ended."""
        before = self.before
        if before:
            if key in before:
                ended = before.pop(key)
                if ended is not None:
                    self._note(key, ended)
                    raise ended.with_traceback(None)
            elif left := self._left():
                self.diverged = _diverged(self.context, f"it sent another {type} while {left} were not repeated")
                raise self.diverged
        self._note(key, None)
        self.under_way += 1

    def leave(self, key: str, run: int, error: BaseException | None) -> None:
        """A call of a run has ended; with an error where it raised one."""
        if run == self.run and isinstance(error, Exception) and not isinstance(error, OutcomeUnknown):
            self._note(key, error)  # it has changed nothing
        self.under_way -= 1
        if not self.under_way and self.idle is not None and not self.idle.done():
            self.idle.set_result(None)

    def _note(self, key: str, ended: BaseException | None) -> None:
        calls = self.calls = {} if self.calls is None else self.calls
        calls[key] = ended

    def _left(self) -> int:
        """How many calls of the run before may have had an effect and were not repeated."""
        return sum(ended is None for ended in self.before.values()) if self.before else 0

    def refuse_late(self, run: int, what: str) -> None:
        """Raises `CallError` for who belongs to a run that is over."""
        if self.ended or run != self.run:
            raise CallError(
                f"{what} after its handler had ended", where=self.context,
                expected="everything that a handler begins is awaited in it",
                next="await every task that the handler has started, also when one of them fails (asyncio.TaskGroup)",
            )  # fmt: skip


def _diverged(context: str, how: str) -> Diverged:
    return Diverged(
        f"a handler was run again on newer state, and decided differently: {how}", where=context,
        expected="a run that makes the calls of the run before, whose effects stay",
        next="look at what was called; then send it again with the same key: it is decided anew",
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
