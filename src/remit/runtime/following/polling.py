"""Fetches the messages of a polled source, in the process that holds its lease, and handles them as any subscription.

What a fetch has brought is stored in one unit of work with the place behind it, so a page is stored once or not at all.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeGuard

import msgspec

from remit.contexts import Fetched, Polled
from remit.errors import BadMessage, Conflict
from remit.runtime.failures import backoff, told
from remit.runtime.following.effect import STALL_SECONDS
from remit.runtime.following.ending import end
from remit.runtime.following.handling import Handling
from remit.runtime.following.troubles import Troubles
from remit.runtime.listeners import Listeners
from remit.runtime.plan import TranslationPlan
from remit.runtime.ports import Ports
from remit.runtime.work.attempts import is_end, meant
from remit.runtime.work.deliveries import Arrivals
from remit.runtime.work.shared import Shared
from remit.stores import Change, Unit

LONGEST_SECONDS = 60.0
"""The longest pause between two fetches that fail, unless the source is fetched less often."""


def _is_fetched(found: object) -> TypeGuard[Fetched[Any]]:
    """Whether fetch has returned what it should."""
    answer: Any = found
    return isinstance(found, Fetched) and isinstance(answer.after, str)


class _Place(msgspec.Struct):
    """Where the next fetch goes on."""

    after: str = ""
    at: float = 0.0
    """When it was last moved (seconds since the epoch)."""
    more: bool = False
    """Whether the next fetch follows at once."""


_read = msgspec.json.Decoder(_Place).decode


class Polling(Handling):
    """Fetches and handles the messages of one source."""

    def __init__(
        self, follow: TranslationPlan, source: Polled[Any], shared: Shared, ports: Ports, listeners: Listeners
    ) -> None:
        super().__init__(follow, shared, ports, listeners)
        self._source = source
        self._translator = follow.translator
        self._services = shared.workplaces[follow.id.context].services
        self._arrivals = Arrivals(follow.translator, shared.workplaces[follow.id.context], shared.stamp)
        self._fetching: asyncio.Task[None] | None = None
        self._begun = self._next = 0.0
        """When the last fetch began, and when the next one is due (loop time)."""
        self._failures = 0
        self._at_once, self._mark = 0, ""
        """How many fetches have followed at once, and a place that one of them came to."""
        self._ending = False

    def start(self, troubles: Troubles) -> None:
        super().start(troubles)
        self._ending, self._next = False, 0.0

    async def look(self) -> None:
        """Begins a fetch that is due. Called twice a second."""
        await super().look()
        now = asyncio.get_running_loop().time()
        if self._fetching is not None:
            if now - self._begun > self._seconds + STALL_SECONDS:
                self._troubles.begin(
                    "fetch", "stalled", f"a fetch goes on {now - self._begun:.0f} s, past its deadline"
                )
        elif now >= self._next and not self._ending:
            self._begun = now
            self._fetching = asyncio.create_task(self._fetch(), name=f"{self._translator.name} fetches")

    async def stop(self, drain: float) -> None:
        self._ending = True
        if self._fetching is not None:
            await end([self._fetching], [self._fetching], drain)
        await super().stop(drain)

    @property
    def _seconds(self) -> float:
        return self._source.deadline.total_seconds()

    async def _fetch(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while (pause := await self._fetched()) == 0.0 and not self._ending:
                self._begun = loop.time()
                await asyncio.sleep(0)  # neither the source nor the store may have waited for anything
        except Conflict:  # another process has moved the place
            self._next = loop.time()
        except BaseException as error:  # whatever the user's code raises, the next fetch tries again
            if _ends(error):
                raise
            self._failures += 1
            longest = max(LONGEST_SECONDS, self._source.every.total_seconds())
            self._next = loop.time() + backoff(self._failures, self._ports.random, longest)
            self._troubles.begin("fetch", "source-silent", f"fetching failed: {self._told(meant(error))}")
        else:
            self._failures = 0
            self._next = loop.time() + pause
            self._troubles.end("fetch")
        finally:
            self._fetching, self._at_once = None, 0

    def _goes_on(self, found: Fetched[Any], moved: bool) -> bool:
        """Whether the next fetch follows at once. Not at a place that came before, so that a source that goes round
        in circles is fetched as seldom as any. R. P. Brent, An improved Monte Carlo factorization algorithm (1980)."""
        goes_on = found.more and moved and not (self._at_once and found.after == self._mark)
        self._at_once += 1
        if self._at_once & (self._at_once - 1) == 0:
            self._mark = found.after
        return goes_on

    def _told(self, error: Exception) -> str:
        if isinstance(error, TimeoutError) and not str(error):
            return f"no answer within {self._seconds:g} s"
        return told(error)

    async def _fetched(self) -> float:
        """Fetches once, unless it is too early. Returns the seconds until the next fetch. Raises anything."""
        kind, every = f"{self._translator.name} polled", self._source.every.total_seconds()
        row = await self._store.load(kind, "")
        version, place = (0, _Place()) if row is None else (row[0], _read(row[1]))
        now = self._shared.seconds()
        if place.at <= now < place.at + every and not (place.more or self._failures):
            return place.at + every - now
        async with asyncio.timeout(self._seconds):
            services = {name: self._services[each] for name, each in self._translator.services.items()}
            found: object = await self._source.fetch(place.after, **services)
        if not _is_fetched(found):
            raise BadMessage(
                f"fetch returned {found!r:.200}", where=self._translator.name, expected="Fetched(items, after)",
                next="return Fetched, with a text as the place to go on from",
            )  # fmt: skip
        bodies = [self._translator.codec.write(each) for each in found.items]
        moved = found.after != place.after
        goes_on = self._goes_on(found, moved)
        after = msgspec.json.encode(_Place(found.after, self._shared.seconds(), goes_on))
        unit = Unit([Change(kind, "", version, after)])
        if bodies or moved:
            await self._arrivals.accept_all(bodies, unit)
        return 0.0 if goes_on else every


def _ends(error: BaseException) -> bool:
    """Whether an exception ends the task. A fetch may raise `CancelledError` although nobody has cancelled the task."""
    task = asyncio.current_task()
    cancelled = task is not None and task.cancelling() > 0
    return is_end(error) and (cancelled or not isinstance(error, asyncio.CancelledError))
