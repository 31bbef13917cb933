"""Records, independently of the runtime, every run of a handler: what it saw, decided and called.

Every message carries its path: the call from outside, then each statement on the way. The changes of a handler carry
their path too, with the number of the run that decided them.
"""

from __future__ import annotations

import asyncio
import datetime
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar
from weakref import WeakKeyDictionary

from remit.contexts import Invocation, Sender, Sql
from remit.errors import NotFound
from remit.messages import Command, Message, Refusal
from remit.testing.simulation.cluster import Choices, Weather
from remit.testing.simulation.programs.noted import (
    GRAVE,
    INSTANT,
    NOTE,
    Ages,
    Answer,
    Called,
    Look,
    Place,
    Said,
    Sent,
    all_of,
    offset,
    short,
)  # fmt: skip
from remit.testing.simulation.programs.passing import HEADER, next_moment, passed, passing

__all__ = [
    "ALIKE", "GRAVE", "INSTANT", "NOTE", "ONCE", "Answer", "Called", "Look", "Place", "Run", "Said", "Tape", "all_of",
]  # fmt: skip

A = TypeVar("A")
M = TypeVar("M", bound=Message)

HANDLER_SECONDS = 30.0
"""The time limit of a reaction."""
ALIKE = "alike-"
"""Prefix of the path of what several messages send alike."""
ONCE = "once-"
"""The path of what is done once for several messages begins so."""
CALL_SECONDS = 10.0
"""The default deadline of a call."""


