"""Aggregates are removed with what they record, stay removed for whoever loaded them before, and may come again."""

from __future__ import annotations

import asyncio

import pytest

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    IntegrationEvent,
    Projection,
    Query,
    Repository,
    System,
    View,
)
from remit.errors import AlreadyExists, HandlerFailed, NotFound
from remit.messages import Codec
from remit.runtime import Host
from remit.runtime.plan import AggregatePlan
from remit.runtime.work.tracked import Tracked


class Open(Command[None]):
    name: str
    owner: str = "ada"


class Close(Command[None]):
    name: str


class Swap(Command[None]):
    """Closes an account, and opens another one under its name."""

    name: str


class Rename(Command[int]):
    """Waits between loading and writing."""

    name: str
    owner: str


class Vanish(Command[None]):
    """Removes an account, and says what is found of it then."""

    name: str


class Both(Command[None]):
    one: str
    other: str


class Remake(Command[bool]):
    """Makes an account under a name, and removes it, without an event. Says whether its name was taken."""

    name: str
    removes_first: bool
    obtains: bool
    keeps: bool = False


class RemoveStranger(Command[None]):
    name: str


class OwnerOf(Query[str]):
    name: str


class History(Query[list[str]]):
    name: str


class Owners(Query[list[str]]):
    names: list[str]


class Found(Query[list[str]]):
    names: list[str]


class TimesClosed(Query[int]):
    name: str


class Opened(DomainEvent):
    name: str
    owner: str


class Closed(DomainEvent):
    name: str


class WasClosed(IntegrationEvent, version=1, key="name"):
    name: str


class Account(Aggregate[str, Opened | Closed]):
    owner: str = ""

    def open(self) -> None:
        self.record(Opened(name=self.id, owner=self.owner))

    def close(self) -> None:
        self.record(Closed(name=self.id))


class Story(Projection[str, Opened | Closed]):
    said: tuple[str, ...] = ()

    @staticmethod
    def key(event: Opened | Closed) -> str:
        return event.name

    def evolve(self, event: Opened | Closed) -> None:
        self.said = (*self.said, event.owner if isinstance(event, Opened) else "closed")


class Desk(Projection[str, WasClosed]):
    times: int = 0

    @staticmethod
    def key(event: WasClosed) -> str:
        return event.name

    def evolve(self, event: WasClosed) -> None:
        self.times += 1


class Bank:
    """The system, and what its handlers meet."""

    def __init__(self) -> None:
        self.found: list[object] = []
        self.loaded = asyncio.Event()
        self.go_on = asyncio.Event()
        self.runs = 0
        accounts, desk = Context("accounts"), Context("desk")
        self.system = System("bank", contexts=[accounts, desk])
        declare_commands(accounts, self)
        declare_remake(accounts)
        declare_queries(accounts)
        declare_stories(accounts)
        declare_desk(desk)


def declare_commands(accounts: Context, bank: Bank) -> None:
    @accounts.handle(Open)
    async def open_account(command: Open, repository: Repository[Account]) -> None:
        bank.runs += 1
        account = Account(id=command.name, owner=command.owner)
        account.open()
        repository.add(account)

    @accounts.handle(Close)
    async def close_account(command: Close, repository: Repository[Account]) -> None:
        account = await repository.get(command.name)
        account.close()
        repository.remove(account)

    @accounts.handle(Swap)
    async def swap(command: Swap, repository: Repository[Account]) -> None:
        account = await repository.get(command.name)
        account.close()
        repository.remove(account)
        other = Account(id=command.name, owner="swapped")
        other.open()
        repository.add(other)

    @accounts.handle(Rename)
    async def rename(command: Rename, repository: Repository[Account]) -> int:
        bank.runs += 1
        account = await repository.get(command.name)
        bank.loaded.set()
        await bank.go_on.wait()
        account.owner = command.owner
        return bank.runs

    @accounts.handle(Vanish)
    async def vanish(command: Vanish, repository: Repository[Account]) -> None:
        account = await repository.get(command.name)
        repository.remove(account)
        repository.remove(account)
        bank.found += [await repository.find(command.name), await repository.find_all([command.name])]
        with pytest.raises(NotFound):
            await repository.get(command.name)

    @accounts.handle(Both)
    async def both(command: Both, repository: Repository[Account]) -> None:
        for name in (command.one, command.other):
            repository.remove(await repository.get(name))

    @accounts.handle(RemoveStranger)
    async def remove_stranger(command: RemoveStranger, repository: Repository[Account]) -> None:
        await repository.get(command.name)
        repository.remove(Account(id=command.name))


