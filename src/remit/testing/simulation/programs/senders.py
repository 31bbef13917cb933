"""Programs with foreign sources. What is sent comes twice, out of sequence, and again after a crash, and is cut off. A
polled API repeats itself, leads back, fails and hangs."""

from __future__ import annotations

from collections.abc import Sequence

from remit.testing.simulation.programs.drills import Drill
from remit.testing.simulation.programs.grammar import Change, Fail, Look, Posted, Refuse, Source, Statement, Wait

__all__ = ["FOREIGN"]

_KEY = "message.key"


class _Foreign(Drill):
    """A source whose messages become commands, beside callers of the same commands."""

    polled = False

    def put(self) -> None:
        commands = tuple(self._translated() for _ in range(self.random.choice((1, 1, 2))))
        order, entity = self.random.choice(
            (("version", True), ("version", True), ("at", True), ("", True), ("", False))
        )
        posted = self._posted(order, entity=entity)
        name = f"{'poll' if self.polled else 'hook'}{self.number}"
        page = self.random.choice((1, 1, 2, 3))
        self.sources.append(Source(name, self.here, commands, posted, self.polled, order, entity, page))
        for _ in range(self.random.choice((1, 2))):
            self.ask(commands[0], self.random.choice(("k0", "k1")), self.sometimes(3.0))

    def _translated(self) -> str:
        """A command, whose handler may be slow, fail, refuse, and say something to others."""
        kept, event = self.kept(self.here), self.event(self.here)
        context, name = self.followed(event)
        before: Sequence[tuple[Statement, ...]] = (
            (), (), (Wait(0.3),), (Look(kept, _KEY), Wait(0.25, meet=True)),
            (Fail("run.tries < 2", 'ConnectionError("away, once")'),),
            (Fail('not tape.fixed and message.key == "k1"', 'ValueError("a bug, for one key")'),),
        )  # fmt: skip
        after = (Refuse("run.count(SEEN) % 3 == 2"),) if self.random.random() < 0.2 else ()
        events = (event[0],) * self.random.choice((0, 1))
        if events:
            self.react(context, (name,), Change(self.kept(context), _KEY))
        body = (*self.random.choice(before), Change(kept, _KEY, events), *after)
        return self.command(self.here, *body, keyed=True, refuses=bool(after))

    def _posted(self, order: str, *, entity: bool) -> tuple[Posted, ...]:
        found: list[Posted] = []
        things = ("k0",) if self.random.random() < 0.4 else ("k0", "k1")
        fails = "fails" if self.random.random() < 0.5 else ""
        for number in range(self.random.choice((6, 9, 12) if self.polled else (3, 5, 7))):
            id = f"f{self.number}{number}"
            key = self.random.choice(things) if entity else id
            times = [0.4 * number + self.sometimes(2.0)]
            times += [times[0] + self.sometimes(6.0) for _ in range(self.random.choice((0, 1, 1, 2)))]
            how = self.random.choice(("", "", "", "nothing", fails, fails))
            at = tuple(round(each, 2) for each in (times if not self.polled else times[:1]))
            found.append(Posted(id, id, key, 10 + number // (2 if order == "at" else 1), at, how))
        if order and self.random.random() < 0.7:
            self.random.shuffle(found)
        return tuple(found)


class _Hook(_Foreign):
    """A webhook."""


class _Poll(_Foreign):
    """A polled API."""

    polled = True


FOREIGN: tuple[type[Drill], ...] = (_Hook, _Poll)
