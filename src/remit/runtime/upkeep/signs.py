"""Signs of life: what a process says of the subscriptions whose store it writes this to, in one JSON text."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from remit.log import Channel, SubscriptionId

__all__ = ["Sign", "read_signs", "write_signs"]


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
