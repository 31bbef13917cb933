"""Interceptors run around each run of each handler, in declared order, and see no half of what it decides."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from remit import Aggregate, Command, Context, DomainEvent, Ids, Query, Refusal, Repository, Sender, System
from remit.contexts import Interceptor, Invocation
from remit.errors import HandlerFailed, RemitError
from remit.hosting.assembly import assemble
from remit.runtime import Host, compile_system
from remit.runtime.work.unit import UnitOfWork
from tests.runtime.talk import until, until_parked


class Off(Refusal):
    what: str


class Add(Command[int, Off]):
    to: str
    by: int = 1


class Twice(Command[int]):
    """Calls another handler of the same context."""

    to: str


class Total(Query[int, Off]):
    of: str


class Added(DomainEvent):
    to: str


class Removed(DomainEvent):
    of: str


class Sum(Aggregate[str, Added]):
    total: int = 0


class Both(Aggregate[str, Added | Removed]): ...


class Sums:
    """A context that adds, and what happens in it."""

    def __init__(self, interceptors: Sequence[Interceptor]) -> None:
        self.sums = sums = Context("sums", interceptors=interceptors)
        self.seen: list[str] = []
        self.between: Callable[[], Awaitable[Any]] | None = None
        self.fails: Exception | None = None

        @sums.handle(Add)
        async def add(command: Add, kept: Repository[Sum]) -> int | Off:
            self.seen.append("add")
            found = await kept.obtain(command.to)
            found.total += command.by
            found.record(Added(to=found.id))
            if self.between is not None:
                between, self.between = self.between, None
                await between()
            if self.fails is not None:
                raise self.fails
            return found.total

        @sums.handle(Twice)
        async def twice(command: Twice, sender: Sender) -> int:
            return 2 * await sender.send(Add(to=command.to))

        @sums.answer(Total)
        async def total(query: Total, kept: Repository[Sum]) -> int:
            found = await kept.find(query.of)
            return found.total if found else 0

        @sums.react(Added, together=True)
        async def at_once(event: Added) -> None:
            self.seen.append("at_once")

        @sums.react(Added)
        async def afterwards(event: Added) -> None:
            self.seen.append("afterwards")


@asynccontextmanager
async def running(sums: Sums, place: str = "memory:", *, parity: bool = False) -> AsyncGenerator[Host]:
    host = assemble(System("adding", contexts=[sums.sums]).model(), store=place, parity=parity)
    await host.start()
    try:
        yield host
    finally:
        await host.stop()


class Noting:
    """An interceptor that notes what it is given, and when."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name, self.notes = name, notes

    async def __call__(self, invocation: Invocation, /) -> Any:
        what = f"{self.name} {invocation.role} {invocation.context}.{invocation.handler}"
        self.notes.append(f"{what} of {type(invocation.message).__name__}")
        reply = await invocation.proceed()
        self.notes.append(f"{self.name} {reply}")
        return reply


@pytest.mark.parametrize("parity", [False, True])
async def test_they_run_in_declared_order_around_each_kind_of_handler(anywhere: str, parity: bool) -> None:
    notes: list[str] = []
    sums = Sums([Noting("a", notes), Noting("b", notes)])
    async with running(sums, anywhere, parity=parity) as host:
        assert await host.send(Add(to="x")) == 1
        await until(lambda: len(notes) == 12)
        assert notes == [
            "a command sums.add of Add", "b command sums.add of Add", "b 1", "a 1",
            "a together sums.at_once of Added", "b together sums.at_once of Added", "b None", "a None",
            "a reaction sums.afterwards of Added", "b reaction sums.afterwards of Added", "b None", "a None",
        ]  # fmt: skip
        notes.clear()
        assert await host.ask(Total(of="x")) == 1
        assert notes == ["a query sums.total of Total", "b query sums.total of Total", "b 1", "a 1"]


