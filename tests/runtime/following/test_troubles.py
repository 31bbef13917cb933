"""What keeps a follower, told in words."""

from __future__ import annotations

import asyncio

from remit.observability import RuntimeEvent, TroubleBegun
from remit.runtime.following.troubles import AGAIN_SECONDS, SILENT_SECONDS, Troubles
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


@on_virtual_time
async def test_a_state_is_reported_once_and_another_note_on_it_at_most_once_a_minute() -> None:
    """Each try of a service that is away may fail otherwise: refused, reset, no answer within so many seconds."""
    told: list[str] = []

    def hear(event: RuntimeEvent) -> None:
        if isinstance(event, TroubleBegun):
            told.append(event.note)

    troubles = Troubles("mail.deliver", Listeners([hear], LoopClock()))
    for _ in range(3):
        for partition, note in ((0, "refused"), (1, "reset"), (0, "no answer"), (1, "refused")):
            troubles.begin(partition, "paused", note)
            await asyncio.sleep(1.0)
    assert told == ["refused"]
    await asyncio.sleep(AGAIN_SECONDS)
    troubles.begin(0, "paused", "refused")
    assert told == ["refused"], "the same is not reported again"
    for partition, note in ((0, "reset"), (1, "no answer"), (0, "refused")):
        troubles.begin(partition, "paused", note)
    assert told == ["refused", "reset"]
    troubles.begin(0, "stalled", "no space left")
    assert told == ["refused", "reset", "no space left"], "another state is reported at once"


@on_virtual_time
async def test_troubles_of_different_kinds_are_reported_each() -> None:
    told: list[str] = []

    def hear(event: RuntimeEvent) -> None:
        if isinstance(event, TroubleBegun):
            told.append(event.note)

    troubles = Troubles("mail.deliver", Listeners([hear], LoopClock()))
    troubles.begin(0, "stalled", "no space left")
    troubles.begin("lease", "stalled", "cannot be renewed")
    troubles.begin("store", "stalled", "no space left")
    assert told == ["no space left", "cannot be renewed"]
