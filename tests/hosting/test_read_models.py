"""A process notices that the code of a read model has changed, rebuilds it if so declared, and retires old versions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from remit import System
from remit.hosting import read_models
from remit.hosting.assembly import assemble
from remit.hosting.opening import Places, opened
from remit.hosting.read_models import looking_after
from remit.observability.health import Health
from remit.operations import CannotRebuild, Rebuild
from remit.runtime import Host
from remit.runtime.upkeep import leases
from remit.stores import Versions, load_versions, write_versions
from remit.topology.secret import Secret
from tests.operations.orchard import Count, Counted, HowMany, apples, lived, once, orchard, rebuilt, twice


@pytest.fixture
def place(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/{{context}}.db"


@asynccontextmanager
async def service(system: System, place: str) -> AsyncGenerator[Host]:
    host = assemble(system.model(), store=place)
    try:
        await host.start()
        async with looking_after(host, first=0.0, pause=0.0):
            yield host
    finally:
        await host.stop()


async def until(host: Host, live: int, shapes: int = 1, name: str = "farm.Box") -> Versions:
    """Waits until a version is live, and so many fingerprints are known."""
    async with asyncio.timeout(20):
        while True:
            _, found = await load_versions(host.stores["farm"], name)
            if found.live == live and len(found.shapes) == shapes:
                return found
            await asyncio.sleep(0.01)


async def seen(system: System, place: str) -> None:
    """Lets a process of this release notice its read models."""
    await lived(system, place)
    async with service(system, place) as host:
        await until(host, 1)


async def test_a_service_rebuilds_a_changed_read_model_that_is_declared_so(place: str) -> None:
    await seen(orchard(once), place)
    async with (
        service(orchard(twice, rebuild="at-start"), place) as one,
        service(orchard(twice, rebuild="at-start"), place) as other,
    ):
        for host in (one, other):
            await until(host, 2, shapes=2)
            async with asyncio.timeout(20):
                while await host.ask(HowMany(box="b2")) != 4:  # noqa: ASYNC110  # a switch rings no bell
                    await asyncio.sleep(0.01)
        found = await until(one, 2, shapes=2)
    assert (found.building, found.old, found.highest) == (0, 1, 2)


async def test_an_error_that_nobody_expects_is_told_and_the_next_look_tries_again(
    place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(read_models, "LOOK_SECONDS", 0.01)
    await seen(orchard(once), place)
    build, failures = Rebuild.build, [IndexError("no such chunk"), IndexError("no such chunk")]

    async def fails(self: Rebuild, **options: Any) -> Any:
        if failures:
            raise failures.pop()
        return await build(self, **options)

    monkeypatch.setattr(Rebuild, "build", fails)
    with caplog.at_level(logging.WARNING, "remit"):
        async with service(orchard(twice, rebuild="at-start"), place) as host:
            await until(host, 2, shapes=2)
    told = [each for each in caplog.records if "farm.Box could not be looked after" in each.getMessage()]
    assert ["no such chunk" in each.getMessage() for each in told] == [True]
    assert told[0].exc_info


async def test_otherwise_it_waits_for_an_operator(place: str, caplog: pytest.LogCaptureFixture) -> None:
    await seen(orchard(once), place)
    with caplog.at_level(logging.WARNING, "remit"):
        async with service(orchard(twice), place):
            async with asyncio.timeout(20):
                while "remit rebuild SYSTEM farm.Box" not in caplog.text:  # noqa: ASYNC110  # a log rings no bell
                    await asyncio.sleep(0.01)
    assert await apples(orchard(twice), place) == 2


async def test_the_release_before_neither_folds_the_new_version_nor_rebuilds_it(
    place: str, caplog: pytest.LogCaptureFixture
) -> None:
    earlier = orchard(once, rebuild="at-start")
    await seen(earlier, place)
    await rebuilt(orchard(twice, rebuild="at-start"), place)
    with caplog.at_level(logging.WARNING, "remit"):
        async with service(earlier, place) as host:
            await host.send(Count(boxes=[Counted(box="b2", apples=1)]))
            async with asyncio.timeout(20):
                while "remit rebuild SYSTEM farm.Box --back" not in caplog.text:  # noqa: ASYNC110  # a log rings no bell
                    await asyncio.sleep(0.01)
            assert {each.state for each in host.followers if each.name == "farm.Box"} == {"standby"}
            assert await host.ask(HowMany(box="b2")) == 4
    assert await apples(orchard(twice, rebuild="at-start"), place) == 6


async def test_a_read_model_that_no_running_release_may_fold_is_told_until_one_does(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faulty code was rolled back. The release that runs now has the code of the version before."""
    monkeypatch.setattr(leases, "SILENT_SECONDS", 0.0)
    await seen(orchard(once), place)
    await rebuilt(orchard(twice), place)
    async with service(orchard(once), place) as host:
        (box,) = [each for each in host.followers if each.name == "farm.Box"]

        def state() -> str:
            return box.state

        async with asyncio.timeout(20):
            while state() != "silent":  # noqa: ASYNC110  # a state rings no bell
                await asyncio.sleep(0.01)
        assert box.note.startswith("no running process has the code that has made the live version of farm.Box")
        assert "remit rebuild SYSTEM farm.Box" in box.note
        (told,) = [each for each in await Health(host).followers() if each.name == "farm.Box"]
        assert (told.state, told.well) == ("silent", False)
        async with service(orchard(twice), place) as other:
            async with asyncio.timeout(20):
                while state() != "standby":  # noqa: ASYNC110  # as above
                    await asyncio.sleep(0.01)
            assert {each.state for each in other.followers if each.name == "farm.Box"} == {"running"}


