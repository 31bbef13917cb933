"""A handler that makes a message wrongly: what is logged and parked names the class and the field."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remit import Aggregate, Command, Context, DomainEvent, Repository, System
from remit.errors import HandlerFailed
from remit.observability import HandlerRaised, KeyParked
from tests.runtime.heard import Heard
from tests.runtime.talk import on_virtual_time


class Place(Command[None]):
    order: str
    wrong: bool = False


class Placed(DomainEvent):
    order: str


class Shown(DomainEvent):
    order: str


class Order(Aggregate[str, Placed]): ...


UNTYPED: Any = Shown


def shop_system() -> System:
    sales = Context("sales")

    @sales.handle(Place)
    async def place(command: Place, orders: Repository[Order]) -> None:
        if command.wrong:
            UNTYPED(ordr=command.order)
        (await orders.obtain(command.order)).record(Placed(order=command.order))

    @sales.react(Placed)
    async def show(event: Placed) -> None:
        UNTYPED()

    return System("shop", contexts=[sales])


@on_virtual_time
async def test_what_is_told_of_a_message_that_was_made_wrongly_names_class_and_field() -> None:
    heard = Heard()
    async with shop_system().connect(store="memory:", listeners=[heard]) as app:
        with pytest.raises(HandlerFailed):
            await app.send(Place(order="a", wrong=True))
        await app.send(Place(order="a"))
        await asyncio.sleep(60.0)
    assert heard.of(HandlerRaised)[0].what == "TypeError: Shown has no field 'ordr': its fields are order"
    assert heard.of(KeyParked)[0].what == "TypeError: Shown was made without its field 'order'"
