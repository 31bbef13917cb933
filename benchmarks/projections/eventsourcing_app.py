"""eventsourcing: its projection runner on PostgreSQL, with a view whose row and tracking commit together."""

import time
import uuid
from typing import Any

from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import StoredEvent, Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL

from benchmarks import sampling
from benchmarks.postgres.server import running_server
from benchmarks.projections.orders import EACH, events, steps
from benchmarks.sampling import Sample, Stopwatch, Work
from tests.servers.ports import HOST

_TABLE = SQL(
    "CREATE TABLE IF NOT EXISTS order_view (id text PRIMARY KEY, customer text NOT NULL, cents bigint NOT NULL,"
    " lines int NOT NULL, paid bool NOT NULL, parcel text NOT NULL)"
)


class Order(Aggregate):
    @event("Placed")
    def __init__(self, order: str, customer: str, street: str, note: str) -> None:
        self.order = order
        self.lines = 0

    @event("Added")
    def add(self, order: str, sku: str, cents: int, note: str) -> None:
        self.lines += 1

    @event("Paid")
    def pay(self, order: str, by: str, reference: str, note: str) -> None: ...

    @event("Shipped")
    def ship(self, order: str, parcel: str, street: str, note: str) -> None: ...


class Shop(Application[uuid.UUID]):
    pass


class OrdersInPostgres(PostgresTrackingRecorder):
    def __init__(self, datastore: Any, **options: Any) -> None:
        super().__init__(datastore, **options)
        self.sql_create_statements.append(_TABLE)

    def write(self, tracking: Tracking, statement: str, *values: object) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(statement, values, prepare=True)


class Orders(Projection[OrdersInPostgres]):
    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None: ...

    @process_event.register
    def placed(self, happened: Order.Placed, tracking: Tracking) -> None:
        found: Any = happened
        insert = "INSERT INTO order_view VALUES (%s, %s, 0, 0, false, '')"
        self.view.write(tracking, insert, found.order, found.customer)

    @process_event.register
    def added(self, happened: Order.Added, tracking: Tracking) -> None:
        found: Any = happened
        add = "UPDATE order_view SET lines = lines + 1, cents = cents + %s WHERE id = %s"
        self.view.write(tracking, add, found.cents, found.order)

    @process_event.register
    def paid(self, happened: Order.Paid, tracking: Tracking) -> None:
        found: Any = happened
        self.view.write(tracking, "UPDATE order_view SET paid = true WHERE id = %s", found.order)

    @process_event.register
    def shipped(self, happened: Order.Shipped, tracking: Tracking) -> None:
        found: Any = happened
        self.view.write(tracking, "UPDATE order_view SET parcel = %s WHERE id = %s", found.parcel, found.order)


def _environment(port: int) -> dict[str, str]:
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": "postgres",
        "POSTGRES_HOST": HOST,
        "POSTGRES_PORT": str(port),
        "POSTGRES_USER": "postgres",
        "POSTGRES_PASSWORD": "none",
    }


def _stored(shop: Shop, count: int) -> list[StoredEvent]:
    """The events in the order of `steps`."""
    orders: dict[str, Order] = {}
    made: list[Any] = []
    for name, order, fields in steps(count):
        if name == "Placed":
            orders[order] = Order(**fields)
        else:
            getattr(orders[order], {"Added": "add", "Paid": "pay", "Shipped": "ship"}[name])(**fields)
        made += orders[order].collect_events()
    return [shop.mapper.to_stored_event(each) for each in made]


def postgres(work: Work) -> Sample:
    count = events(work.rows, work.quick) // 32 // (EACH * 64) * EACH * 64 or EACH * 64
    with running_server(work) as server:
        environment = _environment(server.port)
        with Shop(env=environment) as shop:
            stored = _stored(shop, count)
            for start in range(0, count, 500):
                shop.recorder.insert_events(stored[start : start + 500])
        watch = Stopwatch()
        with ProjectionRunner(
            application_class=Shop, projection_class=Orders, view_class=OrdersInPostgres, env=environment
        ) as runner:
            runner.wait(count, timeout=170)
            seconds, details = watch.seconds, watch.details(count)
        return Sample(count / seconds, details | {"events": count})


def postgres_visible(work: Work) -> Sample:
    """Milliseconds from the end of a save until the view has seen it, the median."""
    taken: list[float] = []
    with running_server(work) as server:
        environment = _environment(server.port)
        with ProjectionRunner(
            application_class=Shop, projection_class=Orders, view_class=OrdersInPostgres, env=environment
        ) as runner:
            for number in range(work.pick(300, 10)):
                order = Order(f"order-{number}", "ada", "", "")
                (recorded,) = runner.app.save(order)
                begun = time.perf_counter()
                runner.wait(recorded.notification.id, timeout=10)
                taken.append(time.perf_counter() - begun)
                time.sleep(0.001)
    taken.sort()
    details = {"p50_us": sampling.percentile(taken, 0.5) * 1e6, "p99_us": sampling.percentile(taken, 0.99) * 1e6}
    return Sample(sampling.percentile(taken, 0.5) * 1e3, details)
