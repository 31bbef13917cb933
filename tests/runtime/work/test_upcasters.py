"""What an older release has stored is read in its newest form, and never changed where it is."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from remit import Upcast
from remit.errors import BadMessage, HandlerFailed
from remit.observability import KeyParked
from tests.runtime.heard import Heard
from tests.runtime.work import stall_new as new
from tests.runtime.work import stall_old as old

IN_NEW_WORDS = ["sold for 300 EUR", "gave to Eve", "left A", "arrived at B"]


async def until(ask: Callable[[], Awaitable[Any]], expected: Any) -> None:
    """Waits until an answer is as expected."""
    async with asyncio.timeout(20):
        while (found := await ask()) != expected:  # noqa: ASYNC110  # what a store has rings no bell
            await asyncio.sleep(0.01)
    assert found == expected


async def failure_of(call: Awaitable[Any]) -> str:
    """The error with which the handler of a call failed."""
    with pytest.raises(HandlerFailed) as caught:
        await call
    assert isinstance(caught.value.__cause__, BadMessage)
    return caught.value.__cause__.what


async def by_old(place: str) -> None:
    async with old.market.connect(store=place) as app:
        await app.send(old.Use(till="1", price=3))
        await app.send(old.Use(till="1"))
        await app.send(old.Name(stand="s", name="Ada Byron"))
        assert await app.ask(old.Shown(till="1"), fresh=True) == 3


async def test_streams_reactions_and_projections_read_old_events(kept: str) -> None:
    await by_old(kept)
    async with new.market.connect(store=kept) as app:
        assert await app.ask(new.Total(till="1")) == (300, IN_NEW_WORDS)
        await until(lambda: app.ask(new.Listened(till="1")), ["Given", "Left A", "Arrived B"])
        await until(lambda: app.ask(new.Steps()), ["Arrived B", "Left A"])
        await app.send(new.Use(till="1", price=1))
        assert (await app.ask(new.Total(till="1")))[0] == 400
        assert await app.ask(new.Shown(till="1"), fresh=True) == 400


async def test_old_states_are_read_and_written_in_the_new_form(kept: str) -> None:
    await by_old(kept)
    async with new.market.connect(store=kept) as app:
        assert await app.ask(new.WhoStands(stand="s")) == ("Ada", "Byron", True, ["Ada Byron"])
        assert await app.ask(new.Shown(till="1")) == 300
        await app.send(new.Name(stand="s", name="Eve King"))
        assert await app.ask(new.WhoStands(stand="s")) == ("Eve", "King", True, ["Eve King"])


async def test_an_older_release_refuses_newer_states_and_events(kept: str) -> None:
    async with new.market.connect(store=kept) as app:
        await app.send(new.Name(stand="s", name="Eve King"))
        await app.send(new.Use(till="1", price=1))
    async with old.market.connect(store=kept) as app:
        refused = await failure_of(app.send(old.Name(stand="s", name="Ada Byron")))
        assert "version 3, and this release knows versions up to 1" in refused
        assert "stall.Sold version 3" in await failure_of(app.send(old.Use(till="1", price=1)))
    async with new.market.connect(store=kept) as app:
        assert await app.ask(new.WhoStands(stand="s")) == ("Eve", "King", True, ["Eve King"])


async def test_two_releases_write_one_stream_until_the_older_meets_a_newer_version(kept: str) -> None:
    await by_old(kept)
    async with old.market.connect(store=kept) as before, new.market.connect(store=kept) as after:
        await before.send(old.Use(till="2", price=1))
        await after.send(new.Use(till="3", price=2))
        await before.send(old.Use(till="2", price=4))
        assert (await after.ask(new.Total(till="2")))[0] == 500
        await after.send(new.Use(till="2", price=1))
        assert "stall.Sold version 3" in await failure_of(before.send(old.Use(till="2", price=1)))
        assert (await after.ask(new.Total(till="2")))[0] == 600
        await until(lambda: after.ask(new.Listened(till="1")), ["Given", "Left A", "Arrived B"])


async def test_what_is_stored_is_not_changed_by_reading(tmp_path: Path) -> None:
    place = f"sqlite:{tmp_path}/{{context}}.db"
    await by_old(place)

    def stored() -> list[Any]:
        with sqlite3.connect(tmp_path / "stall.db") as database:
            states = database.execute("SELECT kind, id, body FROM state WHERE kind IN ('stall.Stand', 'stall.Note')")
            return [*states.fetchall(), *database.execute("SELECT * FROM log").fetchall()]

    before = stored()
    async with new.market.connect(store=place) as app:
        await app.ask(new.WhoStands(stand="s"))
        await app.ask(new.Total(till="1"))
        await until(lambda: app.ask(new.Steps()), ["Arrived B", "Left A"])
    assert stored() == before


@contextmanager
def spoiled(upcaster: Callable[..., Any], by: Callable[..., Any]) -> Generator[None]:
    """The upcaster does something else."""
    (found,) = [each for each in new.stall.upcasters if each.function is upcaster]
    object.__setattr__(found, "function", by)
    try:
        yield
    finally:
        object.__setattr__(found, "function", upcaster)


async def test_an_upcaster_that_raises_fails_the_command_and_loses_nothing(kept: str) -> None:
    await by_old(kept)
    async with new.market.connect(store=kept) as app:
        with spoiled(new.two_names, raises):
            refused = await failure_of(app.send(new.Name(stand="s", name="Eve King")))
        assert "Stand version 1 cannot be read: its upcaster raised KeyError" in refused
        assert (await app.ask(new.WhoStands(stand="s")))[0] == "Ada"


def raises(fields: dict[str, Any]) -> Any:
    return fields["missing"]


def returns(made: object) -> Callable[[dict[str, Any]], Any]:
    return lambda _: made


@pytest.mark.parametrize(
    ("by", "said"),
    [
        (raises, "its upcaster raised KeyError"),
        (returns(["a", "b"]), "its upcaster returned str"),
        (returns(7), "its upcaster returned int"),
        (returns(Upcast(new.Left, {"place": object()}, version=2)), "its upcaster made what JSON does not have"),
        (returns(Upcast(new.Left, {}, version=9)), "Left came in version 9"),
    ],
)
async def test_a_message_whose_upcaster_fails_is_parked(tmp_path: Path, by: Callable[..., Any], said: str) -> None:
    place = f"sqlite:{tmp_path}/{{context}}.db"
    await by_old(place)

    heard = Heard()

    async def is_parked() -> bool:
        return any(each.subscription == "stall.noted" and said in each.what for each in heard.of(KeyParked))

    with spoiled(new.left_and_arrived, by):
        async with new.market.connect(store=place, listeners=[heard]) as app:
            await until(is_parked, True)
            await failure_of(app.ask(new.Total(till="1")))
