"""A command sent for later that is refused is seen in the status, with its refusal, key and cause, until it is old."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence

import pytest

from remit import Aggregate, Command, Context, Later, Query, Refusal, Repository, System
from remit.hosting.assembly import assemble
from remit.log import Channel, SubscriptionId
from remit.observability import SubscriptionStatus, read_status
from remit.runtime import Host
from remit.runtime.following.refused import KEPT, KIND
from remit.stores import Change, Unit
from remit.stores.port import partition_of


class Full(Refusal):
    shelf: str


class Fill(Command[None]):
    shelf: str
    times: int = 1


class Keep(Command[None, Full], key="shelf"):
    shelf: str
    number: int


class Kept(Query[int]):
    shelf: str


class Shelf(Aggregate[str]):
    count: int = 0


class Request(Aggregate[str]):
    times: int = 0


def shop_system() -> System:
    desk, store = Context("desk"), Context("store")

    @desk.handle(Fill)
    async def fill(command: Fill, requests: Repository[Request], keep: Later[Keep]) -> None:
        (await requests.obtain(command.shelf)).times += 1
        for number in range(command.times):
            keep.send(Keep(shelf=command.shelf, number=number))

    @store.handle(Keep)
    async def keeping(command: Keep, shelves: Repository[Shelf]) -> None:
        shelf = await shelves.obtain(command.shelf)
        shelf.count += 1
        if shelf.count > 1:
            raise Full(shelf=command.shelf)

    @store.answer(Kept)
    async def kept(query: Kept, shelves: Repository[Shelf]) -> int:
        shelf = await shelves.find(query.shelf)
        return shelf.count if shelf else 0

    return System("shop", contexts=[desk, store])


ID = SubscriptionId("store.commands", "desk", Channel.PUBLISHED)


async def status(host: Host, *, after: float = 0.0, later: Sequence[SubscriptionId] = (ID,)) -> SubscriptionStatus:
    """As it is so many seconds from now."""
    (row,) = await read_status([ID], host.stores, time.time() + after, later=later)
    return row


async def fill(host: Host, shelf: str, times: int, key: str) -> int:
    """Has a shelf filled so often, and waits until all of it was applied or refused. How many are on the shelf."""
    await host.send(Fill(shelf=shelf, times=times), key=key)
    count: int = await host.ask(Kept(shelf=shelf), fresh=True)
    return count


@pytest.fixture
async def host(anywhere: str) -> AsyncIterator[Host]:
    host = assemble(shop_system().model(), store=anywhere)
    await host.start()
    yield host
    await host.stop()


async def test_refused_command_is_in_the_status_with_refusal_key_and_cause(host: Host) -> None:
    assert await fill(host, "a", 1, "wish-1") == 1
    before = await status(host)
    assert (before.refused, before.refusals, before.note) == (0, [], "")
    assert await fill(host, "a", 2, "wish-2") == 1
    row = await status(host)
    assert (row.refused, len(row.refusals), row.state, row.well) == (2, 2, "running", True)
    newest = row.refusals[0]
    assert (newest.type, newest.key, newest.cause, newest.refusal) == ("store.Keep", "a", "wish-2", "Full(shelf='a')")
    assert row.note.startswith("2 commands were refused, the last at 20")
    assert row.note.endswith("Z: store.Keep of key 'a', which comes of wish-2: Full(shelf='a')")
    assert (await status(host, later=())).refused == 0


async def test_only_the_latest_are_kept_and_none_that_is_old(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remit.observability.life.PATIENCE_SECONDS", 0.0)  # in eight days this process is silent
    await fill(host, "a", KEPT + 4, "wish-1")
    row = await status(host)
    assert (row.refused, len(row.refusals)) == (KEPT + 3, KEPT)
    later = await status(host, after=8 * 86400.0)
    assert (later.refusals, "refused" in later.note) == ([], False)


async def test_refused_commands_of_several_keys_are_told_newest_first(host: Host) -> None:
    for shelf in ("a", "b", "c", "d"):
        await fill(host, shelf, 2, f"wish-{shelf}")
    row = await status(host)
    assert (row.refused, [each.key for each in row.refusals]) == (4, ["d", "c", "b", "a"])


async def test_what_another_release_has_noted_in_another_form_keeps_nobody_from_going_on() -> None:
    host = assemble(shop_system().model(), store="memory:")
    await host.start()
    store, part = host.stores["store"], partition_of("a", host.stores["desk"].partitions)
    await store.commit(Unit(changes=[Change(KIND, f"store.commands desk {part}", 0, b'{"count":[]}')]))
    await fill(host, "a", 2, "wish-1")
    assert (await status(host)).refused == 1
    await store.commit(Unit(changes=[Change(KIND, f"store.commands desk {part}", 2, b'{"count":7,"more":1}')]))
    assert (await status(host)).refused == 7
    await host.stop()


async def test_refusal_without_a_text_is_noted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Full) -> str:
        raise ValueError

    monkeypatch.setattr(Full, "__str__", broken)
    host = assemble(shop_system().model(), store="memory:")
    await host.start()
    await fill(host, "a", 2, "wish-1")
    assert (await status(host)).refusals[0].refusal == "Full, which has no text: ValueError was raised for it"
    await host.stop()
