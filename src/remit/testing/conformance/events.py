"""What every event channel must do.

    class TestMyEvents(EventConformance):
        @pytest.fixture
        async def broker(self):                      # controls what carries the messages
            return await start_my_broker()

        @pytest.fixture
        async def channel(self, broker):
            channel = MyEvents(broker.url)
            await channel.open()
            yield channel
            await channel.close()

        @pytest.fixture
        async def twin(self, broker): ...            # another open channel, as of another process

`Broker` describes that fixture. The tests are coroutines: run them with pytest-asyncio in its automatic mode.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from remit.errors import Unavailable
from remit.log import Channel, MessageRecord
from remit.testing.conformance.stores import same
from remit.transports import EventChannel, Push

__all__ = ["Broker", "EventConformance"]

SOURCE = "billing"

PATIENCE = 15.0
"""Seconds that a test waits for what should happen."""


class Broker(Protocol):
    """Controls what carries the messages in a test."""

    async def stop(self) -> None:
        """Ends it like a crash of its process."""
        ...

    async def start(self) -> None:
        """Starts it again, with the messages it had stored."""
        ...

    async def wipe(self) -> None:
        """Starts it again, without any messages."""
        ...

    async def stored(self, source: str, channel: Channel, part: int) -> Sequence[tuple[int, str]]:
        """Position and identity of the stored messages of a partition, in the broker's order."""
        ...

    async def intrude(self, source: str, channel: Channel, part: int, payload: bytes) -> None:
        """Publishes a payload that is no message of remit where the messages of a partition travel."""
        ...


