"""Mistakes that both type checkers must find: each on the line that says `# wrong`, and nothing on any other line.

A few lines say in brackets which checker reports there, when the two report on different lines. Never imported.
"""

from typing import NewType, assert_never

from remit.contexts import Context, CustomerSupplier, Later, OpenHost, Repository, Sender, Sql, View
from remit.domain import Aggregate, Projection
from remit.hosting import Outbox, SyncOutbox, System
from remit.messages import Command, DomainEvent, IntegrationEvent, Query, Refusal, Value, field
from remit.testing import Double, alone, given, running

OrderId = NewType("OrderId", str)
StudentId = NewType("StudentId", str)


class Money(Value):
    amount: int


class LimitExceeded(Refusal):
    limit: int


class SoldOut(Refusal): ...


class PlaceOrder(Command[OrderId, LimitExceeded | SoldOut]):
    order: OrderId
    amount: int


class CancelOrder(Command[None]):
    order: OrderId


class Owed(Query[int, LimitExceeded]):
    student: StudentId


class OrderPlaced(IntegrationEvent, version=1):
    order: OrderId


class SalesEvent(DomainEvent): ...


class Placed(SalesEvent):
    order: OrderId
    student: StudentId


class Cancelled(SalesEvent):
    order: OrderId
    student: StudentId


class BillingEvent(DomainEvent): ...


class Issued(BillingEvent):
    order: OrderId


class Order(Aggregate[OrderId, Placed | Cancelled]):
    placed: bool = False


class Account(Aggregate[StudentId]):
    owed: int = 0


sales = Context("sales", events=SalesEvent)
billing = Context("billing")
order = OrderId("o-1")
student = StudentId("ada")

# --- messages --------------------------------------------------------------------------------------------------------

PlaceOrder(order, 12)  # wrong: fields are keyword-only
PlaceOrder(order=order)  # wrong: a missing field
PlaceOrder(order=order, amount=12, gift=True)  # wrong: an unknown field
PlaceOrder(order=order, amount="12")  # wrong: another type
PlaceOrder(order=student, amount=12)  # wrong: another NewType
Placed(order=order, student=order)  # wrong: another NewType in an event
Money(amount="1")  # wrong: another type in a value
Money(1)  # wrong: fields of a value are keyword-only
LimitExceeded(limit="1000")  # wrong: another type in a refusal
LimitExceeded(1000)  # wrong: fields of a refusal are keyword-only
SoldOut(limit=1)  # wrong: an unknown field of a refusal
PlaceOrder(order=order, amount=12).amount = 13  # wrong: a message is immutable
Placed(order=order, student=student).order = order  # wrong: an event is immutable
Money(amount=1).amount = 2  # wrong: a value is immutable


class BadVersion(IntegrationEvent, version="1"):  # wrong: a version is a number
    order: OrderId


class BadOption(IntegrationEvent, verzion=1):  # wrong: an unknown class option
    order: OrderId


class BadKey(IntegrationEvent, key=3):  # wrong: a key is the name of a field
    order: OrderId


class NamedValue(Value, name="money"):  # wrong: a value has no wire name
    amount: int


class BadRefusal(Command[OrderId, int]):  # wrong: a declared error is a refusal
    order: OrderId


class BadException(Command[OrderId, ValueError]):  # wrong: any exception is not a refusal
    order: OrderId


class BadUnion(Command[OrderId, LimitExceeded | int]):  # wrong: each declared error is a refusal
    order: OrderId


class BadDefault(Query[int]):
    tags: list[int] = field(default_factory=dict[str, int])  # wrong: the default of another type


# --- handle and answer -----------------------------------------------------------------------------------------------


@sales.handle(PlaceOrder)  # wrong: the reply of another type
async def reply_of_another_type(command: PlaceOrder) -> int:
    return 1


@sales.handle(PlaceOrder)  # wrong: no reply
async def no_reply(command: PlaceOrder) -> None: ...


