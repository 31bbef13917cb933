"""Programs about what else handlers may ask for, and declare: refusals that are returned, what is removed, claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from remit.testing.simulation.programs.drills import HOSTILE, Drill
from remit.testing.simulation.programs.grammar import (
    Add,
    Change,
    Fail,
    Guard,
    Kept,
    Later,
    Look,
    Publish,
    Put,
    Refuse,
    Rollout,
    Send,
    Statement,
    Take,
    Wait,
)
from remit.testing.simulation.programs.noted import CARD

__all__ = ["BEGINNINGS", "KIT"]

_KEY = "message.key"
_SHAPES = (0, 1, 2, 3, 7, 11)


class _Returned(Drill):
    """Refusals are returned, so that what was decided stays: to callers from outside, to handlers, and to nobody."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        self.react(context, (name,), Change(self.kept(context), _KEY))
        later = self.command(self.here, Change(self.kept(self.here), _KEY))
        test = self.random.choice(("True", "run.count(SEEN) > 1", "run.count(SEEN) % 2", 'message.key == "k0"'))
        crowded = (Look(said, _KEY), Wait(0.25, meet=True)) if self.random.random() < 0.4 else ()
        more: tuple[Statement, ...] = (Later(later, _KEY),) if self.random.random() < 0.5 else ()
        ends = (Refuse("run.tries % 2"),) if self.random.random() < 0.2 else ()
        recorded = Change(said, _KEY, (event[0],) * self.random.choice((0, 1, 2)))
        body = (*crowded, recorded, *more, *ends, Refuse(test, returned=True))
        refused = self.command(self.here, *body, refuses=True, identity=self.random.random() < 0.3)
        catch = self.random.choice(("", "refusal", "refusal", "all"))
        after = (Fail("run.tries < 2", 'ConnectionError("away, once")'),) if self.random.random() < 0.4 else ()
        calling = (Send(refused, _KEY, catch, times=self.random.choice((1, 1, 2))), *after)
        commands = [
            refused,
            self.command(self.there, *calling, Change(self.kept(self.there), _KEY), refuses=self.random.random() < 0.3),
            self.command(self.here, Later(refused, _KEY), Change(self.kept(self.here), _KEY)),
        ]
        for _ in range(self.random.choice((3, 5))):
            command, key = self.random.choice(commands), self.random.choice(("k0", "k0", "k1"))
            self.ask(command, key, self.sometimes(3.0), copies=self.random.choice((1, 2)))


class _Model(Drill):
    """Reactions of one context work on one model. One of them fails, waits or is slow while the others could go on."""

    def put(self) -> None:
        events = [self.event(self.here) for _ in range(self.random.choice((2, 2, 3)))]
        said, far = self.kept(self.here), self.random.random() < 0.5
        context, public = (self.there, 1) if far and self.there != self.here else (self.here, 0)
        model, other = self.kept(context), self.kept(context)
        called = self.command(context, Change(self.kept(context), _KEY))
        ways: tuple[tuple[Statement, ...], ...] = (
            (Fail(f"run.tries < {self.random.choice((2, 4, 6))}", 'ConnectionError("away for a moment")'),),
            (Fail('not tape.fixed and message.path.endswith((".0", ".0!"))', 'ValueError("a bug")'),),
            (Fail("not tape.fixed", 'ValueError("a bug, until it is mended")'),),
            (Fail('not tape.fixed and message.key == "k0"', 'ValueError("a bug, for one key")'),),
            (Wait(0.3),),
            (Send(called, _KEY),),
        )
        first = self.random.choice(ways)
        turn = self.random.randrange(len(events))
        for number, event in enumerate(events):
            body: list[Statement] = [*(first if number == turn else ()), Change(model, _KEY)]
            body += [Look(other, _KEY)] if self.random.random() < 0.3 else []
            self.react(context, (event[public],), *body)
        if self.random.random() < 0.4:
            self.react(context, (events[0][public],), Look(model, _KEY), Change(other, _KEY))
        if self.random.random() < 0.3:
            self.react(context, (events[-1][public],), Change(model, _KEY))
        recorded = [event[0] for event in events] * self.random.choice((1, 2))
        self.random.shuffle(recorded)
        command = self.command(self.here, Change(said, _KEY, tuple(recorded)))
        for _ in range(self.random.choice((2, 4))):
            self.ask(command, self.random.choice(("k0", "k0", "k1")), self.sometimes(4.0))