def declare_remake(accounts: Context) -> None:
    @accounts.handle(Remake)
    async def remake(command: Remake, repository: Repository[Account]) -> bool:
        if command.removes_first:
            repository.remove(await repository.get(command.name))
        if command.obtains:
            account = await repository.obtain(command.name)
        else:
            account = Account(id=command.name)
            try:
                repository.add(account)
            except AlreadyExists:
                return True
        if not command.keeps:
            repository.remove(account)
        return False


def declare_queries(accounts: Context) -> None:
    @accounts.answer(OwnerOf)
    async def owner_of(query: OwnerOf, repository: Repository[Account]) -> str:
        return (await repository.get(query.name)).owner

    @accounts.answer(Owners)
    async def owners(query: Owners, repository: Repository[Account]) -> list[str]:
        return [account.owner for account in await repository.get_all(query.names)]

    @accounts.answer(Found)
    async def found(query: Found, repository: Repository[Account]) -> list[str]:
        return [f"{name}: {account.owner}" for name, account in (await repository.find_all(query.names)).items()]

    @accounts.publish(Closed)
    def closed(event: Closed) -> WasClosed:
        return WasClosed(name=event.name)


def declare_stories(accounts: Context) -> None:
    accounts.project(Story)

    @accounts.answer(History)
    async def history(query: History, stories: View[Story]) -> list[str]:
        return list((await stories.get(query.name)).said)


def declare_desk(desk: Context) -> None:
    desk.project(Desk)

    @desk.answer(TimesClosed)
    async def times_closed(query: TimesClosed, view: View[Desk]) -> int:
        found = await view.find(query.name)
        return 0 if found is None else found.times


@pytest.fixture
def bank() -> Bank:
    return Bank()


async def test_removed_aggregate_is_not_found_and_its_events_are_stored_and_published(
    anywhere: str, bank: Bank
) -> None:
    async with bank.system.connect(store=anywhere) as app:
        await app.send(Open(name="a"))
        await app.send(Close(name="a"))
        with pytest.raises(NotFound):
            await app.ask(OwnerOf(name="a"))
        assert await app.ask(History(name="a"), fresh=True) == ["ada", "closed"]
        assert await app.ask(TimesClosed(name="a"), fresh=True) == 1


async def test_removed_identity_is_added_again(anywhere: str, bank: Bank) -> None:
    async with bank.system.connect(store=anywhere) as app:
        for nth in range(3):
            await app.send(Open(name="a", owner=f"owner {nth}"))
            with pytest.raises(AlreadyExists):
                await app.send(Open(name="a"))
            assert await app.ask(OwnerOf(name="a")) == f"owner {nth}"
            await app.send(Close(name="a"))
        bank.runs = 0
        await app.send(Open(name="a"))
        assert bank.runs == 2, "only the conflict tells with which version it goes on"


async def test_aggregate_is_replaced_in_one_unit_of_work(anywhere: str, bank: Bank) -> None:
    async with bank.system.connect(store=anywhere) as app:
        await app.send(Open(name="a"))
        await app.send(Swap(name="a"))
        assert await app.ask(OwnerOf(name="a")) == "swapped"
        assert await app.ask(History(name="a"), fresh=True) == ["ada", "closed", "swapped"]


@pytest.mark.parametrize("again", [False, True])
async def test_writer_that_loaded_before_a_removal_does_not_write(anywhere: str, bank: Bank, *, again: bool) -> None:
    async with bank.system.connect(store=anywhere) as app:
        await app.send(Open(name="a"))
        bank.runs = 0
        renaming = asyncio.create_task(app.send(Rename(name="a", owner="zoe")))
        await bank.loaded.wait()
        await app.send(Close(name="a"))
        if again:
            await app.send(Open(name="a", owner="bob"))
            bank.runs = 1
        bank.go_on.set()
        if again:
            assert await renaming == 2, "it ran again, on what was added again"
        else:
            with pytest.raises(NotFound):
                await renaming


