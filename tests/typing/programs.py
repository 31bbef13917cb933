"""Programs that both type checkers accept without a remark, and that hold together at start.

What is inferred is said by `assert_type`; a wrong inference is an error in this file.
"""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import NewType, Protocol, assert_never, assert_type

from remit.contexts import (
    AtLeast,
    Claims,
    Clock,
    Context,
    Envelope,
    Events,
    Ids,
    Interceptor,
    Invocation,
    Later,
    Page,
    Records,
    Repository,
    Selected,
    Sender,
    Sql,
    View,
)
from remit.domain import Aggregate, Claim, Projection, Record, Row
from remit.edges import HttpEdge
from remit.hosting import Outbox, SyncOutbox, System
from remit.messages import Command, DomainEvent, IntegrationEvent, Query, Refusal, Value, field
from remit.relations import CustomerSupplier, OpenHost, SharedKernel
from remit.testing import Double, MovableClock, Outcome, alone, given, running
from remit.values import Identifier
from remit.values import Money as Amount

OrderId = NewType("OrderId", str)
StudentId = NewType("StudentId", str)


class Money(Value):
    amount: int
    currency: str = "EUR"


class LimitExceeded(Refusal):
    limit: int
    reasons: list[str] = field(default_factory=list[str])


class SoldOut(Refusal): ...


class PlaceOrder(Command[OrderId, LimitExceeded | SoldOut], name="place", version=2, key="student"):
    order: OrderId
    student: StudentId
    price: Money
    notes: list[str] = field(default_factory=list[str])


class CancelOrder(Command[None]):
    order: OrderId


class OrdersOf(Query[list[OrderId]]):
    student: StudentId


class Owed(Query[int, LimitExceeded]):
    student: StudentId


class OrderPlaced(IntegrationEvent, version=1, key="student"):
    order: OrderId
    student: StudentId
    price: Money


class OrderCancelled(IntegrationEvent, version=1):
    order: OrderId
    id: str
    at: datetime


class SalesEvent(DomainEvent): ...


class Placed(SalesEvent):
    order: OrderId
    student: StudentId
    price: Money


class Cancelled(SalesEvent):
    order: OrderId
    student: StudentId


class Order(Aggregate[OrderId, Placed | Cancelled]):
    student: StudentId = StudentId("")
    placed: bool = False
    lines: list[Money] = field(default_factory=list[Money])

    def place(self, student: StudentId, price: Money) -> None:
        if price.amount > 1000:
            raise LimitExceeded(limit=1000)
        self.placed = True
        self.record(Placed(order=self.id, student=student, price=price))


class Account(Aggregate[StudentId]):
    owed: int = 0


class Tariff(Protocol):
    def discount(self, student: StudentId) -> int: ...


class NoDiscount:
    def discount(self, student: StudentId) -> int:
        return 0


sales = Context("sales", kind="core", owner="team-sales", language="language.md", events=SalesEvent)
billing = Context("billing")


@sales.handle(PlaceOrder)
async def place(command: PlaceOrder, orders: Repository[Order], tariff: Tariff, clock: Clock, ids: Ids) -> OrderId:
    order = assert_type(await orders.find(command.order), Order | None) or Order(id=command.order)
    order.place(command.student, command.price.replace(amount=command.price.amount - tariff.discount(command.student)))
    orders.add(order)
    assert_type(clock.now(), datetime)
    assert_type(ids.new(), str)
    return order.id


@sales.handle(CancelOrder)
async def cancel(command: CancelOrder, orders: Repository[Order], later: Later[PlaceOrder]) -> None:
    order = assert_type(await orders.get(command.order), Order)
    order.placed = False
    later.send(PlaceOrder(order=order.id, student=order.student, price=Money(amount=1)))


class Reserve(Command[OrderId, LimitExceeded | SoldOut]):
    order: OrderId


class Release(Command[None, SoldOut]):
    order: OrderId


class Left(Query[int, SoldOut]): ...


@sales.handle(Reserve)
async def reserve(command: Reserve, orders: Repository[Order]) -> OrderId | LimitExceeded | SoldOut:
    order = await orders.obtain(command.order)
    if not order.placed:
        order.record(Cancelled(order=order.id, student=order.student))
        return SoldOut()
    return LimitExceeded(limit=0) if order.lines else order.id


@sales.handle(Release)
async def release(command: Release) -> SoldOut | None:
    return SoldOut() if command.order else None


