"""The relay brings a context's log to the event channel: whole, in order, once, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from remit.errors import ChannelError, OutcomeUnknown, StoreUnavailable
from remit.log import Channel, Checkpoint, Heads, MessageRecord, SubscriptionId
from remit.runtime.following.effect import STALL_SECONDS
from remit.runtime.following.follower import Follower
from remit.runtime.following.publishing import PAGE
from remit.runtime.upkeep.housekeeping import TICK
from remit.stores import Entry, Store, Unit
from remit.stores.memory.store import MemoryStore
from remit.stores.sqlite.store import SqliteStore
from remit.testing.in_process.events import InProcessBroker, InProcessEvents
from remit.transports.nats.connection import NatsConnection
from remit.transports.nats.events import NatsEvents
from remit.transports.nats.streams import NO_STREAM
from tests.runtime.heard import Heard
from tests.runtime.relays import relaying
from tests.runtime.talk import on_virtual_time, until
from tests.servers.nats import NatsServer, nats_server
from tests.servers.streams import stored

PARTS = 4
FOR_EVER = 1e9


def entries(first: int, last: int) -> list[Entry]:
    return [
        Entry(Channel.PUBLISHED, f"k{n % 13}", f"m{n}", "b.X", 1, float(n), "{}", b'{"n":%d}' % n)
        for n in range(first, last)
    ]


async def write(store: Store, first: int, last: int, step: int = 20) -> None:
    """Commits messages, some at a time."""
    for begin in range(first, last, step):
        await store.commit(Unit(entries=entries(begin, min(last, begin + step))))
        await asyncio.sleep(0)


class Events(InProcessEvents):
    """Fails when told to."""

    def __init__(self, broker: InProcessBroker) -> None:
        super().__init__(broker)
        self.refusal: Exception | None = None
        self.confirm: int | None = None
        """How many messages of the next publish are confirmed."""
        self.calls = 0

    async def prepare(self, source: str, channel: Channel) -> None:
        if self.refusal is not None:
            raise self.refusal
        await super().prepare(source, channel)

    async def publish(self, source: str, channel: Channel, records: Sequence[MessageRecord]) -> int:
        self.calls += 1
        few, self.confirm = self.confirm, None
        return await super().publish(source, channel, records if few is None else records[:few])


class SlowBroker:
    """As much of a NATS server as a relay needs that publishes, with its connection. It takes no batches, and its time
    for each answer."""

    max_payload = 1 << 20
    place = "a slow broker"

    def __init__(self, seconds: float) -> None:
        self.taken: list[tuple[str, Mapping[str, str]]] = []
        """Subject and headers of each message."""
        self._seconds = seconds

    async def open(self) -> None:
        return

    async def close(self) -> None:
        return

    def client(self) -> SlowBroker:
        return self

    async def publish(self, subject: str, payload: bytes, *, headers: Mapping[str, str]) -> None:
        raise AssertionError("without batches each message waits for its answer")

    async def request(self, subject: str, body: bytes, headers: Mapping[str, str], seconds: float) -> SlowBroker:
        await asyncio.sleep(self._seconds)
        self.data = msgspec.json.encode(self._answer(subject, body, headers))
        return self

    def _answer(self, subject: str, body: bytes, headers: Mapping[str, str]) -> object:
        if "STREAM.INFO" in subject:
            return {"error": {"code": 404, "err_code": NO_STREAM, "description": "stream not found"}}
        if "STREAM.CREATE" in subject:
            return {"config": {**msgspec.json.decode(body), "allow_atomic": False}}
        if "MSG.GET" in subject:
            return {"message": self._last(msgspec.json.decode(body)["last_by_subj"])}
        self.taken.append((subject, headers))
        return {"seq": len(self.taken)}

    def _last(self, subject: str) -> object:
        seq, headers = 0, dict[str, str]()
        for number, (of, given) in enumerate(self.taken, 1):
            if of == subject:
                seq, headers = number, dict(given)
        lines = ["NATS/1.0", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return {"seq": seq, "hdrs": b64encode("\r\n".join(lines).encode()).decode()}


@on_virtual_time
@pytest.mark.parametrize("seconds", [0.2, 8.0])
async def test_relay_that_publishes_slowly_is_not_taken_for_stuck(seconds: float) -> None:
    """A page of messages takes longer than whatever moves on: each has been confirmed."""
    broker: Any = SlowBroker(seconds)
    store, said, loop = MemoryStore(partitions=1), Heard(), asyncio.get_running_loop()
    await store.commit(Unit(entries=entries(0, PAGE)))
    events = NatsEvents(broker, "shop")
    await events.open()
    async with relaying(store, events, said.listeners()) as relay:
        while not await published(store, relay):
            await asyncio.sleep(TICK)
            relay.give_up_on_the_stuck()
        assert loop.time() > STALL_SECONDS
    assert said.words == []
    assert len(broker.taken) == PAGE, "none of them twice"


async def published(store: Store, relay: Follower) -> bool:
    heads = {part: pos for part, (pos, _) in (await store.heads(Channel.PUBLISHED)).items()}
    checkpoints = await store.checkpoints(SubscriptionId(relay.name, "billing", Channel.PUBLISHED))
    return {part: checkpoint.pos for part, checkpoint in checkpoints.items()} == heads


async def caught_up(store: Store, relay: Follower) -> None:
    """Until the relay's checkpoint stands at the end of the log."""
    async with asyncio.timeout(30):
        while not await published(store, relay):  # noqa: ASYNC110  # a checkpoint in a store rings no bell
            await asyncio.sleep(0.005)


