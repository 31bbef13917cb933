"""Event-sourced aggregates in a running system: stored as streams, loaded from snapshots or from events."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from remit import Command, Query
from remit.errors import AlreadyExists, BadMessage, HandlerFailed, NotFound
from tests.runtime.work.bank import STATE, Balance, Close, Open, Pay, Replace, Spoil, bank, sourced


@pytest.fixture
def place(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/{{context}}.db"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bank.db"


def outdate(file: Path) -> None:
    """Makes the snapshots those of other code, which says something else."""
    with sqlite3.connect(file) as database:
        database.execute(
            "UPDATE state SET body = json_set(body, '$.schema', 'other', '$.state.balance', -1)"
            " WHERE kind = 'bank.Account'"
        )


async def used(account: Any, place: str, *messages: Command[Any] | Query[Any]) -> list[Any]:
    async with bank(account).connect(store=place) as app:
        return [await (app.ask(each) if isinstance(each, Query) else app.send(each)) for each in messages]


async def test_a_stream_holds_what_was_decided(place: str) -> None:
    assert await used(sourced(), place, Open(account="1", owner="ada"), Pay(account="1", amount=5)) == [None, 5]
    assert await used(sourced(), place, Pay(account="1", amount=2), Balance(account="1")) == [7, ("ada", 7)]


@pytest.mark.parametrize(("release", "expected"), [({"doubled": True}, ("ada", 14)), ({"renamed": True}, ("ada", 7))])
async def test_a_snapshot_of_other_code_is_not_used(
    place: str, release: dict[str, bool], expected: tuple[str, int]
) -> None:
    await used(sourced(), place, Open(account="1", owner="ada"), *[Pay(account="1", amount=1)] * 7)
    assert await used(sourced(**release), place, Balance(account="1")) == [expected]


async def test_two_releases_share_a_stream(place: str) -> None:
    await used(sourced(), place, Open(account="1", owner="ada"))
    for amount in range(1, 6):
        await used(sourced(renamed=amount % 2 == 0), place, Pay(account="1", amount=amount))
    assert await used(sourced(), place, Balance(account="1")) == [("ada", 15)]


async def test_without_snapshots_decisions_are_the_same(
    place: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remit.runtime.work.sourced.PAGE", 7)  # several pages
    await used(sourced(), place, Open(account="1", owner="ada"), *[Pay(account="1", amount=1)] * 20)
    outdate(file)
    assert await used(sourced(), place, Pay(account="1", amount=1), Balance(account="1")) == [21, ("ada", 21)]


async def test_a_change_without_an_event_is_refused(place: str) -> None:
    with pytest.raises(HandlerFailed):
        await used(sourced(), place, Open(account="1", owner="ada"), Spoil(account="1"))
    assert await used(sourced(), place, Balance(account="1")) == [("ada", 0)]


async def test_a_removed_identity_begins_another_life(place: str, file: Path) -> None:
    await used(sourced(), place, Open(account="1", owner="ada"), Pay(account="1", amount=5), Close(account="1"))
    with pytest.raises(NotFound):
        await used(sourced(), place, Balance(account="1"))
    await used(sourced(), place, Open(account="1", owner="eve"), Pay(account="1", amount=1))
    outdate(file)
    assert await used(sourced(), place, Balance(account="1")) == [("eve", 1)]


async def test_a_stream_with_a_gap_is_refused(place: str, file: Path) -> None:
    await used(sourced(), place, Open(account="1", owner="ada"), *[Pay(account="1", amount=1)] * 3)
    outdate(file)
    with sqlite3.connect(file) as database:
        database.execute("DELETE FROM log WHERE channel = 0 AND json_extract(headers, '$.seq') = 3")
    with pytest.raises(HandlerFailed) as failed:
        await used(sourced(), place, Balance(account="1"))
    assert isinstance(failed.value.__cause__, BadMessage)
    assert "event 3 of the stream 'bank.Account/1' is missing" in failed.value.__cause__.what
    assert "remit log restore, with the release that archived them" in (failed.value.__cause__.next or "")


async def test_an_aggregate_moves_from_state_to_events_and_back(place: str, file: Path) -> None:
    await used(STATE, place, Open(account="1", owner="ada"), Pay(account="1", amount=5))
    assert await used(sourced(), place, Balance(account="1"), Pay(account="1", amount=2)) == [("ada", 5), 7]
    outdate(file)
    assert await used(sourced(), place, Balance(account="1"), Pay(account="1", amount=1)) == [("ada", 7), 8]
    assert await used(STATE, place, Balance(account="1"), Pay(account="1", amount=1)) == [("ada", 8), 9]
    assert await used(sourced(), place, Pay(account="1", amount=1), Balance(account="1")) == [10, ("ada", 10)]
    outdate(file)
    assert await used(sourced(), place, Balance(account="1")) == [("ada", 10)]


async def test_commands_at_the_same_time_all_count(place: str) -> None:
    await used(sourced(), place, Open(account="1", owner="ada"))
    async with bank(sourced()).connect(store=place) as app:
        await asyncio.gather(*(app.send(Pay(account="1", amount=1)) for _ in range(50)))
        assert await app.ask(Balance(account="1")) == ("ada", 50)


async def test_a_state_that_is_replaced_in_one_message_leaves_no_event_in_the_stream_of_the_new_one(place: str) -> None:
    await used(STATE, place, Open(account="1", owner="ada"), Pay(account="1", amount=5))
    await used(sourced(), place, Replace(account="1", owner="eve"), Pay(account="1", amount=1))
    assert await used(sourced(renamed=True), place, Balance(account="1")) == [("eve", 1)]


async def test_what_was_added_may_be_replaced_in_one_message_once(place: str) -> None:
    await used(sourced(), place, Open(account="1", owner="ada"), Replace(account="1", owner="eve"))
    assert await used(sourced(renamed=True), place, Balance(account="1")) == [("eve", 0)]
    with pytest.raises(AlreadyExists):
        await used(sourced(), place, Replace(account="1", owner="bob", times=3))
    assert await used(sourced(), place, Balance(account="1")) == [("eve", 0)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("type = 'bank.Gone'", "event 3 of the stream 'bank.Account/1': it is bank.Gone version 1"),
        ("payload = '{'", "event 3 of the stream 'bank.Account/1': Input data was truncated"),
        ("payload = '{}'", "event 3 of the stream 'bank.Account/1': Object missing required field `amount`"),
        (
            "payload = '{\"amount\":13}'",
            "event 3 of the stream 'bank.Account/1', bank.Paid version 1, cannot be folded: evolve raised Arithm",
        ),
    ],
)
async def test_an_event_that_cannot_be_folded_is_named(place: str, file: Path, change: str, said: str) -> None:
    await used(sourced(), place, Open(account="1", owner="ada"), *[Pay(account="1", amount=1)] * 3)
    outdate(file)
    with sqlite3.connect(file) as database:
        database.execute(f"UPDATE log SET {change} WHERE channel = 0 AND json_extract(headers, '$.seq') = 3")
    with pytest.raises(HandlerFailed) as failed:
        await used(sourced(), place, Balance(account="1"))
    assert isinstance(failed.value.__cause__, BadMessage)
    assert said in failed.value.__cause__.what
