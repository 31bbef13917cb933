"""Two writers in one step: a handler is run again on what the other has written, as in a running system."""

from __future__ import annotations

import pytest

from remit import Aggregate, Command, Context, DomainEvent, Record, Records, Refusal, Repository, Sender
from remit.errors import AlreadyExists
from remit.testing import KitError, given


class Taken(Refusal):
    name: str


class Opened(DomainEvent):
    name: str


class Open(Command[None, Taken]):
    name: str


class Count(Command[int]):
    name: str


class CountTwice(Command[int]):
    name: str


class Account(Aggregate[str, Opened]):
    count: int = 0


class Note(Record[str]):
    text: str = ""


desk = Context("desk")


@desk.handle(Open)
async def open_it(command: Open, accounts: Repository[Account]) -> None:
    account = Account(id=command.name)
    try:
        accounts.add(account)
    except AlreadyExists:
        raise Taken(name=command.name) from None
    account.record(Opened(name=command.name))


@desk.handle(Count)
async def count(command: Count, accounts: Repository[Account]) -> int:
    account = await accounts.obtain(command.name)
    account.count += 1
    return account.count


@desk.handle(CountTwice)
async def count_twice(command: CountTwice, accounts: Repository[Account], calls: Sender) -> int:
    account = await accounts.obtain(command.name)
    before = account.count
    await calls.send(Count(name=command.name))
    account.count += 10
    return before


async def add_always(command: Open, accounts: Repository[Account]) -> None:
    accounts.add(Account(id=command.name))


async def note(command: Open, notes: Records[Note]) -> None: ...


def test_an_aggregate_that_is_there_already_is_found_out_when_it_is_added() -> None:
    given(desk).when(Open(name="a")).then(Opened(name="a"))
    given(desk, Account(id="a", count=3)).when(Open(name="a")).then(Taken(name="a")).leaves(Account(id="a", count=3))
    with pytest.raises(AlreadyExists, match="Account 'a' exists already"):
        given(Account(id="a")).when(add_always, Open(name="a"))


def test_a_handler_runs_again_if_what_it_calls_has_written_its_aggregate() -> None:
    outcome = given(desk, Account(id="a", count=1)).when(CountTwice(name="a"))
    outcome.replies(2).leaves(Account(id="a", count=12)).calls(Count(name="a"))


def test_what_is_given_twice_is_a_mistake_of_the_test() -> None:
    with pytest.raises(KitError, match="Account 'a' is given twice"):
        given(desk, Account(id="a"), Account(id="a", count=1)).when(Count(name="a"))
    with pytest.raises(KitError, match="Note 'n' is given twice"):
        given(Note(id="n"), Note(id="n")).when(note, Open(name="a"))
