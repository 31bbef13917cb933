"""A person settles parked keys on open stores, without the code of the system."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence

import pytest

from remit.log import Channel, Checkpoint, MessageRecord, SubscriptionId
from remit.operations import (
    LetterChanged,
    NoReason,
    NotParked,
    SeveralSources,
    discard,
    keys_with_letters,
    parked_keys,
    require_handled,
    retry,
)
from remit.stores import Discard, Letter, Park, Unit
from remit.stores.memory.store import MemoryStore

NAME = "mail.deliver"


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    store = MemoryStore()
    await store.open()
    yield store
    await store.close()


async def park(store: MemoryStore, key: str, *, pos: int = 1, source: str = "desk", since: float = 1.0) -> None:
    record = MessageRecord(0, pos, f"m{pos}", "", key, "desk.LetterPosted", 1, since, "{}", b"{}")
    await store.commit(
        Unit(parks=[Park(SubscriptionId(NAME, source, Channel.PUBLISHED), key, record, since, "broken", 1e9)])
    )


async def test_keys_of_several_stores_are_listed_longest_parked_first(store: MemoryStore) -> None:
    other = MemoryStore()
    await other.open()
    await park(store, "ada", since=2.0)
    await park(store, "bob", pos=2, since=4.0)
    await park(other, "eve", since=3.0)
    assert [row.key for row in await parked_keys([store, other], limit=2)] == ["ada", "eve"]
    assert await parked_keys([store, other], "mail.nothing", limit=2) == []


async def test_a_key_is_shown_with_its_first_letters(store: MemoryStore) -> None:
    await park(store, "ada")
    await park(store, "ada", pos=2)
    ((row, letters),) = await keys_with_letters([store], "ada", NAME, limit=1)
    assert (row.letters, [letter.record.id for letter in letters]) == (2, ["m1"])
    with pytest.raises(NotParked, match="key 'eve'"):
        await keys_with_letters([store], "eve", limit=1)


async def test_a_retried_key_is_due_at_once(store: MemoryStore) -> None:
    await park(store, "ada")
    await park(store, "bob", pos=2)
    assert await retry(store, NAME, "ada") == 1
    assert {row.key: row.retry_at for row in await store.parked()} == {"ada": 0.0, "bob": 1e9}
    assert await retry(store, NAME) == 2
    with pytest.raises(NotParked, match=r"mail\.nothing"):
        await retry(store, "mail.nothing")


async def test_the_first_letter_is_thrown_away_and_those_behind_it_are_due(store: MemoryStore) -> None:
    await park(store, "ada")
    await park(store, "ada", pos=2)
    gone = await discard(store, NAME, "ada", reason="made by a broken client", now=5.0)
    assert (gone.record.id, gone.behind) == ("m1", 1)
    (row,) = await store.parked()
    assert (row.letters, row.retry_at) == (1, 0.0)


@pytest.mark.parametrize("reason", ["", " \n"])
async def test_nothing_is_thrown_away_without_a_reason(store: MemoryStore, reason: str) -> None:
    await park(store, "ada")
    with pytest.raises(NoReason):
        await discard(store, NAME, "ada", reason=reason, now=5.0)
    assert len(await store.parked()) == 1


async def test_a_subscription_that_has_handled_something_is_told_from_one_that_there_never_was(
    store: MemoryStore,
) -> None:
    await store.place(SubscriptionId(NAME, "desk", Channel.PUBLISHED), {0: Checkpoint(1, "m1", 1.0)})
    await require_handled(store, NAME, ["shop", "desk"])
    for name, sources in [("mail.typo", ["desk"]), (NAME, ["shop"])]:
        with pytest.raises(NotParked, match="has handled nothing"):
            await require_handled(store, name, sources)


async def test_name_of_a_subscription_that_is_typed_wrong_is_answered_with_the_one_that_was_meant(
    store: MemoryStore,
) -> None:
    sign = {"name": "mail.delivered", "source": "desk", "channel": 1, "state": "running"}
    await store.beat("p1", 1.0, json.dumps([sign]))
    for meant in ("mail.delivered", NAME):  # first nothing is parked
        with pytest.raises(NotParked) as listed:
            await require_handled(store, "mail.delivr", ["desk"])
        with pytest.raises(NotParked) as retried:
            await retry(store, "mail.delivr")
        with pytest.raises(NotParked) as discarded:
            await discard(store, "mail.delivr", "ada", reason="broken", now=5.0)
        assert {each.value.next for each in (listed, retried, discarded)} == {f"did you mean {meant}?"}
        await park(store, "ada")
    with pytest.raises(NotParked) as there:
        await retry(store, "mail.delivered")
    assert there.value.next == "remit parked list shows the parked keys"


async def test_a_key_that_is_parked_for_several_sources_asks_which(store: MemoryStore) -> None:
    await park(store, "ada")
    await park(store, "ada", source="shop")
    with pytest.raises(SeveralSources, match="one of: desk, shop"):
        await discard(store, NAME, "ada", reason="broken", now=5.0)
    with pytest.raises(NotParked):
        await discard(store, NAME, "ada", reason="broken", now=5.0, source="moon")
    assert len(await store.parked()) == 2
    await discard(store, NAME, "ada", reason="broken", now=5.0, source="shop")
    assert [row.subscription.source for row in await store.parked()] == ["desk"]


class Overtaken(MemoryStore):
    """Somebody else settles a letter as soon as it has been looked at."""

    async def letters(self, subscription: SubscriptionId, key: str, limit: int) -> Sequence[Letter]:
        (first, *rest) = await super().letters(subscription, key, limit)
        await self.commit(Unit(discard=Discard(subscription, key, first.record.part, first.record.pos, "", 4.0)))
        return [first, *rest]


class Emptied(MemoryStore):
    """Somebody else settles all letters before they are looked at."""

    async def letters(self, subscription: SubscriptionId, key: str, limit: int) -> Sequence[Letter]:
        return []


async def test_a_key_whose_letters_are_all_settled_meanwhile_is_not_parked() -> None:
    store = Emptied()
    await store.open()
    await park(store, "ada")
    with pytest.raises(NotParked, match="key 'ada'"):
        await discard(store, NAME, "ada", reason="broken", now=5.0)


async def test_whoever_comes_second_is_told_that_the_letter_is_settled() -> None:
    store = Overtaken()
    await store.open()
    await park(store, "ada")
    await park(store, "ada", pos=2)
    with pytest.raises(LetterChanged, match="remit parked show ada"):
        await discard(store, NAME, "ada", reason="broken", now=5.0)
    assert [row.letters for row in await store.parked()] == [1]
