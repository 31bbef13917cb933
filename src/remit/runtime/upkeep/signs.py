"""Signs of life: what a process says of the subscriptions whose store it writes this to, and what others hear of it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

import msgspec

from remit.errors import RemitError
from remit.log import Channel, SubscriptionId
from remit.runtime.ports import Ports
from remit.stores.port import Members


class Sign(msgspec.Struct):
    """What a process says about one subscription or relay."""

    name: str
    source: str
    channel: Channel
    state: str
    note: str = ""
    settled: bool = False
    """Whether the process has run for a while already, and takes part in sharing what is to be run."""

    @property
    def id(self) -> SubscriptionId:
        """Which one."""
        return SubscriptionId(self.name, self.source, self.channel)


_signs = msgspec.json.Decoder(list[Sign])


def write_signs(signs: Sequence[Sign]) -> str:
    """The sign of life of one process."""
    return msgspec.json.encode(signs).decode()


def read_signs(body: str) -> Sequence[Sign]:
    """What a sign of life says. One that cannot be read says nothing."""
    try:
        return _signs.decode(body)
    except msgspec.MsgspecError:
        return ()


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
        living = [signs for process, signs in (await self._living()).items() if process != me]
        return sum(any(sign.settled and sign.id.label in names for sign in signs) for signs in living)

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
        states: dict[str, set[str]] = {}
        for sign in (sign for signs in (await self._living()).values() for sign in signs):
            states.setdefault(sign.id.label, set()).add(sign.state)
        return states

    async def _living(self) -> dict[str, Sequence[Sign]]:
        now, gone = self._ports.clock.seconds(), self._ports.machine.is_gone
        beats = (await self._store.beats()).items()
        return {
            process: read_signs(body)
            for process, (at, body) in beats
            if abs(now - at) <= SHARING_SECONDS and not gone(process)
        }