@sales.handle(CancelOrder)  # wrong: a reply where none is declared
async def a_reply(command: CancelOrder) -> int:
    return 1


@sales.handle(PlaceOrder)  # wrong: another message than named
async def another_message(command: CancelOrder) -> OrderId:
    return command.order


@sales.handle(Placed)  # wrong: an event is not handled
async def handles_an_event(event: Placed) -> None: ...


@sales.handle(Owed)  # wrong: a query is answered
async def handles_a_query(query: Owed) -> int:
    return 1


@sales.answer(PlaceOrder)  # wrong: a command is handled
async def answers_a_command(command: PlaceOrder) -> OrderId:
    return command.order


@sales.answer(Owed)  # wrong: the answer of another type
async def answer_of_another_type(query: Owed) -> str:
    return ""


@sales.handle(PlaceOrder)  # wrong: handlers are async
def sync_handler(command: PlaceOrder) -> OrderId:
    return command.order


@sales.handle(PlaceOrder)  # wrong: the message comes first
async def no_message() -> OrderId:
    return order


# --- react -----------------------------------------------------------------------------------------------------------


@sales.react(Issued)  # wrong: a domain event of another context
async def foreign_event(event: Issued) -> None: ...


@billing.react(OrderPlaced, together=True)  # wrong: the transaction of another context
async def together_with_another(event: OrderPlaced) -> None: ...


@billing.react(OrderPlaced)  # wrong: a reaction returns nothing
async def returning(event: OrderPlaced) -> int:
    return 1


@billing.react(OrderPlaced)  # wrong: another event than named
async def another_event(event: Placed) -> None: ...


@billing.react(PlaceOrder)  # wrong: a reaction to a command
async def reacts_to_a_command(command: PlaceOrder) -> None: ...


@billing.react(OrderPlaced)  # wrong: reactions are async
def sync_reaction(event: OrderPlaced) -> None: ...


@sales.react(Placed, Cancelled)  # wrong: one of the two events is forgotten
async def one_of_two(event: Placed) -> None: ...


@sales.react(Placed, Cancelled, OrderPlaced)  # wrong: one of the three events is forgotten
async def two_of_three(event: Placed | Cancelled) -> None: ...


@sales.react(Placed, Issued)  # wrong: one is a domain event of another context
async def one_is_foreign(event: Placed | Issued) -> None: ...


@sales.react(Placed, PlaceOrder)  # wrong: one is a command
async def one_is_a_command(event: Placed | PlaceOrder) -> None: ...


# --- publish and project ---------------------------------------------------------------------------------------------


@sales.publish(Placed)  # wrong: the result is no integration event
def publishes_a_domain_event(event: Placed) -> Placed:
    return event


@sales.publish(Issued)  # wrong: a domain event of another context
def publishes_a_foreign_event(event: Issued) -> OrderPlaced:
    return OrderPlaced(order=event.order)


@sales.publish(OrderPlaced)  # wrong: an integration event as source
def publishes_twice(event: OrderPlaced) -> OrderPlaced:
    return event


@sales.publish(Placed)  # wrong: publishers are plain functions
async def async_publisher(event: Placed) -> OrderPlaced:
    return OrderPlaced(order=event.order)


@sales.project  # wrong (pyright): no projection
class NoProjection:  # wrong (mypy): no projection
    lines: int = 0


class Orders(Projection[StudentId, Placed | Cancelled]):
    count: int = 0

    @staticmethod
    def key(event: Placed | Cancelled) -> StudentId:
        return event.order  # wrong: a key of another type

    def evolve(self, event: Placed | Cancelled) -> None:
        match event:
            case Placed():
                self.count += 1
            case _:
                assert_never(event)  # wrong: an event was forgotten


class BadlyKeyed(Projection[StudentId, Placed | Cancelled]):
    @staticmethod
    def key(event: Placed | Cancelled) -> OrderId:  # wrong: a key of another type
        return event.order


