"""Old states are rewritten in bulk, beside others that write, and what cannot be read stays as it is."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import uuid
from pathlib import Path
from typing import Any

import pytest

from remit import operations
from remit.cli.program import execute
from remit.hosting.opening import Places, opened
from remit.messages import VersionedCodec, version_of
from remit.runtime.upcasting import state_codec
from remit.stores import Change, Unit, Versions, write_versions
from remit.topology.secret import Secret
from tests.cli import scales
from tests.runtime.work import stall_new as new
from tests.runtime.work import stall_old as old

SYSTEM = "tests.runtime.work.stall_new:market"
Printed = pytest.CaptureFixture[str]


def lived(place: str, stands: int = 3) -> None:
    with old.market.connect_sync(store=place) as app:
        for number in range(stands):
            app.send(old.Name(stand=f"s-{number}", name="Ada Byron"))


def rewritten(place: str, printed: Printed, code: int = 0) -> dict[str, Any]:
    assert execute(["upcast", SYSTEM, "--store", place, "--json"]) == code
    return {each.pop("kind"): each for each in json.loads(printed.readouterr().out)}


@pytest.fixture
def place(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/{{context}}.db"


def test_old_states_are_rewritten_once(place: str, capsys: Printed) -> None:
    lived(place)
    first = rewritten(place, capsys)
    assert first["stall.Stand"] == {"version": 3, "states": 3, "rewritten": 3, "failed": 0, "failures": []}
    assert first["stall.Note"]["rewritten"] == 3
    assert {each["rewritten"] for each in rewritten(place, capsys).values()} == {0}
    with new.market.connect_sync(store=place) as app:
        assert app.ask(new.WhoStands(stand="s-2")) == ("Ada", "Byron", True, ["Ada Byron"])


def test_documents_of_rebuilt_versions_are_rewritten_too(place: str, capsys: Printed) -> None:
    lived(place)

    async def rebuilt() -> None:
        async with opened(Places({"default": Secret(place)}), ["stall"]) as stores:
            document = Change("stall.Board@2", "t-1", 0, b'{"euros":3}')
            await stores["stall"].commit(Unit(changes=[document]))
            await write_versions(stores["stall"], "stall.Board", 0, Versions(live=2, old=1, highest=2))

    asyncio.run(rebuilt())
    first = rewritten(place, capsys)
    assert first["stall.Board@2"]["rewritten"] == 1
    assert first["stall.Board"]["states"] == 0


def test_a_state_that_cannot_be_read_stays_and_is_told(place: str, tmp_path: Path, capsys: Printed) -> None:
    lived(place)
    with sqlite3.connect(tmp_path / "stall.db") as database:
        database.execute("UPDATE state SET body = '{}' WHERE kind = 'stall.Stand' AND id = 's-1'")
    found = rewritten(place, capsys, code=1)["stall.Stand"]
    assert (found["rewritten"], found["failed"]) == (2, 1)
    assert found["failures"][0]["id"] == "s-1"
    assert "its upcaster raised KeyError: 'name'" in found["failures"][0]["why"]


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_rows_of_an_older_version_are_told_until_the_model_was_rebuilt(
    store: str, place: str, capsys: Printed, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults: Any = operations.Rebuild.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "linger", 0.0)  # no service has to notice a switch
    if store == "postgresql":
        place = f"{request.getfixturevalue('server')}?schema=u{uuid.uuid4().hex[:12]}_{{context}}"
    with scales.first.connect_sync(store=place) as app:
        app.send(scales.Weigh(sack="a", grams=3))
        assert app.ask(scales.GramsOf(sack="a"), fresh=True) == 3
    upcast = ["upcast", "tests.cli.scales:second", "--store", place, "--json"]
    assert execute(upcast) == 2
    told = capsys.readouterr()
    (error,) = json.loads(told.err)["errors"]
    assert json.loads(told.out) == []
    assert (error["code"], error["where"], error["what"][:26]) == (
        "upcast.rows",
        "mill.Sack",
        "1 rows have an older versi",
    )
    assert error["next"] == "remit rebuild SYSTEM mill.Sack"
    assert execute(["rebuild", "tests.cli.scales:second", "mill.Sack", "--store", place, "--changed"]) == 0
    assert execute(upcast) == 0
    with scales.second.connect_sync(store=place) as app:
        assert app.ask(scales.GramsOf(sack="a"), fresh=True) == 3


def test_an_unknown_context_is_refused(place: str, capsys: Printed) -> None:
    assert execute(["upcast", SYSTEM, "fair", "--store", place]) == 2
    assert "the system has no context 'fair'" in capsys.readouterr().err


async def test_a_state_that_is_written_meanwhile_is_read_again(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with old.market.connect(store=place) as app:
        for number in range(3):
            await app.send(old.Name(stand=f"s-{number}", name="Ada Byron"))
    codec = state_codec(new.Stand, new.stall.upcasters)
    assert isinstance(codec, VersionedCodec)
    async with opened(Places({"default": Secret(place)}), ["stall"]) as stores:
        store, commit = stores["stall"], stores["stall"].commit
        others = [(b'{"id":"s-1","name":"Eve King"}', "s-1"), (codec.encode(_stand("s-2")), "s-2")]

        async def late(unit: Unit) -> None:
            while others:
                body, id = others.pop()
                row = await store.load("stall.Stand", id)
                assert row is not None
                await commit(Unit(changes=[Change("stall.Stand", id, row[0], body)]))
            await commit(unit)

        monkeypatch.setattr(store, "commit", late)
        done = await operations.rewrite(store, "stall.Stand", codec)
        rows = {id: body for id, _, body in await store.page("stall.Stand", None, 10)}
    assert (done.states, done.rewritten, done.failed) == (3, 2, 0)
    assert {version_of(body) for body in rows.values()} == {3}
    assert [codec.decode(rows[id]).first for id in sorted(rows)] == ["Ada", "Eve", "Zoe"]


def _stand(id: str) -> new.Stand:
    return new.Stand(id=id, first="Zoe", last="", is_open=False)
