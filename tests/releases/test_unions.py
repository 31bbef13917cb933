"""A class is joined by another in a union: what each release reads of what the other one has stored, told and asked."""

import asyncio
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from remit.errors import BadMessage, HandlerFailed
from tests.releases import nights as new
from tests.releases.editions import edited
from tests.releases.running import Shops, calling

NEWER = "State: TypeAlias = Held | Occupied"
old: Any = ModuleType("tests.releases.nights_before")
exec(edited(Path(new.__file__).read_text(), [(NEWER, "State: TypeAlias = Held")]), old.__dict__)


@pytest.fixture
def shops() -> Shops:
    return Shops()


async def stored(shops: Shops, id: str = "n") -> Any:
    found = await shops.stores["sales"].load("sales.Night", id)
    assert found is not None
    return msgspec.json.decode(found[1])


async def test_newer_release_reads_what_the_older_one_has_stored_and_told(shops: Shops) -> None:
    async with shops.running(old.hotel) as app:
        assert await app.send(old.Put(night="n", state=old.Held(guest="a"))) == old.Held(guest="a")
    assert (await stored(shops))["state"] == {"guest": "a"}
    async with shops.running(new.hotel) as app:
        assert await app.ask(new.Shown(night="n"), fresh=True) == new.Held(guest="a")
        await app.send(new.Touch(night="n"))
        assert await stored(shops) == {"id": "n", "state": {"$type": "Held", "guest": "a"}, "count": 1}


async def test_older_release_reads_the_member_that_it_knows_and_keeps_its_tag(shops: Shops) -> None:
    async with shops.running(new.hotel) as app:
        await app.send(new.Put(night="n", state=new.Held(guest="a")))
    async with shops.running(old.hotel) as app:
        assert await app.ask(old.Shown(night="n"), fresh=True) == old.Held(guest="a")
        await app.send(old.Touch(night="n"))
    assert await stored(shops) == {"id": "n", "state": {"$type": "Held", "guest": "a"}, "count": 1}


async def test_older_release_leaves_another_member_alone_and_names_it(shops: Shops) -> None:
    async with shops.running(new.hotel, "sales") as app:
        runtime: Any = app
        await asyncio.gather(*(each.stop() for each in runtime.subscriptions))
        await app.send(new.Put(night="n", state=new.Occupied(guest="a")))
    before = await stored(shops)
    async with shops.running(old.hotel, "sales") as app:
        await shops.parked.wait()
        with pytest.raises(HandlerFailed):
            await app.send(old.Touch(night="n"))
    assert await stored(shops) == before
    said = "Expected `Held`, got `Occupied`, which is new in this place"
    assert await shops.why("sales") == [f"BadMessage: {said}"]
    (told,) = [line.what for line in shops.said if line.word == "handler-failed"]
    assert f"cannot be read by this one: {said}" in told
    async with shops.running(new.hotel, "sales") as app:
        await shops.stores["sales"].retry("sales.Sheet", None, 0)
        await shops.released.wait()
        assert await app.ask(new.Shown(night="n"), fresh=True) == new.Occupied(guest="a")


async def test_calls_between_both_releases_mean_the_same() -> None:
    async with calling(old.hotel, new.hotel) as caller:
        assert await caller.send(old.Put(night="n", state=old.Held(guest="a"))) == old.Held(guest="a")
        assert await caller.ask(old.Shown(night="n"), fresh=True) == old.Held(guest="a")
    async with calling(new.hotel, old.hotel) as caller:
        assert await caller.send(new.Put(night="n", state=new.Held(guest="a"))) == new.Held(guest="a")
        with pytest.raises(BadMessage, match="Expected `Held`, got `Occupied`"):
            await caller.send(new.Put(night="n", state=new.Occupied(guest="a")))


async def test_command_that_is_repeated_at_the_newer_release_is_the_same(shops: Shops) -> None:
    async with shops.running(old.hotel) as app:
        assert await app.send(old.Put(night="n", state=old.Held(guest="a")), key="k") == old.Held(guest="a")
    async with shops.running(new.hotel) as app:
        assert await app.send(new.Put(night="n", state=new.Held(guest="a")), key="k") == new.Held(guest="a")
        assert await app.send(new.Put(night="m", state=new.Held(guest="b")), key="l") == new.Held(guest="b")
    async with shops.running(old.hotel) as app:
        assert await app.send(old.Put(night="m", state=old.Held(guest="b")), key="l") == old.Held(guest="b")
