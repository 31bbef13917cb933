"""Programs about rare things: equal messages, many parked keys, queries while something waits."""

from __future__ import annotations

from dataclasses import replace

from remit.testing.simulation.programs.drills import HOSTILE, Drill
from remit.testing.simulation.programs.grammar import (
    Change,
    Fail,
    Insert,
    Kept,
    Later,
    Look,
    Rollout,
    Select,
    Send,
    Statement,
    Wait,
)
from remit.testing.simulation.programs.news import PLACES

__all__ = ["SELDOM"]

_KEY = "message.key"
_LONG = HOSTILE[4]
_STORM = 34
"""Keys that fail at once: more than are parked before a storm is detected."""
_WIRE = (
    ("datetime.datetime",
     "datetime.datetime(2024, 2, 29, 23, 59, tzinfo=datetime.timezone(datetime.timedelta(hours=5, minutes=30)))"),
    ("int", "2**70"),
    ("bytes", 'b"\\x00\\xff"'),
)  # fmt: skip
"""Types that MessagePack encodes in its own way, or not at all."""


class _Alike(Drill):
    """Several messages send equal commands: of one handler, of two reactions to one event, of two contexts."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        same = self.random.random() < 0.5
        called = self.command(self.there, Change(self.kept(self.there), _KEY), identity=self.random.random() < 0.4)
        self._commands[-1] = replace(self._commands[-1], extra=(("wire", *self.random.choice(_WIRE)),))
        wish = Send(called, _KEY, alike=True)
        meeting = Wait(0.25, meet=True)
        for turn in range(self.random.choice((1, 2))):
            context, name = (self.here, event[0]) if same and turn else self.followed(event)
            self.react(context, (name,), *((meeting,) if turn else ()), wish, Change(self.kept(context), _KEY))
        recorded = Change(said, _KEY, (event[0],) * self.random.choice((1, 2)), equal=True)
        crowded = (Look(said, _KEY), wish, meeting, recorded) if self.random.random() < 0.5 else (recorded, wish)
        commands = [self.command(self.here, *crowded), self.command(self.there, wish)]
        for _ in range(self.random.choice((2, 3))):
            self.ask(commands[0], "k0", self.sometimes(1.0))
        self.ask(commands[1], "k0", self.sometimes(2.0))


class _Equals(Drill):
    """One run makes equal calls, sends equal commands for later and records equal events; also after a conflict."""

    def put(self) -> None:
        event, kept = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        called = self.command(self.there, Change(self.kept(self.there), "message.path"))
        later = self.command(self.here, Change(self.kept(self.here), _KEY))
        self.react(context, (name,), Change(self.kept(context), _KEY))
        if self.random.random() < 0.4:
            self._kept.append(Kept(f"{self.here.upper()}View{self.number}", self.here, (event[0],)))
        wishes: list[Statement] = [Send(called, _KEY, times=2, equal=True), Later(later, _KEY, times=2)]
        wishes = self.random.sample(wishes, self.random.choice((1, 2)))
        recorded = Change(kept, _KEY, (event[0],) * self.random.choice((0, 2)), equal=True)
        command = self.command(self.here, Look(kept, _KEY), *wishes, Wait(0.25, meet=True), recorded)
        for _ in range(self.random.choice((2, 4))):
            self.ask(command, "k0", self.sometimes(0.4))


class _Foreseen(Drill):
    """A handler's first load is predicted: it loads at once, or only after the state has changed."""

    def put(self) -> None:
        watched, mine = self.kept(self.here), self.kept(self.here)
        bump = self.command(self.here, Change(watched, _KEY))
        ways: tuple[tuple[Statement, ...], ...] = (
            (Send(bump, _KEY), Look(watched, _KEY), Change(mine, "message.path")),
            (Look(watched, _KEY), Send(bump, _KEY), Change(watched, _KEY)),
            (Change(watched, _KEY), Wait(0.05), Look(watched, _KEY)),
            (Change(watched, '"k0"'),),
        )
        for way in self.random.sample(ways, 4):
            command = self.command(self.here, *way)
            for _ in range(self.random.choice((2, 3, 4))):
                self.ask(command, self.random.choice(("k0", "k1", "k1")), self.sometimes(2.0))
        self._commands = [replace(each, ahead=True) for each in self._commands]
        self._handlers = [replace(each, prompt=True) for each in self._handlers]