@sales.answer(Left)
async def left(query: Left) -> int | SoldOut:
    return SoldOut()


async def called_directly(
    app: Sender, orders: Repository[Order], tariff: Tariff, clock: Clock, ids: Ids, order: PlaceOrder
) -> None:
    """A handler keeps what it returns itself."""
    assert_type(await place(order, orders, tariff, clock, ids), OrderId)
    assert_type(await reserve(Reserve(order=order.order), orders), OrderId | LimitExceeded | SoldOut)
    assert_type(await release(Release(order=order.order)), SoldOut | None)
    assert_type(await app.send(Reserve(order=order.order)), OrderId)
    assert_type(await app.attempt(Reserve(order=order.order)), OrderId | LimitExceeded | SoldOut)
    assert_type(await app.ask(Left()), int)
    assert_type(await app.attempt(Left()), int | SoldOut)


@sales.publish(Placed)
def placed(event: Placed) -> OrderPlaced | None:
    if event.price.amount == 0:
        return None
    return OrderPlaced(order=event.order, student=event.student, price=event.price)


@sales.publish(Cancelled)
def cancelled(event: Cancelled, envelope: Envelope) -> OrderCancelled:
    assert_type(envelope.time, datetime)
    return OrderCancelled(order=event.order, id=envelope.id, at=envelope.time)


def published(event: Cancelled, envelope: Envelope) -> OrderCancelled:
    """A publisher keeps its own type."""
    assert_type(placed(Placed(order=event.order, student=event.student, price=Money(amount=1))), OrderPlaced | None)
    return assert_type(cancelled(event, envelope), OrderCancelled)


async def around(invocation: Invocation, /) -> object:
    assert_type(invocation.headers.get("x-tenant"), str | None)
    return await invocation.proceed()


class Around:
    async def __call__(self, invocation: Invocation, /) -> object:
        return await around(invocation)


everywhere: list[Interceptor] = [around, Around(), lambda invocation: invocation.proceed()]
Context("elsewhere", interceptors=everywhere)


class OrderDropped(IntegrationEvent):
    order: OrderId
    student: StudentId
    reason: str = ""


sales.publish_as(Cancelled, OrderDropped)


@sales.react(Placed, together=True)
async def at_once(event: Placed, orders: Repository[Order], envelope: Envelope) -> None: ...


@sales.react(Cancelled)
async def afterwards(event: Cancelled) -> None: ...


@sales.react(Placed, Cancelled)
async def on_either(event: Placed | Cancelled) -> None: ...


@sales.react(Cancelled, OrderPlaced, Placed)
async def on_any(event: SalesEvent | OrderPlaced, clock: Clock) -> None: ...


class Packed(SalesEvent): ...


class Weighed(SalesEvent): ...


class Sent(SalesEvent): ...


class Lost(SalesEvent): ...


class Found(SalesEvent): ...


class Brought(SalesEvent): ...


class Opened(SalesEvent): ...


class Kept(SalesEvent): ...


@sales.react(Placed, Cancelled, Packed, Weighed, Sent, Lost, Found, Brought, Opened, Kept)
async def on_ten(
    event: Placed | Cancelled | Packed | Weighed | Sent | Lost | Found | Brought | Opened | Kept, clock: Clock
) -> None: ...


@sales.react(Placed, Cancelled, Packed, Weighed, Sent, Lost, Found, Brought, Opened, Kept, OrderPlaced)
async def on_eleven(event: SalesEvent | OrderPlaced, clock: Clock) -> None: ...


@sales.react(SalesEvent)
async def on_every(event: SalesEvent, orders: Repository[Order]) -> None: ...


@sales.policy
class Watching:
    def __init__(self, orders: Repository[Order], clock: Clock) -> None:
        self.orders, self.clock = orders, clock

    @sales.react(Placed)
    async def placed(self, event: Placed) -> None:
        await self._watch(event.order)

    @sales.react(Cancelled, OrderPlaced)
    async def on_either(self, event: Cancelled | OrderPlaced) -> None:
        await self._watch(event.order)

    async def _watch(self, order: OrderId) -> None:
        assert_type(await self.orders.find(order), Order | None)
        assert_type(self.clock.now(), datetime)


async def by_hand_and_typed(watching: Watching, event: Placed, orders: Repository[Order]) -> None:
    await watching.placed(event)
    await on_every(event, orders)