async def test_nothing_is_found_after_a_removal_in_the_same_unit(anywhere: str, bank: Bank) -> None:
    async with bank.system.connect(store=anywhere) as app:
        await app.send(Open(name="a"))
        await app.send(Vanish(name="a"))
        assert bank.found == [None, {}]


@pytest.mark.parametrize("obtains", [False, True])
async def test_aggregate_that_takes_the_place_of_a_removed_one_is_removed_too(
    anywhere: str, bank: Bank, *, obtains: bool
) -> None:
    async with bank.system.connect(store=anywhere) as app:
        await app.send(Open(name="a"))
        await app.send(Remake(name="a", removes_first=True, obtains=obtains))
        assert await app.ask(Found(names=["a"])) == []
        await app.send(Open(name="a", owner="bob"))
        assert await app.ask(OwnerOf(name="a")) == "bob"


async def test_aggregate_equal_to_the_removed_one_whose_place_it_takes_is_stored(bank: Bank) -> None:
    """The claims of the removed one are given up with it, which concurrent claims must meet as a newer version."""
    async with bank.system.connect(store="memory:") as app:
        assert isinstance(app, Host)
        await app.send(Open(name="a", owner=""))
        before, _ = await app.stores["accounts"].load("accounts.Account", "a") or (0, b"")
        await app.send(Remake(name="a", removes_first=True, obtains=True, keeps=True))
        after, _ = await app.stores["accounts"].load("accounts.Account", "a") or (0, b"")
        assert (await app.ask(OwnerOf(name="a")), after) == ("", before + 1)


async def test_adding_an_existing_identity_is_a_conflict_also_if_it_is_removed_at_once(
    anywhere: str, bank: Bank
) -> None:
    async with bank.system.connect(store=anywhere) as app:
        await app.send(Open(name="a"))
        assert await app.send(Remake(name="a", removes_first=False, obtains=False))
        assert not await app.send(Remake(name="b", removes_first=False, obtains=False))
        assert await app.ask(Found(names=["a", "b"])) == ["a: ada"]


async def test_obtaining_and_removing_what_is_not_stored_writes_nothing(bank: Bank) -> None:
    async with bank.system.connect(store="memory:") as app:
        assert isinstance(app, Host)
        await app.send(Remake(name="a", removes_first=False, obtains=True))
        assert await app.stores["accounts"].load("accounts.Account", "a") is None


async def test_one_unit_removes_one_aggregate(bank: Bank, caplog: pytest.LogCaptureFixture) -> None:
    async with bank.system.connect(store="memory:") as app:
        await app.send(Open(name="a"))
        await app.send(Open(name="b"))
        with pytest.raises(HandlerFailed):
            await app.send(Both(one="a", other="b"))
        assert "SecondAggregate" in caplog.text
        assert await app.ask(Owners(names=["a", "b"])) == ["ada", "ada"]


async def test_removing_what_no_repository_has_given_is_refused(bank: Bank, caplog: pytest.LogCaptureFixture) -> None:
    async with bank.system.connect(store="memory:") as app:
        await app.send(Open(name="a"))
        with pytest.raises(HandlerFailed):
            await app.send(RemoveStranger(name="a"))
        assert "NotAdded: Account 'a' cannot be removed: it was not loaded here" in caplog.text
        assert await app.ask(OwnerOf(name="a")) == "ada"


async def test_several_are_loaded_in_order_and_all_missing_ones_are_named(anywhere: str, bank: Bank) -> None:
    async with bank.system.connect(store=anywhere) as app:
        for name in "abc":
            await app.send(Open(name=name, owner=name.upper()))
        await app.send(Close(name="c"))
        assert await app.ask(Owners(names=["b", "a", "b"])) == ["B", "A", "B"]
        assert await app.ask(Owners(names=[])) == []
        assert await app.ask(Found(names=["b", "x", "c", "a"])) == ["b: B", "a: A"]
        with pytest.raises(NotFound, match="identity 'x', 'c'"):
            await app.ask(Owners(names=["x", "a", "c", "x"]))


def test_release_that_knows_of_no_removal_refuses_to_read_what_was_removed() -> None:
    """What it would do with the empty body that stands there."""
    codec = Codec[Account](Account)
    with pytest.raises(Exception, match="truncated"):
        codec.restore(b"")
    assert Tracked.load(AggregatePlan("accounts.Account", Account, codec), "a", 2, b"").removed
