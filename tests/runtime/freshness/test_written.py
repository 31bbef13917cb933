"""Read your writes: a query that brings the position of a command waits for that position, and for nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    Projection,
    Query,
    Refusal,
    Repository,
    Sender,
    System,
    View,
    Written,
)
from remit.contexts import Seal, collecting
from remit.errors import BadPosition, CallError, DeadlineExceeded, OutcomeUnknown, Stale, StoreUnavailable, Unavailable
from remit.hosting.assembly import assemble
from remit.log import Channel, Heads
from remit.runtime import Host
from remit.stores import Unit
from remit.testing.in_process.calls import Exchange, InProcessCalls
from tests.runtime.apart import Side
from tests.runtime.talk import on_virtual_time


class Full(Refusal): ...


class Enrol(Command[None, Full]):
    student: str
    full: bool = False


class Enrolled(DomainEvent):
    student: str


class Student(Aggregate[str, Enrolled]): ...


class Places(Projection[str, Enrolled]):
    count: int = 0

    @staticmethod
    def key(event: Enrolled) -> str:
        return event.student

    def evolve(self, event: Enrolled) -> None:
        if event.student == "bob":
            raise ValueError("a bug, for Bob")
        self.count += 1


class PlacesOf(Query[int]):
    student: str


def courses() -> Context:
    context = Context("courses")

    @context.handle(Enrol)
    async def enrol(command: Enrol, students: Repository[Student]) -> None:
        if command.full:
            raise Full
        (await students.obtain(command.student)).record(Enrolled(student=command.student))

    context.project(Places)

    @context.answer(PlacesOf)
    async def places_of(query: PlacesOf, places: View[Places]) -> int:
        found = await places.find(query.student)
        return 0 if found is None else found.count

    return context


class PlacesByOthers(Query[int]):
    student: str


def others() -> Context:
    context = Context("other")

    @context.answer(PlacesByOthers)
    async def places_by_others(query: PlacesByOthers, sender: Sender) -> int:
        return await sender.ask(PlacesOf(student=query.student))

    return context


@asynccontextmanager
async def two() -> AsyncGenerator[tuple[Host, Host]]:
    """A host of the context, and one of an edge that calls it."""
    exchange = Exchange()
    system = System("school", contexts=[courses(), others()])
    sides = [Side(system, name, InProcessCalls(exchange)) for name in ("courses", "other")]
    await asyncio.gather(*(side.start() for side in sides))
    try:
        yield sides[0].host, sides[1].host
    finally:
        for side in sides:
            await side.stop()


async def enrolled(host: Host, student: str = "ada", key: str | None = None) -> str:
    with Written() as written:
        await host.send(Enrol(student=student), key=key)
    return written.position


@on_virtual_time
async def test_a_query_with_the_position_of_a_command_sees_what_it_wrote() -> None:
    async with two() as (host, _):
        await host.send(Enrol(student="eve"))
        assert await host.ask(PlacesOf(student="eve")) == 0, "without a position, the answer comes too early"
        for number in range(1, 6):
            assert await host.ask(PlacesOf(student="ada"), after=await enrolled(host)) == number


@on_virtual_time
async def test_a_position_goes_from_one_service_to_another_and_back() -> None:
    async with two() as (host, remote):
        position = await enrolled(remote)
        assert position
        await host.send(Enrol(student="eve"))
        assert await remote.ask(PlacesOf(student="ada"), after=position) == 1
        assert await host.ask(PlacesOf(student="ada"), after=position) == 1


@on_virtual_time
async def test_what_is_asked_of_others_for_the_answer_is_waited_for_too() -> None:
    async with two() as (_, remote):
        for number in range(1, 4):
            assert await remote.ask(PlacesByOthers(student="ada"), after=await enrolled(remote)) == number


@on_virtual_time
async def test_a_command_without_a_block_around_it_reads_no_heads() -> None:
    async with two() as (host, _):
        store = host.stores["courses"]
        asked: list[object] = []
        heads = store.heads

        async def counted(channel: Channel) -> Heads:
            asked.append(channel)
            return await heads(channel)

        store.heads = counted  # type: ignore[method-assign]  # counts what the store is asked
        await host.calls.send(Enrol(student="ada"), key=None, deadline=None)
        assert not asked


@on_virtual_time
async def test_a_position_is_of_the_partitions_that_were_written_to() -> None:
    async with two() as (host, _):
        for student in ("ada", "bea", "cay", "dan"):
            await enrolled(host, student)
        seal = Seal("school", ["courses", "other"])
        assert [len(found) for found in seal.read(await enrolled(host)).values()] == [1]


@on_virtual_time
async def test_a_repeated_command_has_a_position_that_includes_what_it_wrote_at_first() -> None:
    async with two() as (host, remote):
        for each in (host, remote):
            await host.send(Enrol(student="ada"), key="k")
            assert await host.ask(PlacesOf(student="ada"), after=await enrolled(each, key="k")) >= 1


@on_virtual_time
async def test_a_command_that_is_refused_has_a_position_too() -> None:
    async with two() as (host, _):
        with Written() as written, pytest.raises(Full):
            await host.send(Enrol(student="ada", full=True))
        assert await host.ask(PlacesOf(student="ada"), after=written.position) == 0


@on_virtual_time
async def test_an_outer_block_collects_what_an_inner_one_does() -> None:
    async with two() as (host, remote):
        with Written() as outer:
            await remote.send(Enrol(student="bea"))
            with Written() as inner:
                await host.send(Enrol(student="ada"))
        seal = Seal("school", ["courses", "other"])
        assert len(seal.read(outer.position)["courses 0"]) == 2
        assert len(seal.read(inner.position)["courses 0"]) == 1


def test_a_block_without_commands_has_no_position() -> None:
    with Written() as written:
        pass
    assert written.position == ""


@on_virtual_time
async def test_past_the_deadline_the_error_names_what_was_waited_for() -> None:
    async with two() as (host, remote):
        later = Seal("school", ["courses"]).write({"courses 0": {3: 1000}})
        for each in (host, remote):
            with pytest.raises(DeadlineExceeded, match=r"courses\.Places has not handled what courses has written"):
                await each.ask(PlacesOf(student="ada"), after=later, deadline=3.0)


@on_virtual_time
async def test_a_log_that_no_read_model_of_the_query_follows_is_not_waited_for() -> None:
    async with two() as (host, _):
        other = Seal("school", ["other"]).write({"other 0": {3: 1000}, "courses 1": {3: 1000}})
        assert await host.ask(PlacesOf(student="ada"), after=other) == 0


@on_virtual_time
async def test_what_is_parked_in_the_read_model_is_not_answered_as_seen() -> None:
    async with two() as (host, remote):
        position = await enrolled(host, "bob")
        for each in (host, remote):
            with pytest.raises(Stale, match="key 'bob' is parked"):
                await each.ask(PlacesOf(student="bob"), after=position)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("!", "no position"),
        ("ü", "no position"),
        ("AAAA", "no position"),
        (Seal("school", ["courses"]).write({"courses 0": {3: 7}})[:-2], "no position|another system"),
        (Seal("bank", ["courses"]).write({"courses 0": {3: 7}}), "another system"),
        (Seal("school", ["left"]).write({"left 0": {3: 7}}), "the context 'left', which is not known here"),
    ],
)
@on_virtual_time
async def test_what_is_no_position_of_this_system_is_refused(text: str, what: str) -> None:
    async with two() as (host, _):
        with pytest.raises(BadPosition, match=what):
            await host.ask(PlacesOf(student="ada"), after=text)


@on_virtual_time
async def test_a_store_that_cannot_say_the_position_spoils_the_position_and_not_the_command() -> None:
    async with two() as (host, remote):
        store = host.stores["courses"]

        async def away(channel: Channel) -> Heads:
            raise StoreUnavailable("away", where="store", expected="", next="")

        for each in (host, remote):
            heads, store.heads = store.heads, away  # type: ignore[method-assign]  # fails after the commit
            with Written() as written:
                await each.send(Enrol(student="ada"))
            store.heads = heads  # type: ignore[method-assign]  # as before
            with pytest.raises(Unavailable, match="the position of what was written is not known"):
                _ = written.position


@on_virtual_time
async def test_a_handler_cannot_wait_for_a_position() -> None:
    context = Context("courses")

    @context.handle(Enrol)
    async def enrol(command: Enrol, sender: Sender) -> None:
        await sender.ask(PlacesOf(student="ada"), after="x")

    @context.answer(PlacesOf)
    async def places_of(query: PlacesOf) -> int:
        return 0

    async with System("school", contexts=[context]).connect(store="memory:") as app:
        with pytest.raises(CallError, match="a handler cannot wait"):
            await app.send(Enrol(student="ada"))


async def test_a_position_is_waited_for_in_each_store(kept: str) -> None:
    host = assemble(System("school", contexts=[courses()]).model(), store=kept)
    await host.start()
    try:
        for number in range(1, 4):
            assert await host.ask(PlacesOf(student="ada"), after=await enrolled(host)) == number
    finally:
        await host.stop()


def test_a_caller_without_a_loop_has_positions_too() -> None:
    with System("school", contexts=[courses()]).connect_sync(store="memory:") as app:
        with Written() as written:
            app.send(Enrol(student="ada"))
        assert app.ask(PlacesOf(student="ada"), after=written.position) == 1


@pytest.mark.parametrize("after", ["commit", "heads"])
@on_virtual_time
async def test_a_command_that_is_cancelled_after_its_commit_spoils_the_position(after: str) -> None:
    async with two() as (host, _):
        store = host.stores["courses"]
        done, commit, heads = asyncio.Event(), store.commit, store.heads

        async def hang(*given: Any) -> Any:
            if collecting.get() is None:  # of a follower
                return await (commit if after == "commit" else heads)(*given)
            if after == "commit":
                await commit(*given)
            done.set()
            return await asyncio.Event().wait()

        setattr(store, after, hang)
        with Written() as written:
            sending = asyncio.create_task(host.send(Enrol(student="ada")))
            await done.wait()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        store.commit, store.heads = commit, heads  # type: ignore[method-assign]  # as they were
        assert sending.cancelled()
        with pytest.raises(Unavailable, match="CancelledError"):
            _ = written.position
        assert await host.ask(PlacesOf(student="ada"), fresh=True) == 1


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("error", [OutcomeUnknown("lost"), DeadlineExceeded("late")])
@on_virtual_time
async def test_a_command_whose_outcome_is_not_known_spoils_the_position(side: int, error: CallError) -> None:
    async with two() as hosts:

        async def fail(unit: Unit) -> None:
            raise error

        hosts[0].stores["courses"].commit = fail  # type: ignore[method-assign]  # an outage
        with Written() as written, pytest.raises(CallError):
            await hosts[side].send(Enrol(student="ada"), deadline=1)
        with pytest.raises(Unavailable, match="position"):
            _ = written.position


@on_virtual_time
async def test_a_command_that_another_one_overtakes_keeps_its_own_positions() -> None:
    async with two() as (host, _):
        store = host.stores["courses"]
        done, commit = asyncio.Event(), store.commit

        async def hang(unit: Unit) -> None:
            await commit(unit)
            if any(b"ada" in bytes(entry.payload) for entry in unit.entries):
                done.set()
                await asyncio.Event().wait()

        store.commit = hang  # type: ignore[method-assign]  # the commit of one command takes long
        with Written() as written:
            sending = asyncio.create_task(host.send(Enrol(student="ada")))
            await done.wait()
            await host.send(Enrol(student="eve"))
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        with pytest.raises(Unavailable, match="CancelledError"):
            _ = written.position
