"""A relay whose checkpoint another process has moved takes up that checkpoint and goes on."""

from __future__ import annotations

from collections.abc import Sequence

from remit.log import Channel, MessageRecord, SubscriptionId
from remit.runtime import Ports
from remit.runtime.following.publishing import relay
from remit.stores import Advance, Entry, Unit
from remit.stores.memory.store import MemoryStore
from remit.testing.in_process.events import InProcessBroker, InProcessEvents
from tests.runtime.heard import Heard
from tests.runtime.talk import until

NAME = "billing.relay:nats"


class Overtaken(InProcessEvents):
    """While it publishes for the first time, a rival publishes the same and moves the checkpoint."""

    def __init__(self, broker: InProcessBroker, store: MemoryStore) -> None:
        super().__init__(broker)
        self._store = store
        self._overtaken = False

    async def publish(self, source: str, channel: Channel, records: Sequence[MessageRecord]) -> int:
        count = await super().publish(source, channel, records)
        if not self._overtaken:
            self._overtaken = True
            last = records[-1]
            rival = Advance(SubscriptionId(NAME, source, channel), last.part, 0, "", last.pos, last.id, 1.0)
            await self._store.commit(Unit(advance=rival))
        return count


def entries(first: int, last: int) -> list[Entry]:
    return [Entry(Channel.PUBLISHED, "k", f"m{n}", "b.X", 1, 1.0, "{}", b"{}") for n in range(first, last)]


async def test_a_checkpoint_that_another_process_has_moved_is_taken_up() -> None:
    store, broker, said = MemoryStore(partitions=1), InProcessBroker(), Heard()
    await store.open()
    await store.commit(Unit(entries=entries(0, 10)))
    id = SubscriptionId(NAME, "billing", Channel.PUBLISHED)
    follower = relay(id, store, Overtaken(broker, store), Ports(), said.listeners())
    await follower.start()
    await until(lambda: follower.position(0) == 10)
    await store.commit(Unit(entries=entries(10, 20)))
    await until(lambda: follower.position(0) == 20)
    await follower.stop()
    (checkpoint,) = (await store.checkpoints(id)).values()
    assert (checkpoint.pos, checkpoint.id) == (20, "m19")
    assert [record.id for record in broker.streams["billing", Channel.PUBLISHED]] == [f"m{n}" for n in range(20)]
    assert said == [], "a rival is no trouble"
    await store.close()