class Ear:
    """A listener that records what it hears."""

    def __init__(self) -> None:
        self.pushes: list[Push] = []
        self.bells = 0
        """How often it was called without a message: one may have been lost, or came without its payload."""
        self.all: list[int] = []
        """The positions heard; 0 for a call without a message."""
        self._rung = asyncio.Event()

    def __call__(self, push: Push | None) -> None:
        if push is None:
            self.bells += 1
        else:
            self.pushes.append(push)
        self.all.append(push.record.pos if push else 0)
        self._rung.set()

    @property
    def records(self) -> list[MessageRecord]:
        return [push.record for push in self.pushes]

    async def until(self, condition: Callable[[], bool], promise: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    self._rung.clear()
                    await self._rung.wait()
        except TimeoutError:
            raise AssertionError(f"{promise}\nfound:    {self.all} within {PATIENCE} s") from None


def messages(first: int, last: int, *, part: int = 3, payload: bytes = b'{"amount":1}') -> list[MessageRecord]:
    """Messages of one partition at these positions."""
    return [
        MessageRecord(part, pos, f"p{part}m{pos}", f"p{part}m{pos - 1}" if pos > 1 else "", f"k{pos % 5}",
            "billing.Settled", 1, 1.25 + pos, "{}", payload)
        for pos in range(first, last + 1)
    ]  # fmt: skip


def places(records: Sequence[MessageRecord]) -> list[tuple[int, str]]:
    """What a broker should store of these messages."""
    return [(record.pos, record.id) for record in records]


async def publish_all(
    channel: EventChannel, records: Sequence[MessageRecord], where: Channel = Channel.PUBLISHED
) -> None:
    """Publishes as a relay does: begins again after the last confirmed message, until all are confirmed."""
    done = 0
    async with asyncio.timeout(PATIENCE):
        while done < len(records):
            try:
                done += await channel.publish(SOURCE, where, records[done:])
            except Unavailable:
                await asyncio.sleep(0.01)


async def unavailable(channel: EventChannel, promise: str) -> None:
    """Fails unless publishing raises `Unavailable` within 15 s."""
    try:
        async with asyncio.timeout(PATIENCE):
            found = await channel.publish(SOURCE, Channel.PUBLISHED, messages(1, 3))
    except Unavailable:
        return
    except TimeoutError:
        raise AssertionError(f"{promise}\nexpected: Unavailable\nfound:    nothing within {PATIENCE} s") from None
    raise AssertionError(f"{promise}\nexpected: Unavailable\nfound:    {found} confirmed")


class EventConformance:
    """The promises of an event channel, one test each. Subclass it, with the three fixtures shown above."""

    # What is carried

    async def test_messages_arrive_as_they_were(self, channel: EventChannel, twin: EventChannel) -> None:
        ear = Ear()
        await twin.prepare(SOURCE, Channel.PUBLISHED)
        await twin.listen(SOURCE, Channel.PUBLISHED, ear)
        headers, payload = '{"trace":"ü","a":"50 %","b":[1, 2]}', '{"name":"Zoë 🎓","n":[1.5,null,true,-7]}'.encode()
        odd = MessageRecord(7, 1, "00a%2f b", "", 'käse "100 %"', "b.Settled", 12, 1732172728.1234567, headers, payload)
        bare = MessageRecord(7, 2, "m2", "00a%2f b", "", "b.X", 1, 0.0, "{}", b"{}")
        same(await channel.publish(SOURCE, Channel.PUBLISHED, [odd, bare]), 2, "both are confirmed")
        await ear.until(lambda: len(ear.pushes) == 2, "messages arrive")
        same(ear.records, [odd, bare], "a message arrives as it was published")
        for push in ear.pushes:
            push.done()

    async def test_messages_arrive_in_order(self, channel: EventChannel, twin: EventChannel) -> None:
        ear, second = Ear(), Ear()
        await channel.prepare(SOURCE, Channel.PUBLISHED)
        await twin.listen(SOURCE, Channel.PUBLISHED, ear)
        await channel.listen(SOURCE, Channel.PUBLISHED, second)
        sent = messages(1, 300)
        same(await channel.publish(SOURCE, Channel.PUBLISHED, sent), 300, "all are confirmed")
        await ear.until(lambda: len(ear.pushes) == 300, "every listener receives every message")
        await second.until(lambda: len(second.pushes) == 300, "every listener receives every message")
        same(ear.records, sent, "messages of a partition arrive in order")
        same(second.records, sent, "messages of a partition arrive in order")

    async def test_each_channel_of_each_source_is_apart(self, channel: EventChannel, twin: EventChannel) -> None:
        ears = Ear(), Ear(), Ear()
        for ear, (source, where) in zip(
            ears, ((SOURCE, Channel.PRIVATE), (SOURCE, Channel.PUBLISHED), ("sales", Channel.PUBLISHED)), strict=True
        ):
            await channel.prepare(source, where)
            await twin.listen(source, where, ear)
            await channel.publish(source, where, messages(1, 2))
        await ears[2].until(lambda: len(ears[2].pushes) == 2, "messages arrive")
        same([len(ear.pushes) for ear in ears], [2, 2, 2], "a listener receives only its channel of its source")

    async def test_partitions_go_side_by_side(self, channel: EventChannel, twin: EventChannel, broker: Broker) -> None:
        ear = Ear()
        await channel.prepare(SOURCE, Channel.PUBLISHED)
        await twin.listen(SOURCE, Channel.PUBLISHED, ear)
        sent = {part: messages(1, 150, part=part) for part in range(8)}
        await asyncio.gather(*(publish_all(channel, records) for records in sent.values()))
        for part, records in sent.items():
            same(await broker.stored(SOURCE, Channel.PUBLISHED, part), places(records), "every partition is complete")
        await ear.until(lambda: len(ear.pushes) == 1200, "messages of every partition arrive")
        for part, records in sent.items():
            heard = [record for record in ear.records if record.part == part]
            same(heard, records, "messages of a partition arrive in order")

    async def test_too_large_a_payload_is_a_bell(
        self, channel: EventChannel, twin: EventChannel, broker: Broker
    ) -> None:
        """It does not arrive, but its listeners are notified, and later messages do not wait for it."""
        ear = Ear()
        await channel.prepare(SOURCE, Channel.PUBLISHED)
        await twin.listen(SOURCE, Channel.PUBLISHED, ear)
        large = b'"' + b"x" * channel.capabilities.max_bytes + b'"'
        sent = [*messages(1, 1), *messages(2, 2, payload=large), *messages(3, 3)]
        same(await channel.publish(SOURCE, Channel.PUBLISHED, sent), 3, "a message that is too large is confirmed")
        await ear.until(lambda: len(ear.all) == 3, "listeners are notified of a message that is too large")
        same(ear.all, [1, 0, 3], "the notification comes without a payload, in order")
        same(await broker.stored(SOURCE, Channel.PUBLISHED, 3), places(sent), "the broker stores a place for it")

    async def test_too_large_a_key_or_headers_ring_at_least(self, channel: EventChannel, twin: EventChannel) -> None:
        """Large keys and headers affect no other message, even beside a payload near the limit."""
        ear = Ear()
        await channel.prepare(SOURCE, Channel.PUBLISHED)
        await twin.listen(SOURCE, Channel.PUBLISHED, ear)
        nearly = b'"' + b"x" * (channel.capabilities.max_bytes - 1000) + b'"'
        (first, second, third, fourth, last) = messages(1, 5)
        sent = [
            first,
            second._replace(key="k" * 20_000, payload=nearly),
            third._replace(key="é" * 200_000),
            fourth._replace(headers=f'{{"trace":"{"日" * 3900}"}}', payload=nearly),
            last._replace(key="\U0001f600" * 128, payload=nearly),
        ]
        same(
            await channel.publish(SOURCE, Channel.PUBLISHED, sent),
            5,
            "messages with large keys and headers are confirmed",
        )
        await ear.until(lambda: len(ear.all) == 5, "listeners are notified of messages with large keys and headers")
        same([record for record in ear.records if record not in sent], [], "messages that arrive are unchanged")
        same((ear.all[0], ear.all[-1]), (1, 5), "a key of 512 bytes is carried beside any payload")

    async def test_what_fits_is_carried(self, channel: EventChannel, twin: EventChannel) -> None:
        ear = Ear()
        await channel.prepare(SOURCE, Channel.PUBLISHED)
        await twin.listen(SOURCE, Channel.PUBLISHED, ear)
        sent = messages(1, 1, payload=b'"' + b"x" * (channel.capabilities.max_bytes - 2) + b'"')
        await channel.publish(SOURCE, Channel.PUBLISHED, sent)
        await ear.until(lambda: len(ear.all) == 1, "a message of the largest size arrives")
        same(ear.records, sent, "a message of the largest size arrives as it was")

    async def test_nothing_is_nothing(self, channel: EventChannel) -> None:
        await channel.prepare(SOURCE, Channel.PUBLISHED)
        await channel.prepare(SOURCE, Channel.PUBLISHED)
        same(await channel.publish(SOURCE, Channel.PUBLISHED, []), 0, "publishing nothing confirms nothing")

    async def test_a_listener_can_end(self, channel: EventChannel, twin: EventChannel) -> None:
        ear, other = Ear(), Ear()
        await channel.prepare(SOURCE, Channel.PUBLISHED)
        end = await twin.listen(SOURCE, Channel.PUBLISHED, ear)
        await twin.listen(SOURCE, Channel.PUBLISHED, other)
        await channel.publish(SOURCE, Channel.PUBLISHED, messages(1, 1))
        await ear.until(lambda: ear.all == [1], "messages arrive")
        end()
        end()
        await channel.publish(SOURCE, Channel.PUBLISHED, messages(2, 2))
        await channel.publish(SOURCE, Channel.PUBLISHED, messages(3, 3))
        await other.until(lambda: other.all == [1, 2, 3], "a remaining listener still receives messages")
        same(ear.all[:1] + [pos for pos in ear.all[1:] if pos > 2], [1], "a listener that has ended receives no more")

    # Once

    async def test_again_is_once(self, channel: EventChannel, twin: EventChannel, broker: Broker) -> None:
        """Messages that were published before are confirmed, and a fenced channel stores no second copy."""
        await channel.prepare(SOURCE, Channel.PUBLISHED)
        first = messages(1, 100)
        for each in (channel, channel, twin, channel):
            same(
                await each.publish(SOURCE, Channel.PUBLISHED, first),
                100,
                "messages that were published before are confirmed again",
            )
        same(await twin.publish(SOURCE, Channel.PUBLISHED, messages(90, 120)), 31, "an overlapping batch is confirmed")
        same(
            await channel.publish(SOURCE, Channel.PUBLISHED, messages(80, 110)),
            31,
            "messages published by another channel are confirmed",
        )
        await self._whole(channel, broker, 120)

    async def test_another_process_goes_on(self, channel: EventChannel, twin: EventChannel, broker: Broker) -> None:
        await channel.prepare(SOURCE, Channel.PUBLISHED)
        for begin, each in ((1, channel), (101, twin), (201, channel), (301, twin)):
            await publish_all(each, messages(begin, begin + 99))
        same(
            await broker.stored(SOURCE, Channel.PUBLISHED, 3), places(messages(1, 400)), "every message is there, once"
        )

    async def test_two_at_once_leave_one_of_each(
        self, channel: EventChannel, twin: EventChannel, broker: Broker
    ) -> None:
        """A process that was believed dead publishes beside its successor, in several partitions."""
        await channel.prepare(SOURCE, Channel.PUBLISHED)
        await asyncio.gather(
            *(publish_all(each, messages(1, 200, part=part)) for part in (3, 4, 5, 6) for each in (channel, twin))
        )
        for part in (3, 4, 5, 6):
            await self._whole(channel, broker, 200, part)

    async def _whole(self, channel: EventChannel, broker: Broker, last: int, part: int = 3) -> None:
        """No message is missing; a fenced channel stores each once, in order."""
        found = list(await broker.stored(SOURCE, Channel.PUBLISHED, part))
        if not channel.capabilities.fenced:
            found = list(dict.fromkeys(found))
        same(found, places(messages(1, last, part=part)), "every message is there, once, in order")

    # What goes wrong

    async def test_a_broker_that_is_away(self, channel: EventChannel, broker: Broker) -> None:
        await channel.prepare(SOURCE, Channel.PUBLISHED)
        await broker.stop()
        await unavailable(channel, "a broker that is away")
        await broker.start()
        await publish_all(channel, messages(1, 10))
        same(
            await broker.stored(SOURCE, Channel.PUBLISHED, 3),
            places(messages(1, 10)),
            "publishing continues when the broker is back",
        )

    async def test_a_broker_that_dies_while_messages_travel(self, channel: EventChannel, broker: Broker) -> None:
        await channel.prepare(SOURCE, Channel.PUBLISHED)
        publishing = asyncio.gather(*(publish_all(channel, messages(1, 400, part=part)) for part in (3, 4)))
        for _ in range(3):
            await asyncio.wait([publishing], timeout=0.03)
            await broker.stop()
            await broker.start()
        await publishing
        for part in (3, 4):
            await self._whole(channel, broker, 400, part)

    async def test_a_listener_is_told_that_it_may_have_missed_something(
        self, channel: EventChannel, twin: EventChannel, broker: Broker
    ) -> None:
        ear = Ear()
        await channel.prepare(SOURCE, Channel.PUBLISHED)
        await twin.listen(SOURCE, Channel.PUBLISHED, ear)
        await publish_all(channel, messages(1, 2))
        await ear.until(lambda: ear.all == [1, 2], "messages arrive")
        await broker.stop()
        await broker.start()
        await ear.until(lambda: ear.bells > 0, "after a time in which messages may have been lost, listeners are told")
        await publish_all(channel, messages(3, 4))
        await ear.until(lambda: ear.all[-2:] == [3, 4], "messages arrive again")

    async def test_listening_may_begin_while_the_broker_is_away(
        self, channel: EventChannel, twin: EventChannel, broker: Broker
    ) -> None:
        ear = Ear()
        await channel.prepare(SOURCE, Channel.PUBLISHED)
        await broker.stop()
        await twin.listen(SOURCE, Channel.PUBLISHED, ear)
        await broker.start()
        await ear.until(lambda: ear.bells > 0, "when the broker comes back, listeners are told")
        await publish_all(channel, messages(1, 2))
        await ear.until(lambda: ear.records == messages(1, 2), "messages arrive")

    async def test_a_wiped_broker_heals(self, channel: EventChannel, twin: EventChannel, broker: Broker) -> None:
        """Publishing continues where it was, and listeners receive it."""
        ear = Ear()
        await channel.prepare(SOURCE, Channel.PUBLISHED)
        await publish_all(channel, messages(1, 50))
        await twin.listen(SOURCE, Channel.PUBLISHED, ear)
        await broker.wipe()
        await publish_all(channel, messages(51, 150))
        await publish_all(twin, messages(101, 160))
        same(
            await broker.stored(SOURCE, Channel.PUBLISHED, 3),
            places(messages(51, 160)),
            "after a wipe publishing continues",
        )
        await publish_all(channel, messages(161, 161))
        await ear.until(lambda: 161 in ear.all, "after a wipe messages arrive")

    async def test_foreign_messages_are_ignored(
        self, channel: EventChannel, twin: EventChannel, broker: Broker
    ) -> None:
        """They reach no listener as a message, and delay nothing."""
        ear = Ear()
        await channel.prepare(SOURCE, Channel.PUBLISHED)
        await twin.listen(SOURCE, Channel.PUBLISHED, ear)
        await publish_all(channel, messages(1, 20))
        for payload in (b"", b"hello", b'{"amount":1}', bytes(range(256))):
            await broker.intrude(SOURCE, Channel.PUBLISHED, 3, payload)
        await publish_all(channel, messages(21, 120))
        await publish_all(twin, messages(101, 140))
        await ear.until(lambda: 140 in ear.all, "foreign messages delay nothing")
        same(list(dict.fromkeys(pos for pos in ear.all if pos)), list(range(1, 141)), "foreign messages are ignored")
        same(
            await broker.stored(SOURCE, Channel.PUBLISHED, 3),
            places(messages(1, 140)),
            "foreign messages do not disturb the order",
        )

    # The end

    async def test_a_closed_channel_publishes_nothing(self, channel: EventChannel, broker: Broker) -> None:
        await channel.prepare(SOURCE, Channel.PUBLISHED)
        await channel.close()
        await channel.close()
        await unavailable(channel, "a closed channel")
        same(list(await broker.stored(SOURCE, Channel.PUBLISHED, 3)), [], "a closed channel publishes nothing")