async def test_a_method_of_a_policy_has_the_name_of_its_class() -> None:
    notes: list[str] = []
    sums = Context("sums", interceptors=[Noting("a", notes)])

    @sums.policy
    class Counting:
        @sums.react(Added)
        async def on_added(self, event: Added) -> None: ...

        @sums.react(Removed, together=True)
        async def on_removed(self, event: Removed) -> None: ...

    @sums.handle(Add)
    async def add(command: Add, kept: Repository[Both]) -> int:
        both = await kept.obtain(command.to)
        both.record(Added(to=both.id))
        both.record(Removed(of=both.id))
        return 1

    async with System("adding", contexts=[sums]).connect(store="memory:") as app:
        await app.send(Add(to="x"))
        await until(lambda: notes[-2:] == ["a reaction sums.Counting of Added", "a None"])
        assert "a together sums.Counting of Removed" in notes


async def test_a_call_within_a_handler_has_its_own(anywhere: str) -> None:
    notes: list[str] = []
    async with running(Sums([Noting("a", notes)]), anywhere) as host:
        assert await host.send(Twice(to="x")) == 2
        assert [note for note in notes if "command" in note] == [
            "a command sums.twice of Twice", "a command sums.add of Add",
        ]  # fmt: skip


async def test_a_run_that_others_overtook_is_repeated_with_its_interceptors(anywhere: str) -> None:
    notes: list[str] = []
    sums = Sums([Noting("a", notes)])
    async with running(sums, anywhere) as host:

        async def between() -> None:
            await host.send(Add(to="x", by=10))

        sums.between = between
        assert await host.send(Add(to="x"), key="k") == 11
        runs = notes.count("a command sums.add of Add")
        assert runs == 3, "two of this command, one of the other"
        assert await host.send(Add(to="x"), key="k") == 11
        assert notes.count("a command sums.add of Add") == runs, "what is answered from its key runs nothing"


async def test_one_may_answer_instead_and_may_refuse(anywhere: str) -> None:
    """A refusal that it returns commits what the handler decided; one that it raises does not."""
    ways: dict[str, Callable[[Invocation], Awaitable[Any]]] = {}

    async def chosen(invocation: Invocation, /) -> Any:
        way = ways.get(invocation.handler)
        return await (invocation.proceed() if way is None else way(invocation))

    async def instead(invocation: Invocation) -> int:
        return 7

    async def raises(invocation: Invocation) -> int:
        await invocation.proceed()
        raise Off(what="raised")

    async def returns(invocation: Invocation) -> Any:
        await invocation.proceed()
        return Off(what="returned")

    sums = Sums([chosen])
    async with running(sums, anywhere) as host:
        ways["add"] = instead
        assert (await host.send(Add(to="x")), sums.seen) == (7, [])
        ways["add"] = raises
        assert await host.attempt(Add(to="x")) == Off(what="raised")
        assert await host.ask(Total(of="x")) == 0
        ways["add"] = returns
        assert await host.attempt(Add(to="x"), key="k") == Off(what="returned")
        assert await host.ask(Total(of="x")) == 1
        ways["total"] = raises
        assert await host.attempt(Total(of="x")) == Off(what="raised")


async def test_one_that_takes_no_notice_of_a_failure_commits_no_half_of_it(anywhere: str) -> None:
    async def swallows(invocation: Invocation, /) -> Any:
        try:
            return await invocation.proceed()
        except ValueError:
            return 0

    async def outer(invocation: Invocation, /) -> Any:
        return await invocation.proceed()

    sums = Sums([outer, swallows])
    sums.fails = ValueError("a bug")
    async with running(sums, anywhere) as host:
        for key in (None, "k"):
            with pytest.raises(HandlerFailed) as caught:
                await host.send(Add(to="x"), key=key)
            assert caught.value.__cause__ is sums.fails
        assert await host.stores["sums"].load("sums.Sum", "x") is None


