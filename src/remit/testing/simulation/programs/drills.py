"""Programs for rare combinations: each drill is a small situation in which much can go wrong at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from remit.testing.simulation.programs.grammar import (
    BY,
    MADE,
    Add,
    Change,
    Fail,
    Gather,
    Guard,
    Handler,
    Insert,
    Kept,
    Later,
    Look,
    Message,
    Program,
    Question,
    Refuse,
    Rollout,
    Root,
    Select,
    Send,
    Source,
    Statement,
    Swallow,
    Wait,
)
from remit.testing.simulation.programs.news import PLACES
from remit.testing.simulation.programs.tidying import tidied

__all__ = ["DRILLS", "FURTHER_DRILLS", "HOSTILE", "QUESTIONS", "Drill", "drilled"]

HOSTILE = (
    "O'Brien \"x\" \\", "日本語 ключ", "a/b.c~d!#*%", "k0 ", "é" * 200, "{k0}", "1e5", "null",
    "\u202ek0\u2028", "-", "k0\n", "nul\0", "x" * 600,
)  # fmt: skip
"""Unusual keys: with quotes, in other scripts, too long, and some that no store takes."""
_KEY = "message.key"
_MARK = "ascii(message.key)"


def drilled(random: Random, among: Sequence[type[Drill]] = ()) -> Program:
    """One drill, or two side by side."""
    among = among or DRILLS
    drills = random.sample(among, 1 if random.random() < 0.8 or len(among) == 1 else 2)
    places = tuple("ab"[: random.choice((1, 2, 2))])
    parts = [drill(random, places, number).made() for number, drill in enumerate(drills)]
    if len([part for part in parts if part.rollout]) > 1:
        parts = parts[:1]
    return tidied(
        Program(
            places,
            tuple(each for part in parts for each in part.kept),
            tuple(each for part in parts for each in part.commands),
            tuple(each for part in parts for each in part.events),
            tuple(each for part in parts for each in part.handlers),
            tuple(each for part in parts for each in part.roots),
            tuple(each for part in parts for each in part.questions),
            next((part.rollout for part in parts if part.rollout), None),
            tuple(each for part in parts for each in part.guards),
            tuple(each for part in parts[:1] for each in part.idle),
            any(part.headers for part in parts),
            sources=tuple(each for part in parts for each in part.sources),
        )
    )


class Drill:
    """Builds a situation. `here` is the called context, `there` another one, if there is one."""

    def __init__(self, random: Random, places: Sequence[str], number: int) -> None:
        self.random = random
        self.here, self.there = places[0], places[-1]
        self.number = number
        self._kept: list[Kept] = []
        self._commands: list[Message] = []
        self._events: list[Message] = []
        self._handlers: list[Handler] = []
        self._roots: list[Root] = []
        self._questions: list[Question] = []
        self.rollout: Rollout | None = None
        self.guards: list[Guard] = []
        self.idle: tuple[str, ...] = ()
        self.headers = False
        self.sources: list[Source] = []

    def made(self) -> Program:
        """The whole program."""
        self.put()
        kept, commands, events = tuple(self._kept), tuple(self._commands), tuple(self._events)
        handlers, roots, questions = tuple(self._handlers), tuple(self._roots), tuple(self._questions)
        guards, idle = tuple(self.guards), self.idle
        return Program(
            (), kept, commands, events, handlers, roots, questions, self.rollout, guards, idle, self.headers,
            sources=tuple(self.sources),
        )  # fmt: skip

    def put(self) -> None:
        """Adds the declarations."""
        raise NotImplementedError

    def kept(self, context: str) -> str:
        """Adds an aggregate."""
        name = f"{context.upper()}Kept{self.number}{len(self._kept)}"
        self._kept.append(Kept(name, context))
        return name

    def command(
        self, context: str, *body: Statement, keyed: bool = False, identity: bool = False, refuses: bool = False
    ) -> str:
        """Adds a command and its handler."""
        name = f"{context.upper()}Ask{self.number}{len(self._commands)}"
        text = ("text", "str", repr(self.random.choice(HOSTILE[:-2]))) if self.random.random() < 0.2 else None
        self._commands.append(Message(name, context, keyed, (text,) if text else (), identity))
        self._handle(context, (name,), body, "command", refuses=refuses)
        return name

    def event(self, context: str) -> tuple[str, str]:
        """Adds a domain event and the integration event that is published for it."""
        name = f"{context.upper()}Was{self.number}{len(self._events)}"
        told = name.replace("Was", "Told")
        self._events.append(Message(name, context, told=told))
        return name, told

    def react(self, context: str, events: Sequence[str], *body: Statement, role: str = "reaction") -> None:
        """Adds a reaction, or a `together` reaction."""
        self._handle(context, tuple(events), body, role)

    def _handle(
        self, context: str, messages: tuple[str, ...], body: Sequence[Statement], role: str, *, refuses: bool = False
    ) -> None:
        name = f"{'do' if role == 'command' else 'on'}{self.number}{len(self._handlers)}"
        self._handlers.append(Handler(name, context, messages, tuple(body), role, refuses))

    def ask(
        self, command: str, key: str = "k0", at: float = 0.0, *, named: str | None = "", deadline: float = 10.0,
        tries: int = 6, copies: int = 1,
    ) -> None:  # fmt: skip
        """Adds a call from outside; its key is its own path by default."""
        path = f"q{self.number}{len(self._roots)}"
        wish = path if named == "" else named
        self._roots.append(Root(path, command, key, round(at, 2), wish, deadline, tries, copies))

    def question(self, kept: str, key: str, at: float) -> None:
        """Adds a query from outside for a fresh answer."""
        self._questions.append(Question(kept, key, round(at, 2)))

    def sometimes(self, longest: float) -> float:
        """A time, often an early one."""
        return self.random.random() * longest

    def followed(self, event: tuple[str, str]) -> tuple[str, str]:
        """A following context, and which of the two events it follows."""
        if self.there != self.here and self.random.random() < 0.6:
            return self.there, event[1]
        return self.here, event[self.random.random() < 0.3]


class _Poison(Drill):
    """The first of several messages of a key fails until its bug is fixed, while further messages come."""

    def put(self) -> None:
        event, other = self.event(self.here), self.event(self.here)
        said, kept = self.kept(self.here), self.random.random() < 0.5
        context, name = self.followed(event)
        events = (name, other[name == event[1]]) if self.random.random() < 0.4 else (name,)
        recorded = (event[0], event[0], other[0] if len(events) > 1 else event[0])
        ends = self.random.choice(('(".0", ".0!")', '(".0", ".0!", ".1", ".1!")', '(".1", ".1!")'))
        failing = Fail(f"not tape.fixed and message.path.endswith({ends})", 'ValueError("a bug, until it is mended")')
        again = Fail(f"run.tries < 2 and not message.path.endswith({ends})", 'ValueError("a bug, once")')
        doing: list[Statement] = [Change(self.kept(context), _KEY)]
        if kept:
            doing.append(Send(self.command(context, Change(self.kept(context), _KEY)), _KEY))
        self.react(context, events, failing, *([again] if self.random.random() < 0.5 else []), *doing)
        command = self.command(self.here, Change(said, '"one"', recorded))
        for number in range(self.random.choice((3, 5, 7))):
            self.ask(command, "k0" if self.random.random() < 0.8 else "k1", number * self.sometimes(3.0))


class _Passing(Drill):
    """A dependency is away for a while, and what is called meanwhile is decided anew each time."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        called = self.command(self.there, Change(self.kept(self.there), _KEY), identity=True)
        tries = self.random.choice((2, 3, 6, 6))
        error = self.random.choice(
            ('ConnectionError("away")', 'ConnectionError("away")', 'ValueError("a bug, at first")')
        )
        body: list[Statement] = [Change(self.kept(context), _KEY), Fail(f"run.tries < {tries}", error)]
        if self.random.random() < 0.3:
            calling: list[Statement] = [Send(called, _KEY, again=True), Later(called, _KEY, again=True)]
        else:
            varies = self.random.choice(("run.tries", ""))
            calling = [Send(called, _KEY, varies=varies, times=self.random.choice((1, 2)))]
        at = self.random.choice((0, 1))
        body[at:at] = calling
        self.react(context, (name,), *body)
        command = self.command(self.here, Change(said, '"one"', (event[0],) * self.random.choice((1, 2, 3))))
        for _ in range(self.random.choice((2, 4))):
            self.ask(command, self.random.choice(("k0", "k1")), self.sometimes(4.0))


