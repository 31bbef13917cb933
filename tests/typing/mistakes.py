"""Mistakes that both type checkers must find: each on the line that says `# wrong`, and nothing on any other line.

A few lines say in brackets which checker reports there, when the two report on different lines. Never imported.
"""

from typing import NewType, assert_never

from remit.contexts import (
    Claims,
    Clock,
    Context,
    Events,
    Interceptor,
    Invocation,
    Later,
    Page,
    Records,
    Repository,
    Sender,
    Sql,
    View,
)
from remit.domain import Aggregate, Claim, Projection, Record, Row
from remit.edges import HttpEdge
from remit.hosting import Outbox, SyncOutbox, System
from remit.messages import Command, DomainEvent, IntegrationEvent, Query, Refusal, Value, field
from remit.relations import Conformist, CustomerSupplier, Foreign, OpenHost, SharedKernel
from remit.testing import Double, alone, given, running
from remit.values import Identifier
from remit.values import Money as Amount

OrderId = NewType("OrderId", str)
StudentId = NewType("StudentId", str)


class Money(Value):
    amount: int


class LimitExceeded(Refusal):
    limit: int


class SoldOut(Refusal): ...


class NotOpen(Refusal): ...


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


class VersionedValue(Value, version=2):  # wrong: a value has no version
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


@sales.handle(PlaceOrder)  # wrong: a refusal that the command does not declare
async def an_undeclared_refusal(command: PlaceOrder) -> OrderId | NotOpen:
    return NotOpen()


@sales.handle(CancelOrder)  # wrong: a refusal where none is declared
async def a_refusal(command: CancelOrder) -> SoldOut | None:
    return SoldOut()


@sales.handle(PlaceOrder)  # wrong: one of the refusals is not declared
async def one_undeclared_refusal(command: PlaceOrder) -> OrderId | SoldOut | NotOpen:
    return NotOpen()


@sales.answer(Owed)  # wrong: a refusal that the query does not declare
async def an_undeclared_answer(query: Owed) -> int | SoldOut:
    return SoldOut()


@sales.react(Placed)  # wrong: a reaction returns nothing, also no refusal
async def a_refusing_reaction(event: Placed) -> SoldOut | None: ...


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


@sales.react(Placed, Cancelled, OrderPlaced, Placed, Cancelled, Placed)  # wrong: one of six is forgotten
async def five_of_six(event: Placed | Cancelled) -> None: ...


@sales.react(SalesEvent)  # wrong: a base stands for more than one of its events
async def one_of_a_base(event: Placed) -> None: ...


@sales.policy
class Policy:
    @sales.react(Placed)  # wrong: another event than named, in a policy
    async def placed(self, event: Cancelled) -> None: ...  # wrong (mypy): it is not bound

    @sales.react(Issued)  # wrong: a domain event of another context, in a policy
    async def issued(self, event: Issued) -> None: ...

    @sales.react(Placed, Cancelled)  # wrong: one of the two events is forgotten, in a policy
    async def on_either(self, event: Placed) -> None: ...  # wrong (mypy): it is not bound

    @sales.react(Placed)  # wrong: methods of a policy are async
    def at_once(self, event: Placed) -> None: ...  # wrong (mypy): it is not bound

    @sales.react(Placed)  # wrong: what a method asks for, its class asks for
    async def asks(self, event: Placed, orders: Repository[Order]) -> None: ...  # wrong (mypy): it is not bound


async def calls_a_method(policy: Policy) -> None:
    await policy.placed(Issued(order=order))  # wrong: another event than the method takes


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


@sales.publish(Placed)  # wrong: a publisher is given nothing but its event and its envelope
def publishes_by_the_clock(event: Placed, clock: Clock) -> OrderPlaced:
    return OrderPlaced(order=event.order)


@sales.publish(Placed)  # wrong: publishers are plain functions
async def async_publisher(event: Placed) -> OrderPlaced:
    return OrderPlaced(order=event.order)


