"""The unit of work that the peers are given: orders with versions and a log of events, kept in this process.

It does for them what remit's memory store does for ours, as plainly as possible: both are kept encoded, so that nothing
that is changed afterwards changes what was kept, and an event's row has an identity, a position and a time.
"""

import itertools
import time
from typing import NamedTuple

import msgspec


class Order(msgspec.Struct):
    id: str
    amount: int = 0

    def place(self, amount: int) -> None:
        self.amount = amount


class Row(NamedTuple):
    pos: int
    id: str
    key: str
    type: str
    at: float
    payload: bytes


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Order).decode


class Store:
    def __init__(self) -> None:
        self.orders: dict[str, tuple[int, bytes]] = {}
        self.log: list[Row] = []
        self.ids = itertools.count()


class UnitOfWork:
    """Changes of one command, kept together at its end."""

    __slots__ = ("_events", "_loaded", "_store")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loaded: list[tuple[int, Order]] = []
        self._events: list[tuple[str, str, bytes]] = []

    def obtain(self, id: str) -> Order:
        version, body = self._store.orders.get(id, (0, b""))
        order = _decode(body) if version else Order(id)
        self._loaded.append((version, order))
        return order

    def record(self, key: str, type: str, payload: bytes) -> None:
        self._events.append((key, type, payload))

    def commit(self) -> None:
        orders, log, ids = self._store.orders, self._store.log, self._store.ids
        for version, order in self._loaded:
            if orders.get(order.id, (0, b""))[0] != version:
                raise RuntimeError(f"order {order.id} was changed by somebody else")
        for version, order in self._loaded:
            orders[order.id] = (version + 1, _encode(order))
        for key, type, payload in self._events:
            log.append(Row(len(log) + 1, f"{next(ids):032x}", key, type, time.time(), payload))
