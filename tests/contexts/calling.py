"""Messages of another module, and functions there that name them."""

from __future__ import annotations

from remit import Command, Query, Sender


class Pack(Command[None]):
    order: str


class Stocked(Query[int]):
    order: str


class Sell(Command[None]):
    order: str


async def count(query: Stocked, calls: Sender) -> int:
    return sum([await asked(order, calls) for order in [query.order]])


async def asked(order: str, calls: Sender) -> int:
    return await calls.ask(Stocked(order=order))