sales.publish_as(Issued, OrderPlaced)  # wrong: a domain event of another context
sales.publish_as(OrderPlaced, OrderPlaced)  # wrong: an integration event as source
sales.publish_as(Placed, Cancelled)  # wrong: the result is no integration event


@sales.publish(Placed)
def publishes(event: Placed) -> OrderPlaced:
    return OrderPlaced(order=event.order)


def uses_a_publisher(event: Placed) -> None:
    publishes(event).student  # wrong: it makes an OrderPlaced  # noqa: B018
    publishes(Cancelled(order=order, student=student))  # wrong: it takes a Placed


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


class Lines(Row[OrderId, Placed | Cancelled], indexes=["student"]):  # wrong: an index is a tuple of fields
    student: StudentId = StudentId("")

    @staticmethod
    def key(event: Placed | Cancelled) -> StudentId:  # wrong: a key of another type
        return event.student

    def evolve(self, event: Placed) -> None: ...  # wrong: fewer events than named


class Documents(Projection[StudentId, Placed], indexes=[("student",)]):  # wrong: only row models have indexes
    student: StudentId = StudentId("")


async def selects(rows: View[Lines], lists: View[Orders]) -> Page[Orders]:
    await rows.get(student)  # wrong: the key of another type
    lists.where(student=student)  # wrong: documents are found by their key only
    rows.where(student)  # wrong: filters are named
    await rows.where().page(50)  # wrong: options are keyword-only
    return await rows.where().page()  # wrong: a page of other rows


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


@billing.from_state(Refunds, Account)  # wrong: another projection
def other_of(account: Account) -> Orders | None: ...


@billing.from_state(Refunds, Refunds)  # wrong: no aggregate
def refunds_of(refunds: Refunds) -> Refunds | None: ...


class Parcel(Aggregate[OrderId, Placed]):
    def send(self, student: StudentId, weight: int) -> int:
        return weight


@billing.from_state(Refunds, Account)  # wrong: the state of another aggregate
def refunds_of_a_parcel(parcel: Parcel) -> Refunds | None: ...


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
    given(parcel).claimed(Seat, "7", by=Order(id=order))  # wrong: a value of another type
    given(parcel).claimed(Seat, 7, by=Account(id=student))  # wrong: seats are not for accounts
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
        app.at_once(Placed(order=order, student=student))  # wrong: an event is no call


# --- contexts, routes, services, relations ---------------------------------------------------------------------------

Context("shop", kind="main")  # wrong: an unknown subdomain type
Context("shop", events=OrderPlaced)  # wrong: the base of domain events is a domain event
sales_edge = HttpEdge(sales)
sales_edge.post("/owed", Owed)  # wrong: a query is got
sales_edge.get("/orders", PlaceOrder)  # wrong: a command is posted
sales_edge.post("/orders", PlaceOrder, refusals={ValueError: 400})  # wrong: only refusals are mapped
sales_edge.post("/orders", PlaceOrder, status="201")  # wrong: a status is a number
sales.provide(Money, Money)  # wrong: made without arguments
sales_edge.put("/orders", PlaceOrder, status="200")  # wrong: a status is a number
CustomerSupplier(sales, billing)  # wrong: the roles are named
CustomerSupplier(supplier=sales)  # wrong: two parties
OpenHost(Context)  # wrong: a context or its name
OpenHost(sales, exposes=[Money])  # wrong: only messages are exposed
CustomerSupplier(supplier=Foreign("bank"), customer=sales)  # wrong: a supplier is a context
Conformist(upstream=sales, downstream=billing, uses=[7])  # wrong: messages or their names
SharedKernel(sales, billing, tables=[Order])  # wrong: tables are named
Context("shop", relations=["sales"])  # wrong: relations, not names
Context("shop", relations=CustomerSupplier(supplier=sales, customer="shop"))  # wrong: a list


# --- interceptors ----------------------------------------------------------------------------------------------------


async def of_nothing() -> None: ...


def not_async(invocation: Invocation) -> None: ...


async def of_a_message(invocation: PlaceOrder) -> None: ...