async def log_of(store: Store) -> dict[int, list[MessageRecord]]:
    return {part: list(await store.read(Channel.PUBLISHED, part, 0, 1_000_000)) for part in range(PARTS)}


@pytest.fixture
async def store() -> AsyncGenerator[Store]:
    store = MemoryStore(partitions=PARTS)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    def at_once(*_: object) -> float:
        return 0.0

    monkeypatch.setattr("remit.runtime.following.follower.backoff", at_once)
    monkeypatch.setattr("remit.runtime.following.publishing.backoff", at_once)


class Asked(MemoryStore):
    """Counts the questions for its log. Checkpoints move when they may."""

    reads = heads_asked = 0
    may_move: asyncio.Event | None = None

    async def commit(self, unit: Unit) -> None:
        if unit.advance is not None and self.may_move is not None:
            await self.may_move.wait()
        await super().commit(unit)

    async def read(self, channel: Channel, part: int, after: int, limit: int) -> list[MessageRecord]:
        self.reads += 1
        return await super().read(channel, part, after, limit)

    async def heads(self, channel: Channel) -> Heads:
        self.heads_asked += 1
        return await super().heads(channel)


async def test_a_message_that_comes_alone_is_read_once() -> None:
    store = Asked(partitions=PARTS)
    async with relaying(store, Events(InProcessBroker())) as relay:
        await until(lambda: store.heads_asked == 1)
        for number in range(20):
            await store.commit(Unit(entries=entries(number, number + 1)))
            await until(lambda: relay.handled == number + 1)  # noqa: B023  # waited for within this round
        assert (store.reads, store.heads_asked) == (20, 21)


async def test_what_comes_while_a_checkpoint_moves_is_published_too() -> None:
    store = Asked(partitions=PARTS)
    store.may_move = asyncio.Event()
    events = Events(InProcessBroker())
    async with relaying(store, events) as relay:
        await store.commit(Unit(entries=entries(0, 1)))
        await until(lambda: events.calls == 1)
        await asyncio.sleep(0)
        seen = store.heads_asked
        await store.commit(Unit(entries=entries(13, 14)))  # of the same key
        await until(lambda: store.heads_asked > seen)
        store.may_move.set()
        await until(lambda: relay.handled == 2)


async def test_what_is_committed_is_published_in_order(store: Store) -> None:
    broker = InProcessBroker()
    await write(store, 0, 1200)
    async with relaying(store, InProcessEvents(broker)) as relay:
        await caught_up(store, relay)
        await write(store, 1200, 1300)  # the store's bell wakes it
        await caught_up(store, relay)
        assert (relay.state, relay.handled) == ("running", 1300)
    for part, records in (await log_of(store)).items():
        assert [record for record in broker.streams["billing", Channel.PUBLISHED] if record.part == part] == records
        assert len(records) > 100


