"""Programs about what others meet too seldom: what was not there, identities that are sent on, calls without an end,
letters with rows."""

from __future__ import annotations

from dataclasses import replace

from remit.testing.simulation.programs.drills import Drill
from remit.testing.simulation.programs.grammar import (
    Add,
    Branch,
    Change,
    Fail,
    Insert,
    Kept,
    Later,
    Look,
    Publish,
    Put,
    Select,
    Send,
    Statement,
    Wait,
)
from remit.testing.simulation.programs.noted import CARD

__all__ = ["SCARCE"]

_KEY = "message.key"
_HANGS_SECONDS = (4.0, 12.0, 35.0)
"""Longer than a short deadline, than the default deadline of a call, and than the time limit of a reaction."""


class _Lacking(Drill):
    """Several handlers find nothing under a key at the same time, and each begins with it."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        kept, card = self.kept(self.here), self._card(self.here)
        meeting = Wait(self.random.choice((0.25, 0.5)), meet=True)
        first: tuple[Statement, ...] = (Add(kept, _KEY, absent=True), Put(card, _KEY, "first"))
        ways: tuple[tuple[Statement, ...], ...] = (
            (meeting, first[0], meeting),
            (first[1], meeting),
            (meeting, *self.random.sample(first, 2), meeting),
            (first[1], Change(said, _KEY, (event[0],)), meeting),
        )
        remove = self.random.choice((Put(card, _KEY, "delete"), Change(kept, _KEY, remove=True)))
        commands = [self.command(self.here, *way) for way in self.random.sample(ways, self.random.choice((1, 2, 3)))]
        self.react(context, (name,), *self._begun(context), Wait(self.random.choice((0.0, 0.25))))
        if self.random.random() < 0.3:
            commands.append(self.command(self.here, remove))
        for number in range(self.random.choice((2, 3))):
            at = self.sometimes(3.0)
            for _ in range(self.random.choice((2, 3))):
                self.ask(self.random.choice(commands), f"k{number}", at, copies=self.random.choice((1, 1, 2)))

    def _begun(self, context: str) -> tuple[Statement, ...]:
        if self.random.random() < 0.5:
            return (Add(self.kept(context), _KEY, absent=True),)
        return (Put(self._card(context), _KEY, "first"), Change(self.kept(context), _KEY))

    def _card(self, context: str) -> str:
        name = f"{context.upper()}{CARD}{self.number}{len(self._kept)}"
        self._kept.append(Kept(name, context, record=True))
        return name


class _SentOn(Drill):
    """A `together` reaction sends the identity or the time of its event on, as the key of another event."""

    def put(self) -> None:
        event, other, said = self.event(self.here), self.event(self.here), self.kept(self.here)
        what = self.random.choice(("envelope.id", "envelope.id", "envelope.time.isoformat()"))
        card = f"{self.here.upper()}{CARD}{self.number}"
        self._kept.append(Kept(card, self.here, record=True))
        more: tuple[Statement, ...] = (Put(card, what),) if self.random.random() < 0.4 else ()
        self.react(self.here, (event[0],), Publish(other[0], what), *more, role="together")
        for each in (event, event, other):
            context, name = self.followed(each)
            failing = (Fail("run.tries < 2", 'ConnectionError("away, once")'),) if self.random.random() < 0.3 else ()
            self.react(context, (name,), *failing, Change(self.kept(context), _KEY))
        meeting = (Look(said, _KEY), Wait(0.25, meet=True)) if self.random.random() < 0.6 else ()
        recorded = Change(said, _KEY, (event[0],) * self.random.choice((1, 2, 3)))
        commands = [self.command(self.here, *meeting, recorded) for _ in range(self.random.choice((1, 2)))]
        self._handlers = [replace(each, enveloped=each.role != "command") for each in self._handlers]
        at = self.sometimes(2.0)
        for _ in range(self.random.choice((2, 3, 4))):
            when = self.random.choice((at, self.sometimes(3.0)))
            self.ask(self.random.choice(commands), self.random.choice(("k0", "k0", "k1")), when)


class _Endless(Drill):
    """A called handler waits for longer than any caller does: always, or in its first runs."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        hanging, change = Wait(self.random.choice(_HANGS_SECONDS)), Change(self.kept(self.there), _KEY)
        for_a_while = Branch(self.random.choice(("run.tries < 2", "run.tries < 3")), (hanging,))
        before = self.random.random() < 0.5
        called = self.command(self.there, *((for_a_while, change) if before else (change, for_a_while)))
        never = self.command(self.there, Change(self.kept(self.there), _KEY), hanging)
        limits = (0.3, 0.5, 1.0, 2.0)
        calling = Send(called, _KEY, self.random.choice(("", "all")), self.random.choice((*limits, 0.0)))
        in_vain = Send(never, _KEY, "all", self.random.choice(limits))
        self.react(context, (name,), calling, Change(self.kept(context), _KEY))
        commands = [
            called,
            self.command(self.here, in_vain, Change(said, _KEY, (event[0],))),
            self.command(self.here, replace(calling, catch="all"), Change(said, _KEY, (event[0],))),
        ]
        if self.random.random() < 0.4:
            commands.append(self.command(self.here, Later(called, _KEY), Change(self.kept(self.here), _KEY)))
        for _ in range(self.random.choice((3, 5))):
            deadline = self.random.choice((10.0, 10.0, 3.0, 0.5))
            self.ask(self.random.choice(commands), self.random.choice(("k0", "k1")), self.sometimes(3.0),
                     deadline=deadline)  # fmt: skip