Context("shop", interceptors=[of_nothing])  # wrong: it takes the invocation
Context("shop", interceptors=[not_async])  # wrong: an interceptor is async
Context("shop", interceptors=[of_a_message])  # wrong: it takes the invocation, not the message


async def changes_the_message(invocation: Invocation) -> None:
    invocation.message = PlaceOrder(order=order, amount=1)  # wrong: it is what was sent
    await invocation.proceed(PlaceOrder(order=order, amount=1))  # wrong: the handler is given what was sent


kept: list[Interceptor] = [changes_the_message]

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


# --- records, claims, events without an aggregate --------------------------------------------------------------------


class Room(Record[OrderId]):
    beds: int = 1


class Seat(Claim[int, Order]): ...


class Place(Claim[int, Room]): ...  # wrong: claims are of aggregates


async def keeps(rooms: Records[Room], orders: Repository[Order], events: Events[OrderPlaced]) -> None:
    await rooms.get(7)  # wrong: an identity of another type
    await rooms.put(Money(amount=1))  # wrong: no room
    await rooms.page(limit="all")  # wrong: a number
    room = await rooms.get(order)
    room.beds = 2  # wrong: records do not change
    orders.remove(room)  # wrong: no order
    await orders.get_all([1])  # wrong: identities of another type
    events.publish(Placed(order=order, student=student))  # wrong: not what was asked for


async def claims(orders: Repository[Order], accounts: Repository[Account], seats: Claims[Seat]) -> None:
    await seats.take("7", by=await orders.get(order), otherwise=SoldOut())  # wrong: a value of another type
    await seats.take(7, by=await accounts.get(student), otherwise=SoldOut())  # wrong: seats are not for accounts
    await seats.take(7, by=await orders.get(order))  # wrong: what is the second one told?
    await seats.take(7, by=await orders.get(order), otherwise="taken")  # wrong: a refusal


def no_records(rooms: Records[Order], seats: Claims[Room], events: Events[Owed]) -> None: ...  # wrong: none of these


# --- one of several shapes -------------------------------------------------------------------------------------------


class Free(Value): ...


class Held(Value, name=1):  # wrong: a name on the wire is a text
    student: StudentId


class Asked(Value): ...


class Stall(Aggregate[str]):
    state: Free | Held = Asked()  # wrong: no member of the union


class Hold(Command[Free | Held]):
    seat: str


@sales.handle(Hold)  # wrong: a reply that is no member
async def hold(command: Hold) -> Free | Asked:
    return Free()


async def holds(app: Sender, seat: Stall) -> Held:
    seat.state = Asked()  # wrong: no member of the union
    reply = await app.send(Hold(seat="a"))
    match reply:
        case Held():
            return reply
        case _:
            assert_never(reply)  # wrong: a shape was forgotten


# --- values ----------------------------------------------------------------------------------------------------------


class BillId(Identifier): ...


class PayerId(Identifier): ...


class Bill(Aggregate[BillId]):
    payer: PayerId
    total: Amount


class Split(Command[None]):
    bill: BillId


bill, payer = BillId("b"), PayerId("p")
Split(bill=payer)  # wrong: another identifier
Split(bill="b")  # wrong: a text is no identifier
Bill(id=payer, payer=payer, total=Amount.zero("EUR"))  # wrong: the identity of another aggregate
BillId(12)  # wrong: an identifier is made of a text
BillId.new()  # wrong: a source of identities is missing
BillId.new("b")  # wrong: a text is no source of identities
Amount("1", "EUR")  # wrong: fields are keyword-only
Amount(amount=1.5, currency="EUR")  # wrong: a float
Amount.of(1.5, "EUR")  # wrong: a float
Amount.of("1", "EUR") * 1.5  # wrong: a float
Amount.of("1", "EUR") + 1  # wrong: an amount and a number
Amount.of("1", "EUR").times(2)  # wrong: how to round is missing


async def owes(bills: Repository[Bill]) -> None:
    await bills.get(bill)
    await bills.get(payer)  # wrong: the identity of another aggregate