class _Storm(Drill):
    """So many keys of one subscription fail at once that it stops parking them."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        never = ' or message.path.endswith((".24", ".24!"))' if self.random.random() < 0.6 else ""
        failing = Fail(f"not tape.fixed{never}", 'ValueError("a bug, until it is mended")')
        rows = (Insert('"one"'),) if self.random.random() < 0.3 else ()
        self.react(context, (name,), *rows, failing, Change(self.kept(context), _KEY))
        events = (event[0],) * _STORM
        command = self.command(self.here, Change(said, '"one"', events, 'f"{message.key}NUMBER"'))
        self.ask(command, "k", self.sometimes(1.0))
        self.ask(self.command(self.here, Change(said, '"one"', (event[0],))), "k5", 1.0 + self.sometimes(2.0))


class _Waiting(Drill):
    """Clients ask for fresh answers while a key they concern is parked: in a reaction, or in the view itself."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        view = f"{context.upper()}View{self.number}"
        poison = f'event.path.startswith("q{self.number}0/")'
        self._kept.append(Kept(view, context, (name,), fails=poison if self.random.random() < 0.5 else ""))
        near = self.kept(context)
        failing = Fail(f"not tape.fixed and message.{poison[6:]}", 'ValueError("a bug, until it is mended")')
        rows = (Insert("ascii(message.key)"), Select("ascii(message.key)")) if self.random.random() < 0.5 else ()
        self.react(context, (name,), *rows, *((failing,) if self.random.random() < 0.7 else ()), Change(near, _KEY))
        command = self.command(self.here, Change(said, '"one"', (event[0],)))
        key = self.random.choice(("k0", "k0", _LONG))
        for number in range(self.random.choice((2, 3))):
            self.ask(command, key, 0.8 * number + self.sometimes(0.5))
        for kept in (view, view, view, near):
            self.question(kept, key, 0.3 + self.sometimes(2.5))


class _Twice(Drill):
    """Commands sent for later: two with one identity, and one that fails for a while."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        tries = self.random.choice((2, 4, 6))
        failing = Fail(f"run.tries < {tries}", 'ValueError("a bug, for a while")')
        body: list[Statement] = [Change(self.kept(self.here), _KEY)]
        body[0:0] = [failing] if self.random.random() < 0.6 else []
        wished = self.command(self.here, *body, identity=True, keyed=self.random.random() < 0.5)
        wishes = (Later(wished, _KEY, again=True),) * 2
        last = self.command(self.here, Change(self.kept(self.here), _KEY))
        plain = self.command(self.here, failing, Change(self.kept(self.here), _KEY), Later(last, _KEY))
        more = (Later(plain, _KEY),) if self.random.random() < 0.7 else ()
        if self.random.random() < 0.5:
            self.react(self.here, (event[0],), Change(self.kept(self.here), _KEY), *wishes, *more)
            command = self.command(self.here, Change(said, '"one"', (event[0],)))
        else:
            command = self.command(self.here, Change(said, _KEY), *wishes, *more)
        for _ in range(self.random.choice((2, 4))):
            self.ask(command, self.random.choice(("k0", "k0", "k1")), self.sometimes(3.0))


class _Long(Drill):
    """Events with a key of hundreds of bytes are handled in order."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        self.react(context, (name,), Wait(0.01), Change(self.kept(context), _KEY))
        command = self.command(self.here, Change(said, _KEY, (event[0],) * 3))
        for _ in range(self.random.choice((3, 5))):
            self.ask(command, _LONG, self.sometimes(2.0))


class _Views(Drill):
    """The documents of a view are written by two releases in turn."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        self._kept.append(Kept(f"{context.upper()}View{self.number}", context, (name,), self.random.choice([*PLACES])))
        self.react(context, (name,), Change(self.kept(context), _KEY))
        command = self.command(self.here, Change(said, '"one"', (event[0],)))
        turns = self.random.choice((1, 2, 2, 3))
        self.rollout = Rollout(
            tuple(round(0.3 + 3.5 * turn + self.sometimes(2.0), 2) for turn in range(turns)), (context,)
        )
        for _ in range(self.random.choice((5, 7))):
            self.ask(command, "k0", self.sometimes(self.rollout.at[-1] + 4.0))


SELDOM = (
    _Alike,
    _Alike,
    _Equals,
    _Foreseen,
    _Foreseen,
    _Foreseen,
    _Storm,
    _Waiting,
    _Waiting,
    _Waiting,
    _Twice,
    _Twice,
    _Long,
    _Views,
)