class _Removed(Drill):
    """Aggregates are removed and made again, while somebody who has loaded an old one is about to write it."""

    def put(self) -> None:
        event, kept = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        recorded = (event[0],) * self.random.choice((0, 1, 2))
        change = self.command(self.here, Change(kept, _KEY, recorded))
        slow = self.command(self.here, Look(kept, _KEY), Wait(self.random.choice((1.0, 2.0, 2.0))), Change(kept, _KEY))
        removed = Change(kept, _KEY, (event[0],) * self.random.choice((0, 1)), remove=True)
        again: tuple[Statement, ...] = (Change(kept, _KEY, recorded),) if self.random.random() < 0.2 else ()
        remove = self.command(self.here, removed, *again)
        added = self.command(self.here, Add(kept, _KEY))
        get = self.command(self.here, Look(kept, _KEY, get=True), Change(kept, _KEY))
        mine = self.kept(context)
        self.react(context, (name,), Change(mine, _KEY, remove=self.random.random() < 0.3))
        if self.random.random() < 0.3:
            self.react(self.here, (event[0],), Look(kept, _KEY), role="together")
        at = 0.0
        for _ in range(self.random.choice((1, 2))):
            self.ask(change, "k0", at)
            self.ask(slow, "k0", at + 1.2)
            self.ask(remove, "k0", at + 2.2 + self.sometimes(0.4))
            self.ask(self.random.choice((change, change, added)), "k0", at + 2.8 + self.sometimes(0.5))
            at += self.random.choice((1.0, 4.0))
        for _ in range(self.random.choice((2, 4))):
            command = self.random.choice((change, remove, get, added, slow))
            self.ask(command, self.random.choice(("k0", "k0", "k1")), self.sometimes(6.0))


class _Claimed(Drill):
    """Several race for a value that one aggregate has at a time: it is given up, also with its aggregate."""

    def put(self) -> None:
        kept, event = self.kept(self.here), self.event(self.here)
        value = self.random.choice(('"v"', '"v"', 'f"v {message.text}"', "message.path[:3]"))
        meeting = (Wait(1.0, meet=True),) if self.random.random() < 0.9 else ()
        ends = (Fail("run.tries < 2", 'ConnectionError("away, once")'),) if self.random.random() < 0.3 else ()
        key = self.random.choice((_KEY, _KEY, "message.path"))
        first = self.random.random() < 0.5
        take = Take(kept, key, value)
        body = (take, *meeting) if first else (Look(kept, key), *meeting, take)
        taking = self.command(self.here, *body, *ends, refuses=True)
        plain = self.command(self.here, *meeting, Take(kept, _KEY, '"w"'))
        giving = self.command(self.here, Take(kept, _KEY, value, "give up"))
        remove = self.command(self.here, Change(kept, _KEY, (event[0],), remove=True))
        find = self.command(self.here, Take(kept, _KEY, value, "find"), Change(self.kept(self.here), _KEY))
        self._commands = [replace(each, extra=(("text", "str", '"t"'),)) for each in self._commands]
        if self.random.random() < 0.5:
            self.react(self.here, (event[0],), Take(kept, 'f"{message.key}r"', value))
        if self.random.random() < 0.3:
            self.react(self.here, (event[0],), Take(kept, _KEY, '"w"'), role="together")
        calling = self.command(self.there, Send(taking, _KEY, "refusal"), Change(self.kept(self.there), _KEY))
        at = self.sometimes(0.5)
        for number in range(self.random.choice((3, 4, 5))):
            self.ask(self.random.choice((taking, taking, taking, calling)), f"k{number % 3}", at)
        for _ in range(self.random.choice((4, 6, 8))):
            command = self.random.choice((taking, taking, giving, giving, remove, remove, find, plain))
            self.ask(command, self.random.choice(("k0", "k1", "k2")), 1.0 + self.sometimes(4.0))
        for number in range(3):
            self.ask(giving, f"k{number}", 4.0 + self.sometimes(2.0))


