"""A person settles parked keys of a read model that was rebuilt, under the name of the model."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from remit.cli.program import execute
from remit.stores import Versions
from tests.operations.orchard import lived, rebuilt
from tests.operations.parking import BOX, THREE, has_parked, parking, picking, service

SYSTEM = "tests.operations.parking:picking"
Said = Callable[..., Any]


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path}/{{context}}.db"
    return f"{request.getfixturevalue('server')}?schema=p{uuid.uuid4().hex[:12]}_{{context}}"


@pytest.fixture
def said(place: str, capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs a command on the stores, beside the loop of the test, and returns what it prints."""

    async def said(*words: str, code: int = 0) -> str:
        capsys.readouterr()
        assert await asyncio.to_thread(execute, [*words, "--store", place]) == code, capsys.readouterr()
        out = capsys.readouterr()
        return out.err if code > 1 else out.out + out.err

    return said


async def test_a_running_service_handles_and_lets_go_what_the_model_is_named_for(place: str, said: Said) -> None:
    await lived(picking, place)
    await rebuilt(picking, place)
    async with service(place) as host:
        await has_parked(host)
        rows = json.loads(await said("status", SYSTEM, "--json", code=1))["subscriptions"]
        assert {row["name"]: row["state"] for row in rows} == {BOX: "parked", "farm.Crate": "parked"}
        assert "@" not in await said("parked", "list", BOX)
        assert "@" not in await said("parked", "show", BOX, "bad")
        assert await said("parked", "retry", BOX, "--all") == "1 key is due: the running service handles it now\n"
        assert "the running service" in await said("parked", "retry", f"{BOX}@2", "--all")
        assert "discarded farm.Counted" in await said("parked", "discard", BOX, "--key", "bad", "--reason", "none")
        assert [each.name for each in await host.stores["farm"].parking()] == ["farm.Crate"]


async def test_other_versions_are_told_and_are_not_gone(place: str, said: Said) -> None:
    async with parking(place, Versions(**THREE, switched=time.time()), 1, 2, 3):
        shown = await said("status", SYSTEM, code=1)
        assert "gone" not in shown
        assert (
            f"version 3 is being built, or its rebuild was interrupted (1 key is parked: remit parked list {BOX}@3)"
            in " ".join(shown.split())
        )
        assert f"for remit rebuild --back (1 key is parked: remit parked list {BOX}@1)" in " ".join(shown.split())
        told = json.loads(await said("status", SYSTEM, "--json", code=1))
        (box,) = [each for each in told["models"] if each["model"] == BOX]
        assert (box["building_parked"], box["old_parked"]) == (1, 1)
        assert {row["name"] for row in told["subscriptions"]} == {BOX, "farm.Crate"}
        assert f"{BOX}@3 is version 3 of {BOX}, being built" in await said("parked", "list", f"{BOX}@3")
        assert f"version 1 of {BOX}, kept for remit rebuild --back until 2" in await said(
            "parked", "show", f"{BOX}@1", "k1"
        )
        (row,) = json.loads(await said("parked", "list", f"{BOX}@3", "--json"))
        assert (row["subscription"], row["version"].partition(",")[0]) == (f"{BOX}@3", f"version 3 of {BOX}")
        (row,) = json.loads(await said("parked", "list", BOX, "--json"))
        assert (row["subscription"], row["key"], row.get("version")) == (BOX, "k2", None)
        assert "remit rebuild handles it" in await said("parked", "retry", f"{BOX}@3", "--all")
        assert "nothing is running" in await said("parked", "retry", BOX, "--all")
        dropped = await said("parked", "discard", f"{BOX}@1", "--key", "k1", "--reason", "none")
        assert f"discarded farm.Counted m1 of version 1 of {BOX}" in dropped