class _Crowd(Drill):
    """Many handlers write one aggregate at the same time, in one process and in several."""

    def put(self) -> None:
        event, kept = self.event(self.here), self.kept(self.here)
        later = self.command(self.here, Change(self.kept(self.here), _KEY))
        meeting = Wait(self.random.choice((0.25, 0.5)), meet=True)
        recorded = (event[0],) * self.random.choice((0, 1, 2))
        changed = (Change(kept, _KEY, recorded), Later(later, _KEY))
        first = Look(kept, _KEY) if self.random.random() < 0.5 else meeting
        one = self.command(self.here, first, meeting, *changed[: self.random.choice((1, 2, 2))])
        self.react(self.here, (event[0],), *((meeting,) if self.random.random() < 0.5 else ()), Change(kept, _KEY))
        if self.there != self.here:
            self.react(self.there, (event[1],), Change(self.kept(self.there), _KEY))
        keys = (_KEY, _KEY, '"k1"')
        branches = tuple((Send(one, keys[turn % 3]),) for turn in range(self.random.choice((2, 3, 4))))
        every = self.command(self.here, Gather(branches, self.random.choice(("gather", "returned"))))
        for _ in range(self.random.choice((1, 2, 3))):
            self.ask(self.random.choice((one, every)), "k0", self.sometimes(2.0), copies=self.random.choice((1, 1, 2)))