@sales.project
class OrderList(Projection[StudentId, Placed | Cancelled]):
    orders: list[OrderId] = field(default_factory=list[OrderId])

    @staticmethod
    def key(event: Placed | Cancelled) -> StudentId:
        return event.student

    def evolve(self, event: Placed | Cancelled) -> None:
        match event:
            case Placed():
                self.orders.append(event.order)
            case Cancelled():
                self.orders.remove(event.order)
            case _:
                assert_never(event)


@sales.answer(OrdersOf)
async def orders_of(query: OrdersOf, lists: View[OrderList]) -> list[OrderId]:
    found = assert_type(await lists.find(query.student), OrderList | None)
    return found.orders if found else assert_type(await lists.get(query.student), OrderList).orders


@sales.project
class OpenOrder(Row[OrderId, Placed | Cancelled], indexes=[("student", "order")]):
    student: StudentId = StudentId("")
    order: OrderId = OrderId("")

    @staticmethod
    def key(event: Placed | Cancelled) -> OrderId:
        return event.order

    def evolve(self, event: Placed | Cancelled) -> None:
        match event:
            case Placed():
                self.student, self.order = event.student, event.order
            case Cancelled():
                self.remove()
            case _:
                assert_never(event)


@sales.from_state(OpenOrder, Order)
def open_order_of(order: Order) -> OpenOrder | None:
    return OpenOrder(student=order.student, order=order.id) if order.placed else None


@Context("spare").from_state(OpenOrder, Order)  # in no system: a read model has one such function
def every_order_of(order: Order) -> OpenOrder:
    return OpenOrder(student=order.student, order=order.id)


class OpenOf(Query[Page[OrderId]]):
    student: StudentId
    after: str | None = None


@sales.answer(OpenOf)
async def open_of(query: OpenOf, rows: View[OpenOrder], lists: View[OrderList]) -> Page[OrderId]:
    assert_type(await rows.find(OrderId("o-1")), OpenOrder | None)
    assert_type(await rows.find_all([OrderId("o-1")]), dict[OrderId, OpenOrder])
    assert_type(await lists.find_all([query.student]), dict[StudentId, OrderList])
    found = assert_type(rows.where(student=query.student, order=AtLeast(OrderId("o"))), Selected[OpenOrder])
    assert_type(await found.count(), int)
    page = assert_type(await found.order("-order").page(limit=50, after=query.after), Page[OpenOrder])
    return assert_type(page.map(lambda row: row.order), Page[OrderId])


@billing.react(OrderPlaced)
async def charge(event: OrderPlaced, accounts: Repository[Account], sender: Sender) -> None:
    account = assert_type(await accounts.obtain(event.student), Account)
    account.owed += event.price.amount
    assert_type(await sender.ask(OrdersOf(student=event.student)), list[OrderId])


@billing.answer(Owed)
async def owed(query: Owed, accounts: Repository[Account]) -> int:
    return (await accounts.get(query.student)).owed


async def fetch_tariff() -> NoDiscount:
    return NoDiscount()


@contextmanager
def open_tariff() -> Generator[NoDiscount]:
    yield NoDiscount()


@asynccontextmanager
async def connect_tariff() -> AsyncGenerator[NoDiscount]:
    yield NoDiscount()


sales.provide(Tariff, NoDiscount)
sales.provide(NoDiscount, fetch_tariff)
billing.provide(NoDiscount, open_tariff)
billing.provide(Tariff, connect_tariff)
sales_edge = HttpEdge(sales)
sales_edge.post("/orders", PlaceOrder, status=201, refusals={LimitExceeded: 402})
sales_edge.delete("/orders/{order}", CancelOrder)
sales_edge.get("/students/{student}/orders", OrdersOf)
billing_edge = HttpEdge(billing)
billing_edge.get("/students/{student}/owed", Owed, refusals={LimitExceeded: 403})

shop = System(
    "shop",
    contexts=[sales, billing],
    edges=[sales_edge, billing_edge],
    relations=[
        CustomerSupplier(supplier=sales, customer=billing),
        OpenHost(billing, exposes=[Owed]),
        SharedKernel(sales, billing, package="shop.kernel"),
    ],
)