@pytest.mark.parametrize("rebuild", [None, "at-start"])
async def test_the_release_before_leaves_the_new_version_alone_when_its_own_was_retired(
    place: str, rebuild: Any, caplog: pytest.LogCaptureFixture
) -> None:
    earlier = orchard(once, rebuild=rebuild)
    await seen(earlier, place)
    await rebuilt(orchard(twice), place)
    async with opened(Places({"default": Secret(place)}), ["farm"]) as stores:
        assert await Rebuild(orchard(twice).model(), "farm.Box", stores).retire() == 1
    with caplog.at_level(logging.WARNING, "remit"):
        async with service(earlier, place) as host:
            await host.send(Count(boxes=[Counted(box="b2", apples=1)]))
            async with asyncio.timeout(20):
                while "remit rebuild SYSTEM farm.Box" not in caplog.text:  # noqa: ASYNC110  # a log rings no bell
                    await asyncio.sleep(0.01)
            assert {each.state for each in host.followers if each.name == "farm.Box"} == {"standby"}
            _, found = await load_versions(host.stores["farm"], "farm.Box")
    assert (found.live, found.highest) == (2, 2)
    assert await apples(orchard(twice), place) == 6


async def test_going_back_with_other_code_than_made_the_old_version_is_refused(place: str) -> None:
    await seen(orchard(once), place)
    await rebuilt(orchard(twice), place)
    with pytest.raises(CannotRebuild, match="other code has made version 1"):
        await rebuilt(orchard(twice), place, back=True)
    assert (await rebuilt(orchard(once), place, back=True)).live == 1


async def test_the_old_version_is_deleted_when_it_was_kept_long_enough(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_models, "LOOK_SECONDS", 0.01)
    await seen(orchard(once), place)
    await rebuilt(orchard(twice), place)
    async with service(orchard(twice), place) as host:
        store = host.stores["farm"]
        assert await store.page("farm.Box", None, 9)
        expected, found = await load_versions(store, "farm.Box")
        long_ago = msgspec.structs.replace(found, switched=1.0)
        await write_versions(store, "farm.Box", expected, long_ago)
        async with asyncio.timeout(20):
            while found.old or found.dropped:
                await asyncio.sleep(0.01)
                _, found = await load_versions(store, "farm.Box")
        assert not await store.page("farm.Box", None, 9)
