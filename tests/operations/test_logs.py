"""A person says how a subscription goes on that its log has left behind, and whom a log need not wait for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from remit.log import Channel, Checkpoint, SubscriptionId
from remit.operations import Intact, Missed, Moved, UnknownSubscriber, accept_incomplete, forget, go_on
from remit.stores import Advance, Entry, Unit
from remit.stores.memory.store import MemoryStore

NAME = "mail.deliver"
ID = SubscriptionId(NAME, "desk", Channel.PUBLISHED)


class Stores(NamedTuple):
    mail: MemoryStore
    desk: MemoryStore


@pytest.fixture
async def stores() -> AsyncIterator[Stores]:
    """Five letters, written at seconds 1 to 5; mail has handled the first, and the first three were deleted."""
    stores = Stores(MemoryStore(), MemoryStore())
    for store in stores:
        await store.open()
    for number in range(1, 6):
        entry = Entry(Channel.PUBLISHED, "ada", f"m{number}", "desk.Posted", 1, float(number), "{}", b"{}")
        await stores.desk.commit(Unit(entries=[entry]))
    part = next(iter(await stores.desk.heads(Channel.PUBLISHED)))
    await stores.mail.commit(Unit(advance=Advance(ID, part, 0, "", 1, "m1", 1.0)))
    await stores.desk.trim(Channel.PUBLISHED, part, upto=3, before=10.0, limit=100)
    yield stores
    for store in stores:
        await store.close()


@pytest.mark.parametrize(("begin", "after"), [("floor", 3), ("head", 5), (4.5, 4)])
async def test_it_goes_on_where_the_person_says(stores: Stores, begin: str | float, after: int) -> None:
    (moved,) = await go_on(stores.mail, NAME, stores.desk, "desk", begin=begin, now=9.0)
    assert moved == Moved(moved.part, 1, after)
    assert await stores.mail.checkpoints(ID) == {moved.part: Checkpoint(after, f"m{after}", 9.0)}


async def test_what_fits_is_left_alone(stores: Stores) -> None:
    await go_on(stores.mail, NAME, stores.desk, "desk", begin="floor", now=9.0)
    with pytest.raises(Intact, match="it can go on by itself"):
        await go_on(stores.mail, NAME, stores.desk, "desk", begin="head", now=9.0)


async def test_what_it_passed_over_is_missed_until_that_is_accepted(stores: Stores) -> None:
    with pytest.raises(Intact, match="it has missed nothing"):
        await accept_incomplete(stores.mail, NAME, "desk", now=9.0)
    (moved,) = await go_on(stores.mail, NAME, stores.desk, "desk", begin="head", now=9.0)
    assert await accept_incomplete(stores.mail, NAME, "desk", now=9.0) == [Missed(moved.part, 5)]
    with pytest.raises(Intact, match="it has missed nothing"):
        await accept_incomplete(stores.mail, NAME, "desk", now=9.0)


async def test_a_log_forgets_who_has_reported_and_names_those_for_a_stranger(stores: Stores) -> None:
    await stores.desk.report(NAME, Channel.PUBLISHED, {0: 1}, 9.0)
    with pytest.raises(UnknownSubscriber, match=f"a subscription that has reported: {NAME}"):
        await forget(stores.desk, "desk", "mail.nothing")
    await forget(stores.desk, "desk", NAME)
    assert await stores.desk.subscribers() == []
    with pytest.raises(UnknownSubscriber, match="none so far"):
        await forget(stores.desk, "desk", NAME)