@dataclass(eq=False)
class Run:
    """One run of a handler for a message: a context manager in the handler."""

    number: int
    handler: str
    path: str
    key: str
    tape: Tape
    tries: int
    """The number of this run of the handler for the message, from 1."""
    began: float
    limit: float
    """Its deadline."""
    calm: bool
    """Whether it began after all faults had ended."""
    parent: int = 0
    """The run that recorded the handled event."""
    release: int = 1
    """The release of its process."""
    news_of: int = 0
    """The value that has arrived in a newer field."""
    task: int = 0
    """The number of the task in which it began."""
    alone: bool = True
    """Whether everything it has seen and called happened in that task."""
    ended: float | None = None
    error: BaseException | None = None
    looks: list[Look] = field(default_factory=list[Look])
    missed: list[Place] = field(default_factory=list[Place])
    """What was missing and should have been there."""
    lacking: list[Place] = field(default_factory=list[Place])
    """Where it has found nothing, and has begun with it."""
    changes: list[tuple[Place, str]] = field(default_factory=list[tuple[Place, str]])
    said: list[Said] = field(default_factory=list[Said])
    calls: list[Called] = field(default_factory=list[Called])
    answered: int = 0
    """The last answer to a call: the number of another run."""
    wrong: list[str] = field(default_factory=list[str])
    news: list[tuple[Place, str]] = field(default_factory=list[tuple[Place, str]])
    """What it has noted in fields that only its release knows."""
    removed: set[str] = field(default_factory=set[str])
    """What stood in the aggregates that it has removed."""
    wanted: list[tuple[Place, str]] = field(default_factory=list[tuple[Place, str]])
    """Values that it was about to claim, and for which aggregates."""
    taken: list[tuple[Place, str]] = field(default_factory=list[tuple[Place, str]])
    """Those of them that it has claimed."""
    freed: list[tuple[Place, str]] = field(default_factory=list[tuple[Place, str]])
    """Values that it has given up."""
    unheld: list[tuple[Place, str]] = field(default_factory=list[tuple[Place, str]])
    """Values of which it was told that an aggregate has them, which did not say so when it was loaded."""
    lists: list[tuple[str, tuple[str, ...]]] = field(default_factory=list[tuple[str, tuple[str, ...]]])
    """All records of a kind that it was given."""
    envelope: str = ""
    """The identity and the time of its message, where it has asked for them."""
    broken: list[Exception] = field(default_factory=list[Exception])
    """Errors of its statements: after one, nothing that it has decided counts."""

    def __str__(self) -> str:
        return f"run {self.number} of {self.handler} for {self.path}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if not isinstance(error, GeneratorExit):
            self.ended, self.error = self.tape.now(), error
            self.tape.note("ended", self, self.ended, error)

    @property
    def whole(self) -> bool:
        """Whether it has come to its end without an error."""
        return self.ended is not None and self.error is None

    def at(self, step: str, turn: int | None = None) -> str:
        """The path of a statement's effect."""
        made = f"{self.path}/{self.handler.partition('.')[2]}-{step}"
        return made if turn is None else f"{made}.{turn}"

    def shared(self, type: str) -> str:
        """The path of what is applied once for all messages with this key."""
        return f"{ONCE}{self.handler.partition('.')[0]}-{type}-{short(self.key)}"

    def alike(self, type: str) -> str:
        """The path of what all messages with this key send alike."""
        return f"{ALIKE}{type}-{short(self.key)}"

    def seen(self, kept: A) -> A:
        """Notes what was loaded, if anything."""
        loaded: Any = kept
        if loaded is not None:
            look = Look(self._place(loaded), tuple(loaded.entries), self._answers())
            self.looks.append(look)
            self.tape.note("look", self, look)
            if hasattr(loaded, "is_folded") and not loaded.is_folded():
                self._accuse(f"has found {loaded.folds} of {len(loaded.entries)} events, which other code has folded")
            if hasattr(loaded, "is_turned") and not loaded.is_turned():
                self._accuse(f"has found {loaded.shape}, and {loaded.shapes}, of {len(loaded.entries)} changes")
            for at, own in self.changes:
                if at == look.place and own not in look.entries and own not in self.removed:
                    self._accuse(f"has lost sight of its own {own}")
        return kept

    async def got(self, kind: str, key: str, getting: Awaitable[A]) -> A:
        """Loads what should exist, and notes if it does not."""
        place = Place(f"{self.handler.partition('.')[0]}.{kind}", str(key))
        seen = [*self.changes, *((look.place, entry) for look in self.looks for entry in look.entries)]
        known = any(at == place and entry not in self.removed for at, entry in seen)
        try:
            return await getting
        except NotFound:
            self.missed.append(place)
            self.tape.note("missed", self, place)
            if known:
                self._accuse(f"was told that {place.kind} {place.id!r} is not there, which it has seen")
            raise

    @staticmethod
    def count(kept: Any) -> int:
        """How often an aggregate was changed; 0 if it does not exist."""
        return 0 if kept is None else len(kept.entries)

    def change(self, kept: Any, step: str) -> None:
        """Changes an aggregate."""
        entry = f"{self.at(step)}#{self.number}"
        if hasattr(kept, "grow"):
            kept.grow(entry)
        else:
            kept.entries.append(entry)
        if hasattr(kept, "turn"):
            kept.turn()
        self.changes.append((self._place(kept), entry))
        self.tape.note("change", self, *self.changes[-1])
        if hasattr(kept, "keep"):
            kept.keep(entry)
            if self.release > 1:
                self.news.append((self._place(kept), entry))

    def found_nothing(self, kind: type[Any], key: str) -> None:
        """Is about to begin with what is not there."""
        self.lacking.append(Place(f"{self.handler.partition('.')[0]}.{kind.__name__}", str(key)))
        self.tape.note("lacking", self, self.lacking[-1])

    def came_through(self, *guards: Any) -> None:
        """Notes by which interceptors it was run, in their order, and which call from outside they were told of."""
        found = passed()
        if found.interceptors != guards:
            self._accuse(f"came through {[each.__name__ for each in found.interceptors]}")
        first, told = self.path.partition("/")[0], found.headers.get(HEADER)
        if told is not None and told != first and not first.startswith((ONCE, ALIKE)):
            self._accuse(f"belongs to {first}, and was told of {told}")
        if told is None and self.tape.carries and not self.path.startswith((ONCE, ALIKE)):
            self._accuse(f"belongs to {first}, and was told nothing of it")

    def enveloped(self, id: str, time: datetime.datetime) -> None:
        """Notes the envelope of its message."""
        self.envelope = f"{id} of {time.isoformat()}"
        self.tape.note("envelope", self, self.envelope)

    def written(self, kind: Callable[..., A], before: Any, key: str, step: str) -> A:
        """A record that is to be put in the place of the one that was there."""
        entry = f"{self.at(step)}#{self.number}"
        made = kind(id=key, entries=[*([] if before is None else before.entries), entry])
        self.changes.append((self._place(made), entry))
        self.tape.note("change", self, *self.changes[-1])
        return made

    def listed(self, kind: str, page: Sequence[Any], limit: int) -> None:
        """Notes a list of records, which is all of them where it is shorter than it might be."""
        for each in page:
            self.seen(each)
        ids = [str(each.id) for each in page]
        if ids != sorted(ids):
            self._accuse(f"was given records out of order: {ids}")
        if len(page) < limit:
            whole = f"{self.handler.partition('.')[0]}.{kind}"
            self.lists.append((whole, tuple(ids)))
            self.tape.note("list", self, *self.lists[-1])
            for at, own in self.changes:
                if at.kind == whole and at.id not in ids and own not in self.removed:
                    self._accuse(f"has lost sight of its own {own}, which was to be listed")

    def buried(self, kept: Any) -> dict[str, Any]:
        """What an aggregate has been that is removed now."""
        place, entries = self._place(kept), list(kept.entries)
        self.removed.update(entries)
        for value in getattr(kept, "held", ()):
            self._free(kept, value)
        id = f"{self.number} {len(self.removed)}"
        return {"id": id, "kind": place.kind, "of": place.id, "at": self.tape.now(), "entries": entries}

    def wants(self, kept: Any, value: str) -> None:
        """Is about to claim a value, which another one may have."""
        self.wanted.append((self._place(kept), value))
        self.tape.note("wants", self, *self.wanted[-1])

    def took(self, kept: Any, value: str) -> None:
        """Has claimed a value for an aggregate, which says so too."""
        if value not in kept.held:
            kept.held.append(value)
        self.taken.append((self._place(kept), value))
        self.tape.note("took", self, *self.taken[-1])

    def gave_up(self, kept: Any, value: str) -> None:
        """The value is free, if the aggregate had it."""
        if value in kept.held:
            kept.held.remove(value)
            self._free(kept, value)

    def _free(self, kept: Any, value: str) -> None:
        self.freed.append((self._place(kept), value))
        self.tape.note("freed", self, *self.freed[-1])

    def holding(self, kept: Any, value: str) -> Any:
        """Notes the aggregate that has a value."""
        if kept is not None and value not in kept.held:
            self.unheld.append((self._place(kept), value))
            self.tape.note("unheld", self, *self.unheld[-1])
        return self.seen(kept)

    def row(self, step: str, key: str, mark: str | None = None) -> tuple[str, str, int, str | None]:
        """A row to write."""
        return f"{self.at(step)}#{self.number}", key, self.number, mark

    async def execute(self, sql: Sql, statement: str, entry: str, key: str, *more: object) -> None:
        """Writes a row."""
        try:
            await sql.execute(statement, entry, key, *more)
        except Exception as error:
            self.broken.append(error)
            self.tape.note("broken", self, error)
            raise
        self.changes.append((self._rows_of(key), entry))
        self.tape.note("change", self, *self.changes[-1])

    async def rows(self, sql: Sql, statement: str, key: str) -> None:
        """Reads the rows with a key."""
        before = [own for at, own in self.changes if at == self._rows_of(key)]
        try:
            entries = [row["entry"] for row in await sql.fetch(statement, key)]
        except Exception as error:
            self.broken.append(error)
            self.tape.note("broken", self, error)
            raise
        self.looks.append(Look(self._rows_of(key), tuple(entries)))
        self.tape.note("look", self, self.looks[-1])
        for own in before:
            if own not in entries:
                self._accuse(f"has lost sight of its own row {own}")

    def noted(self, message: M) -> M:
        """Notes a message that is sent or recorded."""
        self.said.append(Said(type(message).__name__, getattr(message, "path", ""), getattr(message, "key", "")))
        self.tape.note("said", self, self.said[-1])
        return message

    def newly(self) -> dict[str, int]:
        """The value that only the second release sends."""
        return {"news": self.number} if self.release > 1 else {}

    def told(self, message: Any) -> None:
        """Checks that a newer field arrives as it was sent; empty from an older release."""
        said = self.tape.newer(message.run)
        if getattr(message, "news", said) != said:
            self._accuse(f"of {said} in a newer field has arrived {message.news}")

    def same(self, found: object, written: object) -> None:
        """Checks that a value arrives as it was sent."""
        if found != written or type(found) is not type(written) or offset(found) != offset(written):
            self._accuse(f"{found!r:.100} has arrived as {written!r:.100}")

    def reply(self) -> str:
        """Names this run."""
        return f"{self.number}"

    async def call(
        self, sender: Sender, command: Command[str, Any], *, deadline: float | None = None, key: str | None = None
    ) -> str:
        """Calls a command, and notes the result."""
        called = self._called(command, deadline, key)
        try:
            answer = await sender.send(command, deadline=deadline, key=key)
        except GeneratorExit:
            raise  # its process has crashed
        except BaseException as error:
            called.end(error, self.tape.now())
            self.tape.note("answer", self, called)
            raise
        called.end(answer, self.tape.now())
        self.tape.note("answer", self, called)
        self.answered = int(answer)
        return answer

    async def attempt(
        self, sender: Sender, command: Command[str, Any], *, deadline: float | None = None, key: str | None = None
    ) -> str:
        """The same; a refusal is no error. One that was raised answers as 0."""
        try:
            return await self.call(sender, command, deadline=deadline, key=key)
        except Refusal as refusal:
            self.answered = getattr(refusal, "run", 0)
            return f"{self.answered}"

    def _answers(self) -> tuple[str, ...]:
        """The calls answered so far, if this is the only task that has made any."""
        if not self.alone or not self.tape.is_current(self.task):
            self.alone = False
            return ()
        return tuple(call.said for call in self.calls if call.outcome == "reply")

    def _called(self, command: Command[str, Any], deadline: float | None, key: str | None) -> Called:
        seconds = CALL_SECONDS if deadline is None else deadline
        called = self.tape.called(command, min(self.tape.now() + seconds, self.limit), key)
        called.by = self
        self.calls.append(called)
        self._answers()
        self.tape.note("call", self, called, seconds)
        return called

    def _accuse(self, what: str) -> None:
        self.wrong.append(what)
        self.tape.note("wrong", self, what)

    def _rows_of(self, key: str) -> Place:
        return Place(f"{self.handler.partition('.')[0]}.{NOTE}", key)

    def _place(self, kept: Any) -> Place:
        return Place(f"{self.handler.partition('.')[0]}.{type(kept).__name__}", str(kept.id))


