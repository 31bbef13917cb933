"""What a store must do with the streams of event-sourced aggregates."""

from __future__ import annotations

from remit.log import Channel, escaped, write_headers, write_place
from remit.stores.port import Entry, Store, Unit
from remit.testing.conformance.stores import entry, same

__all__ = ["StreamsConformance"]


def placed(stream: str, seq: int, *, life: int = 0, key: str = "k", channel: Channel = Channel.PRIVATE) -> Entry:
    """An event of a stream."""
    headers = write_headers("cause", "trace", write_place(escaped(stream), life, seq))
    return Entry(channel, key, f"{stream}-{life}-{seq}", "shop.Paid", 1, 1.0, headers, b"{}")


class StreamsConformance:
    """The promises about streams, one test each."""

    async def test_a_stream_is_read_in_order_whatever_keys_its_events_have(self, store: Store, twin: Store) -> None:
        events = [placed("shop.Order/1", seq, key=f"key-{seq}") for seq in range(1, 41)]
        others = [placed("shop.Order/10", 1), placed("shop.Order/1", 1, life=3), entry("key-1", "none")]
        await store.commit(Unit(entries=[*events[:20], *others]))
        await twin.commit(Unit(entries=events[20:]))
        found = await twin.stream("shop.Order/1", 0, 0, 100)
        same([each.id for each in found], [each.id for each in events], "a stream has its events in order")
        same([each.payload for each in found], [b"{}"] * 40, "a stream has the payloads of its events")
        page = await store.stream("shop.Order/1", 0, 7, 5)
        same([each.id for each in page], [each.id for each in events[7:12]], "a page begins after a number")
        same([each.id for each in await store.stream("shop.Order/1", 3, 0, 9)], ["shop.Order/1-3-1"], "lives are apart")
        same(list(await store.stream("shop.Order/2", 0, 0, 9)), [], "a stream without events is empty")

    async def test_the_lives_of_a_stream_are_listed(self, store: Store, twin: Store) -> None:
        places = [(0, 1), (0, 2), (0, 3), (12, 1), (7, 1), (7, 2)]
        events = [placed("shop.Order/1", seq, life=life) for life, seq in places]
        await store.commit(Unit(entries=[*events, placed("shop.Order/2", 1, life=5)]))
        same(list(await twin.lives("shop.Order/1")), [(0, 3), (7, 2), (12, 1)], "each life has its last number")
        same(list(await store.lives("shop.Order/2")), [(5, 1)], "a first life may have any number")
        same(list(await store.lives("shop.Order/3")), [], "a stream without events has no life")

    async def test_events_of_one_unit_may_be_written_out_of_their_order(self, store: Store, twin: Store) -> None:
        await store.commit(
            Unit(entries=[placed("shop.Order/1", 1), placed("shop.Order/1", 3), placed("shop.Order/1", 2)])
        )
        found = await twin.stream("shop.Order/1", 0, 0, 9)
        same([each.id[-1] for each in found], ["1", "2", "3"], "a stream has its events in the order of their numbers")

    async def test_streams_have_any_names(self, store: Store, twin: Store) -> None:
        names = [
            "shop.Order/'; DROP TABLE x",
            'shop.Order/"quoted"',
            "shop.Order/a\\b",
            "shop.Order/Zoë 🎓",
            "shop.Order/%_",
        ]
        await store.commit(Unit(entries=[placed(name, 1) for name in names]))
        for name in names:
            found = await twin.stream(name, 0, 0, 9)
            same([each.id for each in found], [f"{name}-0-1"], f"the stream {name!r} has its event")

    async def test_headers_of_a_request_that_speak_of_streams_are_no_places(self, store: Store, twin: Store) -> None:
        for number in range(2):
            headers = '{"cause":"c","trace":"t","headers":{"stream":"shop.Order/1","seq":"1"}}'
            await store.commit(Unit(entries=[Entry(Channel.PRIVATE, "k", f"m{number}", "t", 1, 1.0, headers, b"{}")]))
        same(list(await twin.stream("shop.Order/1", 0, 0, 9)), [], "only a header of remit places an event")
