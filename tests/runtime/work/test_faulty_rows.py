"""Row models whose `key` or `evolve` has a fault: the key of the message is parked, and the error names the fault."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remit import Command, Context, DomainEvent, Events, Row, System
from remit.errors import BadKey
from remit.observability import KeyParked
from remit.testing import given
from tests.runtime.heard import Heard

faults = Context("faults")


class Noted(DomainEvent, key="name"):
    name: str
    fault: str = ""


class Note(Command[None]):
    name: str
    fault: str


@faults.project
class Line(Row[str, Noted], indexes=[("name", "amount")]):
    name: str = ""
    amount: float = 0.0

    @staticmethod
    def key(event: Noted) -> Any:
        return event.name if event.fault != "no key" else None

    def evolve(self, event: Noted) -> None:
        self.name = event.name
        match event.fault:
            case "mistyped":
                self.amuont = 7.0  # pyright: ignore[reportAttributeAccessIssue]  # the fault
            case "long":
                self.name = "x" * 513
            case "away":
                del self.amount
            case "raises":
                self.remove()
                raise ArithmeticError("after removing it")
            case _:
                pass


@faults.handle(Note)
async def note(command: Note, events: Events[Noted]) -> None:
    events.publish(Noted(name=command.name, fault=command.fault))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("no key", "BadKey: key returned None for Noted, and no document has this key"),
        ("mistyped", "AttributeError: Line has no field 'amuont', and evolve has set it"),
        ("long", "BadValue: name of Line 'a' cannot be indexed: 'xxx"),
        ("raises", "ArithmeticError: after removing it"),
    ],
)
async def test_the_key_is_parked_and_the_fault_is_named(fault: str, said: str) -> None:
    heard = Heard()
    async with System("faulty", contexts=[faults]).connect(store="memory", listeners=[heard]) as app:
        await app.send(Note(name="a", fault=fault))
        async with asyncio.timeout(20):
            while not (parked := heard.of(KeyParked)):  # noqa: ASYNC110  # what was heard rings no bell
                await asyncio.sleep(0)
    assert parked[0].what.startswith(said)


def test_the_kit_refuses_the_same() -> None:
    with pytest.raises(BadKey, match="key returned None"):
        given(Line, Noted(name="a", fault="no key")).then(None)
    with pytest.raises(AttributeError, match="no field 'amuont'"):
        given(Line, Noted(name="a", fault="mistyped")).then(None)
