"""A system with an event-sourced aggregate, for the tests of `remit history`."""

from __future__ import annotations

from remit import Aggregate, Command, Context, DomainEvent, EventSourced, Repository, System


class Opened(DomainEvent):
    owner: str


class Paid(DomainEvent):
    cents: int


class Account(EventSourced[int, Opened | Paid]):
    owner: str = ""
    cents: int = 0

    def evolve(self, event: Opened | Paid) -> None:
        if isinstance(event, Opened):
            self.owner = event.owner
        else:
            self.cents += event.cents


class Branch(Aggregate[str]):
    count: int = 0


class Open(Command[None]):
    account: int
    owner: str


class Pay(Command[None]):
    account: int
    cents: int


class Close(Command[None]):
    account: int


books = Context("books")


@books.handle(Open)
async def open_(command: Open, accounts: Repository[Account]) -> None:
    account = Account(id=command.account)
    account.record(Opened(owner=command.owner))
    accounts.add(account)


@books.handle(Pay)
async def pay(command: Pay, accounts: Repository[Account], branches: Repository[Branch]) -> None:
    (await accounts.get(command.account)).record(Paid(cents=command.cents))


@books.handle(Close)
async def close(command: Close, accounts: Repository[Account]) -> None:
    accounts.remove(await accounts.get(command.account))


ledger = System("ledger", contexts=[books])