class _Once(Drill):
    """Clients ask once and give up early: during calls and during commits."""

    def put(self) -> None:
        slow = (Wait(self.random.choice((0.0, 0.0, 0.05, 0.3))),)
        inner = self.command(self.there, *slow, Change(self.kept(self.there), _KEY))
        limits = (0.0, 0.01, 0.02, 0.05, 0.1, 0.35)
        sends = [
            Send(inner, _KEY, "all", self.random.choice(limits), self.random.choice((1, 2)))
            for _ in range(self.random.choice((2, 3)))
        ]
        outer = self.command(self.here, *sends, Change(self.kept(self.here), _KEY))
        unknown = self.random.random() < 0.6
        """Whether calls have no key, so that their outcome cannot be asked for."""
        for _ in range(24 if unknown else 8):
            command = self.random.choice((inner, inner, inner, outer) if unknown else (inner, outer))
            named = None if unknown else ""
            deadline = self.random.choice((10.0, 10.0, 10.0 if unknown else 0.03, 0.02, 0.05, 0.1, 0.35))
            key = self.random.choice(("k0", "k1", "k2"))
            self.ask(command, key, self.sometimes(3.0), named=named, deadline=deadline, tries=1)


class _Stubborn(Drill):
    """A handler that does not end when it is cancelled."""

    def put(self) -> None:
        waits = [Swallow(1.0) for _ in range(self.random.choice((1, 2, 4, 4)))]
        kept = self.kept(self.there)
        inner = self.command(self.there, *waits, Change(kept, _KEY))
        limit = self.random.choice((0.2, 0.4))
        outer = self.command(self.here, Send(inner, _KEY, "all", limit), Change(self.kept(self.here), _KEY))
        for _ in range(4):
            command = self.random.choice((inner, inner, outer))
            deadline = self.random.choice((0.3, 0.5, 10.0 if command == outer else 0.3))
            self.ask(command, "k0", self.sometimes(3.0), deadline=deadline, tries=self.random.choice((1, 2)))


class _Branches(Drill):
    """Parallel branches of a handler load the same aggregates."""

    def put(self) -> None:
        kept, event = self.kept(self.here), self.event(self.here)
        ways: list[tuple[Statement, ...]] = [
            (Change(kept, _KEY, (event[0],)),),
            (Look(kept, _KEY),),
            (Look(kept, _KEY), Wait(0.01), Look(kept, _KEY)),
            (Change(kept, _KEY), Wait(0.0), Look(kept, _KEY)),
        ]
        self.random.shuffle(ways)
        branches = tuple(ways[: self.random.choice((2, 3))])
        body = (Gather(branches, self.random.choice(("gather", "group"))), Look(kept, _KEY))
        command = self.command(self.here, *body)
        self.react(self.here, (event[0],), Change(kept, _KEY))
        for _ in range(self.random.choice((2, 4))):
            self.ask(command, "k0", self.sometimes(3.0))


