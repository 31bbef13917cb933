"""A small system whose contexts keep their logs in different ways."""

from __future__ import annotations

from remit import Command, Context, DomainEvent, Events, EventSourced, Projection, Query, Repository, System, View


class Sold(DomainEvent, key="article"):
    article: str
    pieces: int


class Sell(Command[None]):
    article: str
    pieces: int


class HowMany(Query[int]):
    article: str


shop = Context("shop")  # its own projection follows its domain events


@shop.project
class Sales(Projection[str, Sold]):
    pieces: int = 0

    @staticmethod
    def key(event: Sold) -> str:
        return event.article

    def evolve(self, event: Sold) -> None:
        self.pieces += event.pieces


@shop.handle(Sell)
async def sell(command: Sell, events: Events[Sold]) -> None:
    events.publish(Sold(article=command.article, pieces=command.pieces))


@shop.answer(HowMany)
async def how_many(query: HowMany, sales: View[Sales]) -> int:
    found = await sales.find(query.article)
    return found.pieces if found else 0


class Paid(DomainEvent):
    cents: int


class Account(EventSourced[str, Paid]):
    cents: int = 0

    def evolve(self, event: Paid) -> None:
        self.cents += event.cents


class Pay(Command[None]):
    account: str
    cents: int


bank = Context("bank")


@bank.handle(Pay)
async def pay(command: Pay, accounts: Repository[Account]) -> None:
    account = await accounts.obtain(command.account)
    account.record(Paid(cents=command.cents))


museum = Context("museum", keep=None, archive=True)
fair = Context("fair", archive=True)

corner = System("corner", contexts=[shop, bank, museum, fair])
