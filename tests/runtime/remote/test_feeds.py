"""A follower in another process: it hears of news at once, notices when its source is gone, and goes on afterwards."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.msgpack import encode

from remit.errors import OutcomeUnknown, Unavailable
from remit.log import Channel, Head, MessageRecord
from remit.runtime.remote import reception
from remit.runtime.remote.feeds import NEWS_SECONDS, WAIT_SECONDS, PushedFeed, RemoteFeed
from remit.runtime.remote.wire import KnownHeads, ProgressReport, Span, heard
from remit.stores import Entry, Unit
from remit.testing.in_process.events import InProcessBroker, InProcessEvents
from remit.transports import CallRequest, CallResponse, Push
from tests.runtime.apart import Apart, Seen, apart, pay
from tests.runtime.talk import Ear, now, on_virtual_time, until


def feed_of(shop: Apart) -> RemoteFeed:
    return RemoteFeed("till", Channel.PUBLISHED, "desk", shop.desk.remote, shop.desk.host.ports)


def question(kind: str, body: bytes, seconds: float = 60.0) -> CallRequest:
    return CallRequest(kind, {"remit-timeout-ms": str(int(seconds * 1000))}, body)


async def ask_log(shop: Apart, kind: str, body: bytes, seconds: float = 60.0) -> Any:
    """What the till answers to a question for its log."""
    return await shop.till.channel.call("till.log", question(kind, body, seconds), seconds)


@on_virtual_time
async def test_news_arrive_at_once() -> None:
    async with apart() as shop:
        ear = Ear()
        end = feed_of(shop).watch(ear)
        await asyncio.sleep(7)
        assert ear.rung == [], "where there is nothing new nobody rings"
        paid = now()
        await shop.send(pay(5))
        await until(lambda: bool(ear.rung))
        assert ear.rung[0] - paid < 0.1
        (record,) = [r for part in await feed_of(shop).heads() for r in await feed_of(shop).read(part, 0, 10)]
        assert record.type == "till.Paid"
        end()
        await shop.send(pay(5))
        await asyncio.sleep(30)
        assert len(ear.rung) == 1, "after its end nobody is rung"


@on_virtual_time
async def test_a_quiet_source_is_asked_rarely() -> None:
    async with apart() as shop:
        asked: list[CallRequest] = []
        answer = shop.till.channel.call

        async def call(address: str, request: CallRequest, seconds: float) -> Any:
            asked.append(request)
            return await answer(address, request, seconds)

        shop.wire._channel.call = call  # type: ignore[method-assign]  # a spy in place of the channel
        await asyncio.sleep(1000)
        assert len(asked) <= 1000 / WAIT_SECONDS + 2


@on_virtual_time
async def test_a_source_out_of_sight_is_said_and_found_again() -> None:
    async with apart() as shop:
        await shop.send(pay(1))
        while await shop.ask(Seen(till="t")) != 1:  # noqa: ASYNC110  # what the test waits for has no event
            await asyncio.sleep(0.01)
        feed, ear = feed_of(shop), Ear()
        end = feed.watch(ear)
        await asyncio.sleep(1)
        shop.wire.down = True
        heard = len(ear.rung)
        with pytest.raises(Unavailable):
            await feed.heads()
        with pytest.raises(Unavailable):
            await feed.read(0, 0, 10)
        await asyncio.sleep(WAIT_SECONDS + NEWS_SECONDS)
        assert len(ear.rung) > heard, "it rings, so that whoever follows asks and hears why"
        (follower,) = [s for s in shop.desk.host.subscriptions if s.name == "desk.see"]
        assert follower.state == "source-silent"
        shop.wire.down = False
        healed, heard = now(), len(ear.rung)
        await until(lambda: len(ear.rung) > heard)
        assert now() - healed <= 30.0
        await until(lambda: follower.state == "running")
        end()


@on_virtual_time
async def test_a_source_that_says_nothing_any_more_is_silent_within_fifteen_seconds() -> None:
    async with apart() as shop:
        answer = shop.wire.call
        (follower,) = [s for s in shop.desk.host.subscriptions if s.name == "desk.see"]
        await asyncio.sleep(7)
        assert follower.state == "running"

        async def hole(address: str, request: CallRequest, seconds: float) -> CallResponse:
            await asyncio.sleep(seconds)
            raise OutcomeUnknown("nothing came back")

        shop.wire.call = hole  # type: ignore[method-assign]  # in place of the channel
        lost = now()
        await until(lambda: follower.state == "source-silent")
        assert now() - lost < 15.0
        shop.wire.call = answer  # type: ignore[method-assign]  # as it was
        await until(lambda: follower.state == "running")


@on_virtual_time
async def test_the_first_message_of_a_partition_is_only_a_bell_and_is_read() -> None:
    async with apart() as shop:
        rung: list[Push | None] = []
        events = InProcessEvents(InProcessBroker())
        end = PushedFeed(feed_of(shop), events, shop.desk.host.ports).watch(rung.append)
        await asyncio.sleep(1)
        for pos, prev in ((1, ""), (2, "m1")):
            record = MessageRecord(0, pos, f"m{pos}", prev, "t", "till.Paid", 1, 0.0, "{}", b"{}")
            await events.publish("till", Channel.PUBLISHED, [record])
        await asyncio.sleep(1)
        assert [push and push.record.pos for push in rung] == [None, 2]
        end()


@on_virtual_time
async def test_an_empty_source_that_is_seen_again_rings() -> None:
    async with apart() as shop:
        ear = Ear()
        shop.wire.down = True
        end = feed_of(shop).watch(ear)
        await until(lambda: bool(ear.rung))
        shop.wire.down = False
        heard = len(ear.rung)
        await until(lambda: len(ear.rung) > heard)
        end()


@on_virtual_time
async def test_whatever_goes_wrong_at_the_source_is_unavailable_to_its_followers() -> None:
    async with apart() as shop:
        with pytest.raises(Unavailable):
            await RemoteFeed("nobody", Channel.PRIVATE, "desk", shop.desk.remote, shop.desk.host.ports).heads()
        for answer in (
            CallResponse("ok", {}, b"\xc1"),
            CallResponse("message.invalid", {}, b"{}"),
            CallResponse("else", {}, b""),
        ):

            async def call(
                address: str, request: CallRequest, seconds: float, answer: CallResponse = answer
            ) -> CallResponse:
                return answer

            shop.wire._channel.call = call  # type: ignore[method-assign]  # in place of the channel
            with pytest.raises(Unavailable):
                await feed_of(shop).read(0, 0, 1)


@on_virtual_time
async def test_private_events_are_not_told_to_other_processes() -> None:
    async with apart() as shop:
        await shop.send(pay(1))
        bodies = {
            "read": encode(Span(Channel.PRIVATE, 0, 0, 10)),
            "heads": encode(KnownHeads(Channel.PRIVATE, {}, 0.0)),
        }
        for kind, body in bodies.items():
            request = CallRequest(kind, {"remit-timeout-ms": "1000"}, body)
            answer = await shop.desk.channel.call("till.log", request, 1.0)
            assert answer.status == "message.invalid"


@on_virtual_time
async def test_other_processes_report_for_contexts_that_may_run_there() -> None:
    """What is reported decides what is deleted."""
    async with apart() as shop:
        for subscription, status in [
            ("desk.see", "ok"),
            ("till.relay:nats", "message.invalid"),
            ("stranger.see", "message.invalid"),
            ("", "message.invalid"),
        ]:
            body = encode(ProgressReport(Channel.PUBLISHED, subscription, {0: 9}))
            assert (await ask_log(shop, "standing", body)).status == status
        assert {each.name for each in await shop.till.store.subscribers()} == {"desk.see"}
        asking = encode(ProgressReport(Channel.PUBLISHED, "stranger.see", None))
        assert (await ask_log(shop, "standing", asking)).status == "ok", "who only asks reports nothing"


@on_virtual_time
async def test_nobody_reads_more_than_is_given() -> None:
    async with apart() as shop:
        entries = [Entry(Channel.PUBLISHED, "k", f"m{n}", "till.Paid", 1, 1.0, "{}", b"{}") for n in range(600)]
        await shop.till.store.commit(Unit(entries=entries))
        (part,) = await feed_of(shop).heads()
        counts = [len(await feed_of(shop).read(part, 0, limit)) for limit in (-1, 0, 1, 500, 100_000)]
        assert counts == [0, 0, 1, reception.RECORDS, reception.RECORDS]


async def test_an_answer_holds_no_more_than_the_channel_carries() -> None:
    """And at least one message, or nobody could ever read on."""
    async with apart() as shop:
        payload = b'"' + b"x" * 300_000 + b'"'
        entries = [Entry(Channel.PUBLISHED, "k", f"m{n}", "till.Paid", 1, 1.0, "{}", payload) for n in range(7)]
        await shop.till.store.commit(Unit(entries=entries))
        feed = feed_of(shop)
        ((part, (last, _)),) = (await feed.heads()).items()
        at, sizes = 0, list[int]()
        while at < last:
            records = await feed.read(part, at, 100)
            assert [record.pos for record in records] == list(range(at + 1, at + 1 + len(records)))
            at += len(records)
            sizes.append(len(records))
        assert sizes == [3, 3, 1]


@on_virtual_time
async def test_questions_that_wait_do_not_take_the_place_of_calls_and_are_limited() -> None:
    async with apart() as shop:
        body = encode(KnownHeads(Channel.PUBLISHED, {}, 20.0))
        waiting = [asyncio.create_task(ask_log(shop, "heads", body)) for _ in range(reception.POLLS + 50)]
        await asyncio.sleep(1)
        turned_away = [task.result().status for task in waiting if task.done()]
        assert set(turned_away) == {Unavailable.code}
        assert 50 <= len(turned_away) <= 52
        assert await shop.send(pay(1)) == 1
        answers = await asyncio.gather(*waiting)
        heads = [heard(answer, dict[int, Head], "till.log") for answer in answers if answer.status == "ok"]
        assert {tuple(pos for pos, _ in each.values()) for each in heads} == {(1,)}
        assert len(shop.till.reception._polls) <= 1, "only the desk's own question waits"


@on_virtual_time
async def test_who_is_about_to_end_lets_nobody_wait() -> None:
    async with apart() as shop:
        body = encode(KnownHeads(Channel.PUBLISHED, {}, 20.0))
        waiting = asyncio.create_task(ask_log(shop, "heads", body))
        await asyncio.sleep(1)
        assert not waiting.done()
        begun = now()
        shop.till.reception.end()
        assert heard(await waiting, dict[int, Head], "till.log") == {}
        assert now() == begun


@on_virtual_time
async def test_what_cannot_be_asked_of_a_log_is_said() -> None:
    async with apart() as shop:
        assert (await ask_log(shop, "command", b"")).status == "message.invalid"
        assert (await ask_log(shop, "read", b"\xff")).status == "message.invalid"
        span = encode(Span(Channel.PUBLISHED, 0, 0, 10))
        assert (
            await shop.till.channel.call("till.log", CallRequest("read", {}, span), 5.0)
        ).status == "message.invalid"