class _Watch(Drill):
    """Messages handled together read what others write meanwhile, whose callers get answers."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        watched, mine = self.kept(self.here), self.kept(self.here)
        bump = self.command(self.here, Change(watched, _KEY))
        drive = self.command(self.here, Send(bump, _KEY, times=self.random.choice((6, 10))))
        emit = self.command(self.here, Change(said, '"one"', (event[0],) * 6))
        look: list[Statement] = [Look(watched, _KEY), Change(mine, _KEY)]
        self.react(self.here, (event[self.random.random() < 0.3],), *look)
        for at in (0.1, 0.9, 1.7):
            self.ask(emit, "k0", at)
            self.ask(drive, "k0", at)
            self.ask(bump, "k0", at + 0.1)


class _Callers(Drill):
    """A command called by a reaction reads what the message before has led to."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        mine = self.kept(context)
        called = self.command(context, Look(mine, _KEY), Change(self.kept(context), _KEY))
        body: list[Statement] = [Send(called, _KEY), Change(mine, _KEY)]
        self.react(context, (name,), *(body if self.random.random() < 0.7 else reversed(body)))
        command = self.command(self.here, Change(said, '"one"', (event[0],) * 3))
        for _ in range(self.random.choice((1, 2, 3))):
            self.ask(command, "k0", self.sometimes(3.0))


class _Wishes(Drill):
    """Keys that are used twice, and refusals of what was decided before."""

    def put(self) -> None:
        kept, refused = self.kept(self.here), self.kept(self.here)
        # The second caller meets no other at an aggregate: only its key prevents a second effect.
        keys = (_KEY, 'f"k{run.tries}"')
        plain = [self.command(self.here, Wait(0.5, meet=True), Change(kept, key)) for key in keys]
        no = Refuse(self.random.choice(('message.key == "k0"', "len(message.path) % 2", "run.tries > 0")))
        says_no = self.command(self.here, Change(refused, _KEY), no, keyed=True, refuses=True)
        later = self.command(self.here, Later(says_no, _KEY), Later(says_no, '"k1"'), Change(kept, '"l"'))
        added = self.command(self.here, Add(self.kept(self.here), _KEY))
        wished = self.command(self.here, Change(self.kept(self.here), _KEY))
        sharing = [
            self.command(context, Send(wished, _KEY, shared=True), Change(self.kept(context), _KEY))
            for context in (self.here, self.there)
        ]
        at = self.sometimes(1.0)
        for command in (*plain, self.random.choice(plain)):  # the last one has other contents under a used key
            self.ask(command, "k0", at, named="wish", copies=self.random.choice((1, 2, 3)))
        for number in range(3):
            self.ask(plain[1], "k0", number + 1.0, named=f"wish {number}", copies=3)
        for command in self.random.sample((says_no, later, added, added, later, says_no), 3):
            self.ask(command, self.random.choice(("k0", "k1", *HOSTILE)), self.sometimes(3.0))
        for command in sharing:
            self.ask(command, "k0", self.sometimes(1.0))


class _Fresh(Drill):
    """Clients ask for fresh answers about what they were told."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        near, far = self.kept(context), self.kept(self.there)
        called = self.command(self.there, Change(far, _KEY))
        way = Send(called, _KEY) if self.random.random() < 0.5 else Later(called, _KEY)
        slow = Wait(self.random.choice((0.0, 0.3)))
        self.react(context, (name,), slow, Change(near, _KEY), way)
        command = self.command(self.here, Change(said, '"one"', (event[0],)))
        for _ in range(self.random.choice((2, 4))):
            at = self.sometimes(3.0)
            self.ask(command, "k0", at)
            for kept in (near, far):
                self.question(kept, "k0", at + self.sometimes(1.5))


class _Rows(Drill):
    """Rows of users' tables are written concurrently, in branches, and before failures."""

    def put(self) -> None:
        event, kept = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        key = self.random.choice(('"one"', "ascii(message.key)"))
        row, change, meeting = Insert(key), Change(kept, _KEY, (event[0],)), Wait(0.25, meet=True)
        ways: tuple[tuple[Statement, ...], ...] = (
            (row, change),
            (Look(kept, _KEY), meeting, row, change),
            (change, meeting, row, Select(key)),
            (Gather(((row,), (change,), (Select(key), row)), self.random.choice(("gather", "group"))), Select(key)),
        )
        ends: tuple[Statement, ...] = (
            Fail("run.tries < 2", 'ConnectionError("away, once")'),
            Fail("run.tries < 3", 'ValueError("a bug, twice")'),
            Refuse("run.tries % 2"),
            Refuse('message.key == "k1"'),
        )
        written = self.command(self.here, *self.random.choice(ways), *self.random.sample(ends, 1), refuses=True)
        mark = self.random.choice((_MARK, f'f"{{{_MARK}}} {{run.tries}}"'))
        marked = Insert(key, mark, self.random.choice(("", "go on", "refuse", "refuse")))
        taken = self.command(self.here, marked, Change(self.kept(self.here), _KEY), refuses=True)
        more: list[Statement] = self.random.sample([Select(key), Insert(key, mark), *ends[:2]], 2)
        self.react(context, (name,), Insert(key), Change(self.kept(context), _KEY), *more)
        for _ in range(self.random.choice((3, 5))):
            command = self.random.choice((written, written, taken))
            self.ask(command, self.random.choice(("k0", "k0", "k1", *HOSTILE)), self.sometimes(3.0), copies=2)


