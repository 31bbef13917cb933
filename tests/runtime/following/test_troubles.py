"""What keeps a follower, told in words."""

from __future__ import annotations

import asyncio

from remit.observability import RuntimeEvent, TroubleBegun
from remit.runtime.following.troubles import SILENT_SECONDS, Troubles
from remit.runtime.listeners import Listeners
from tests.runtime.talk import LoopClock, on_virtual_time


@on_virtual_time
async def test_a_source_is_silent_since_it_is_so_and_not_since_something_else_was_wrong() -> None:
    told: list[str] = []

    def hear(event: RuntimeEvent) -> None:
        if isinstance(event, TroubleBegun):
            told.append(event.state)

    troubles = Troubles("mail.deliver", Listeners([hear], LoopClock()))
    troubles.begin("heads", "stalled", "nothing moves")
    await asyncio.sleep(6 * SILENT_SECONDS)
    troubles.begin("heads", "source-silent", "away")
    assert told == ["stalled"]
    await asyncio.sleep(SILENT_SECONDS)
    troubles.begin("heads", "source-silent", "away")
    assert told == ["stalled", "source-silent"]
