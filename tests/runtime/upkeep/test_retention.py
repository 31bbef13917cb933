"""What everybody has handled goes when it is old; what somebody has not stays, and who has missed something stops."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from remit import Context, DomainEvent, IntegrationEvent, Projection
from remit.log import Channel, Checkpoint, Subscriber, SubscriptionId
from remit.runtime.following.history import REPORT_SECONDS
from remit.runtime.upkeep import pruning
from remit.runtime.upkeep.pruning import MESSAGES, SUBSCRIBER_SECONDS, retention_of, trim, trimmed_of
from remit.stores import Advance, Entry, Unit
from remit.stores.memory.store import MemoryStore
from remit.testing.in_process.events import InProcessBroker, InProcessEvents
from remit.transports.store_feed import StoreFeed
from tests.runtime.apart import apart, pay
from tests.runtime.relays import relaying
from tests.runtime.talk import ADA, PART, ZOE, LoopClock, Talk, on_virtual_time, until, virtually
from tests.runtime.work.bank import STATE, bank, sourced

HOUR = 3600.0
DAY = 24 * HOUR
NOW = 1_700_000_000.0
WEEK = timedelta(days=7)
FAR = 1_000_000
NOTES = SubscriptionId("talk.note", "talk", Channel.PRIVATE)


def said(name: str, who: str = ADA, *, at: float = NOW, channel: Channel = Channel.PRIVATE) -> Unit:
    """Somebody has said something."""
    payload = f'{{"who":"{who}"}}'.encode()
    return Unit(entries=[Entry(channel, who, name, "talk.Said", 1, at, "{}", payload)])


async def written(count: int, *, at: float = NOW - 8 * DAY) -> MemoryStore:
    """A log with so many messages of one partition."""
    store = MemoryStore(partitions=2)
    for number in range(1, count + 1):
        await store.commit(said(f"m{number}", at=at))
    return store


async def left(store: MemoryStore, channel: Channel = Channel.PRIVATE) -> list[str]:
    return [record.id for record in await store.read(channel, PART[ADA], 0, FAR)]


# ── what goes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_somebody_has_not_handled_stays() -> None:
    store = await written(4)
    await store.report("mail.desk", Channel.PRIVATE, {PART[ADA]: 3}, NOW)
    await store.report("billing.totals", Channel.PRIVATE, {PART[ADA]: 2}, NOW)
    await store.report("mail.other", Channel.PUBLISHED, {}, NOW)
    await trim(store, NOW, WEEK)
    assert await left(store) == ["m3", "m4"]


async def test_who_has_handled_nothing_yet_keeps_everything() -> None:
    store = await written(4)
    await store.report("mail.desk", Channel.PRIVATE, {PART[ZOE]: 9}, NOW)
    await trim(store, NOW, WEEK)
    assert len(await left(store)) == 4


async def test_what_is_young_stays_although_all_have_handled_it() -> None:
    store = await written(2)
    await store.commit(said("young", at=NOW - 6 * DAY))
    await store.report("mail.desk", Channel.PRIVATE, {PART[ADA]: 3}, NOW)
    await trim(store, NOW, WEEK)
    assert await left(store) == ["young"]


async def test_who_has_not_been_heard_of_for_a_month_keeps_nothing() -> None:
    store = await written(2, at=NOW - 40 * DAY)
    await store.report("mail.desk", Channel.PRIVATE, {}, NOW - SUBSCRIBER_SECONDS + 1)
    await trim(store, NOW, WEEK)
    assert len(await left(store)) == 2
    await trim(store, NOW + 1, WEEK)
    assert await left(store) == []


async def test_who_has_a_clock_that_is_behind_counts_as_heard_of() -> None:
    store = await written(2)
    feed = StoreFeed("talk", Channel.PRIVATE, store)
    await feed.standing("mail.desk", NOW - SUBSCRIBER_SECONDS - DAY, {})
    await trim(store, NOW, WEEK)
    assert len(await left(store)) == 2, "by the messages in the log"
    await feed.standing("billing.totals", NOW, {PART[ADA]: 2})
    await feed.standing("mail.desk", NOW - SUBSCRIBER_SECONDS - DAY, {})
    await trim(store, NOW + SUBSCRIBER_SECONDS - 1, WEEK)
    assert len(await left(store)) == 2, "by what others say"


async def test_it_goes_in_chunks() -> None:
    store = await written(2 * MESSAGES + 1)
    assert [(await trim(store, NOW, WEEK), len(await left(store))) for _ in range(3)] == [
        (True, MESSAGES + 1),
        (True, 1),
        (False, 0),
    ]


def test_a_running_system_deletes_what_it_has_handled() -> None:
    async def story() -> None:
        talk = Talk()
        for number in range(3):
            await talk.store.commit(said(f"old {number}", at=LoopClock().seconds() - 8 * DAY))
        await talk.store.commit(said("young", at=LoopClock().seconds() - DAY))
        await talk.store.report("mail.desk", Channel.PRIVATE, {PART[ADA]: 1}, LoopClock().seconds())
        async with talk.running():
            talk.gates[ADA].set()
            await asyncio.sleep(100.0)
            assert await left(talk.store) == ["old 1", "old 2", "young"], "another one has not handled the rest"
            await talk.store.forget("mail.desk")
            await asyncio.sleep(100.0)
            assert await left(talk.store) == ["young"]

    virtually(story())


def test_what_waits_is_not_deleted_however_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "SUBSCRIBER_SECONDS", HOUR)

    async def story() -> None:
        talk = Talk()
        for number in range(3):
            await talk.store.commit(said(f"old {number}", at=LoopClock().seconds() - 8 * DAY))
        async with talk.running() as (_, follower, _feed):
            talk.failing = [ConnectionError("away")] * 100_000
            await asyncio.sleep(2 * HOUR)
            assert await left(talk.store) == ["old 0", "old 1", "old 2"]
            assert follower.state == "paused"

    virtually(story())


async def test_the_streams_of_aggregates_stay_and_published_messages_go() -> None:
    store = await written(2)
    for number in range(2):
        await store.commit(said(f"p{number}", at=NOW - 8 * DAY, channel=Channel.PUBLISHED))
    sourced_, state = (trimmed_of(bank(each).model())["bank"] for each in (sourced(), STATE))
    await trim(store, NOW, WEEK, sourced_)
    assert (await left(store), await left(store, Channel.PUBLISHED)) == (["m1", "m2"], [])
    await trim(store, NOW, WEEK, state)
    assert await left(store) == []


class Rung(DomainEvent):
    pass


class Heard(IntegrationEvent, key="id"):
    id: str


class OwnOnes(Projection[str, Rung]):
    pass


class Others(Projection[str, Heard]):
    pass


class Both(Projection[str, Rung | Heard]):
    pass


@pytest.mark.parametrize(
    ("archive", "projections", "private", "published"),
    [
        (None, (), "deleted", "deleted"),
        (None, (Others,), "deleted", "deleted"),
        (None, (OwnOnes,), "archived", "deleted"),
        (None, (Both,), "archived", "deleted"),
        (True, (), "archived", "archived"),
        (False, (OwnOnes,), "deleted", "deleted"),
    ],
)
def test_what_projections_follow_is_not_deleted_by_age(
    archive: bool | None, projections: tuple[type[Projection[str, Any]], ...], private: str, published: str
) -> None:
    context = Context("shop", archive=archive)
    for projection in projections:
        context.project(projection)
    assert [retention_of(context, channel) for channel in Channel] == [private, published]


def test_streams_stay_whatever_is_declared() -> None:
    (context,) = bank(sourced()).contexts
    for archive in (None, True, False):
        context.archive = archive
        assert retention_of(context, Channel.PRIVATE) == "kept"


# ── who tells ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_subscription_tells_how_far_it_is() -> None:
    async def story() -> None:
        talk = Talk()
        async with talk.running():
            assert [row.positions for row in await talk.store.subscribers()] == [{}], "from its beginning on"
            talk.gates[ADA].set()
            await talk.store.commit(said("m1"))
            await asyncio.sleep(2 * REPORT_SECONDS)
            (row,) = await talk.store.subscribers()
            assert (row.name, row.channel, row.positions) == ("talk.note", Channel.PRIVATE, {PART[ADA]: 1})
            await asyncio.sleep(HOUR)
            (later,) = await talk.store.subscribers()
            assert later.at > row.at + HOUR / 2, "that it is still there, now and then"

    virtually(story())


@on_virtual_time
async def test_a_subscription_in_another_process_tells_it_too() -> None:
    async with apart() as shop:
        await shop.send(pay(5))
        await asyncio.sleep(2 * REPORT_SECONDS)
        rows = {row.name: row for row in await shop.till.store.subscribers()}
        heads = {part: pos for part, (pos, _) in (await shop.till.store.heads(Channel.PUBLISHED)).items()}
        assert rows["desk.see"] == Subscriber("desk.see", Channel.PUBLISHED, heads, rows["desk.see"].at)


async def test_a_relay_tells_how_far_it_is() -> None:
    store = MemoryStore(partitions=2)
    await store.commit(said("m1", channel=Channel.PUBLISHED))
    async with relaying(store, InProcessEvents(InProcessBroker())) as relay:
        await until(lambda: relay.position(PART[ADA]) == 1)
        relay._histories[relay.id]._told_at = float("-inf")  # as if some time had passed
        await relay._histories[relay.id].report(relay._stands(relay.id))
        rows = {row.name: row.positions for row in await store.subscribers()}
        assert rows == {"billing.relay:nats": {PART[ADA]: 1}}


# ── who has missed something ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_new_subscription_begins_where_the_log_does() -> None:
    talk = Talk(store=await written(4))
    await talk.store.trim(Channel.PRIVATE, PART[ADA], upto=3, before=NOW, limit=FAR)
    async with talk.running() as (_, follower, _feed):
        talk.gates[ADA].set()
        await until(lambda: follower.position(PART[ADA]) == 4)
        assert talk.entered == [ADA], "with all that is left"
        assert follower.state == "running"


async def test_a_new_subscription_begins_although_nothing_is_left() -> None:
    talk = Talk(store=await written(4))
    await talk.store.trim(Channel.PRIVATE, PART[ADA], upto=FAR, before=NOW, limit=FAR)
    async with talk.running() as (_, follower, _feed):
        talk.gates[ADA].set()
        await talk.store.commit(said("m5"))
        await until(lambda: follower.position(PART[ADA]) == 5)
        assert (follower.state, talk.entered) == ("running", [ADA])


async def test_a_subscription_that_stands_where_the_log_begins_goes_on() -> None:
    talk = Talk(store=await written(4))
    await talk.store.place(NOTES, {PART[ADA]: Checkpoint(4, "m4", NOW)})
    await talk.store.trim(Channel.PRIVATE, PART[ADA], upto=FAR, before=NOW, limit=FAR)
    async with talk.running() as (_, follower, _feed):
        talk.gates[ADA].set()
        await talk.store.commit(said("m5"))
        await until(lambda: follower.position(PART[ADA]) == 5)
        assert follower.state == "running"


async def test_the_place_where_the_log_begins_is_compared_too() -> None:
    talk = Talk(store=await written(4))
    await talk.store.place(NOTES, {PART[ADA]: Checkpoint(4, "another", NOW)})
    await talk.store.trim(Channel.PRIVATE, PART[ADA], upto=FAR, before=NOW, limit=FAR)
    async with talk.running() as (_, follower, _feed):
        await until(lambda: follower.state == "regressed")


async def lost_source(talk: Talk) -> None:
    async with talk.running() as (_, follower, _feed):
        talk.gates[ADA].set()
        await talk.store.commit(said("m5"))
        await until(lambda: follower.state == "lost-source")
        assert "lost-source" in talk.said
        assert talk.entered == [], "it does not go on by itself"


async def test_a_subscription_that_the_log_has_left_behind_stops() -> None:
    talk = Talk(store=await written(4))
    await talk.store.place(NOTES, {PART[ADA]: Checkpoint(1, "m1", NOW)})
    await talk.store.trim(Channel.PRIVATE, PART[ADA], upto=3, before=NOW, limit=FAR)
    await lost_source(talk)


async def test_a_subscription_of_which_nothing_is_left_stops() -> None:
    talk = Talk(store=await written(4))
    await talk.store.place(NOTES, {PART[ADA]: Checkpoint(1, "m1", NOW)})
    await talk.store.trim(Channel.PRIVATE, PART[ADA], upto=FAR, before=NOW, limit=FAR)
    await lost_source(talk)


async def test_a_subscription_that_only_handled_other_partitions_stops_as_well() -> None:
    talk = Talk(store=await written(4))
    await talk.store.place(NOTES, {PART[ZOE]: Checkpoint(1, "z1", NOW)})
    await talk.store.commit(said("z1", ZOE))
    await talk.store.trim(Channel.PRIVATE, PART[ADA], upto=3, before=NOW, limit=FAR)
    await lost_source(talk)


async def test_a_subscription_that_never_handled_anything_but_was_there_stops_as_well() -> None:
    talk = Talk(store=await written(4))
    await talk.store.report("talk.note", Channel.PRIVATE, {}, NOW)
    await talk.store.trim(Channel.PRIVATE, PART[ADA], upto=3, before=NOW, limit=FAR)
    await lost_source(talk)


@pytest.mark.parametrize("upto", [3, FAR], ids=["something is left", "nothing is left"])
async def test_a_subscription_that_is_overtaken_while_it_runs_stops(upto: int) -> None:
    """As when nobody has heard its reports."""
    talk = Talk(store=await written(1))
    async with talk.running() as (_, follower, _feed):
        await until(lambda: talk.entered == [ADA])
        for number in (2, 3, 4):
            await talk.store.commit(said(f"m{number}"))
        await talk.store.trim(Channel.PRIVATE, PART[ADA], upto=upto, before=NOW + 1, limit=FAR)
        talk.gates[ADA].set()
        await until(lambda: follower.state == "lost-source")
        assert (follower.position(PART[ADA]), talk.entered) == (1, [ADA])


@pytest.mark.parametrize("upto", [3, FAR], ids=["something is left", "nothing is left"])
async def test_what_another_process_has_handled_may_be_deleted_before_it_is_seen(upto: int) -> None:
    talk = Talk(store=await written(1))
    async with talk.running() as (_, follower, feed):
        talk.gates[ADA].set()
        await until(lambda: follower.position(PART[ADA]) == 1)
        feed.go_on.clear()  # it looks, and hears late
        for number in (2, 3, 4):
            await talk.store.commit(said(f"m{number}"))
        await talk.store.commit(Unit(advance=Advance(NOTES, PART[ADA], 1, "m1", 4, "m4", NOW)))
        await talk.store.trim(Channel.PRIVATE, PART[ADA], upto=upto, before=NOW + 1, limit=FAR)
        feed.go_on.set()
        follower.ring()
        await until(lambda: follower.position(PART[ADA]) == 4)
        assert (follower.state, talk.entered, talk.said) == ("running", [ADA], ["begins"])


async def test_it_goes_on_where_a_person_puts_it_without_a_restart() -> None:
    talk = Talk(store=await written(4))
    await talk.store.place(NOTES, {PART[ADA]: Checkpoint(1, "m1", NOW)})
    await talk.store.trim(Channel.PRIVATE, PART[ADA], upto=3, before=NOW, limit=FAR)
    async with talk.running() as (_, follower, _feed):
        await until(lambda: follower.state == "lost-source")
        talk.gates[ADA].set()
        await talk.store.place(NOTES, {PART[ADA]: Checkpoint(3, "m3", NOW)})
        await until(lambda: follower.position(PART[ADA]) == 4)
        assert (follower.state, talk.entered) == ("running", [ADA])


def test_who_has_lost_its_source_keeps_the_rest_from_being_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "SUBSCRIBER_SECONDS", HOUR)

    async def story() -> None:
        talk = Talk(store=await written(4))
        await talk.store.place(NOTES, {PART[ADA]: Checkpoint(1, "m1", NOW)})
        await talk.store.trim(Channel.PRIVATE, PART[ADA], upto=2, before=NOW, limit=FAR)
        async with talk.running() as (_, follower, _feed):
            await asyncio.sleep(2 * HOUR)
            assert follower.state == "lost-source"
            assert await left(talk.store) == ["m3", "m4"]

    virtually(story())