class Narrow(Projection[StudentId, Placed | Cancelled]):
    def evolve(self, event: Placed) -> None: ...  # wrong: fewer events than named


# --- aggregates, repositories, views, later --------------------------------------------------------------------------


def records_an_event_not_named(aggregate: Order) -> None:
    aggregate.record(Issued(order=order))  # wrong: only the named events
    Order(order)  # wrong: fields are keyword-only
    Order(id=student)  # wrong: the id of another aggregate
    Order(placed=True)  # wrong: no id
    aggregate.placed = 1  # wrong: another type


async def uses(orders: Repository[Order], accounts: Repository[Account], lists: View[Orders]) -> None:
    await orders.get(student)  # wrong: the id of another aggregate
    await orders.find("o-1")  # wrong: a bare string
    await accounts.obtain(order)  # wrong: the id of another aggregate
    orders.add(Account(id=student))  # wrong: another aggregate
    (await orders.find(order)).placed = True  # wrong: it may not be there
    await lists.get(order)  # wrong: the key of another type
    await lists.find("ada")  # wrong: a bare string
    (await lists.get(student)).total  # wrong: an unknown field  # noqa: B018


def no_aggregate(orders: Repository[Placed], lists: View[Order]) -> None: ...  # wrong: not what these are made of


async def afterwards(later: Later[CancelOrder], events: Later[Placed]) -> None:  # wrong: only commands are sent
    later.send(PlaceOrder(order=order, amount=1))  # wrong: another command


# --- callers ---------------------------------------------------------------------------------------------------------


async def callers(app: Sender) -> OrderId:
    amount: int = await app.send(PlaceOrder(order=order, amount=1))  # wrong: another use of the reply
    text: str = await app.ask(Owed(student=student))  # wrong: another use of the answer
    await app.ask(PlaceOrder(order=order, amount=amount))  # wrong: a command is sent
    await app.send(Owed(student=StudentId(text)))  # wrong: a query is asked
    await app.send(Placed(order=order, student=student))  # wrong: an event is not sent
    await app.send(PlaceOrder)  # wrong: the class, not a message
    await app.send(PlaceOrder(order=order, amount=1), fresh=True)  # wrong: only questions may be fresh
    await app.ask(Owed(student=student), fresh=7)  # wrong: an ordering key is text
    await app.send(PlaceOrder(order=order, amount=1), 3.0)  # wrong: options are keyword-only
    outcome = await app.attempt(PlaceOrder(order=order, amount=1))
    match outcome:
        case LimitExceeded() as refusal:
            raise refusal
        case str() as placed:
            return placed
        case _:
            assert_never(outcome)  # wrong: a declared refusal was forgotten


async def treats_a_refusal_as_the_reply(app: Sender) -> int:
    return await app.attempt(Owed(student=student))  # wrong: it may be a refusal


# --- tests -----------------------------------------------------------------------------------------------------------


class Refunds(Projection[StudentId, Issued]):
    count: int = 0

    def evolve(self, event: Issued) -> None: ...


class Parcel(Aggregate[OrderId, Placed]):
    def send(self, student: StudentId, weight: int) -> int:
        return weight


@sales.publish(Placed)
def tell(event: Placed) -> OrderPlaced:
    return OrderPlaced(order=event.order)


@billing.react(OrderPlaced)
async def weigh(event: OrderPlaced, accounts: Repository[Account]) -> None: ...


