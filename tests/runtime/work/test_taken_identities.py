"""An aggregate is added whose identity is taken: said to the caller, parked in a reaction, and never tried for ever."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from remit import Aggregate, Command, Context, DomainEvent, IntegrationEvent, Query, Repository, Sender, System
from remit.errors import AlreadyExists, HandlerFailed
from remit.hosting.assembly import assemble
from remit.runtime import Host
from tests.runtime.talk import until_parked


class Open(Command[str]):
    """Opens an account under a name, by a note of this key."""

    name: str
    note: str = "desk"


class OpenElsewhere(Command[str]):
    name: str


class OpenOnce(Command[str]):
    name: str


class OpenTwice(Command[None]):
    """Adds one account twice, or two accounts of one name."""

    name: str
    same: bool


class NotedBy(Query[str]):
    name: str


class Noted(DomainEvent, key="note"):
    name: str
    note: str


class IsNoted(IntegrationEvent, key="note"):
    name: str
    note: str


class Note(Aggregate[str, Noted]):
    """Asks for an account to be opened."""

    def write(self, name: str) -> None:
        self.record(Noted(name=name, note=self.id))


class Write(Command[None]):
    """Has accounts opened by reactions: one event each, in one commit."""

    note: str
    names: list[str]


class Account(Aggregate[str]):
    note: str = ""


@dataclass
class Bank:
    """The system, and what its handlers meet."""

    system: System
    runs: int = 0
    down: bool = False
    meeting: asyncio.Barrier | None = field(default=None)


def make_bank() -> Bank:
    desk, accounts = Context("desk"), Context("accounts")
    bank = Bank(System("bank", contexts=[desk, accounts]))
    declare_desk(desk)
    declare_accounts(accounts, bank)
    return bank


def declare_desk(desk: Context) -> None:
    @desk.handle(Write)
    async def write(command: Write, notes: Repository[Note]) -> None:
        note = await notes.obtain(command.note)
        for name in command.names:
            note.write(name)

    @desk.publish(Noted)
    def noted(event: Noted) -> IsNoted:
        return IsNoted(name=event.name, note=event.note)

    @desk.handle(OpenElsewhere)
    async def elsewhere(command: OpenElsewhere, sender: Sender) -> str:
        return await sender.send(Open(name=command.name))


def declare_accounts(accounts: Context, bank: Bank) -> None:
    @accounts.react(IsNoted)
    async def open_noted(event: IsNoted, repository: Repository[Account]) -> None:
        bank.runs += 1
        if bank.down:
            raise ValueError("down")
        repository.add(Account(id=event.name, note=event.note))

    @accounts.handle(Open)
    async def open_account(command: Open, repository: Repository[Account]) -> str:
        bank.runs += 1
        repository.add(Account(id=command.name, note=command.note))
        return command.name

    @accounts.handle(OpenOnce)
    async def open_once(command: OpenOnce, repository: Repository[Account]) -> str:
        found = await repository.find(command.name)
        if found is not None:
            return "found"
        if bank.meeting is not None:
            await bank.meeting.wait()
        repository.add(Account(id=command.name))
        return "opened"

    @accounts.handle(OpenTwice)
    async def open_twice(command: OpenTwice, repository: Repository[Account]) -> None:
        account = Account(id=command.name)
        repository.add(account)
        repository.add(account if command.same else Account(id=command.name))

    @accounts.answer(NotedBy)
    async def noted_by(query: NotedBy, repository: Repository[Account]) -> str:
        return (await repository.get(query.name)).note


@pytest.fixture(params=["memory:", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The stores every promise is kept on."""
    return "memory:" if request.param == "memory:" else f"sqlite:{tmp_path}/{{context}}.db"


@pytest.fixture
def bank() -> Bank:
    return make_bank()


# ── calls ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_caller_learns_that_it_exists(place: str, bank: Bank) -> None:
    async with bank.system.connect(store=place) as app:
        await app.send(Open(name="ada"))
        bank.runs = 0
        with pytest.raises(AlreadyExists, match="Account 'ada' exists") as taken:
            await app.send(Open(name="ada", note="another"))
        assert taken.value.where == "accounts.Account"
        assert bank.runs == 2, "once more after the conflict, in case it sees now what is there"
        assert await app.ask(NotedBy(name="ada")) == "desk"
        with pytest.raises(AlreadyExists):
            await app.send(Open(name="ada", note="another"), key="k")
        with pytest.raises(HandlerFailed, match="AlreadyExists: Account 'ada' exists"):
            await app.send(OpenElsewhere(name="ada"))


async def test_who_looks_before_adding_finds_what_was_added_meanwhile(place: str, bank: Bank) -> None:
    bank.meeting = asyncio.Barrier(2)
    async with bank.system.connect(store=place) as app:
        said = await asyncio.gather(*(app.send(OpenOnce(name="ada")) for _ in range(2)))
    assert sorted(said) == ["found", "opened"]


async def test_one_unit_of_work_adds_an_identity_once(place: str, bank: Bank) -> None:
    async with bank.system.connect(store=place) as app:
        await app.send(OpenTwice(name="ada", same=True))
        with pytest.raises(AlreadyExists):
            await app.send(OpenTwice(name="bob", same=False))


# ── reactions ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def running(place: str, bank: Bank) -> Host:
    return assemble(bank.system.model(), store=place)


async def test_a_reaction_that_adds_what_exists_parks_its_key(running: Host) -> None:
    await running.start()
    try:
        await running.send(Open(name="ada"))
        await running.send(Write(note="n-1", names=["ada"]))
        await running.send(Write(note="n-2", names=["bob"]))
        await until_parked(running.stores["accounts"], 1)
        await running.freshness.reach("accounts")
        parked = await running.stores["accounts"].parked()
        assert [(row.key, row.letters) for row in parked] == [("n-1", 1)]
        assert parked[0].error == "AlreadyExists: Account 'ada' exists already"
        assert await running.ask(NotedBy(name="ada")) == "desk"
        assert await running.ask(NotedBy(name="bob")) == "n-2"
    finally:
        await running.stop()


async def test_a_batch_keeps_what_its_first_message_added(running: Host) -> None:
    await running.start()
    try:
        await running.send(Write(note="n-1", names=["ada", "bob", "ada", "eve"]))
        await until_parked(running.stores["accounts"], 1)
        await running.freshness.reach("accounts")
        assert [(row.key, row.letters) for row in await running.stores["accounts"].parked()] == [("n-1", 2)]
        assert await running.ask(NotedBy(name="ada")) == "n-1"
        assert await running.ask(NotedBy(name="bob")) == "n-1"
    finally:
        await running.stop()


async def test_a_letter_that_adds_what_exists_stays_and_waits(running: Host, bank: Bank) -> None:
    await running.start()
    try:
        bank.down = True
        await running.send(Write(note="n-1", names=["ada"]))
        await until_parked(running.stores["accounts"], 1)
        bank.down = False
        await running.send(Open(name="ada"))
        bank.runs = 0
        store = running.stores["accounts"]
        assert await store.retry("accounts.open_noted", "n-1", 0.0) == 1
        before = (await store.parked())[0].attempts
        while (row := (await store.parked())[0]).attempts == before:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.005)
        assert row.error == "AlreadyExists: Account 'ada' exists already"
        assert row.retry_at > running.ports.clock.seconds() + 10
        assert bank.runs == 2
    finally:
        await running.stop()
