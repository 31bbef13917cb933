"""What one release writes and another reads: each field is kept, ignored or refused, and never lost in silence."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from remit import Command, Context, IntegrationEvent, System
from remit.errors import BadMessage, HandlerFailed
from remit.log import Channel
from tests.releases import new, old
from tests.releases.new import Tag, make_shop
from tests.releases.running import Shops, calling

OLD, NEW = old.shop, new.shop


def place(voucher: str = "", *, order: str = "o-1", kind: new.Kind = "usual", tag: str = "") -> new.Place:
    """What the newer release is asked for."""
    line = new.Line(item="pen", tag=Tag(text=tag) if tag else None)
    return new.Place(order=order, lines=[line], kind=kind, voucher=voucher)


def place_old(order: str = "o-1", item: str = "ink") -> old.Place:
    return old.Place(order=order, lines=[old.Line(item=item)])


@pytest.fixture
def shops() -> Shops:
    return Shops()


# ── events: what is new to a reader is not there for it ─────────────────────────────────────────────────────────────


async def test_an_older_reader_understands_a_newer_integration_event(shops: Shops) -> None:
    async with shops.running(NEW, "sales") as sales:
        await sales.send(place("summer", tag="red"))
    async with shops.running(OLD) as app:
        assert await app.ask(old.Heard(order="o-1"), fresh=True) == ["1"]
    assert await shops.why("depot") == []


async def test_an_older_projection_understands_a_newer_private_event(shops: Shops) -> None:
    async with shops.running(NEW) as app:
        runtime: Any = app
        await asyncio.gather(*(each.stop() for each in runtime.subscriptions))  # its read side runs elsewhere
        await app.send(place("summer", tag="red"))
    async with shops.running(OLD) as app:
        assert await app.ask(old.Shown(order="o-1"), fresh=True) == [old.Line(item="pen")]


# ── replies: so are they for an older caller ────────────────────────────────────────────────────────────────────────


async def test_an_older_caller_understands_a_newer_reply() -> None:
    async with calling(OLD, NEW) as caller:
        assert await caller.send(place_old()) == [old.Line(item="ink")]
        assert await caller.ask(old.Shown(order="nobody")) == []


async def test_a_refusal_that_is_new_to_the_caller_is_an_error_that_says_so() -> None:
    class Place(Command[list[old.Line], old.TooMuch]):
        """The command as a release in between has it: it may set the voucher, and does not know the refusal."""

        order: str
        lines: list[old.Line]
        voucher: str = ""

    depot = Context("depot")
    between = System("shop", contexts=[Context("sales"), depot])
    between.contexts[0].handle(Place)(_never)
    async with calling(between, NEW) as caller:
        with pytest.raises(BadMessage, match="answered, but the answer cannot be read here: the refusal 'Closed'"):
            await caller.send(Place(order="o-1", lines=[], voucher="late"))


async def _never(command: Any) -> list[old.Line]:
    raise AssertionError(command)


# ── commands and queries: an older handler does all of it, or says no ───────────────────────────────────────────────


async def test_an_older_handler_takes_a_command_that_uses_nothing_new() -> None:
    async with calling(NEW, OLD) as caller:
        assert await caller.send(place()) == [new.Line(item="pen")]
        assert await caller.ask(new.Shown(order="nobody")) == []


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (place("summer"), "Object contains unknown field `voucher`"),
        (place(tag="red"), r"Object contains unknown field `tag` - at `\$.lines\[0\]`"),
        (place(kind="urgent"), r"Invalid enum value 'urgent' - at `\$.kind`"),
    ],
)
async def test_an_older_handler_refuses_a_command_that_uses_something_new(command: new.Place, says: str) -> None:
    async with calling(NEW, OLD) as caller:
        with pytest.raises(BadMessage, match=says):
            await caller.send(command)


async def test_an_older_handler_refuses_a_query_that_uses_something_new() -> None:
    async with calling(NEW, OLD) as caller:
        with pytest.raises(BadMessage, match="unknown field `newest`"):
            await caller.ask(new.Shown(order="o-1", newest=3))


async def test_a_command_that_is_repeated_at_another_release_is_the_same(shops: Shops) -> None:
    async with shops.running(OLD) as app:
        assert len(await app.send(place_old(), key="a")) == 1
    async with shops.running(NEW) as app:
        same = new.Place(order="o-1", lines=[new.Line(item="ink")])
        assert await app.send(same, key="a") == [new.Line(item="ink")]
        assert len(await app.send(place("summer", tag="red"), key="b")) == 2
        assert len(await app.send(place(order="o-2"), key="c")) == 1
    async with shops.running(OLD) as app:
        pen = old.Place(order="o-2", lines=[old.Line(item="pen")])
        assert await app.send(pen, key="c") == [old.Line(item="pen")]


async def test_a_command_sent_for_later_waits_for_the_release_that_knows_it(shops: Shops) -> None:
    async with shops.running(NEW, "sales") as sales:
        await sales.send(place("pack"))
    async with shops.running(OLD, "depot"):
        await shops.parked.wait()
    assert await shops.why("depot") == [
        "BadMessage: there is no handler for the command depot.Pack, which was sent for later"
    ]
    async with shops.running(NEW) as app:
        await shops.stores["depot"].retry("depot.commands", None, 0)
        await shops.released.wait()
        assert sorted(await app.ask(new.Heard(order="o-1"), fresh=True)) == ["1", "pack"]


# ── what is stored: kept for the release that knows it ──────────────────────────────────────────────────────────────


async def test_an_older_release_keeps_what_a_newer_one_has_stored(shops: Shops) -> None:
    async with shops.running(NEW) as app:
        await app.send(place("summer", tag="red"))
        assert await app.ask(new.Vouchers(order="o-1"), fresh=True) == (["summer"], 1)
    async with shops.running(OLD) as app:
        await app.send(place_old(item="ink"))
        await app.send(place_old(item="pen"))
        await app.ask(old.Shown(order="o-1"), fresh=True)
    async with shops.running(NEW) as app:
        assert await app.ask(new.Vouchers(order="o-1"), fresh=True) == (["summer"], 1)
        lines = await app.ask(new.Shown(order="o-1"), fresh=True)
        assert lines == [new.Line(item="pen", tag=Tag(text="red")), new.Line(item="ink"), new.Line(item="pen")]
    loaded = await shops.stores["sales"].load("sales.Order", "o-1")
    assert loaded is not None
    assert msgspec.json.decode(loaded[1])["by_item"]["pen"] == {"item": "pen", "amount": 2, "tag": {"text": "red"}}


@pytest.mark.parametrize(("writer", "reader"), [(OLD, NEW), (NEW, OLD)])
async def test_reading_what_another_release_has_stored_changes_nothing(
    shops: Shops, writer: System, reader: System
) -> None:
    async with shops.running(writer) as app:
        await app.send(place_old() if writer is OLD else place("summer", tag="red"))
    before = await shops.stores["sales"].load("sales.Order", "o-1")
    async with shops.running(reader) as app:
        copy: Any = old.Copy if reader is OLD else new.Copy
        assert await app.send(copy(order="o-1", to="o-2")) == 1
    assert await shops.stores["sales"].load("sales.Order", "o-1") == before


async def test_a_member_that_is_new_waits_for_the_release_that_knows_it(shops: Shops) -> None:
    async with shops.running(NEW, "sales") as sales:
        runtime: Any = sales
        await asyncio.gather(*(each.stop() for each in runtime.subscriptions))
        await sales.send(place(kind="urgent"))
        await sales.send(place(order="o-2"))
    async with shops.running(OLD, "sales") as app:
        await shops.parked.wait()
        assert await app.ask(old.Shown(order="o-2")) == [old.Line(item="pen")]
    assert await shops.why("sales") == ["BadMessage: Invalid enum value 'urgent' - at `$.kind`"]
    async with shops.running(NEW, "sales") as sales:
        await shops.stores["sales"].retry("sales.Orders", None, 0)
        await shops.released.wait()
        assert await sales.ask(new.Shown(order="o-1"), fresh=True) == [new.Line(item="pen")]


async def test_what_cannot_be_read_at_all_is_left_alone(shops: Shops) -> None:
    async with shops.running(NEW) as app:
        await app.send(place(kind="urgent"))
    before = await shops.stores["sales"].load("sales.Order", "o-1")
    async with shops.running(OLD) as app:
        with pytest.raises(HandlerFailed):
            await app.send(place_old())
    (told,) = [line.what for line in shops.said if line.word == "handler-failed"]
    assert "'o-1' was stored by another release and cannot be read by this one" in told
    assert "Invalid enum value 'urgent' - at `$.kind`" in told
    assert await shops.stores["sales"].load("sales.Order", "o-1") == before


# ── versions: of those that are published of one event, a reader takes the newest it follows ────────────────────────


async def test_readers_of_either_version_take_each_event_once(shops: Shops) -> None:
    releases = [OLD, NEW, make_shop(followed=(2,)), OLD, make_shop(followed=(1,)), NEW]
    for release in releases:
        async with shops.running(NEW, "sales") as sales:
            await sales.send(place("summer"))
        async with shops.running(release) as app:
            await app.ask(old.Heard(order="o-1") if release is OLD else new.Heard(order="o-1"), fresh=True)
    async with shops.running(NEW) as app:
        assert await app.ask(new.Heard(order="o-1"), fresh=True) == ["1", "2", "2", "1", "1", "2"]
    assert await shops.why("depot") == []
    log = [
        record for part in await shops.stores["sales"].heads(Channel.PUBLISHED) for record in await _all(shops, part)
    ]
    assert [(record.type, record.version) for record in log] == [("sales.OrderPlaced", 1)] * len(releases)


async def _all(shops: Shops, part: int) -> Any:
    return await shops.stores["sales"].read(Channel.PUBLISHED, part, 0, 100)


@pytest.mark.parametrize(
    ("published", "followed", "says"),
    [
        ((2,), (1,), "sales.OrderPlaced came in version 2, but depot.hear follows version 1"),
        ((1,), (2,), "sales.OrderPlaced came in version 1, but depot.hear follows version 2"),
    ],
)
async def test_a_version_that_nobody_here_follows_waits_for_the_release_that_does(
    shops: Shops, published: tuple[int], followed: tuple[int], says: str
) -> None:
    async with shops.running(make_shop(published=published), "sales") as sales:
        await sales.send(place())
    async with shops.running(make_shop(followed=followed), "depot"):
        await shops.parked.wait()
    assert await shops.why("depot") == [f"BadMessage: {says}"]
    async with shops.running(NEW) as app:
        await shops.stores["depot"].retry("depot.hear", None, 0)
        await shops.released.wait()
        assert await app.ask(new.Heard(order="o-1"), fresh=True) == [str(published[0])]


def test_one_version_is_made_by_one_publisher() -> None:
    sales = Context("sales")

    def again(event: new.Placed) -> new.OrderPlaced | None:
        return None

    def first(event: new.Placed) -> new.OrderPlaced | new.OrderPlaced2:
        return new.OrderPlaced2(order=event.order, count=1)

    sales.publish(new.Placed)(first)
    sales.publish(new.Placed)(again)
    (finding,) = System("shop", contexts=[sales]).check()
    assert finding.code == "publisher.doubled"
    assert "again and first" in finding.what
    assert "OrderPlaced from Placed" in finding.what
    assert issubclass(new.OrderPlaced2, IntegrationEvent)