def steps() -> None:
    parcel, event, published = Parcel(id=order), Placed(order=order, student=student), OrderPlaced(order=order)
    given(parcel).when(Parcel.send, student, "heavy")  # wrong: an argument of another type
    given(parcel).when(Parcel.send, student)  # wrong: a missing argument
    given(Account(id=student)).when(Parcel.send, student, 1)  # wrong: a method of another class
    given(parcel).when(Parcel.send, student, 1).replies("heavy")  # wrong: another reply
    given(parcel).when(Parcel.send, student, 1).then(published)  # wrong: what is published is not recorded
    given(parcel).when(Parcel.send, student, 1).publishes(event)  # wrong: a domain event is private
    given(parcel).when(Parcel.send, student, 1).sends(Owed(student=student))  # wrong: a query is not sent
    given(Issued(order=order)).when(tell)  # wrong: a publisher of another event
    given(event).when(tell).then(event)  # wrong: a publisher makes an integration event
    given(Refunds, event)  # wrong: an event that the projection does not fold
    given(Refunds).when(event)  # wrong: the same
    given(Refunds).then(parcel)  # wrong: an aggregate is no document
    given(parcel).when(weigh, event)  # wrong: a message of another type
    given(billing).when(parcel)  # wrong: a message
    given(billing).when(Owed(student=student)).then("much")  # wrong: another answer
    given(billing).on(PlaceOrder).answers(7)  # wrong: another reply
    given(billing).on(PlaceOrder).answers(lambda command: command)  # wrong: a function with another reply
    given(billing).on(OrderPlaced)  # wrong: an event is not answered
    given(billing).provide(Money, Parcel)  # wrong: another service
    given(billing).at("noon")  # wrong: a time
    given(7)  # wrong: an aggregate, an event, a projection or a context


def systems(system: System) -> None:
    Double(sales).on(PlaceOrder).answers(7)  # wrong: another reply
    Double(sales, publishes=[Placed])  # wrong: a domain event is private
    alone(sales)  # wrong: of which system
    running(system, clock=7)  # wrong: a clock that can be moved
    with running(system) as app:
        app.recorded(OrderPlaced)  # wrong: it is published
        app.published(Placed)  # wrong: it is recorded
        app.sent(Owed)  # wrong: a query is not sent for later
        app.inject(Placed(order=order, student=student))  # wrong: a domain event is private
        app.recorded(Placed, key=7)  # wrong: an ordering key is text


# --- contexts, routes, services, relations ---------------------------------------------------------------------------

Context("shop", kind="main")  # wrong: an unknown subdomain type
Context("shop", events=OrderPlaced)  # wrong: the base of domain events is a domain event
sales.post("/owed", Owed)  # wrong: a query is got
sales.get("/orders", PlaceOrder)  # wrong: a command is posted
sales.post("/orders", PlaceOrder, refusals={ValueError: 400})  # wrong: only refusals are mapped
sales.post("/orders", PlaceOrder, status="201")  # wrong: a status is a number
sales.provide(Money, Money)  # wrong: made without arguments
sales.put("/orders", PlaceOrder, status="200")  # wrong: a status is a number
CustomerSupplier(sales, billing)  # wrong: the roles are named
CustomerSupplier(supplier=sales)  # wrong: two parties
OpenHost(Context)  # wrong: a context or its name


# --- transactions of the caller's, and statements of the handler's ---------------------------------------------------

Context("shop", outbox=[Owed])  # wrong: a question is not published
Context("shop", outbox=[Placed])  # wrong: a domain event is private


async def existing_code(outbox: Outbox, also: SyncOutbox, connection: object) -> None:
    await outbox.publish(connection, Placed(order=order, student=student))  # wrong: a domain event is private
    await outbox.publish(connection, PlaceOrder(order=order, amount=1))  # wrong: a command is sent
    await outbox.send(connection, OrderPlaced(order=order))  # wrong: an event is published
    await outbox.publish(OrderPlaced(order=order))  # wrong: in which transaction?
    await also.send(connection, PlaceOrder(order=order, amount=1))  # wrong: nothing to wait for


@sales.handle(CancelOrder)
async def cancel_by_hand(command: CancelOrder, sql: Sql) -> None:
    rows: int = await sql.fetch("SELECT 1")  # wrong: rows are a list
    name: str = await sql.execute("DELETE FROM orders")  # wrong: how many rows were written
    print(rows, name)