async def test_a_new_relay_goes_on_after_the_checkpoint(store: Store) -> None:
    events = Events(InProcessBroker())
    await write(store, 0, 100)
    async with relaying(store, events) as relay:
        await caught_up(store, relay)
    calls = events.calls
    async with relaying(store, events) as relay:
        await write(store, 100, 110)
        await caught_up(store, relay)
        assert relay.handled == 10
    assert events.calls - calls <= 10


async def test_only_what_is_confirmed_moves_the_checkpoint(store: Store) -> None:
    broker = InProcessBroker()
    events = Events(broker)
    await store.commit(
        Unit(entries=[Entry(Channel.PUBLISHED, "k", f"m{n}", "b.X", 1, 1.0, "{}", b"{}") for n in range(9)])
    )
    events.confirm = 4
    async with relaying(store, events) as relay:
        await caught_up(store, relay)
        assert (events.calls, relay.handled) == (2, 9)
    assert [record.id for record in broker.streams["billing", Channel.PUBLISHED]] == [f"m{n}" for n in range(9)]


@pytest.mark.usefixtures("soon")
async def test_trouble_is_seen_and_ends_by_itself(store: Store) -> None:
    broker, said = InProcessBroker(), Heard()
    broker.stop()
    await write(store, 0, 50)
    async with relaying(store, InProcessEvents(broker), said.listeners()) as relay:
        await until(lambda: relay.state == "paused")
        assert relay.note == "the broker is stopped"
        broker.start()
        await caught_up(store, relay)
        await until(lambda: relay.state == "running")
        assert relay.note == ""
        broker.stop()
        await write(store, 50, 60)
        await until(lambda: relay.state == "paused")
        broker.start()
        await caught_up(store, relay)
        await until(lambda: relay.state == "running")
    assert said.words == ["paused", "resumed", "paused", "resumed"]
    assert said[0].where == "billing.relay:nats"
    assert relay.state == "stopped"


class Slow(InProcessEvents):
    """Takes its time to find out that the broker is away; may never find out."""

    hangs = False

    async def publish(self, source: str, channel: Channel, records: Sequence[MessageRecord]) -> int:
        await asyncio.sleep(FOR_EVER if self.hangs else 5.0)
        return await super().publish(source, channel, records)


async def watched(relay: Follower, seconds: float) -> None:
    """So much time passes, in which the relay is looked after as a process does."""
    for _ in range(int(seconds / TICK)):
        await asyncio.sleep(TICK)
        relay.give_up_on_the_stuck()


@on_virtual_time
async def test_a_broker_that_is_away_for_long_pauses_its_relay_and_is_asked_again() -> None:
    """Nothing is stuck: the channel says what is wrong, and no attempt is given up."""
    store, broker, said = MemoryStore(partitions=1), InProcessBroker(), Heard()
    await store.open()
    async with relaying(store, Slow(broker), said.listeners()) as relay:
        await asyncio.sleep(1.0)
        broker.stop()
        await store.commit(Unit(entries=entries(0, 10)))
        await watched(relay, 10 * STALL_SECONDS)
        assert (said.words, relay.state) == (["paused"], "paused")
        broker.start()
        await watched(relay, 20.0)
        assert (said.words, relay.state, relay.handled) == (["paused", "resumed"], "running", 10)


@on_virtual_time
async def test_a_publication_that_neither_ends_nor_fails_is_given_up_and_begun_again() -> None:
    store, broker, said = MemoryStore(partitions=1), InProcessBroker(), Heard()
    await store.open()
    await store.commit(Unit(entries=entries(0, 10)))
    events = Slow(broker)
    events.hangs = True
    async with relaying(store, events, said.listeners()) as relay:
        await watched(relay, STALL_SECONDS)
        assert said.words == []
        events.hangs = False
        await watched(relay, 10.0)
        assert (said.words, relay.state, relay.handled) == (["stalled", "resumed"], "running", 10)
    assert [record.id for record in broker.streams["billing", Channel.PUBLISHED]] == [f"m{n}" for n in range(10)]


