"""Who else runs what this process runs, and what they say of it: the signs of life in a store, as others read them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from remit.errors import RemitError
from remit.runtime.ports import Ports
from remit.runtime.upkeep.signs import read_signs
from remit.stores.port import Members

__all__ = ["Peers"]

SHARING_SECONDS = 7.0
"""A process without a sign of life for so long has no share: less than a lease, so that nothing is left to the dead."""
NEWS_SECONDS = 1.0
"""What was said so long ago is asked for again."""


class Peers:
    """The other processes of one store."""

    def __init__(self, store: Members, ports: Ports) -> None:
        self._store = store
        self._ports = ports
        self._heard = -NEWS_SECONDS
        self._states: Mapping[str, set[str]] = {}

    async def sharing(self, me: str, names: Collection[str]) -> int:
        """How many others have a share in these: they live, run some of them, and have done so for a while already.

        One whose clock is ahead of ours would seem to live long after its end. Raises what the store raises.
        """
        now, gone = self._ports.clock.seconds(), self._ports.machine.is_gone
        beats = await self._store.beats()
        living = [
            body
            for process, (at, body) in beats.items()
            if process != me and abs(now - at) <= SHARING_SECONDS and not gone(process)
        ]
        return sum(any(sign.settled and sign.id.label in names for sign in read_signs(body)) for body in living)

    async def states(self, name: str) -> Collection[str]:
        """What those who live say of the state of one subscription, a second ago at most; nothing when it cannot be
        read now."""
        now = asyncio.get_running_loop().time()
        if now - self._heard >= NEWS_SECONDS:
            self._heard = now
            try:
                self._states = await self._listen()
            except RemitError:
                self._states = {}
        return self._states.get(name, ())

    async def _listen(self) -> Mapping[str, set[str]]:
        now, gone = self._ports.clock.seconds(), self._ports.machine.is_gone
        states: dict[str, set[str]] = {}
        for process, (at, body) in (await self._store.beats()).items():
            if abs(now - at) <= SHARING_SECONDS and not gone(process):
                for sign in read_signs(body):
                    states.setdefault(sign.id.label, set()).add(sign.state)
        return states
