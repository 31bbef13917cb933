"""Programs about what callers are told, what is refused, and what a handler may not do."""

from __future__ import annotations

from dataclasses import replace

from remit.testing.simulation.programs.drills import HOSTILE, Drill
from remit.testing.simulation.programs.grammar import (
    Branch,
    Change,
    Fail,
    Later,
    Look,
    Refuse,
    Rollout,
    Send,
    Statement,
    Wait,
)

__all__ = ["ODDITIES"]

_KEY = "message.key"
_ASCII = HOSTILE[:1] + HOSTILE[3:4]


class _Chain(Drill):
    """Commands sent for later that change nothing, send others, and are then refused, declared or not."""

    def put(self) -> None:
        last = self.command(self.here, Change(self.kept(self.here), _KEY))
        no = self.random.choice(("True", "run.tries < 2", "len(message.path) % 2"))
        declared = self.random.random() < 0.4
        ends = self.random.choice(((), (Refuse(no, declared),), (Refuse(no, declared),)))
        changes = (Change(self.kept(self.here), _KEY),) if self.random.random() < 0.4 else ()
        middle = self.command(self.here, *changes, Later(last, _KEY), *ends, refuses=declared)
        command = self.command(self.here, Change(self.kept(self.here), _KEY), Later(middle, _KEY))
        for _ in range(self.random.choice((2, 4))):
            self.ask(command, self.random.choice(("k0", "k1")), self.sometimes(3.0))


class _Copies(Drill):
    """The same command is sent in parallel: the slower one fails or is refused after the other got its answer."""

    def put(self) -> None:
        fails: Statement = Fail("True", 'ValueError("a bug of who is slower")')
        slow = (Wait(self.random.choice((0.5, 1.5))), fails)
        quick = (Wait(self.random.choice((0.3, 0.5))),)
        which = self.random.choice(("run.tries > 1", "run.tries % 2 == 0"))
        command = self.command(self.here, Branch(which, slow, quick), Change(self.kept(self.here), _KEY))
        for _ in range(self.random.choice((4, 8))):
            self.ask(command, "k0", self.sometimes(3.0), copies=self.random.choice((2, 3)))


class _Asked(Drill):
    """Plain commands: with little time, with the same key, with a refusal, with unusual keys."""

    def put(self) -> None:
        kept = self.kept(self.there)
        seen = (Look(kept, _KEY, get=True),) if self.random.random() < 0.5 else ()
        plain = self.command(self.there, Change(kept, _KEY), *seen)
        says_no = self.command(self.here, Change(self.kept(self.here), _KEY), Refuse("True"), refuses=True)
        for command in (plain, plain, says_no, says_no):
            shared = self.random.random() < 0.5
            for _ in range(self.random.choice((1, 2))):
                named = "wish" if shared else ""
                deadline = self.random.choice((10.0, 0.9, 0.6))
                self.ask(command, self.random.choice(("k0", "k1", *_ASCII)), self.sometimes(3.0), named=named,
                         deadline=deadline)  # fmt: skip


class _Forbidden(Drill):
    """A handler that decides differently when it runs again, and one that writes two aggregates."""

    def put(self) -> None:
        called = [self.command(self.there, Change(self.kept(self.there), _KEY)) for _ in range(2)]
        kept, other = self.kept(self.here), self.kept(self.here)
        either = Branch(self.random.choice(("run.tries > 1", "run.tries % 2")), (Send(called[0], _KEY),),
                        (Send(called[1], _KEY),))  # fmt: skip
        meeting = Wait(self.random.choice((0.25, 0.5)), meet=True)
        fickle = self.command(self.here, Look(kept, _KEY), either, meeting, Change(kept, _KEY))
        both = self.command(self.here, Change(kept, "message.path"), Change(other, "message.path"))
        at = self.sometimes(1.0)
        for _ in range(self.random.choice((3, 5))):
            self.ask(fickle, "k0", at)
        self.ask(both, "k0", self.sometimes(2.0))


class _Newer(Drill):
    """A newer release sends a field that an older release, which handles the command elsewhere, does not know."""

    def put(self) -> None:
        called = self.command(self.there, Change(self.kept(self.there), _KEY), identity=True)
        self._commands[-1] = replace(self._commands[-1], news=True)
        command = self.command(self.here, Send(called, _KEY), Change(self.kept(self.here), _KEY))
        for _ in range(self.random.choice((8, 12))):
            self.ask(command, "k0", self.sometimes(8.0), tries=self.random.choice((1, 6)))
        turns = self.random.choice((1, 1, 2))
        self.rollout = Rollout(tuple(round(0.3 + 3.0 * turn + self.sometimes(1.0), 2) for turn in range(turns)),
                               (self.here,))  # fmt: skip


class _Met(Drill):
    """Two contexts send a command of a third one under the same key."""

    def put(self) -> None:
        called = self.command(self.there, Change(self.kept(self.there), _KEY))
        for context in (self.here, self.there):
            body = (Send(called, _KEY, shared=True), Change(self.kept(context), _KEY))
            command = self.command(context, *body)
            for _ in range(self.random.choice((1, 2))):
                self.ask(command, self.random.choice(("k0", "k0", "k1")), self.sometimes(3.0))


ODDITIES = (_Chain, _Chain, _Copies, _Asked, _Asked, _Forbidden, _Newer, _Met)
