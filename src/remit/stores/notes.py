"""Keeps the notes of processes in existing kinds of rows, under names that users cannot give.

These names contain a blank. They never leave the store.
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
"""Suffix of a key claim's caller: when a command was first begun is stored as a claim of its own."""
_TIME = SubscriptionId(" time", "", Channel.PRIVATE)
"""The agreed time is stored as a checkpoint's time. Its position counts the moves."""
_EVENT_KEYS = (" event keys", "")
"""Kind and identity of a row of state."""

_keys = msgspec.json.Decoder(dict[str, str | None])


def _missed_by(projection: SubscriptionId) -> SubscriptionId:
    """The checkpoints up to which a projection has missed messages; position 0 after that was accepted."""
    return projection._replace(name=f"{projection.name} missed")


class NotesInRows(States, Checkpoints, Committing, Protocol):
    """Implements the notes of a store by its other ports; all but `first_begun`, which must be one round trip."""

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
            with suppress(Conflict):  # noted before
                await self.commit(Unit(advance=Advance(_missed_by(projection), part, 0, "", pos, id, at)))

    async def accept_missed(self, projection: SubscriptionId, at: float) -> Mapping[int, int]:
        found = await self.missed(projection)
        await self.place(_missed_by(projection), dict.fromkeys(found, Checkpoint(0, "", at)))
        return found
