"""A small library for the tests of the kit: lending asks readers whether they may, and has notices sent for later."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import NewType

from remit import (
    Aggregate,
    Clock,
    Command,
    Context,
    DomainEvent,
    Ids,
    IntegrationEvent,
    Later,
    Projection,
    Query,
    Refusal,
    Repository,
    Sender,
    System,
    View,
)
from remit import field as default

BookId = NewType("BookId", str)
ReaderId = NewType("ReaderId", str)


class OnLoan(Refusal):
    until: datetime


class NotWelcome(Refusal):
    reason: str


class Undeclared(Refusal):
    reason: str = ""


class Lend(Command[str, OnLoan | NotWelcome]):
    book: BookId
    reader: ReaderId


class GiveBack(Command[None]):
    book: BookId


class MayBorrow(Query[bool, NotWelcome]):
    reader: ReaderId


class LoansOf(Query[list[BookId]]):
    reader: ReaderId


class Remind(Command[None], key="reader"):
    reader: ReaderId
    book: BookId


class Lent(DomainEvent):
    loan: str
    book: BookId
    reader: ReaderId
    until: datetime


class Returned(DomainEvent):
    book: BookId
    reader: ReaderId


class Counted(DomainEvent):
    loans: int


class BookLent(IntegrationEvent, version=1, key="reader"):
    book: BookId
    reader: ReaderId


class BookReturned(IntegrationEvent, version=1):
    book: BookId


class ReaderBanned(IntegrationEvent, version=1, key="reader"):
    reader: ReaderId
    reason: str


class Banned(DomainEvent):
    reader: ReaderId
    reason: str


class Ban(Command[None]):
    reader: ReaderId
    reason: str


class Fees:
    """What a day too late costs."""

    def cents(self, days: int) -> int:
        return 10 * days


class Copy(Aggregate[BookId, Lent | Returned]):
    """One copy of a book."""

    reader: ReaderId | None = None
    until: datetime | None = None

    def lend(self, loan: str, reader: ReaderId, now: datetime) -> datetime:
        if self.until is not None:
            raise OnLoan(until=self.until)
        self.reader, self.until = reader, now + timedelta(days=14)
        self.record(Lent(loan=loan, book=self.id, reader=reader, until=self.until))
        return self.until

    def give_back(self) -> None:
        if self.reader is not None:
            self.record(Returned(book=self.id, reader=self.reader))
        self.reader = self.until = None

    def spoil(self) -> None:
        self.record(Returned(book=self.id, reader=ReaderId("nobody")))
        raise Undeclared

    @staticmethod
    def bought(book: BookId) -> Copy:
        copy = Copy(id=book)
        copy.record(Returned(book=book, reader=ReaderId("shop")))
        return copy


class Loans(Projection[ReaderId, Lent | Returned]):
    """What one reader has borrowed."""

    books: list[BookId] = default(default_factory=list[BookId])

    @staticmethod
    def key(event: Lent | Returned) -> ReaderId:
        return event.reader

    def evolve(self, event: Lent | Returned) -> None:
        match event:
            case Lent():
                self.books.append(event.book)
            case Returned():
                self.books.remove(event.book)


class Blocked(Aggregate[ReaderId, Banned]):
    reasons: list[str] = default(default_factory=list[str])


class Reminders(Aggregate[ReaderId]):
    books: list[BookId] = default(default_factory=list[BookId])


lending, readers, notices = Context("lending"), Context("readers"), Context("notices")
lending.provide(Fees, Fees)


@lending.handle(Lend)
async def lend(
    command: Lend, copies: Repository[Copy], calls: Sender, reminders: Later[Remind], clock: Clock, ids: Ids
) -> str:
    if not await calls.ask(MayBorrow(reader=command.reader)):
        raise NotWelcome(reason="not known")
    copy = await copies.obtain(command.book)
    loan = ids.new()
    copy.lend(loan, command.reader, clock.now())
    reminders.send(Remind(reader=command.reader, book=command.book))
    return loan


@lending.handle(GiveBack)
async def give_back(command: GiveBack, copies: Repository[Copy], fees: Fees) -> None:
    copy = await copies.get(command.book)
    fees.cents(3)
    copy.give_back()


@lending.publish(Lent)
def lent(event: Lent) -> BookLent:
    return BookLent(book=event.book, reader=event.reader)


@lending.publish(Returned)
def returned(event: Returned) -> BookReturned | None:
    return None if event.reader == "shop" else BookReturned(book=event.book)


lending.project(Loans)


@lending.answer(LoansOf)
async def loans_of(query: LoansOf, view: View[Loans]) -> list[BookId]:
    found = await view.find(query.reader)
    return found.books if found else []


@lending.react(ReaderBanned)
async def block(event: ReaderBanned, blocked: Repository[Blocked]) -> None:
    if event.reason == "bug":
        raise ValueError("nobody has thought of this")
    reader = await blocked.obtain(event.reader)
    reader.reasons.append(event.reason)
    reader.record(Banned(reader=event.reader, reason=event.reason))


@readers.answer(MayBorrow)
async def may_borrow(query: MayBorrow) -> bool:
    return query.reader != "stranger"


class MemberBanned(DomainEvent):
    reader: ReaderId
    reason: str


class Member(Aggregate[ReaderId, MemberBanned]):
    banned: bool = False


@readers.handle(Ban)
async def ban(command: Ban, members: Repository[Member]) -> None:
    member = await members.obtain(command.reader)
    member.banned = True
    member.record(MemberBanned(reader=command.reader, reason=command.reason))


@readers.publish(MemberBanned)
def tell_of_it(event: MemberBanned) -> ReaderBanned:
    return ReaderBanned(reader=event.reader, reason=event.reason)


@notices.handle(Remind)
async def remind(command: Remind, reminders: Repository[Reminders]) -> None:
    known = await reminders.obtain(command.reader)
    known.books.append(command.book)


library = System("library", contexts=[lending, readers, notices])


async def wait_a_while(command: GiveBack, copies: Repository[Copy]) -> None:
    """A handler that really waits."""
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(9))
    copy = await copies.get(command.book)
    copy.give_back()
