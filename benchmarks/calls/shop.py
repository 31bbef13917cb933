"""What everybody serves: an order of 120 bytes comes in, is decoded and checked, and a small answer goes out."""

from benchmarks.calls.words import BODY, ORDER
from remit import Context, Query, System, Value

__all__ = ["BODY", "ORDER", "Quote", "Total", "shop"]


class Total(Value):
    order: str
    total: int


class Quote(Query[Total]):
    """What an order would cost."""

    order: str
    buyer: str
    amount: int
    note: str


sales = Context("sales")


@sales.answer(Quote)
async def quote(query: Quote) -> Total:
    return Total(order=query.order, total=query.amount + 1)


shop = System("shop", contexts=[sales])
