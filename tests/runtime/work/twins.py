"""One account, event-sourced and stored as state: the same commands, decisions and replies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from types import new_class
from typing import Any, Literal, NamedTuple

import pytest

from remit import (
    Aggregate,
    Claim,
    Claims,
    Command,
    Context,
    DomainEvent,
    EventSourced,
    Query,
    Refusal,
    Repository,
    System,
)
from remit.errors import RemitError
from remit.runtime import Host, Ports, compile_system
from remit.runtime.plan import AggregatePlan
from remit.runtime.work import sourced
from remit.runtime.work.heads import Head
from remit.stores import Store

Release = Literal["plain", "negated", "state"]
RELEASES: tuple[Release, ...] = ("plain", "negated", "state")


class Moved(DomainEvent, key="by"):
    by: str
    """Orders it: the events of one account are in several partitions."""
    cents: int


class PaidIn(Moved):
    pass


class Withdrawn(Moved):
    pass


class Named(DomainEvent):
    name: str


class Closed(DomainEvent):
    cents: int


class TooLittle(Refusal):
    there: int


class Known(Refusal):
    pass


class Open(Command[None, Known]):
    account: str
    name: str


class Pay(Command[int]):
    account: str
    by: str
    cents: int


class Withdraw(Command[int, TooLittle]):
    account: str
    by: str
    cents: int


class Rename(Command[str]):
    account: str
    name: str


class Close(Command[int]):
    account: str


class Renew(Command[None]):
    """Closes an account and opens it again, in one message."""

    account: str
    name: str


class Keep(Command[int]):
    """Makes the account if there is none, and may leave it as it is."""

    account: str
    cents: int


class State(Query[tuple[str, int, int] | None]):
    account: str


Event = Moved | Named | Closed
Step = Open | Pay | Withdraw | Rename | Close | Renew | Keep


def account_of(release: Release) -> Any:
    """The class of the account in a release."""
    base: Any = Aggregate if release == "state" else EventSourced
    sign = -1 if release == "negated" else 1  # a snapshot of this release reads as another sum

    def evolve(self: Any, event: Event) -> None:
        match event:
            case PaidIn():
                self.cents += sign * event.cents
            case Withdrawn():
                self.cents -= sign * event.cents
            case Named():
                self.name = event.name
            case _:
                pass
        self.moves += 1

    def happened(self: Any, event: Event) -> None:
        self.record(event)
        if release == "state":
            self.evolve(event)

    def total(self: Any) -> int:
        return int(sign * self.cents)

    def shown(self: Any) -> tuple[str, int, int]:
        return self.name, sign * self.cents, self.moves

    members: dict[str, Any] = {
        "__annotations__": {"name": str, "cents": int, "moves": int}, "name": "", "cents": 0, "moves": 0,
        "evolve": evolve, "happened": happened, "total": total, "shown": shown,
        "__module__": __name__,
    }  # fmt: skip
    return new_class("Account", (base[str, Event],), exec_body=lambda body: body.update(members))


def system_of(release: Release) -> System:
    """The system in a release. Its handlers are the same in all."""
    account, context = account_of(release), Context("twins")
    base: Any = Claim
    repository: Any = Repository
    claims: Any = Claims
    claim: Any = new_class("Name", (base[str, account],), exec_body=lambda body: body.update({"__module__": __name__}))
    handlers: dict[Any, Any] = {**changing(), **removing(account)}
    for message, function in handlers.items():
        function.__annotations__["accounts"] = repository[account]
        if "names" in function.__annotations__:
            function.__annotations__["names"] = claims[claim]
        declare: Any = context.answer if message is State else context.handle
        declare(message)(function)
    return System("twins", contexts=[context])


def changing() -> dict[Any, Any]:
    """Handlers that change an account."""

    async def pay(command: Pay, accounts: Any) -> int:
        found = await accounts.get(command.account)
        found.happened(PaidIn(by=command.by, cents=command.cents))
        await asyncio.sleep(0)
        found.happened(PaidIn(by=command.account, cents=0))
        return int(found.total())

    async def withdraw(command: Withdraw, accounts: Any) -> int:
        found = await accounts.get(command.account)
        found.happened(Withdrawn(by=command.by, cents=command.cents))
        if found.total() < 0:
            raise TooLittle(there=found.total())
        return int(found.total())

    async def rename(command: Rename, accounts: Any) -> str:
        found = await accounts.find(command.account)
        if found is None:
            return "none"
        found.happened(Named(name=command.name))
        return str(found.shown()[0])

    async def keep(command: Keep, accounts: Any) -> int:
        found = await accounts.obtain(command.account)
        if command.cents:
            found.happened(PaidIn(by="keeper", cents=command.cents))
        return int(found.total())

    async def state(query: State, accounts: Any) -> tuple[str, int, int] | None:
        found = await accounts.find(query.account)
        shown: tuple[str, int, int] | None = found and found.shown()
        return shown

    return {Pay: pay, Withdraw: withdraw, Rename: rename, Keep: keep, State: state}


def removing(account: Any) -> dict[Any, Any]:
    """Handlers that add and remove accounts of a class."""

    async def open_(command: Open, accounts: Any, names: Any) -> None:
        made = account(id=command.account)
        accounts.add(made)
        await names.take(command.name, by=made, otherwise=Known())
        made.happened(Named(name=command.name))

    async def close(command: Close, accounts: Any) -> int:
        found = await accounts.get(command.account)
        found.happened(Closed(cents=found.total()))
        accounts.remove(found)
        return int(found.total())

    async def renew(command: Renew, accounts: Any) -> None:
        found = await accounts.find(command.account)
        if found is not None:
            accounts.remove(found)
        made = account(id=command.account)
        accounts.add(made)
        made.happened(Named(name=command.name))

    return {Open: open_, Close: close, Renew: renew}


MODELS = {each: system_of(each).model() for each in RELEASES}
PLANS = {each: compile_system(model) for each, model in MODELS.items()}
IDS = ("a", "b")


class Play(NamedTuple):
    """What is done with both twins."""

    steps: list[tuple[Release, list[Step]]]
    """Per step the release of the twin that is event-sourced, and commands that are sent at the same time."""
    seed: int
    """Which snapshots are outdated, and which commands are sent again under their key."""


async def told(host: Host, steps: list[Step], key: str, *, again: bool) -> list[str]:
    """What callers hear, without the order in which commands at the same time were applied."""

    async def one(number: int, step: Step) -> str:
        try:
            return repr(await host.send(step, key=f"{key}-{number}"))
        except (RemitError, Refusal) as error:
            return f"{type(error).__name__} {error if isinstance(error, Refusal) else ''}"

    found = await asyncio.gather(*(one(number, each) for number, each in enumerate(steps)))
    if again:
        assert await asyncio.gather(*(one(number, each) for number, each in enumerate(steps))) == found
    return sorted(found)


async def played(play: Play, make: Callable[[], Store], *, sourced: bool) -> list[object]:
    """What callers hear, and the states in between and at the end."""
    chance, heard = Random(play.seed), list[object]()
    for number, (release, steps) in enumerate(play.steps):
        chosen: Release = release if sourced else "state"
        host = Host(MODELS[chosen], {"twins": make()}, Ports(watch=None), plans=PLANS[chosen])
        await host.start()
        heard.append(await told(host, steps, f"k{number}", again=chance.random() < 0.3))
        heard.append([await host.ask(State(account=each)) for each in IDS])
        await host.stop()
    return heard


def outdated_at_random(patch: pytest.MonkeyPatch, seed: int) -> None:
    """Every third snapshot counts as that of other code."""
    chance, read = Random(seed), sourced._from_snapshot

    def outdated(plan: AggregatePlan, head: Head) -> Any:
        return None if chance.random() < 0.33 else read(plan, head)

    patch.setattr(sourced, "_from_snapshot", outdated)
