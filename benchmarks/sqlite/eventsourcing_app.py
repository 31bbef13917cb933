"""eventsourcing: an application over its SQLite recorder (WAL; SQLite's default synchronous=FULL).

A request is an aggregate of its own, whose id is made from the idempotency key, as its documentation does for indexes;
it is saved with the order in one transaction. Rows: one event for the order and one for the request; its event table is
its log. The library is synchronous: callers are threads.
"""

import threading
import uuid
from contextlib import AbstractContextManager
from typing import Any

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import Aggregate, event

from benchmarks import loops
from benchmarks.sampling import Sample, Work
from benchmarks.sqlite.orders import Placement, placement


def _id_of(kind: str, name: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"/{kind}/{name}")


class Order(Aggregate):
    @event("Placed")
    def __init__(self, order: str, customer: str, lines: list[dict[str, Any]], total: int) -> None:
        self.order = order
        self._set(customer, lines, total)

    @staticmethod
    def create_id(order: str) -> uuid.UUID:
        return _id_of("orders", order)

    @event("Changed")
    def change(self, customer: str, lines: list[dict[str, Any]], total: int) -> None:
        self._set(customer, lines, total)

    def _set(self, customer: str, lines: list[dict[str, Any]], total: int) -> None:
        self.customer = customer
        self.lines = lines
        self.total = total


class Request(Aggregate):
    @event("Answered")
    def __init__(self, key: str, outcome: str) -> None:
        self.key = key
        self.outcome = outcome

    @staticmethod
    def create_id(key: str) -> uuid.UUID:
        return _id_of("requests", key)


class Shop(Application[uuid.UUID]):
    one_writer: AbstractContextManager[object] = threading.Lock()

    def place(self, command: Placement) -> str:
        known: Request | None = self._find(Request.create_id(command.key))
        if known is not None:
            return known.outcome
        lines = [line._asdict() for line in command.lines]
        order: Order | None = self._find(Order.create_id(command.order))
        if order is None:
            order = Order(command.order, command.customer, lines, command.total)
        else:
            order.change(command.customer, lines, command.total)
        with self.one_writer:
            self.save(order, Request(command.key, command.order))
        return command.order

    def _find(self, id: uuid.UUID) -> Any:
        try:
            return self.repository.get(id)
        except AggregateNotFoundError:
            return None


def _run(work: Work, in_flight: int) -> Sample:
    environment = {
        "PERSISTENCE_MODULE": "eventsourcing.sqlite",
        "SQLITE_DBNAME": f"file:{work.folder / 'orders.db'}",
        "POOL_SIZE": str(in_flight),
    }
    with Shop(env=environment) as shop:
        return loops.threads_in_flight(work, in_flight, lambda number: shop.place(placement(number)))


def run_1(work: Work) -> Sample:
    return _run(work, 1)


def run_32(work: Work) -> Sample:
    return _run(work, 32)