async def test_one_may_make_a_refusal_of_a_failure() -> None:
    async def translates(invocation: Invocation, /) -> Any:
        try:
            return await invocation.proceed()
        except ValueError:
            raise Off(what="it") from None

    sums = Sums([translates])
    sums.fails = ValueError("a bug")
    async with running(sums) as host:
        assert await host.attempt(Add(to="x")) == Off(what="it")
        assert await host.stores["sums"].load("sums.Sum", "x") is None


async def proceeds_twice(invocation: Invocation, /) -> Any:
    await invocation.proceed()
    return await invocation.proceed()


async def leaves_it_behind(invocation: Invocation, /) -> Any:
    begun = asyncio.ensure_future(invocation.proceed())
    await asyncio.sleep(0)
    begun.add_done_callback(lambda _: None)
    return 3


async def begins_it_late(invocation: Invocation, /) -> Any:
    late.append(asyncio.ensure_future(invocation.proceed()))
    return 3


late: list[asyncio.Future[Any]] = []


@pytest.mark.parametrize("wrongly", [proceeds_twice, leaves_it_behind])
async def test_the_handler_runs_once_within_its_interceptor(wrongly: Interceptor) -> None:
    sums = Sums([wrongly])

    async def between() -> None:
        await asyncio.sleep(0.01)

    sums.between = between
    async with running(sums) as host:
        with pytest.raises(HandlerFailed) as caught:
            await host.send(Add(to="x"))
        assert ("a second time" if wrongly is proceeds_twice else "before add had ended") in str(caught.value.__cause__)
        await asyncio.sleep(0.02)
        assert await host.stores["sums"].load("sums.Sum", "x") is None


async def test_a_handler_that_is_begun_too_late_does_not_run() -> None:
    sums = Sums([begins_it_late])
    async with running(sums) as host:
        assert await host.send(Add(to="x")) == 3
        with pytest.raises(RemitError, match="too late"):
            await late.pop()
        assert sums.seen == []


async def test_a_reaction_that_is_switched_off_is_passed_over_and_one_that_fails_is_parked() -> None:
    on = asyncio.Event()

    async def switch(invocation: Invocation, /) -> Any:
        if invocation.handler != "afterwards":
            return await invocation.proceed()
        if on.is_set():
            raise ValueError("the switch is broken")
        return None

    sums = Sums([switch])
    async with running(sums) as host:
        await host.send(Add(to="x"))
        assert await host.ask(Total(of="x"), fresh=True) == 1
        assert "afterwards" not in sums.seen
        on.set()
        await host.send(Add(to="x"))
        await until_parked(host.stores["sums"], 1)


async def test_without_interceptors_the_unit_of_work_itself_awaits_a_handler() -> None:
    awaited_by: list[str] = []
    sums = Context("sums")

    @sums.handle(Add)
    async def add(command: Add) -> int:
        awaited_by.append(sys._getframe(1).f_code.co_qualname)
        return command.by

    @sums.answer(Total)
    async def total(query: Total, ids: Ids) -> int:
        awaited_by.append(sys._getframe(1).f_code.co_qualname)
        return 0

    async with System("adding", contexts=[sums]).connect(store="memory:") as app:
        await app.send(Add(to="x"))
        await app.ask(Total(of="x"))
    assert awaited_by == [UnitOfWork.run.__qualname__, UnitOfWork.read.__qualname__]


@pytest.mark.parametrize("interceptors", [[], [Noting("a", [])]])
def test_each_message_has_a_unit_of_work_of_its_own_where_an_interceptor_sees_it(
    interceptors: Sequence[Interceptor],
) -> None:
    """It may tell others of what is not committed yet."""
    sums = Context("sums", interceptors=interceptors)

    @sums.react(Added)
    async def inside(event: Added, kept: Repository[Sum]) -> None: ...

    plan = compile_system(System("adding", contexts=[sums]).model())["sums"]
    (found,) = (each for follow in plan.follows.values() for each in follow.takes.values())
    assert found.alone is bool(interceptors)
