"""Fresh answers: waits until all earlier events have reached the context that answers.

Compares heads of sources with checkpoints of subscriptions, and uses what processes report. Which process runs which
subscription does not matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from remit.contexts import UNSEALED, Seal
from remit.errors import DeadlineExceeded, Stale, Unavailable
from remit.log import SubscriptionId
from remit.runtime.freshness.influence import Influence
from remit.runtime.freshness.reaching import Flaw, Following, Part, Question, Reached, Waiting, reach

PAUSE_SECONDS = 0.1
"""Pause before an unreachable context is asked again."""
PATIENCE_SECONDS = 1.0
"""How long another process may wait before it replies with what it is waiting for."""

Elsewhere = Callable[[str, Question], Awaitable[Reached]]
NOBODY = Influence()
EVERYTHING = Question()


class Freshness:
    """Waits for the subscriptions of the contexts in this process, and asks `elsewhere` for those of the others."""

    def __init__(
        self,
        followings: Iterable[Following],
        is_regressed: Callable[[SubscriptionId], Awaitable[bool]],
        elsewhere: Elsewhere | None = None,
        influence: Influence = NOBODY,
        seal: Seal = UNSEALED,
    ) -> None:
        self.seal = seal
        self._by_context: dict[str, list[Following]] = {}
        for following in followings:
            self._by_context.setdefault(following.follow.id.context, []).append(following)
        self._is_regressed = is_regressed
        self._elsewhere = elsewhere
        self._influence = influence

    async def freshen(self, context: str, query: str = "", key: str | None = None, *, when: float) -> None:
        """Waits, at most until the loop time `when`, until everything committed before has reached a context, with all
        consequences. `query` is the wire type of the query to be asked. `key` limits the check for parked keys to one.

        Raises `Stale` if something on the way is parked or cannot go on; `DeadlineExceeded` with what is not done by
        then; `Unavailable` with the context that could not be reached.
        """
        waiting = Waiting()
        try:
            async with asyncio.timeout_at(when):
                flaws = await self._settled(context, query, key, waiting)
        except TimeoutError:
            raise _too_late(query or context, waiting) from None
        _refuse(query or context, flaws)

    async def catch_up(self, context: str, query: str, position: str, *, when: float) -> None:
        """Waits, at most until the loop time `when`, until the projections that a query may read have handled what was
        written at a position, in the context that answers it and in those that its handler may ask. It does not wait
        for what follows from it. Raises `BadPosition`, and as `freshen`."""
        after = {log: dict(positions) for log, positions in self.seal.read(position).items()}
        waiting, flaws = Waiting(), list[Flaw]()
        try:
            async with asyncio.timeout_at(when):
                question = Question(query=query, seconds=PATIENCE_SECONDS, after=after)
                found = await self._reach(context, question, waiting)
                flaws += found.flaws
                for other in self._influence.everybody if found.asks else ():
                    if other != context:
                        question = Question(seconds=PATIENCE_SECONDS, after=after)
                        flaws += (await self._reach(other, question, waiting)).flaws
        except TimeoutError:
            raise _too_late(query or context, waiting) from None
        _refuse(query or context, flaws)

    async def _settled(self, context: str, query: str, key: str | None, waiting: Waiting) -> list[Flaw]:
        """Repeats rounds until all consequences of earlier events have arrived. Returns what will not arrive.

        A round waits for all subscriptions on the way. Consequences of what it waited for are in the logs when the next
        round begins, so a round that finds nothing new is the last. With constant writing, each round finds something
        new. Then the traces decide: the new messages of one round include all pending consequences, and further
        consequences carry the same traces. When no new message carries one of these traces, nothing is pending.
        """
        way = _Way(context, query, key)
        before = await self._round(way, waiting)
        owed: set[str] | None = None
        rounds = 1
        while True:
            rounds += 1
            way.since = before.ends if rounds > len(before.ends) + 1 else None
            now = await self._round(way, waiting)
            if now.flaws != before.flaws or now.traces is None:
                owed = None
            elif owed is None:
                owed = now.traces
            elif owed.isdisjoint(now.traces):
                return now.flaws
            if now.ends == before.ends and now.flaws == before.flaws:
                return now.flaws
            before = now

    async def _round(self, way: _Way, waiting: Waiting) -> _Round:
        """Waits for every context on the way, including the sources they follow and the contexts they may ask."""
        reached: dict[tuple[str, Part], Reached] = {}
        while missing := [each for each in way.parts(self._influence.callers) if each not in reached]:
            for name, part in missing:
                question = way.question(name, part)
                reached[name, part] = found = await self._reach(name, question, waiting)
                way.passes |= dict.fromkeys(found.sources)
                if found.asks and part == "answers":
                    way.answers |= dict.fromkeys(self._influence.everybody)
        return _Round.of(reached.values())

    async def _reach(self, context: str, question: Question, waiting: Waiting) -> Reached:
        """Asks one context, here or elsewhere, until it answers. An unreachable context is asked again; the caller's
        timeout ends this."""
        waiting.on(f"{context} has not said that it has handled everything")
        while True:
            try:
                if self._elsewhere is None or self._is_here(context):
                    return await self.reach(context, question, waiting)
                return await self._elsewhere(context, question)
            except DeadlineExceeded as error:  # it is reachable, and says what it waits for
                waiting.on(error.what)
            except Unavailable as error:
                waiting.away = error
                await asyncio.sleep(PAUSE_SECONDS)

    def _is_here(self, context: str) -> bool:
        return context in self._by_context or context in self._influence.needs

    async def reach(self, context: str, question: Question = EVERYTHING, waiting: Waiting | None = None) -> Reached:
        """Waits until the subscriptions of one context in this process have handled everything that is there now."""
        needs = self._influence.of(context, question.query)
        followings = self._by_context.get(context, [])
        return await reach(followings, question, needs, self._is_regressed, waiting or Waiting())


@dataclass
class _Way:
    """The contexts that one answer depends on."""

    context: str
    query: str
    key: str | None
    since: dict[str, dict[int, int]] | None = None
    answers: dict[str, None] = field(default_factory=dict[str, None])
    """Contexts that may be asked for part of the answer."""
    passes: dict[str, None] = field(default_factory=dict[str, None])
    """Contexts whose events may lead to the answer."""

    def parts(self, callers: Iterable[str]) -> list[tuple[str, Part]]:
        """The contexts to ask, each with the largest part that it has in the answer."""
        found: dict[str, Part] = dict.fromkeys(callers, "calls")
        found |= dict.fromkeys(self.passes, "passes")
        found |= dict.fromkeys([self.context, *self.answers], "answers")
        return list(found.items())

    def question(self, context: str, part: Part) -> Question:
        query = self.query if context == self.context else ""
        return Question(part, query, self.key, self.since, PATIENCE_SECONDS)


class _Round(NamedTuple):
    """The result of one round."""

    ends: dict[str, dict[int, int]]
    flaws: list[Flaw]
    traces: set[str] | None
    """The traces of the messages that were new in the round; None if they are not known."""

    @classmethod
    def of(cls, reached: Collection[Reached]) -> _Round:
        ends = dict[str, dict[int, int]]()
        flaws: dict[Flaw, None] = {}
        traces: set[str] | None = set()
        for each in reached:
            ends |= each.ends
            flaws |= dict.fromkeys(each.flaws)
            traces = None if traces is None or each.traces is None else traces.union(each.traces)
        return cls(ends, list(flaws), traces)


def _refuse(where: str, flaws: Sequence[Flaw]) -> None:
    """Raises `Stale` for flaws, if there are any."""
    if flaws:
        raise Stale(
            "; ".join(f"{flaw.where}: {flaw.what}" for flaw in flaws), where=where,
            expected="all earlier messages handled", next=flaws[0].next,
        )  # fmt: skip


def _too_late(where: str, waiting: Waiting) -> DeadlineExceeded | Unavailable:
    if (away := waiting.away) is not None:
        return Unavailable(
            f"no fresh answer, because {away.where or 'a context'} is away: {away.what}", where=where,
            expected="every context on the way within reach", next="remit status",
        )  # fmt: skip
    return DeadlineExceeded(
        f"the answer did not become fresh by the deadline: {waiting.what}", where=where,
        expected="all earlier messages handled", next="remit status",
    )  # fmt: skip
