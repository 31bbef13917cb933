"""Reactions to many events: by a class that others inherit from, and as methods of one class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    IntegrationEvent,
    Projection,
    Query,
    Refusal,
    Repository,
    System,
    View,
)
from remit.checks import check
from remit.contexts import ContextMap, Interceptor, Invocation
from remit.errors import HandlerFailed
from remit.hosting.assembly import assemble
from remit.runtime.compiler import compile_system
from remit.testing import running


class DeskEvent(DomainEvent): ...


class Held(DeskEvent):
    id: str


class Freed(DeskEvent):
    id: str


class Released(Freed): ...


class Freed2(Freed, name="Freed", version=2): ...


class Desk(Aggregate[str, Held | Freed | Released]):
    changes: int = 0


class Change(Command[None]):
    id: str
    to: str


class Copy(Aggregate[str]):
    seen: tuple[str, ...] = ()


class Seen(Query[tuple[str, ...]]):
    id: str


class News(IntegrationEvent):
    id: str


class GoodNews(News): ...


class BadNews(News): ...


class Changes(Projection[str, DeskEvent]):
    count: int = 0

    @staticmethod
    def key(event: DeskEvent) -> str:
        assert isinstance(event, (Held, Freed))
        return event.id

    def evolve(self, event: DeskEvent) -> None:
        self.count += 1


class HowMany(Query[int]): ...


KINDS: dict[str, type[Held | Freed | Released]] = {"held": Held, "freed": Freed, "released": Released}


class Taken(Refusal): ...


def desk_of(*interceptors: Interceptor) -> Context[DeskEvent]:
    desk = Context("desk", events=DeskEvent, interceptors=interceptors)

    @desk.handle(Change)
    async def change(command: Change, desks: Repository[Desk]) -> None:
        found = await desks.obtain(command.id)
        found.changes += 1
        found.record(KINDS[command.to](id=command.id))

    @desk.answer(Seen)
    async def seen(query: Seen, copies: Repository[Copy]) -> tuple[str, ...]:
        copy = await copies.find(query.id)
        return copy.seen if copy else ()

    return desk


async def seen_in(desk: Context[DeskEvent]) -> tuple[str, ...]:
    async with running(System("s", contexts=[desk])) as app:
        for to in ("held", "released", "freed", "held"):
            await app.send(Change(id="a", to=to))
        return await app.ask(Seen(id="a"), fresh=True)


async def test_a_class_that_others_inherit_from_stands_for_all_of_them() -> None:
    desk = desk_of()

    @desk.react(DeskEvent)
    async def every(event: DeskEvent, copies: Repository[Copy]) -> None:
        assert isinstance(event, (Held, Freed))
        (await copies.obtain(event.id)).seen += (type(event).__name__,)

    assert await seen_in(desk) == ("Held", "Released", "Freed", "Held")


async def test_an_event_that_another_one_inherits_from_stands_for_itself_too() -> None:
    desk = desk_of()

    @desk.react(Freed)
    async def freed(event: Freed, copies: Repository[Copy]) -> None:
        (await copies.obtain(event.id)).seen += (type(event).__name__,)

    assert await seen_in(desk) == ("Released", "Freed")


def test_a_version_that_inherits_from_another_one_has_to_be_named() -> None:
    desk = desk_of()

    @desk.react(Freed)
    async def freed(event: Freed) -> None: ...

    (follow,) = compile_system(System("s", contexts=[desk]).model())["desk"].follows.values()
    assert set(follow.takes) == {("desk.Freed", 1), ("desk.Released", 1)}


async def test_methods_of_a_policy_are_one_reaction_that_shares_what_it_asks_for() -> None:
    desk = desk_of()

    @desk.policy
    @dataclass
    class Copying:
        copies: Repository[Copy]

        @desk.react(Held)
        async def held(self, event: Held) -> None:
            await self._note(event.id, "held")

        @desk.react(DeskEvent)
        async def others(self, event: DeskEvent) -> None:
            assert isinstance(event, Freed)
            await self._note(event.id, "another")

        async def _note(self, id: str, what: str) -> None:
            (await self.copies.obtain(id)).seen += (what,)

    plan = compile_system(System("s", contexts=[desk]).model())["desk"]
    assert [id.name for id in plan.follows] == ["desk.Copying"]
    assert await seen_in(desk) == ("held", "another", "another", "held")


async def test_a_policy_may_come_together_and_may_ask_for_nothing() -> None:
    desk, seen = desk_of(), list[str]()

    @desk.policy
    class Listening:
        @desk.react(Held, together=True)
        async def at_once(self, event: Held) -> None:
            seen.append("at once")

        @desk.react(Freed)
        async def later(self, event: Freed) -> None:
            seen.append(type(event).__name__)

    await seen_in(desk)
    assert sorted(seen) == ["Freed", "Released", "at once", "at once"]


def codes(desk: Context[DeskEvent], *others: Context[DomainEvent]) -> list[str]:
    return [each.code for each in check(ContextMap(name="s", contexts=(desk, *others)))]


def test_a_method_whose_class_is_no_policy_is_refused() -> None:
    desk = desk_of()

    class Copying:
        @desk.react(Held)
        async def held(self, event: Held) -> None: ...

    assert Copying.__name__ == "Copying"
    assert codes(desk) == ["handler.method"]


def test_a_policy_that_is_made_a_dataclass_afterwards_is_refused() -> None:
    desk = desk_of()

    @dataclass
    @desk.policy
    class Copying:
        copies: Repository[Copy]

        @desk.react(Held)
        async def held(self, event: Held) -> None: ...

    assert codes(desk) == ["policy.order"]


def test_methods_of_a_policy_are_held_to_what_functions_are() -> None:
    desk = desk_of()

    @desk.policy
    class Copying:
        @desk.react(Held)  # type: ignore[arg-type]  # the mistake
        async def held(self, event: Freed) -> None: ...  # type: ignore[misc]  # the same

        @desk.react(Freed)  # type: ignore[arg-type]  # the mistake
        def freed(self, event: Freed) -> None: ...  # type: ignore[misc]  # the same

    assert sorted(codes(desk)) == ["handler.message", "handler.sync", "handler.sync"]


def test_method_of_a_policy_that_asks_for_more_than_its_event_is_refused() -> None:
    desk = desk_of()

    @desk.policy
    class Copying:
        @desk.react(Held)  # type: ignore[arg-type]  # the mistake
        async def held(self, event: Held, copies: Repository[Copy]) -> None: ...  # type: ignore[misc]  # the same

        @desk.react(Freed)  # type: ignore[arg-type]  # the mistake
        async def freed(self, event: Freed, *, copies: Repository[Copy]) -> None: ...  # type: ignore[misc]  # the same

        @desk.react(Released)
        async def released(self, event: Released, times: int = 1) -> None: ...

    assert codes(desk) == ["policy.parameters", "policy.parameters"]


def test_policy_without_a_method_that_reacts_is_refused() -> None:
    desk = desk_of()

    @desk.policy
    class Copying:
        async def held(self, event: Held) -> None: ...

    assert Copying.__name__ == "Copying"
    assert codes(desk) == ["policy.empty"]


def test_two_methods_may_not_take_one_event() -> None:
    desk = desk_of()

    @desk.policy
    class Copying:
        @desk.react(Held)
        async def one(self, event: Held) -> None: ...

        @desk.react(Held)
        async def two(self, event: Held) -> None: ...

    assert codes(desk) == ["reaction.doubled"]


def test_of_the_events_that_a_class_stands_for_one_has_to_be_published() -> None:
    desk, press = desk_of(), Context("press")

    @press.react(News)
    async def read(event: News) -> None: ...

    assert codes(desk, press) == ["event.unpublished"]

    @desk.publish(Held)
    def told(event: Held) -> GoodNews:
        return GoodNews(id=event.id)

    assert codes(desk, press) == []


async def test_a_projection_may_be_folded_from_them_as_well() -> None:
    desk = desk_of()

    desk.project(Changes)

    @desk.answer(HowMany)
    async def how_many(query: HowMany, all: View[Changes]) -> int:  # noqa: A002  # a parameter of ours
        return (await all.get("a")).count

    host = assemble(System("s", contexts=[desk]).model(), store="memory:")
    await host.start()
    try:
        for to in ("held", "released", "freed"):
            await host.send(Change(id="a", to=to))
        assert await host.ask(HowMany(), fresh=True) == 3
    finally:
        await host.stop()


async def test_a_method_of_a_policy_has_interceptors_and_cannot_return_a_refusal() -> None:
    handlers: list[str] = []

    async def noting(invocation: Invocation) -> Any:
        handlers.append(invocation.handler)
        return await invocation.proceed()

    desk = desk_of(noting)

    @desk.policy
    class Refusing:
        @desk.react(Held, together=True)
        async def held(self, event: Held) -> Any:
            return Taken()

    async with running(System("s", contexts=[desk])) as app:
        with pytest.raises(HandlerFailed) as caught:
            await app.send(Change(id="a", to="held"))
    assert "Refusing returned the refusal Taken()" in str(caught.value.__cause__)
    assert handlers == ["change", "Refusing"]