class _Letters(Drill):
    """Messages of parked keys write rows, and an aggregate that others write at the same moment."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        crowded, key = self.kept(context), "ascii(message.key)"
        failing = Fail(f"run.tries < {self.random.choice((4, 4, 5))}", 'ValueError("a bug, for a while")')
        rows = (Insert(key), Select(key)) if self.random.random() < 0.4 else (Insert(key),)
        meeting, change = Wait(0.25, meet=True), Change(crowded, '"one"')
        self.react(context, (name,), failing, *rows, Look(crowded, '"one"'), meeting, change)
        command = self.command(self.here, Change(said, '"one"', (event[0],) * self.random.choice((1, 2))))
        crowd = self.command(context, Look(crowded, '"one"'), meeting, change)
        for number in range(self.random.choice((2, 3))):
            self.ask(command, f"k{number}", self.sometimes(1.0))
        for number in range(self.random.choice((8, 12))):
            self.ask(crowd, "k0", number + self.sometimes(1.0))


class _Batches(Drill):
    """Messages that are handled together read what others write and are answered meanwhile."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        watched, mine = self.kept(self.here), self.kept(self.here)
        bump = self.command(self.here, Change(watched, _KEY))
        drive = self.command(self.here, Send(bump, _KEY, times=10))
        emit = self.command(self.here, Change(said, '"one"', (event[0],) * 8))
        self.react(self.here, (event[0],), Look(watched, _KEY), Change(mine, _KEY))
        for at in (0.1, 0.9, 1.7, 2.5):
            self.ask(emit, "k0", at)
            self.ask(drive, "k0", at)
            self.ask(drive, "k0", at)


class _Joint(Drill):
    """Two reactions of one model wait for a key, because one of them has failed; several messages of the key wait."""

    def put(self) -> None:
        events, said = [self.event(self.here) for _ in range(2)], self.kept(self.here)
        context, public = (self.there, 1) if self.random.random() < 0.5 and self.there != self.here else (self.here, 0)
        model = self.kept(context)
        failing = Fail(f"run.tries < {self.random.choice((4, 5))}", 'ValueError("a bug, for a while")')
        names = [event[public] for event in events]
        self.random.shuffle(names)
        bodies: list[tuple[Statement, ...]] = [(failing, Change(model, _KEY)), (Change(model, _KEY),)]
        self.random.shuffle(bodies)
        for name, body in zip(names if self.random.random() < 0.6 else names[:1] * 2, bodies, strict=True):
            self.react(context, (name,), *body)
        recorded = [event[0] for event in events] * self.random.choice((1, 2))
        command = self.command(self.here, Change(said, _KEY, tuple(recorded)))
        for number in range(self.random.choice((2, 4))):
            self.ask(command, "k0", 1.2 * number + self.sometimes(0.6))


SCARCE: tuple[type[Drill], ...] = (_Lacking, _Lacking, _SentOn, _SentOn, _Endless, _Letters, _Joint, _Batches)
