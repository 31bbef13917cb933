"""The same order at the HTTP edge: as a command, because the body of a request belongs to one. It changes nothing."""

from remit import Command, Context, System, Value
from remit.edges import HttpEdge


class Total(Value):
    order: str
    total: int


class Calculate(Command[Total]):
    order: str
    buyer: str
    amount: int
    note: str


sales = Context("sales")


@sales.handle(Calculate)
async def calculate(command: Calculate) -> Total:
    return Total(order=command.order, total=command.amount + 1)


sales_edge = HttpEdge(sales)
sales_edge.post("/orders", Calculate)

shop = System("shop", contexts=[sales], edges=[sales_edge])
