"""Two contexts in one file: a command, an event, a reaction, a query; the outbox is on."""

from typing import NewType

from remit import Aggregate, Command, Context, DomainEvent, IntegrationEvent, Query, Refusal, Repository, System
from remit.relations import CustomerSupplier

OrderId = NewType("OrderId", str)
StudentId = NewType("StudentId", str)


class LimitExceeded(Refusal):
    limit: int


class PlaceOrder(Command[OrderId, LimitExceeded]):
    order: OrderId
    student: StudentId
    amount: int


class Placed(DomainEvent):
    order: OrderId
    student: StudentId
    amount: int


class OrderPlaced(IntegrationEvent, version=1, key="student"):
    order: OrderId
    student: StudentId
    amount: int


class Order(Aggregate[OrderId]):
    amount: int = 0

    def place(self, student: StudentId, amount: int) -> None:
        if amount > 1000:
            raise LimitExceeded(limit=1000)
        self.amount = amount
        self.record(Placed(order=self.id, student=student, amount=amount))


sales = Context("sales", kind="core")


@sales.handle(PlaceOrder)
async def place(command: PlaceOrder, orders: Repository[Order]) -> OrderId:
    order = Order(id=command.order)
    order.place(command.student, command.amount)
    orders.add(order)
    return order.id


@sales.publish(Placed)
def placed(event: Placed) -> OrderPlaced:
    return OrderPlaced(order=event.order, student=event.student, amount=event.amount)


class Owed(Query[int]):
    student: StudentId


class Account(Aggregate[StudentId]):
    owed: int = 0


billing = Context("billing")


@billing.react(OrderPlaced)
async def charge(event: OrderPlaced, accounts: Repository[Account]) -> None:
    account = await accounts.obtain(event.student)
    account.owed += event.amount


@billing.answer(Owed)
async def owed(query: Owed, accounts: Repository[Account]) -> int:
    account = await accounts.find(query.student)
    return account.owed if account else 0


shop = System("shop", contexts=[sales, billing], relations=[CustomerSupplier(supplier=sales, customer=billing)])

if __name__ == "__main__":
    with shop.connect_sync() as app:
        ada = StudentId("ada")
        app.send(PlaceOrder(order=OrderId("o-1"), student=ada, amount=120), key="order-1")
        print("ada owes", app.ask(Owed(student=ada), fresh=True))