class _Records(Drill):
    """Records are put, listed and deleted, several by one handler, also by those who write an aggregate."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        cards, others = self.record(self.here), self.record(context)
        row, change = Put(cards, _KEY), Change(said, _KEY, (event[0],))
        meeting, page = Wait(0.25, meet=True), Put(cards, _KEY, "page")
        ways: tuple[tuple[Statement, ...], ...] = (
            (row, change),
            (row, Put(cards, '"one"'), page),
            (page, meeting, row, page),
            (row, meeting, Put(cards, "message.path")),
            (Put(cards, _KEY, "delete"), page),
            (Put(cards, _KEY, "delete"), row),
            (change, Put(cards, '"one"', "delete"), row),
        )
        ends: tuple[tuple[Statement, ...], ...] = (
            (), (), (Fail("run.tries < 2", 'ConnectionError("away, once")'),), (Refuse("run.tries % 2"),),
            (Refuse("len(message.path) % 2", returned=True),),
        )  # fmt: skip
        more: list[Statement] = [Put(others, '"one"')] if self.random.random() < 0.5 else []
        more += [Put(others, _KEY, self.random.choice(("put", "page", "delete")))]
        self.react(context, (name,), Put(others, _KEY), *more, *self.random.choice(ends[:3]))
        if self.random.random() < 0.3:
            self.react(self.here, (event[0],), Put(cards, '"one"'), role="together")
        commands = [self.command(self.here, *way, *self.random.choice(ends), refuses=True)
                    for way in (ways[0], *self.random.sample(ways, 3))]  # fmt: skip
        for _ in range(self.random.choice((4, 7))):
            command, key = self.random.choice(commands), self.random.choice(("k0", "k0", "k1", *HOSTILE[:-2]))
            self.ask(command, key, self.sometimes(3.0), copies=self.random.choice((1, 2)))
        crowd, at = self.command(self.here, row, meeting), self.sometimes(3.0)
        for _ in range(self.random.choice((2, 3))):
            self.ask(crowd, "k0", at)

    def record(self, context: str) -> str:
        """A class of records."""
        name = f"{context.upper()}{CARD}{self.number}{len(self._kept)}"
        self._kept.append(Kept(name, context, record=True))
        return name


class _Policies(Drill):
    """Many events are followed by one reaction: a class, a function that names what they inherit from, or each of them.
    Some are published as they are, some without an aggregate."""

    def put(self) -> None:
        events = [self.event(self.here) for _ in range(self.random.choice((2, 4, 5, 6)))]
        self._events = [
            replace(each, same=self.random.random() < 0.6, keyed=self.random.random() < 0.7) for each in self._events
        ]
        own, public = [each for each, _ in events], [each for _, each in events]
        first = "message.path.endswith(('.0', '.0!'))"
        tries = self.random.choice((2, 4))
        bodies: tuple[tuple[Statement, ...], ...] = (
            (), (Wait(0.1),), (Fail(f"run.tries < {tries} and {first}", 'ConnectionError("away for a moment")'),),
            (Fail(f"not tape.fixed and {first}", 'ValueError("a bug, until it is mended")'),),
        )  # fmt: skip
        for style in self.random.sample(("policy", "policy", "base", ""), self.random.choice((1, 2, 2, 3))):
            near = style == "base" or self.random.random() < 0.5
            context = self.here if near else self.there
            body = (*self.random.choice(bodies), Change(self.kept(context), _KEY))
            self.react(context, own if near and (style == "base" or self.random.random() < 0.6) else public, *body)
            last = self._handlers[-1]
            name = last.name.replace("on", "On") if style == "policy" else last.name
            self._handlers[-1] = replace(last, style=style, name=name)
        recorded = tuple(self.random.choice(own) for _ in range(self.random.choice((2, 3, 5))))
        published = [self._published(own) for _ in range(self.random.choice((0, 1, 2, 3)))]
        said, card = self.kept(self.here), f"{self.here.upper()}{CARD}{self.number}"
        self._kept.append(Kept(card, self.here, record=True))
        crowded = (Look(said, _KEY), Wait(0.25, meet=True)) if self.random.random() < 0.5 else ()
        command = self.command(self.here, *crowded, Change(said, _KEY, recorded), *published)
        announced = self.command(self.here, Put(card, _KEY), self._published(own))
        at = self.sometimes(3.0)
        for _ in range(self.random.choice((3, 5))):
            chosen, key = self.random.choice((command, command, announced)), self.random.choice(("k0", "k0", "k1"))
            self.ask(chosen, key, self.random.choice((at, self.sometimes(3.0))), copies=self.random.choice((1, 2)))

    def _published(self, events: Sequence[str]) -> Publish:
        return Publish(self.random.choice(events), _KEY, self.random.random() < 0.5)


class _Guarded(Drill):
    """Interceptors stand around handlers: some answer themselves, some raise. A header says what all of it comes of."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        later = self.command(self.here, Change(self.kept(self.here), _KEY))
        called = self.command(self.there, Change(self.kept(self.there), _KEY), identity=self.random.random() < 0.3)
        failing = (Fail("run.tries < 2", 'ConnectionError("away, once")'),) if self.random.random() < 0.4 else ()
        calling = (Send(called, _KEY),) if self.random.random() < 0.6 else ()
        self.react(context, (name,), Change(self.kept(context), _KEY), *calling, *failing)
        self.react(self.here, (event[0],), Change(self.kept(self.here), _KEY))
        if self.random.random() < 0.3:
            self.react(self.here, (event[0],), Later(later, _KEY), role="together")
        meeting = (Look(said, _KEY), Wait(0.25, meet=True)) if self.random.random() < 0.4 else ()
        recorded = Change(said, _KEY, (event[0],) * self.random.choice((1, 2, 3)))
        command = self.command(self.here, *meeting, recorded, Later(later, _KEY), *failing)
        sending = self.command(self.there, Send(command, _KEY), Change(self.kept(self.there), _KEY))
        tests = ("tries < 2", "tries < 2", 'message.key == "k1"', "len(message.path) % 2", "not tape.fixed")
        for _ in range(self.random.choice((1, 2, 3))):
            how = self.random.choice(("", "", "answers", "raises", "spoils", "hides", "hides"))
            test = self.random.choice(tests[2:4] if how == "answers" else tests[:2] if how != "hides" else ("True",))
            self.guards.append(Guard(self.random.choice((self.here, self.there)), how, test))
        self.guards.insert(self.random.randrange(len(self.guards) + 1), Guard(self.here))
        self.headers = self.random.random() < 0.7
        self._handlers = [replace(each, enveloped=self.random.random() < 0.6) for each in self._handlers]
        for _ in range(self.random.choice((3, 5))):
            chosen, key = self.random.choice((command, command, sending)), self.random.choice(("k0", "k0", "k1"))
            self.ask(chosen, key, self.sometimes(3.0), copies=self.random.choice((1, 2)))


