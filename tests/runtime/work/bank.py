"""A bank whose account is event-sourced, in several releases, or stored as state."""

from __future__ import annotations

from typing import Any

from remit import Aggregate, Command, Context, DomainEvent, EventSourced, Query, Repository, System


class Opened(DomainEvent):
    owner: str


class Paid(DomainEvent):
    amount: int


class Refunded(DomainEvent):
    amount: int


class Open(Command[None]):
    account: str
    owner: str


class Pay(Command[int]):
    account: str
    amount: int


class Close(Command[None]):
    account: str


class Replace(Command[None]):
    account: str
    owner: str
    times: int = 1


class Spoil(Command[None]):
    account: str


class Balance(Query[tuple[str, int]]):
    account: str


def sourced(*, doubled: bool = False, renamed: bool = False) -> Any:
    """A release of the aggregate: one that counts twice, one with another field."""

    class Account(EventSourced[str, Opened | Paid]):
        owner: str = ""
        balance: int = 0

        def evolve(self, event: Opened | Paid) -> None:
            if isinstance(event, Opened):
                self.owner = event.owner
            elif event.amount == 13:
                raise ArithmeticError("an unlucky number")
            else:
                self.balance += event.amount

    class Doubled(EventSourced[str, Opened | Paid]):
        owner: str = ""
        balance: int = 0

        def evolve(self, event: Opened | Paid) -> None:
            if isinstance(event, Opened):
                self.owner = event.owner
            else:
                self.balance += event.amount * 2

    class Renamed(EventSourced[str, Opened | Paid]):
        holder: str = ""
        balance: int = 0

        @property
        def owner(self) -> str:
            return self.holder

        def evolve(self, event: Opened | Paid) -> None:
            if isinstance(event, Opened):
                self.holder = event.owner
            else:
                self.balance += event.amount

    chosen = Doubled if doubled else Renamed if renamed else Account
    chosen.__name__ = "Account"
    return chosen


class Account(Aggregate[str, Opened | Paid]):
    """The same aggregate, stored as state."""

    owner: str = ""
    balance: int = 0


STATE = Account


def replacing(account: Any) -> Any:
    """The handler of `Replace`."""

    async def replace(command: Replace, accounts: Any) -> None:
        found = await accounts.get(command.account)
        for _ in range(command.times):
            accounts.remove(found)
            found = account(id=command.account)
            accounts.add(found)
            found.record(Opened(owner=command.owner))

    return replace


def bank(account: Any) -> System:
    context = Context("bank")

    async def open_(command: Open, accounts: Any) -> None:
        made = account(id=command.account)
        made.record(Opened(owner=command.owner))
        if account is STATE:
            made.owner = command.owner
        accounts.add(made)

    async def pay(command: Pay, accounts: Any) -> int:
        found = await accounts.get(command.account)
        found.record(Paid(amount=command.amount))
        if account is STATE:
            found.balance += command.amount
        return int(found.balance)

    async def close(command: Close, accounts: Any) -> None:
        accounts.remove(await accounts.get(command.account))

    async def spoil(command: Spoil, accounts: Any) -> None:
        (await accounts.get(command.account)).balance = 1000

    async def balance(query: Balance, accounts: Any) -> tuple[str, int]:
        found = await accounts.get(query.account)
        return found.owner, found.balance

    for function, declare in (
        (open_, context.handle(Open)), (pay, context.handle(Pay)), (close, context.handle(Close)),
        (replacing(account), context.handle(Replace)), (spoil, context.handle(Spoil)),
        (balance, context.answer(Balance)),
    ):  # fmt: skip
        function.__annotations__["accounts"] = Repository[account]
        declare(function)  # type: ignore[arg-type]  # the handlers are made for each release
    return System("bank", contexts=[context])