@pytest.mark.usefixtures("soon")
async def test_a_channel_that_cannot_be_used_stalls_until_it_can(store: Store) -> None:
    events = Events(InProcessBroker())
    events.refusal = ChannelError("the stream has other settings")
    await write(store, 0, 10)
    async with relaying(store, events) as relay:
        await until(lambda: relay.state == "stalled")
        assert relay.note == "the stream has other settings"
        events.refusal = None
        await caught_up(store, relay)
        await until(lambda: relay.state == "running")


@pytest.mark.usefixtures("soon")
async def test_a_checkpoint_that_could_not_be_written_is_written_later(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, failures, commit = InProcessBroker(), iter(range(3)), store.commit

    async def failing(unit: Unit) -> None:
        if next(failures, None) is not None:
            raise StoreUnavailable("the disk is full")
        await commit(unit)

    await write(store, 0, 10)
    monkeypatch.setattr(store, "commit", failing)
    async with relaying(store, InProcessEvents(broker)) as relay:
        await caught_up(store, relay)
    assert len(broker.streams["billing", Channel.PUBLISHED]) == 10


@pytest.mark.usefixtures("soon")
async def test_what_another_process_has_published_meanwhile_is_no_trouble_any_more(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, events = InProcessBroker(), Events(InProcessBroker())
    await write(store, 0, 10)

    async def refuse(*_: object) -> int:
        raise OutcomeUnknown("no answer")  # after which the checkpoint is read again

    monkeypatch.setattr(events, "publish", refuse)
    async with relaying(store, events) as cut:
        await until(lambda: cut.state == "paused")
        async with relaying(store, InProcessEvents(broker)) as other:
            await caught_up(store, other)
        await until(lambda: cut.state == "running")


def of_one_key(first: int, last: int) -> list[Entry]:
    return [Entry(Channel.PUBLISHED, "k", f"m{n}", "b.X", 1, 1.0, "{}", b"{}") for n in range(first, last)]


@pytest.mark.parametrize("deleted", [2, 4])
@pytest.mark.parametrize("stood", [0, 1])
async def test_a_relay_goes_on_where_its_log_begins_now(store: Store, deleted: int, stood: int) -> None:
    """Nothing is lost by it: who follows reads the log, and finds out what is missing there."""
    id, broker = SubscriptionId("billing.relay:nats", "billing", Channel.PUBLISHED), InProcessBroker()
    await store.commit(Unit(entries=of_one_key(0, 4)))
    ((part, _),) = (await store.heads(Channel.PUBLISHED)).items()
    await store.report(id.name, Channel.PUBLISHED, {}, 1.0)
    await store.place(id, {part: Checkpoint(1, "m0", 1.0)} if stood else {})
    await store.trim(Channel.PUBLISHED, part, upto=deleted, before=2.0, limit=10)
    async with relaying(store, InProcessEvents(broker)) as relay:
        await caught_up(store, relay)
        await store.commit(Unit(entries=of_one_key(4, 5)))
        await caught_up(store, relay)
        assert relay.state == "running"
    assert [record.id for record in broker.streams["billing", Channel.PUBLISHED]] == [
        f"m{n}" for n in range(deleted, 5)
    ]


async def test_a_relay_goes_on_when_its_log_is_cut_while_it_runs(store: Store) -> None:
    broker = InProcessBroker()
    events = Events(broker)
    async with relaying(store, events) as relay:
        await store.commit(Unit(entries=of_one_key(0, 2)))
        await caught_up(store, relay)
        events.confirm, asked = 0, events.calls
        await store.commit(Unit(entries=of_one_key(2, 6)))
        await until(lambda: events.calls > asked)
        ((part, _),) = (await store.heads(Channel.PUBLISHED)).items()
        await store.trim(Channel.PUBLISHED, part, upto=4, before=2.0, limit=10)
        await caught_up(store, relay)
        assert relay.state == "running"


async def test_a_source_hears_only_where_the_checkpoint_stands() -> None:
    """What is published and not yet noted must not be deleted: it would be published again."""
    store = Asked(partitions=1)
    store.may_move = asyncio.Event()
    async with relaying(store, Events(InProcessBroker())) as relay:
        await store.commit(Unit(entries=entries(0, PAGE + 1)))
        await until(lambda: relay.position(0) == PAGE)
        assert relay._stands(relay.id) == {}
        store.may_move.set()
        await caught_up(store, relay)
        await until(lambda: relay._stands(relay.id) == {0: (PAGE + 1, f"m{PAGE}")})


async def test_stopping_twice_is_stopping(store: Store) -> None:
    async with relaying(store, InProcessEvents(InProcessBroker())) as relay:
        await relay.stop()
    assert relay.state == "stopped"


# With a real server


@pytest.fixture
def server(tmp_path: Path) -> Generator[NatsServer]:
    with nats_server(tmp_path / "nats") as server:
        yield server


class Meeting(NatsEvents):
    """Publishes for the first time when all others do."""

    meeting: asyncio.Barrier | None = None

    async def publish(self, source: str, channel: Channel, records: Sequence[MessageRecord]) -> int:
        meeting, self.meeting = self.meeting, None
        if meeting is not None:
            await meeting.wait()
        return await super().publish(source, channel, records)


@asynccontextmanager
async def process(
    server: NatsServer, path: Path, meeting: asyncio.Barrier | None = None
) -> AsyncGenerator[tuple[Store, Follower]]:
    """What a process has of its own: the file opened, a connection, a relay."""
    store = SqliteStore(path, "billing", partitions=PARTS)
    await store.open()
    events = Meeting(NatsConnection(server.url, name="billing"), "shop")
    events.meeting = meeting
    await events.open()
    async with relaying(store, events) as relay:
        yield store, relay
    await events.close()
    await store.close()


async def on_the_stream(server: NatsServer) -> dict[int, list[MessageRecord]]:
    connection = NatsConnection(server.url, name="test")
    await connection.open()
    found = {part: await stored(connection, "billing", Channel.PUBLISHED, part) for part in range(PARTS)}
    await connection.close()
    return found


async def test_a_server_killed_in_the_middle_loses_and_doubles_nothing(server: NatsServer, tmp_path: Path) -> None:
    async with process(server, tmp_path / "billing.db") as (store, relay):
        for begin in range(0, 3000, 1000):
            await write(store, begin, begin + 1000)
            await until(lambda begin=begin: relay.handled > begin, 30.0)  # type: ignore[misc]  # binds the loop's variable
            server.kill()
            await write(store, begin + 1000, begin + 1001)
            server.start()
        await caught_up(store, relay)
        assert await on_the_stream(server) == await log_of(store)


async def test_a_wiped_stream_goes_on_without_holes(server: NatsServer, tmp_path: Path) -> None:
    async with process(server, tmp_path / "billing.db") as (store, relay):
        await write(store, 0, 500)
        await caught_up(store, relay)
        server.wipe()
        await write(store, 500, 1500)
        await caught_up(store, relay)
        log = await log_of(store)
        for part, records in (await on_the_stream(server)).items():
            assert records == log[part][-len(records) :], "the end of the log, without a hole"
            assert len(records) >= 100


async def test_two_relays_at_once_leave_one_of_each(server: NatsServer, tmp_path: Path) -> None:
    path, both = tmp_path / "billing.db", asyncio.Barrier(2)
    async with process(server, path, both) as (store, relay), process(server, path, both) as (twin, rival):
        await asyncio.gather(write(store, 0, 1500), write(twin, 2000, 3500))
        rival.ring()
        relay.ring()
        await caught_up(store, relay)
        assert await on_the_stream(server) == await log_of(store)


class Refusing(MemoryStore):
    """Moves no checkpoint the first time."""

    refused = False

    async def commit(self, unit: Unit) -> None:
        if unit.advance is not None and not self.refused:
            self.refused = True
            raise StoreUnavailable("it takes no writes", where="billing")
        await super().commit(unit)


async def test_a_checkpoint_that_was_not_stored_the_first_time_is_moved_from_the_beginning() -> None:
    """What was published without being noted is no place to go on from: nothing would ever fit it."""
    store, broker = Refusing(partitions=1), InProcessBroker()
    entries = [Entry(Channel.PUBLISHED, "k", f"m{n}", "b.X", 1, 1.0, "{}", b"{}") for n in range(PAGE + 10)]
    await store.commit(Unit(entries=entries))
    async with relaying(store, InProcessEvents(broker)) as relay:
        await caught_up(store, relay)
    assert store.refused
