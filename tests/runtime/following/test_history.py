"""A source that has another history than the one a subscription has followed is noticed when it starts."""

from __future__ import annotations

import pytest

from remit.log import Channel, Checkpoint, SubscriptionId
from remit.stores import Entry, Unit
from remit.stores.memory.store import MemoryStore
from tests.runtime.talk import ADA, PART, Talk, until

NOTES = SubscriptionId("talk.note", "talk", Channel.PRIVATE)


async def written(*names: str) -> MemoryStore:
    """A log with messages of these identities."""
    store = MemoryStore(partitions=2)
    for name in names:
        payload = f'{{"who":"{ADA}"}}'.encode()
        await store.commit(Unit(entries=[Entry(Channel.PRIVATE, ADA, name, "talk.Said", 1, 0.0, "{}", payload)]))
    return store


@pytest.mark.parametrize(
    "log",
    [["m1"], ["m1", "other"], ["m1", "other", "another"]],
    ids=["less", "as much", "more"],
)
async def test_a_source_with_another_history_is_noticed_at_the_start(log: list[str]) -> None:
    """With as much as was handled, nothing but comparing at the start would ever notice."""
    talk = Talk(source=await written(*log))
    await talk.store.place(NOTES, {PART[ADA]: Checkpoint(2, "m2", 0.0)})
    async with talk.running() as (_, follower, _feed):
        await until(lambda: follower.state == "regressed", 3.0)
        assert talk.entered == []


async def test_a_source_with_the_same_history_is_followed() -> None:
    talk = Talk(source=await written("m1", "m2", "m3"))
    await talk.store.place(NOTES, {PART[ADA]: Checkpoint(2, "m2", 0.0)})
    async with talk.running() as (_, follower, _feed):
        talk.gates[ADA].set()
        await until(lambda: follower.position(PART[ADA]) == 3)
        assert (follower.state, talk.entered) == ("running", [ADA])
