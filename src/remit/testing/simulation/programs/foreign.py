"""The senders outside: what they send to a program, how, and whether each message came to its end once and in order.

A translation is noted on the tape as a run of `<context>.foreign:<source>`, so what holds for runs holds for it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from remit.contexts import Fetched
from remit.messages import Value
from remit.testing.simulation.cluster import Choices, ClusterDoor
from remit.testing.simulation.judges import Files, Verdict
from remit.testing.simulation.programs.facts import Facts
from remit.testing.simulation.programs.grammar import Posted, Source
from remit.testing.simulation.programs.noted import Sent
from remit.testing.simulation.programs.tape import Tape

__all__ = ["Item", "Sender", "dated", "fetched", "identity", "judge_foreign", "number", "thing", "unfetched"]

_TRIES = 60
"""How often a message is sent that nobody accepts, at most."""
_HANGS_SECONDS = 60.0
"""Longer than the deadline of a fetch."""
_ROUNDS = 60
"""Looks in calm whether a polled source was fetched to its end, every 2 seconds."""


class Item(Value):
    """A foreign message, as far as a program reads it."""

    id: str
    path: str
    key: str
    version: int
    how: str = ""


def identity(item: Item) -> str:
    """What identifies a message."""
    return item.id


def thing(item: Item) -> str:
    """What a message is about."""
    return item.key


def number(item: Item) -> int:
    """Which of two messages about one thing is the newer one."""
    return item.version


def dated(item: Item) -> datetime:
    """The same, as a time."""
    return datetime.fromtimestamp(item.version, UTC)


async def fetched(tape: Tape, source: Source, after: str) -> Fetched[Item]:
    """What the API answers: a page of what is there by now. Now and then it fails, hangs, repeats itself, or leads
    back. It is the same each time, by how often it was asked."""
    begin = int(after or 0)
    turn = tape.fetches[source.name] = tape.fetches.get(source.name, 0) + 1
    await asyncio.sleep(0.05)
    if not tape.fixed and turn % 5 == 3:
        raise ConnectionError("the API is away")
    if not tape.fixed and turn % 11 == 7:
        await asyncio.sleep(_HANGS_SECONDS)
    if not tape.fixed and turn % 7 == 5 and begin > 1:
        return Fetched([_item(each) for each in source.posted[begin - 2 : begin]], str(begin - 2), more=True)
    there = sum(each.at[0] <= tape.now() for each in source.posted)
    end = min(begin + source.page, there)
    repeated = max(0, begin - 1) if turn % 3 == 1 else begin
    tape.fetched[source.name] = max(begin, tape.fetched.get(source.name, 0))
    return Fetched([_item(each) for each in source.posted[repeated:end]], str(max(begin, end)), more=end < there)


def _item(each: Posted) -> Item:
    return Item(id=each.id, path=each.path, key=each.key, version=each.version, how=each.how)


def body_of(each: Posted) -> bytes:
    """A message as JSON, with a field that no program reads."""
    return json.dumps({**{name: value for name, value in asdict(each).items() if name != "at"}, "more": [1]}).encode()


class Sender:
    """Sends the messages of the webhooks of a program."""

    def __init__(self, tape: Tape, choices: Choices, sources: Sequence[Source]) -> None:
        self._tape = tape
        self._choices = choices
        self._hooks = [each for each in sources if not each.polled]
        self._polled = [each for each in sources if each.polled]

    def people(self, door: ClusterDoor) -> Iterator[Coroutine[Any, Any, None]]:
        """Each message at each of its times, by itself: so one overtakes the other."""
        for source in self._hooks:
            for each in source.posted:
                yield from (self._send(door, source, each, at) for at in each.at)

    async def again(self, door: ClusterDoor) -> None:
        """Sends every second message once more: one of the others that was lost is not replaced."""
        sending = [self._send(door, source, each, 0.0) for source in self._hooks for each in source.posted[::2]]
        await asyncio.gather(*sending)

    async def fetched(self) -> None:
        """Waits until each API was asked for what is behind its end."""
        for _ in range(_ROUNDS):
            if all(self._tape.fetched.get(each.name, 0) >= len(each.posted) for each in self._polled):
                return
            await asyncio.sleep(2.0)

    async def _send(self, door: ClusterDoor, source: Source, each: Posted, at: float) -> None:
        await asyncio.sleep(at + self._choices.delay("post", 0.5))
        for _ in range(_TRIES):
            sent = Sent(source.handler, each.path, self._tape.now())
            self._tape.sent.append(sent)
            sent.is_accepted = await door.post(source.handler, body_of(each))
            sent.ended = self._tape.now()
            if sent.is_accepted:
                return
            await asyncio.sleep(0.1 + self._choices.delay("post again", 0.5))


# ── judging ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def judge_foreign(facts: Facts, files: Files, sources: Sequence[Source]) -> Iterator[Verdict]:
    """Whether each message that was accepted, or fetched, was translated once and in order, or ignored for a reason.

    That a command is applied once, and not lost, is judged as of all commands sent for later.
    """
    for source in sources:
        yield from _Judge(facts, files, source).verdicts()


def unfetched(files: Files, sources: Sequence[Source]) -> Iterator[str]:
    """The polled sources that were not fetched to their end."""
    for source in (each for each in sources if each.polled):
        if (place := _place(files, source)) != len(source.posted):
            yield f"{source.handler} has come to {place} of {len(source.posted)}"


def _place(files: Files, source: Source) -> int:
    """How far an API was fetched."""
    rows = files.rows(source.context, "SELECT body FROM state WHERE kind = ?", f"{source.handler} polled")
    return int(json.loads(rows[0][0])["after"] or 0) if rows else 0


class _Judge:
    """Judges one source."""

    def __init__(self, facts: Facts, files: Files, source: Source) -> None:
        self._facts = facts
        self._files = files
        self._source = source
        self._at = {each.path: at for at, each in enumerate(source.posted)}
        sent = [each for each in facts.tape.sent if each.source == source.handler]
        self._begun: dict[str, float] = {}
        """When each message may have been stored first."""
        self._told: dict[str, float] = {}
        """When it was stored at the latest."""
        for each in sent:
            self._begun[each.path] = min(each.began, self._begun.get(each.path, each.began))
            if each.is_accepted:
                self._told[each.path] = min(each.ended, self._told.get(each.path, each.ended))
        if source.polled:
            place = _place(files, source)
            self._begun = self._told = {each.path: float(at) for at, each in enumerate(source.posted) if at < place}

    def verdicts(self) -> Iterator[Verdict]:
        source, ignored = self._source, 0
        yield from (Verdict("stuck", what) for what in unfetched(self._files, [source]))
        for each in source.posted:
            if each.path not in self._told or self._is_translated(each):
                continue
            if not self._was_overtaken(each):
                yield Verdict("lost", f"{source.handler} has accepted {each.path}, and has not translated it")
            ignored += 1
        if ignored > self._ignored():
            yield Verdict("silent", f"{source.handler} has ignored {ignored} messages, and tells of {self._ignored()}")
        yield from self._in_order()

    def _is_translated(self, each: Posted) -> bool:
        """Or waits, parked."""
        name = self._source.handler
        whole = any(run.whole for run in self._facts.runs[name, each.path])
        return whole or name in self._facts.stopped or (name, each.path) in self._facts.letters

    def _was_overtaken(self, each: Posted) -> bool:
        """Whether a newer message about the same thing may have come before it."""
        if not self._source.order:
            return False
        told = self._told[each.path]
        others = [other for other in self._source.posted if other.key == each.key and other.path in self._begun]
        newer = [other for other in others if self._is_newer(other, each)]
        return any(self._begun[other.path] < told for other in newer)

    def _is_newer(self, other: Posted, each: Posted) -> bool:
        least = each.version + (self._source.order == "at")
        return other.path != each.path and other.version >= least

    def _ignored(self) -> int:
        """Of how many ignored messages the store tells."""
        name, context = self._source.handler, self._source.context
        rows = self._files.rows(context, "SELECT id, body FROM state WHERE kind = ?", "remit:ignored")
        return sum(json.loads(body)["count"] for id, body in rows if id.partition(" ")[0] == name)

    def _in_order(self) -> Iterator[Verdict]:
        """The commands of messages about one thing are applied in their order, where one aggregate tells it."""
        for place, entries in self._facts.kept.items():
            found = [self._at[path] for each in entries if (path := each.partition("/")[0]) in self._at]
            applied = [self._source.posted[at] for at in dict.fromkeys(found)]
            for number, later in enumerate(applied):
                for before in applied[:number]:
                    if before.key == later.key and self._is_wrong(before, later):
                        what = f"{self._source.handler}: {before.path} came before {later.path} in {place.kind}"
                        yield Verdict("reordered", f"{what} {place.id!r}")

    def _is_wrong(self, before: Posted, later: Posted) -> bool:
        """Whether two messages must not have been applied in this sequence."""
        if self._source.order == "version":
            return before.version >= later.version
        if self._source.order == "at":
            return before.version > later.version
        told = self._told.get(later.path, float("inf"))
        return told < self._begun.get(before.path, float("-inf"))
