"""An event-sourced aggregate is what its events make of it."""

from __future__ import annotations

import pytest

from remit import DomainEvent, EventSourced, field
from remit.domain import take_recorded
from remit.errors import NotDeclared, NotFolded


class Opened(DomainEvent):
    owner: str
    tags: list[str] = field(default_factory=list[str])


class Paid(DomainEvent):
    amount: int


class Other(DomainEvent):
    pass


class Account(EventSourced[str, Opened | Paid]):
    owner: str = ""
    balance: int = 0
    tags: list[str] = field(default_factory=list[str])

    def evolve(self, event: Opened | Paid) -> None:
        if isinstance(event, Opened):
            self.owner, self.tags = event.owner, event.tags
        elif event.amount == 0:
            raise ValueError("nothing was paid")
        else:
            self.balance += event.amount


class Eager(EventSourced[str, Paid]):
    def evolve(self, event: Paid) -> None:
        self.record(event)


def test_a_recorded_event_is_applied_at_once() -> None:
    account = Account(id="1")
    account.record(Opened(owner="ada"))
    account.record(Paid(amount=5))
    assert (account.owner, account.balance) == ("ada", 5)
    assert take_recorded(account) == [Opened(owner="ada"), Paid(amount=5)]


def test_state_and_event_share_no_part_that_can_change() -> None:
    tags = ["new"]
    account = Account(id="1")
    account.record(Opened(owner="ada", tags=tags))
    tags.append("late")
    account.tags.append("later")
    assert take_recorded(account) == [Opened(owner="ada", tags=["new"])]


def test_an_event_that_cannot_be_applied_is_not_recorded() -> None:
    account = Account(id="1")
    with pytest.raises(ValueError, match="nothing was paid"):
        account.record(Paid(amount=0))
    assert take_recorded(account) == []
    account.record(Paid(amount=1))
    assert account.balance == 1


def test_an_event_that_is_not_declared_is_refused_before_it_is_applied() -> None:
    with pytest.raises(NotDeclared):
        Account(id="1").record(Other())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # what is refused


def test_an_evolve_that_records_is_refused() -> None:
    with pytest.raises(NotFolded, match=r"evolve\(\) of Eager records Paid"):
        Eager(id="1").record(Paid(amount=1))
