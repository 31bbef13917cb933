"""A process is ready as long as it can serve: its stores answer. What is stuck in it, it says elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from remit import Command, Context, System
from remit.errors import Unavailable
from remit.hosting.assembly import assemble
from remit.hosting.serving import Doors, EdgeSettings, listen
from remit.log import MessageRecord
from remit.observability import health
from remit.runtime import Host
from remit.stores import Park, StoredOutcome, Unit
from tests.cli.post_office import office


class Greet(Command[str]):
    name: str


@asynccontextmanager
async def serving(system: System, store: str) -> AsyncGenerator[tuple[Host, Doors]]:
    runtime = assemble(system.model(), store=store)
    ending = asyncio.Event()
    with listen("127.0.0.1", 0) as door:
        doors = Doors(system, runtime, door, EdgeSettings(max_body=1000, max_deadline=10.0))
        await runtime.start()
        try:
            await doors.open()
            yield runtime, doors
        finally:
            ending.set()
            await doors.serve_until(ending)
            await runtime.stop()


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110  # the runtime's own states have no event to wait for
        await asyncio.sleep(0.01)


def greeting() -> System:
    context = Context("greeting")

    @context.handle(Greet)
    async def greet(command: Greet) -> str:
        return f"hello {command.name}"

    return System("greeting", contexts=[context])


async def test_a_store_that_is_gone_is_not_ready_be_there_subscriptions_or_not(tmp_path: Path) -> None:
    async with serving(greeting(), f"sqlite:{tmp_path}/{{context}}.db") as (runtime, doors):
        assert await doors._readiness() == {"ready": True, "unusable": []}
        (tmp_path / "greeting.db").unlink()
        await until(lambda: bool(runtime.unusable))
        doors._health._asked -= health.KEPT_SECONDS
        assert await doors._readiness() == {"ready": False, "unusable": ["greeting"]}


@pytest.mark.parametrize("silent", [True, False])
async def test_a_store_that_does_not_answer_is_not_ready(monkeypatch: pytest.MonkeyPatch, silent: bool) -> None:
    monkeypatch.setattr(health, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(health, "KEPT_SECONDS", 0.0)
    away = True
    async with serving(greeting(), "memory:") as (runtime, doors):

        async def outcome(*_: str) -> StoredOutcome | None:
            if away and silent:
                await asyncio.Event().wait()
            if away:
                raise Unavailable("the database is away")
            return None

        monkeypatch.setattr(runtime.stores["greeting"], "outcome", outcome)
        assert await doors._readiness() == {"ready": False, "unusable": ["greeting"]}
        away = False
        assert await doors._readiness() == {"ready": True, "unusable": []}


async def test_many_who_ask_are_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    async with serving(greeting(), "memory:") as (runtime, doors):

        async def outcome(*_: str) -> StoredOutcome | None:
            nonlocal asked
            asked += 1
            return None

        monkeypatch.setattr(runtime.stores["greeting"], "outcome", outcome)
        for _ in range(3):
            await asyncio.gather(*(doors._readiness() for _ in range(50)))
        assert asked == 1


async def test_a_stuck_subscription_is_said_and_leaves_a_process_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be stuck in every other process too: they would all be taken out of rotation, one after the other."""
    async with serving(office, "memory:") as (runtime, doors):
        (subscription,) = runtime.subscriptions
        monkeypatch.setattr(type(subscription), "state", "paused")
        assert await doors._readiness() == {"ready": True, "unusable": []}
        status = await doors._status()
        assert (status["well"], [each.state for each in status["subscriptions"]]) == (False, ["paused"])
        monkeypatch.undo()


async def test_parked_keys_are_said_and_leave_a_process_ready() -> None:
    async with serving(office, "memory:") as (runtime, doors):
        (subscription,) = runtime.subscriptions
        id = subscription.id
        record = MessageRecord(0, 1, "m1", "", "k", "office.Sent", 1, 1.0, "{}", b"{}")
        park = Park(id, "k", record, 1.0, "broken", 1e11)
        await runtime.stores[id.context].commit(Unit(parks=[park]))
        assert await doors._readiness() == {"ready": True, "unusable": []}
        status = await doors._status()
        assert (status["well"], [each.state for each in status["subscriptions"]]) == (False, ["parked"])


async def test_a_process_that_is_about_to_end_is_not_ready() -> None:
    async with serving(greeting(), "memory:") as (_, doors):
        pass
    assert (await doors._readiness())["ready"] is False