class _Shapes(Drill):
    """Fields are of one of several shapes, another one after each change; events and commands have such fields too."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        self._events[-1] = replace(self._events[-1], shaped=True, same=self.random.random() < 0.4)
        near, far = self.kept(context), self.kept(self.there)
        called = self.command(self.there, Change(far, _KEY))
        self._commands[-1] = replace(
            self._commands[-1], extra=(("shape", "Shape", f"shape({self.random.choice(_SHAPES)})"),)
        )
        way = self.random.choice((Send(called, _KEY), Later(called, _KEY)))
        self.react(context, (name,), Look(near, _KEY), Change(near, _KEY), way)
        meeting = (Look(said, _KEY), Wait(0.25, meet=True)) if self.random.random() < 0.4 else ()
        command = self.command(self.here, *meeting, Change(said, _KEY, (event[0],) * self.random.choice((1, 2))))
        release = self.random.random() < 0.4
        self._kept = [replace(each, shaped=True, news="union" if release else "") for each in self._kept]
        if release:
            at = tuple(
                round(0.3 + 3.5 * turn + self.sometimes(2.0), 2) for turn in range(self.random.choice((1, 2, 3)))
            )
            self.rollout = Rollout(at, tuple(dict.fromkeys((self.here, self.random.choice((self.here, self.there))))))
        for _ in range(self.random.choice((5, 7))):
            self.ask(command, self.random.choice(("k0", "k0", "k1")), self.sometimes(12.0 if release else 4.0))


class _Beginning(Drill):
    """A reaction begins with what is written from now on, perhaps only in a second release. A context has nothing."""

    def put(self) -> None:
        event, said = self.event(self.here), self.kept(self.here)
        context, name = self.followed(event)
        failing = (Fail("run.tries < 2", 'ConnectionError("away, once")'),) if self.random.random() < 0.3 else ()
        self.react(context, (name,), *failing, Change(self.kept(context), _KEY))
        since = self.random.choice((1, 2, 2))
        self._handlers[-1] = replace(self._handlers[-1], begins=True, since=since)
        self.react(context, (name,), Change(self.kept(context), _KEY))
        command = self.command(self.here, Change(said, _KEY, (event[0],) * self.random.choice((1, 2))))
        if since > 1:
            turns = tuple(
                round(2.5 + 4.0 * turn + self.sometimes(1.0), 2) for turn in range(self.random.choice((1, 3)))
            )
            self.rollout = Rollout(turns, (context,))
        if self.random.random() < 0.5:
            self.idle = ("z",)
        for number in range(self.random.choice((6, 9))):
            self.ask(command, self.random.choice(("k0", "k0", "k1", "k2")), number + self.sometimes(0.7))


BEGINNINGS: tuple[type[Drill], ...] = (_Beginning,)
"""The same, of what begins."""
KIT: tuple[type[Drill], ...] = (_Returned, _Model, _Removed, _Claimed, _Records, _Policies, _Guarded, _Shapes)