async def callers(app: Sender, order: PlaceOrder) -> OrderId:
    assert_type(await app.send(order, key="once", deadline=2.0), OrderId)
    assert_type(await app.attempt(order), OrderId | LimitExceeded | SoldOut)
    assert_type(await app.ask(Owed(student=order.student), fresh=True), int)
    assert_type(await app.ask(Owed(student=order.student), fresh=order.student), int)
    assert_type(await app.attempt(Owed(student=order.student)), int | LimitExceeded)
    assert_type(await app.attempt(OrdersOf(student=order.student)), list[OrderId])
    print(await app.ask(Owed(student=order.student)))
    outcome = await app.attempt(order)
    match outcome:
        case LimitExceeded() as refusal:
            raise refusal
        case SoldOut():
            return OrderId("none")
        case str() as placed_order:
            return placed_order
        case _:
            assert_never(outcome)


def steps(order: OrderId, ada: StudentId, now: datetime) -> None:
    """What `given` knows of the types."""
    event, price = Placed(order=order, student=ada, price=Money(amount=1)), Money(amount=1)
    assert_type(given(Order(id=order)).when(Order.place, ada, price=price), Outcome[None])
    given(Order(id=order)).when(Order.place, ada, price).then(event, Cancelled(order=order, student=ada))
    given(Order(id=order)).when(Order.place, ada, price).then(LimitExceeded(limit=1)).leaves(Order(id=order))
    assert_type(given().when(Order, id=order, student=ada).reply, Order)
    given(event).when(placed).then(OrderPlaced(order=order, student=ada, price=price))
    given(OrderList, event).when(Cancelled(order=order, student=ada)).then(OrderList())
    given(OrderList, event).then(OrderList(orders=[order]))
    handled = given(Order(id=order), event).provide(Tariff, NoDiscount).provide(Clock, MovableClock).at(now)
    command = PlaceOrder(order=order, student=ada, price=price)
    assert_type(handled.when(place, command), Outcome[OrderId])
    asked = given(billing).on(OrdersOf).answers([order]).on(Owed).answers(lambda query: LimitExceeded(limit=1))
    assert_type(asked.when(Owed(student=ada)).then(LimitExceeded(limit=1)).answer, int)
    assert_type(given(sales, Order(id=order)).when(CancelOrder(order=order)).sends(command), Outcome[None])
    given(billing).when(OrderPlaced(order=order, student=ada, price=price)).calls(OrdersOf(student=ada))
    assert_type(given(Order(id=order)).when(Watching, event), Outcome[None])
    given(hotel).claimed(Seat, 7, by=Order(id=order)).when(KeepRoom(room=order)).then(SoldOut())


async def running_systems(system: System, ada: StudentId) -> None:
    """What a running system knows of the types."""
    double = Double(sales, publishes=[OrderPlaced]).on(OrdersOf).answers([OrderId("o-1")])
    with running(system, clock=MovableClock()) as app, alone(billing, of=system, doubles=[double]) as one:
        assert_type(app.recorded(Placed, key=ada), list[Placed])
        assert_type(app.recorded(SalesEvent), list[SalesEvent])
        assert_type(one.sent(PlaceOrder), list[PlaceOrder])
        assert_type(one.ask(Owed(student=ada)), int)
        assert_type(one.at_once(Owed(student=ada), Owed(student=ada)), list[int | LimitExceeded])
    assert_type(double.received(OrdersOf), list[OrdersOf])
    async with running(system).provide(Tariff, NoDiscount) as awaited:
        assert_type(await awaited.published(OrderPlaced), list[OrderPlaced])
        assert_type(await awaited.attempt(Owed(student=ada)), int | LimitExceeded)
        await takes_any_sender(awaited)


async def takes_any_sender(sender: Sender) -> None: ...


legacy = Context("legacy", outbox=[OrderPlaced, PlaceOrder])


async def existing_code(outbox: Outbox, also: SyncOutbox, connection: object, event: OrderPlaced) -> None:
    await outbox.publish(connection, event)
    await outbox.send(connection, CancelOrder(order=event.order), key=event.order)
    also.publish(connection, event)


@legacy.react(OrderPlaced)
async def by_hand(event: OrderPlaced, sql: Sql) -> None:
    for row in await sql.fetch("SELECT number FROM orders WHERE student = $1", event.student):
        number: int = row["number"]
        assert_type(await sql.execute("DELETE FROM orders WHERE number = $1", number), int)


class Room(Record[OrderId]):
    beds: int = 1


class Seat(Claim[int, Order]):
    """One order per seat."""


class RoomEvent(IntegrationEvent):
    room: OrderId


class RoomPut(RoomEvent, version=1, key="room"): ...


class RoomGone(RoomEvent, version=1, key="room"): ...


