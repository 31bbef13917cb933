"""A source that was taken over writes into its own log what the map does not let it send: nothing of it is applied."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial

import pytest

from remit import Aggregate, Command, Context, Later, Query, Repository, System
from remit.hosting.assembly import assemble
from remit.log import LATER, Channel, write_headers, write_wish
from remit.relations import CustomerSupplier, Relation, SeparateWays
from remit.runtime import Host, compile_system
from remit.stores import Entry, Unit


class Ask(Command[None]):
    shelf: str


class Fill(Command[None], key="shelf", identity="number"):
    shelf: str
    number: str


class Empty(Command[None], key="shelf"):
    shelf: str


class Count(Query[int]):
    shelf: str


class Shelf(Aggregate[str]):
    count: int = 0


desk, store, office = Context("desk"), Context("store"), Context("office")


@desk.handle(Ask)
async def ask(command: Ask, fill: Later[Fill]) -> None:
    fill.send(Fill(shelf=command.shelf, number="1"))


@store.handle(Fill)
async def fill(command: Fill, shelves: Repository[Shelf]) -> None:
    (await shelves.obtain(command.shelf)).count += 1


@store.handle(Empty)
async def empty(command: Empty, shelves: Repository[Shelf]) -> None:
    (await shelves.obtain(command.shelf)).count = -1


@store.answer(Count)
async def count(query: Count, shelves: Repository[Shelf]) -> int:
    shelf = await shelves.find(query.shelf)
    return shelf.count if shelf else 0


def system(relations: Sequence[Relation]) -> System:
    return System("shop", contexts=[desk, store, office], relations=relations)


USES = [CustomerSupplier(supplier=store, customer=desk, uses=[Fill])]


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    made = assemble(system(USES).model(), store="memory:")
    await made.start()
    yield made
    await made.stop()


async def planted(host: Host, type: str, more: str) -> str:
    """Writes a command into the log of the desk. Returns why its key is parked, once it is."""
    payload = b'{"shelf":"a","number":"7"}' if type == "store.Fill" else b'{"shelf":"a"}'
    entry = Entry(Channel.PUBLISHED, "a", "planted", type, 1, 1e9, write_headers("c", "t", more), payload)
    await host.stores["desk"].commit(Unit(entries=[entry]))
    (follower,) = (each for each in host.subscriptions if each.id.name == "store.commands")
    due = partial(host.stores["store"].due, follower.id, at=1e12, tried_after=1e12, limit=1)
    while not (parked := await due()):  # noqa: ASYNC110  # what the test waits for has no event
        await asyncio.sleep(0.005)
    return str(parked[0].error)


async def test_a_command_that_the_map_lets_it_send_is_applied(host: Host) -> None:
    await host.send(Ask(shelf="a"))
    assert await host.ask(Count(shelf="a"), fresh=True) == 1


async def test_a_command_that_the_map_does_not_let_it_send_is_parked(host: Host) -> None:
    why = await planted(host, "store.Empty", LATER)
    assert "the context map does not let desk send store.Empty" in why
    assert await host.ask(Count(shelf="a")) == 0


async def test_a_key_of_another_context_is_not_believed(host: Host) -> None:
    why = await planted(host, "store.Fill", write_wish("office*", "7"))
    assert "desk gives a key of office" in why
    assert await host.ask(Count(shelf="a")) == 0


def test_only_contexts_that_may_send_commands_are_followed_in_another_process() -> None:
    for relations, followed in (
        (USES, {"desk"}),
        ([], {"desk", "office"}),
        ([SeparateWays(store, desk), CustomerSupplier(supplier=store, customer=office)], {"office"}),
    ):
        plan = compile_system(system(relations).hosting(["store"]).model())["store"]
        assert {id.source for id in plan.follows} == followed
