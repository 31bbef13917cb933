"""Notifies other processes of commits: after a commit, never in it, at most every 20 ms. Also looks at least every
second.

NOTIFY inside a transaction takes a server-wide lock at its commit. So it is sent separately, on a connection of its
own. A lost notification costs a second, and never a message.
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
"""Without notifications: how soon to look again after something was found."""


class Bell:
    """Notifies other processes, and calls `look` when they notify and at least every second. `look` returns whether
    there was something new.

    It notifies for the first of the schemas, and listens to all of them.
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
        """Messages were appended: notifies other processes soon."""
        self._rung.set()

    async def close(self) -> None:
        """Stops, and closes the connection."""
        self._over.set()
        self._rung.set()
        self._heard.set()
        # Not cancelled at first: that would leak a connection that is just being made.
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
            self._heard.set()  # notifications sent before this were missed
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
    """The channel name, cut to the server's limit of 63 bytes at a whole character."""
    return f"remit {schema}".encode()[:63].decode(errors="ignore")