class RoomSeen(DomainEvent):
    room: OrderId


class KeepRoom(Command[None, SoldOut]):
    room: OrderId


hotel = Context("hotel")


@hotel.handle(KeepRoom)
async def keep_room(command: KeepRoom, rooms: Records[Room], events: Events[RoomPut | RoomSeen]) -> None:
    room = assert_type(await rooms.find(command.room), Room | None) or Room(id=command.room)
    await rooms.put(assert_type(room.replace(beds=2), Room))
    assert_type(await rooms.get(command.room), Room)
    assert_type(await rooms.page(after=command.room, limit=3), list[Room])
    assert_type(await rooms.delete(command.room), bool)
    events.publish(RoomPut(room=command.room))
    events.publish(RoomSeen(room=command.room), key=command.room)


async def tell_room(event: RoomSeen, events: Events[RoomEvent]) -> None:
    events.publish(RoomPut(room=event.room))
    events.publish(RoomGone(room=event.room))


async def seats(command: KeepRoom, orders: Repository[Order], seats: Claims[Seat]) -> None:
    several = assert_type(await orders.get_all([command.room]), list[Order])
    assert_type(await orders.find_all({command.room}), dict[OrderId, Order])
    await seats.take(7, by=several[0], otherwise=SoldOut())
    await seats.give_up(7, by=several[0])
    assert_type(await seats.find(7), Order | None)
    orders.remove(several[0])


# --- one of several shapes -------------------------------------------------------------------------------------------


class Free(Value): ...


class Held(Value, name="held"):
    student: StudentId


class HoldFailed(Value):
    by: StudentId


class Stall(Aggregate[str]):
    state: Free | Held = Free()
    past: list[Free | Held] = field(default_factory=list[Free | Held])

    def hold(self, student: StudentId) -> Held | HoldFailed:
        match self.state:
            case Free():
                self.past.append(self.state)
                self.state = Held(student=student)
                return self.state
            case Held(student=other):
                return HoldFailed(by=other)
            case _:
                assert_never(self.state)


class Hold(Command[Held | HoldFailed, SoldOut]):
    seat: str
    student: StudentId


class StateOf(Query[Free | Held | None]):
    seat: str


rooms = Context("rooms")
theatre = System("theatre", contexts=[rooms])


@rooms.handle(Hold)
async def hold(command: Hold, seats: Repository[Stall]) -> Held | HoldFailed:
    return assert_type((await seats.obtain(command.seat)).hold(command.student), Held | HoldFailed)


@rooms.answer(StateOf)
async def state_of(query: StateOf, seats: Repository[Stall]) -> Free | Held | None:
    found = await seats.find(query.seat)
    return None if found is None else found.state


async def holds(app: Sender, command: Hold) -> str:
    assert_type(await app.ask(StateOf(seat=command.seat)), Free | Held | None)
    assert_type(await app.attempt(command), Held | HoldFailed | SoldOut)
    reply = assert_type(await app.send(command), Held | HoldFailed)
    match reply:
        case Held(student=student):
            return assert_type(student, StudentId)
        case HoldFailed():
            return reply.by
        case _:
            assert_never(reply)


# --- values ----------------------------------------------------------------------------------------------------------


class BillId(Identifier):
    @classmethod
    def of(cls, order: OrderId, number: int) -> "BillId":
        return cls(f"{order}/{number}")


class PayerId(Identifier): ...


class Bill(Aggregate[BillId]):
    payer: PayerId | None = None
    parts: dict[PayerId, Amount] = field(default_factory=dict[PayerId, Amount])


class Split(Command[Amount], key="bill"):
    bill: BillId
    payers: list[PayerId]
    total: Amount


@billing.handle(Split)
async def split(command: Split, bills: Repository[Bill], ids: Ids) -> Amount:
    bill = await bills.obtain(command.bill)
    parts = assert_type(command.total.allocate(len(command.payers)), tuple[Amount, ...])
    bill.parts = dict(zip(command.payers, parts, strict=True))
    bill.payer = assert_type(PayerId.new(ids), PayerId)
    assert_type(bill.payer.upper(), str)
    assert_type(BillId.new(lambda: 12), BillId)
    doubled = assert_type(-command.total * 2 + 3 * command.total, Amount)
    assert_type(doubled > command.total, bool)
    assert_type(doubled.minor, int)
    return sum(parts, Amount.zero(command.total.currency))
