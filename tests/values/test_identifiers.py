"""An identifier is a text at run time, and can be whatever a text can be."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit import (
    Aggregate,
    Claim,
    Claims,
    Command,
    Context,
    DomainEvent,
    Ids,
    IntegrationEvent,
    Projection,
    Query,
    Record,
    Records,
    Refusal,
    Repository,
    System,
    Value,
    View,
)
from remit.edges import HttpEdge
from remit.edges.http import HttpApp
from remit.errors import BadKey
from remit.messages import Codec, fits
from remit.values import Identifier
from tests.edges.shop import call


class BookId(Identifier): ...


class ReaderId(Identifier): ...


class CopyId(Identifier):
    @classmethod
    def of(cls, book: BookId, number: int) -> CopyId:
        return cls(f"{book}/{number}")


anything: Any = BookId
"""An identifier as somebody calls it who does not use a type checker."""


class Kept(Value):
    book: BookId
    readers: list[ReaderId] = []  # noqa: RUF012  # a factory is made of it
    times: dict[BookId, int] = {}  # noqa: RUF012  # a factory is made of it


class Lost(Value):
    book: BookId | None = None


# ── by itself ───────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.text().filter(fits))
def test_it_is_the_text_that_it_was_made_of(text: str) -> None:
    book = BookId(text)
    assert type(book) is str
    assert book == text == ReaderId(text)


@pytest.mark.parametrize("given", [5, None, b"b", "a\0", "\ud800", "x" * 513, UUID(int=1)])
def test_what_is_no_key_is_no_identifier(given: object) -> None:
    with pytest.raises(BadKey) as raised:
        anything(given)
    assert raised.value.where == "BookId"
    assert raised.value.expected
    assert raised.value.next


class _Numbers:
    def new(self) -> str:
        return "n-1"


def test_a_new_one_comes_from_what_is_given() -> None:
    assert BookId.new(_Numbers()) == "n-1"
    assert BookId.new(lambda: UUID(int=1)) == str(UUID(int=1))
    with pytest.raises(TypeError):
        anything.new()


def test_it_has_class_methods_and_no_others() -> None:
    assert CopyId.of(BookId("b"), 2) == "b/2"
    with pytest.raises(TypeError, match=r"Long\.short: an identifier is a plain str"):
        type("Long", (Identifier,), {"short": BookId.upper})
    with pytest.raises(TypeError, match=r"Long\.short"):
        type("Long", (Identifier,), {"short": property(BookId.upper)})


def test_nobody_can_ask_whether_a_value_is_one() -> None:
    with pytest.raises(TypeError, match="BookId"):
        isinstance(json, anything)


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
@pytest.mark.parametrize(
    ("type", "value", "written"),
    [
        (BookId, BookId("b"), "b"), (BookId | None, None, None), (list[BookId], [BookId("b")], ["b"]),
        (Kept, Kept(book=BookId("b"), readers=[ReaderId("r")], times={BookId("b"): 1}),
         {"book": "b", "readers": ["r"], "times": {"b": 1}}),
        (Kept | Lost, Lost(book=BookId("b")), {"$type": "Lost", "book": "b"}),
    ],
)  # fmt: skip
def test_it_is_written_as_text(encoding: Any, type: Any, value: Any, written: Any) -> None:
    codec = Codec[Any](type, encoding=encoding)
    assert codec.read(codec.write(value)) == value
    assert json.loads(Codec[Any](type).write(value)) == written


# ── in a system ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Taken(DomainEvent, key="reader"):
    book: BookId
    reader: ReaderId


class BookTaken(IntegrationEvent, version=1, key="reader"):
    book: BookId
    reader: ReaderId


class Book(Aggregate[BookId, Taken]):
    reader: ReaderId | None = None


class HasOne(Refusal):
    reader: ReaderId


class OneEach(Claim[ReaderId, Book]):
    """A reader has one book at a time."""


class Last(Record[ReaderId]):
    book: BookId


class Take(Command[BookId, HasOne], identity="book"):
    book: BookId
    reader: ReaderId


class BooksOf(Query[list[BookId]]):
    reader: ReaderId
    also: BookId | None = None


class AddBook(Command[BookId]): ...


library = Context("library")
library.publish_as(Taken, BookTaken)
post = Context("post")


@library.project
class Busy(Projection[ReaderId, Taken]):
    books: list[BookId] = []  # noqa: RUF012  # a factory is made of it

    @staticmethod
    def key(event: Taken) -> ReaderId:
        return event.reader

    def evolve(self, event: Taken) -> None:
        self.books.append(event.book)


door = HttpEdge("library")
door.post("/books/{book}/take", Take)
door.get("/readers/{reader}/books", BooksOf)


@library.handle(AddBook)
async def add(command: AddBook, books: Repository[Book], ids: Ids) -> BookId:
    book = Book(id=BookId.new(ids))
    books.add(book)
    return book.id


@library.handle(Take)
async def take(command: Take, books: Repository[Book], each: Claims[OneEach], last: Records[Last]) -> BookId:
    book = await books.obtain(command.book)
    book.reader = command.reader
    await each.take(command.reader, by=book, otherwise=HasOne(reader=command.reader))
    await last.put(Last(id=command.reader, book=book.id))
    book.record(Taken(book=book.id, reader=command.reader))
    return book.id


@library.answer(BooksOf)
async def books_of(query: BooksOf, busy: View[Busy], last: Records[Last]) -> list[BookId]:
    found = await busy.find(query.reader)
    kept = await last.get(query.reader)
    return [*(found.books if found else []), kept.book]


class Noted(Record[ReaderId]):
    books: list[BookId]


class NotesOn(Query[list[BookId]]):
    reader: ReaderId


@post.react(BookTaken)
async def note(event: BookTaken, notes: Records[Noted]) -> None:
    before = await notes.find(event.reader)
    await notes.put(Noted(id=event.reader, books=[*(before.books if before else []), event.book]))


@post.answer(NotesOn)
async def notes_on(query: NotesOn, notes: Records[Noted]) -> list[BookId]:
    found = await notes.find(query.reader)
    return found.books if found else []


town = System("town", contexts=[library, post], edges=[door])
ADA, ULYSSES, EMMA = ReaderId("ada"), BookId("ulysses"), BookId("emma/1 \u00e9")


@pytest.mark.parametrize("parity", [False, True])
async def test_it_identifies_whatever_a_text_identifies(parity: bool) -> None:  # a parameter of the test
    async with town.connect(store="memory:", parity=parity) as app:
        assert len(await app.send(AddBook())) == 32
        assert await app.send(Take(book=ULYSSES, reader=ADA)) == ULYSSES
        with pytest.raises(HasOne):
            await app.send(Take(book=EMMA, reader=ADA))
        assert await app.ask(BooksOf(reader=ADA), fresh=True) == [ULYSSES, ULYSSES]
        assert await app.ask(NotesOn(reader=ADA), fresh=True) == [ULYSSES]


async def test_it_is_a_part_of_a_url() -> None:
    async with town.connect(store="memory:") as sender:
        app = HttpApp(town, sender)
        taken = await call(app, "POST", "/books/emma/take", {"reader": "ada"})
        assert (taken.status, taken.json) == (200, "emma")
        asked = BooksOf(reader=ADA, also=ULYSSES)
        assert (await sender.ask(asked, fresh=True)) == ["emma", "emma"]
        assert (await call(app, "GET", "/readers/ada/books?also=ulysses")).json == ["emma", "emma"]
        described = (await call(app, "GET", "/openapi.json")).json["paths"]["/books/{book}/take"]["post"]
        (book,) = (each for each in described["parameters"] if each.get("name") == "book")
        assert book["schema"] == {"type": "string"}


def test_a_number_of_which_python_makes_no_text_is_no_identity() -> None:
    number: Any = 10**20_000
    with pytest.raises(BadKey, match="the identity an int of 66439 bits is not a text"):
        BookId(number)