class Tape:
    """Survives all processes. With real processes, each writes its own tape, with numbers after `after`."""

    def __init__(self, choices: Choices, weather: Weather, after: int = 0) -> None:
        self.runs: list[Run] = []
        self.calls: defaultdict[str, list[Called]] = defaultdict(list)
        """By path, including calls from outside."""
        self.answers: list[Answer] = []
        self.sent: list[Sent] = []
        """Foreign messages, each time that they were sent."""
        self.fetches: dict[str, int] = {}
        """How often each API was asked."""
        self.fetched: dict[str, int] = {}
        """Behind how many messages each API was asked for more."""
        self.rolled = float("inf")  # when the second release was rolled out first
        self.carries = False  # whether a header says which call from outside everything comes of
        self.afterwards: list[tuple[str, Answer]] = []  # by the path of the call that wrote what they include
        self.outdated: list[str] = []  # what is wrong with answers during a rebuild
        self.ages = Ages()
        self.generations = 0
        """How many times code of a process was made that folds streams in a way of its own."""
        self._choices = choices
        self._weather = weather
        self.after = after
        self._tries: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._tasks: WeakKeyDictionary[asyncio.Task[Any], int] = WeakKeyDictionary()

    @property
    def fixed(self) -> bool:
        """Whether the bugs have been fixed that are fixed during a run."""
        return self._weather.fixed

    def now(self) -> float:
        """The time, in seconds."""
        return asyncio.get_running_loop().time()

    def note(self, what: str, run: Run, *more: Any) -> None:
        """Something was noted in a run. The tape of a real process writes it to disk."""

    def numbered(self, number: str) -> Run:
        """The run with this number."""
        return self.runs[int(number) - self.after - 1]

    def run(self, handler: str, message: Any, release: int = 1) -> Run:
        """A handler begins, in a process of this release."""
        now, path = self.now(), message.path + getattr(message, "via", "")
        self._tries[handler, path] += 1
        spans = [each.limit - each.began for each in self.calls.get(path, ())]
        number, tries = self.after + len(self.runs) + 1, self._tries[handler, path]
        run = Run(
            number, handler, path, message.key, self, tries, now,
            now + max(spans, default=HANDLER_SECONDS), self._choices.calm, getattr(message, "run", 0),
            release, getattr(message, "news", 0), self._task(),
        )  # fmt: skip
        self.runs.append(run)
        self.note("run", run)
        return run

    def _task(self) -> int:
        task = asyncio.current_task()
        return 0 if task is None else self._tasks.setdefault(task, self.after + len(self.runs) + 1)

    def is_current(self, task: int) -> bool:
        """Whether this task runs now."""
        return self._task() == task

    def newer(self, number: int) -> int:
        """The value that the run of this number has sent in newer fields; 0 from an older release."""
        return number if self.numbered(f"{number}").release > 1 else 0

    @staticmethod
    def name(invocation: Invocation) -> str:
        """What a handler is called that is run."""
        return f"{invocation.context}.{invocation.handler}"

    def through(self, interceptor: Callable[..., Any], invocation: Invocation) -> AbstractContextManager[None]:
        """Notes that a handler is run within an interceptor."""
        return passing(interceptor, invocation)

    def before(self, invocation: Invocation) -> int:
        """How many runs of a handler there have been for a message."""
        message: Any = invocation.message
        path = getattr(message, "path", "") + getattr(message, "via", "")
        return self._tries[self.name(invocation), path]

    def own(self, invocation: Invocation) -> Run:
        """The run that an interceptor has led to."""
        message: Any = invocation.message
        path, name = message.path + getattr(message, "via", ""), self.name(invocation)
        return next(
            run for run in reversed(self.runs) if (run.handler, run.path) == (name, path) and run.task == self._task()
        )

    def spoiled(self, invocation: Invocation, error: Exception) -> Exception:
        """An interceptor makes a run fail that has come to its end."""
        run = self.own(invocation)
        run.__exit__(type(error), error, None)
        return error

    async def meet(self, seconds: float) -> None:
        """Waits until the next multiple of `seconds`, which is the same moment for all."""
        await next_moment(seconds)

    async def blow(self, run: Run) -> None:
        """Takes a while, and sometimes raises that a dependency is away."""
        await self._weather.blow(run.handler)

    def called(self, command: Any, limit: float, key: str | None) -> Called:
        """A call begins that has this deadline."""
        called = Called(type(command).__name__, command.path, self.now(), limit, key, about=command.key)
        called.news = getattr(command, "news", 0)
        called.content = "" if key is None else short(repr(command))
        self.calls[command.path].append(called)
        return called