class _Beside(Drill):
    """`together` reactions to events of a handler that runs again, after a conflict or a failure."""

    def put(self) -> None:
        event, kept = self.event(self.here), self.kept(self.here)
        later = self.command(self.here, Change(self.kept(self.here), _KEY))
        self.react(self.here, (event[0],), Later(later, _KEY), role="together")
        meeting = Wait(self.random.choice((0.25, 0.5)), meet=True)
        recorded = (event[0],) * self.random.choice((1, 1, 2))
        failing = Fail("run.tries < 2", 'ConnectionError("away, once")')
        crowded = (Look(kept, _KEY), meeting, Change(kept, _KEY, recorded))
        body = crowded if self.random.random() < 0.7 else (*crowded, failing)
        commands = [self.command(self.here, *body) for _ in range(self.random.choice((1, 2)))]
        for _ in range(self.random.choice((2, 4))):
            self.ask(self.random.choice(commands), "k0", self.sometimes(1.5), copies=self.random.choice((1, 2)))


DRILLS = (_Poison, _Passing, _Crowd, _Once, _Stubborn, _Branches, _Watch, _Callers, _Wishes)
QUESTIONS = (_Fresh,)
"""Drills that ask fresh queries."""


class _Releases(Drill):
    """Aggregates are written by two releases in turn, and both handle their messages."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        newer, news = self.random.random() < 0.4, self.random.random() < 0.6
        self._events[0] = replace(self._events[0], news=news, newer=newer, keyed=self.random.random() < 0.5)
        rolled = self.random.choice(((self.here,), (self.there,), (self.here, self.there)))
        turns = self.random.choice((1, 1, 2, 2, 3))
        at = tuple(round(0.3 + 3.5 * number + self.sometimes(2.0), 2) for number in range(turns))
        self.rollout = Rollout(at, tuple(dict.fromkeys(rolled)))
        commands = [self.command(self.here, Change(said, '"one"', (event[0],) * self.random.choice((0, 1, 2))))]
        for place in (self.here, self.there):
            commands.append(self.command(place, Change(self.kept(place), '"one"')))
            self._commands[-1] = replace(self._commands[-1], extra=(MADE,))
        way = Later if context == self.there and self.random.random() < 0.5 else Send
        calling = (way(commands[-1], _KEY),) if self.random.random() < 0.6 else ()
        self.react(context, (name,), Change(self.kept(context), '"one"'), *calling)
        if turns % 2 and context in rolled and self.random.random() < 0.4:
            self.react(context, (name,), Change(self.kept(context), _KEY))
            self._handlers[-1] = replace(self._handlers[-1], since=2)
        places = self.random.sample(tuple(PLACES), len(self._kept))
        self._kept = [replace(kept, news=place) for kept, place in zip(self._kept, places, strict=True)]
        for command in commands:
            for _ in range(self.random.choice((3, 4))):
                self.ask(command, self.random.choice(("k0", "k1")), self.sometimes(at[-1] + 4.0))


class _Keys(Drill):
    """A release that changes an event's ordering key is started while the first event of that key waits."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        context, name = self.followed((event[1], event[1]))
        keyed = self.random.random() < 0.5
        self._events[0] = replace(self._events[0], rekeyed=True, keyed=keyed, extra=(BY,))
        first = f'message.path.startswith("q{self.number}0/")'
        failing = Fail(f"run.tries < {self.random.choice((5, 7))} and {first}", 'ValueError("a bug, for a while")')
        self.react(context, (name,), failing, Change(self.kept(context), '"one"'))
        command = self.command(self.here, Change(said, '"one"', (event[0],)))
        for number in range(self.random.choice((4, 6))):
            self.ask(command, "k0", 1.2 * number + self.sometimes(0.5))
        self.rollout = Rollout((round(0.5 + self.sometimes(1.0), 2), round(8.0 + self.sometimes(4.0), 2)), (self.here,))


FURTHER_DRILLS = (_Rows, _Beside, _Releases, _Releases, _Releases, _Keys)
"""Drills that were added later."""
