"""Where stores keep what processes note for one another: in rows that they have anyway, under names nobody can give.

Such a name has a blank in it. None of them leaves a store.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

import msgspec

from remit.errors import Conflict
from remit.log import Channel, Checkpoint, SubscriptionId
from remit.stores.port import Advance, Agreed, Change, Checkpoints, Committing, States, Unit

BEGUN = " begun"
"""After a claim's caller: when a command was first begun is a claim as well."""
_TIME = SubscriptionId(" time", "", Channel.PRIVATE)
"""A checkpoint, at that time. Its position counts how often it was moved."""
_EVENT_KEYS = (" event keys", "")
"""Kind and identity of a piece of state."""

_keys = msgspec.json.Decoder(dict[str, str | None])


def _missed_by(projection: SubscriptionId) -> SubscriptionId:
    """The checkpoints up to which it has missed messages; 0 where that was accepted."""
    return projection._replace(name=f"{projection.name} missed")


class NotesInRows(States, Checkpoints, Committing, Protocol):
    """The notes of a store that keeps them so; all but `first_begun`, which is one round trip of its own."""

    async def agreed_time(self) -> Agreed | None:
        mark = (await self.checkpoints(_TIME)).get(0)
        return None if mark is None else Agreed(mark.at, mark.pos)

    async def agree(self, before: Agreed | None, at: float) -> None:
        moves, id = (0, "") if before is None else (before.moves, "time")
        await self.commit(Unit(advance=Advance(_TIME, 0, moves, id, moves + 1, "time", at)))

    async def event_keys(self) -> Mapping[str, str | None]:
        return (await self._event_keys())[1]

    async def note_event_keys(self, keys: Mapping[str, str | None]) -> None:
        version, noted = await self._event_keys()
        body = msgspec.json.encode(noted | {event: key for event, key in keys.items() if event not in noted})
        await self.commit(Unit([Change(*_EVENT_KEYS, version, body)]))

    async def _event_keys(self) -> tuple[int, dict[str, str | None]]:
        version, body = await self.load(*_EVENT_KEYS) or (0, b"{}")
        return version, _keys.decode(body)

    async def missed(self, projection: SubscriptionId) -> Mapping[int, int]:
        marks = await self.checkpoints(_missed_by(projection))
        return {part: mark.pos for part, mark in marks.items() if mark.pos}

    async def note_missed(self, projection: SubscriptionId, upto: Mapping[int, Checkpoint]) -> None:
        for part, (pos, id, at) in upto.items():
            with suppress(Conflict):  # it is known
                await self.commit(Unit(advance=Advance(_missed_by(projection), part, 0, "", pos, id, at)))

    async def accept_missed(self, projection: SubscriptionId, at: float) -> Mapping[int, int]:
        found = await self.missed(projection)
        await self.place(_missed_by(projection), dict.fromkeys(found, Checkpoint(0, "", at)))
        return found
