"""Signs of life: what each process writes into a store about its subscriptions, and what the others read."""

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
    """Whether the process has run long enough to get a share of the subscriptions."""

    @property
    def id(self) -> SubscriptionId:
        """Which subscription."""
        return SubscriptionId(self.name, self.source, self.channel)


_signs = msgspec.json.Decoder(list[Sign])


def write_signs(signs: Sequence[Sign]) -> str:
    """Encodes the sign of life of one process."""
    return msgspec.json.encode(signs).decode()


def read_signs(body: str) -> Sequence[Sign]:
    """Decodes a sign of life; empty if it cannot be read."""
    try:
        return _signs.decode(body)
    except msgspec.MsgspecError:
        return ()


SHARING_SECONDS = 7.0
"""A process without a sign of life for this long has no share. Less than a lease, so that no share goes to a dead
one."""
NEWS_SECONDS = 1.0
"""How long the states that were read are reused."""


class Peers:
    """The other processes of one store."""

    def __init__(self, store: Members, ports: Ports) -> None:
        self._store = store
        self._ports = ports
        self._heard = -NEWS_SECONDS
        self._states: Mapping[str, set[str]] = {}
        self._beats: dict[str, tuple[float, float]] = {}
        """The last sign of each process: its time by the clock of that process, and when it was made (loop time)."""

    async def sharing(self, me: str, names: Collection[str]) -> int:
        """The number of other processes that have a share in these subscriptions: living ones that run some of them and
        have run for 10 s.

        A sign more than 7 s in the future does not count: it would outlive its process. Raises as the
        store does.
        """
        living = [signs for process, signs in (await self._living()).items() if process != me]
        return sum(any(sign.settled and sign.id.label in names for sign in signs) for signs in living)

    async def states(self, name: str) -> Collection[str]:
        """The states of one subscription that living processes report, at most a second old. Empty if they cannot be
        read.

        A process lives as long as its signs change. So their clocks need not agree with that of this process."""
        now = asyncio.get_running_loop().time()
        if now - self._heard >= NEWS_SECONDS:
            self._heard = now
            try:
                self._states = await self._listen()
            except RemitError:
                self._states = {}
        return self._states.get(name, ())

    async def _listen(self) -> Mapping[str, set[str]]:
        clock, gone = self._ports.clock.seconds(), self._ports.machine.is_gone
        now, before = asyncio.get_running_loop().time(), self._beats
        states: dict[str, set[str]] = {}
        self._beats = {}
        for process, (at, body) in (await self._store.beats()).items():
            known, old = before.get(process), abs(clock - at)
            if known is not None and known[0] == at:
                made = known[1]
            else:  # with another clock, only a second sign shows that the process lives
                made = now - old if old <= SHARING_SECONDS or known is None else now
            self._beats[process] = (at, made)
            if now - made <= SHARING_SECONDS and not gone(process):
                for sign in read_signs(body):
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
