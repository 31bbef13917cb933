"""The bell between processes: rung after commits, never in one, at most every 20 ms; and a look around all the same.

NOTIFY in a transaction makes it take a lock of the whole server when it commits. So it is sent here, on a connection
that does nothing else. A bell that is not heard costs a second, and never a message.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from remit.errors import RemitError
from remit.stores.postgres.failures import FAILURES
from remit.stores.postgres.session import Link, Session

_RING_SECONDS = 0.02
_LOOK_SECONDS = 1.0
_SHORTEST_LOOK_SECONDS = 0.05
"""Without a bell to be heard: how soon it is looked again after something was found."""


class Bell:
    """Rings others, and calls `look` when they ring and at least every second. `look` says whether there was news.

    It rings for the first of the schemas, and hears all of them.
    """

    def __init__(self, session: Session, schemas: Sequence[str], look: Callable[[], Awaitable[bool]]) -> None:
        self._session = session
        self._channels = [_channel(schema) for schema in schemas]
        self._look = look
        self._me = uuid.uuid4().hex
        self._rung = asyncio.Event()
        self._heard = asyncio.Event()
        self._over = asyncio.Event()
        self._listening: Link | None = None
        self._tasks = [asyncio.create_task(task(), name="bell") for task in (self._ringing, self._looking)]

    def ring(self) -> None:
        """Something was appended."""
        self._rung.set()

    async def close(self) -> None:
        """Stops, and ends the connection."""
        self._over.set()
        self._rung.set()
        self._heard.set()
        # Not by a cancellation, at first: that would leave behind a connection that is just being made.
        _, late = await asyncio.wait(self._tasks, timeout=_LOOK_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)

    async def _ringing(self) -> None:
        while not self._over.is_set():
            pause = _RING_SECONDS
            try:
                link = await self._listen()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._rung.wait(), None if self._listening is link else _LOOK_SECONDS)
                    self._rung.clear()
                    await self._session.fetch("SELECT pg_notify($1, $2)", self._channels[0], self._me)
            except (RemitError, *FAILURES):
                pause = _LOOK_SECONDS
            await self._pause(pause)

    async def _listen(self) -> Link:
        link = await self._session.link()
        if self._listening is not link and not link.pooled:
            for channel in self._channels:
                await link.connection.add_listener(channel, self._hear)
            link.connection.add_termination_listener(self._ended)
            self._listening = link
            self._heard.set()  # what was rung meanwhile was not heard
        return link

    def _hear(self, *message: Any) -> None:
        if message[-1] != self._me:
            self._heard.set()

    def _ended(self, _: Any) -> None:
        self._listening = None
        self._rung.set()  # listens again

    async def _looking(self) -> None:
        pause = _LOOK_SECONDS
        while not self._over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._heard.wait(), _LOOK_SECONDS if self._listening else pause)
            self._heard.clear()
            news = False
            with suppress(RemitError):
                news = await self._look()
            pause = _SHORTEST_LOOK_SECONDS if news else min(2 * pause, _LOOK_SECONDS)
            await self._pause(_RING_SECONDS)


def _channel(schema: str) -> str:
    """As much of it as the server takes: 63 bytes, whole characters."""
    return f"remit {schema}".encode()[:63].decode(errors="ignore")
