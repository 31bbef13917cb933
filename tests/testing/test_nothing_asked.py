"""Expectations that would compare nothing are mistakes of the test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from remit import Aggregate, Command, Context, DomainEvent, Repository, System
from remit.testing import Double, KitError, alone, given, running
from tests.testing.library import BookLent, Lend, MayBorrow, lending, library, readers


class Stocked(DomainEvent, key="shelf"):
    shelf: int


class Stock(Command[None]):
    shelf: int


class Shelf(Aggregate[int, Stocked]):
    async def stock_later(self) -> None:
        self.record(Stocked(shelf=self.id))

    def stock_by_and_by(self) -> Iterator[int]:
        self.record(Stocked(shelf=self.id))
        yield 1


def test_a_result_that_has_not_run_is_no_result() -> None:
    with pytest.raises(KitError, match="returned a coroutine, which nothing awaits"):
        given(Shelf(id=1)).when(lambda shelf: shelf.stock_later())
    with pytest.raises(KitError, match="returned a generator, which nothing runs"):
        given(Shelf(id=1)).when(Shelf.stock_by_and_by)


def test_leaves_without_a_state_compares_nothing() -> None:
    states: list[Shelf] = []
    with pytest.raises(KitError, match="no state is expected"):
        given(Shelf(id=1)).when(lambda shelf: None).leaves(*states)


def test_an_ordering_key_may_be_what_its_field_is() -> None:
    shop = Context("shop")

    @shop.handle(Stock)
    async def stock(command: Stock, shelves: Repository[Shelf]) -> None:
        (await shelves.obtain(command.shelf)).record(Stocked(shelf=command.shelf))

    number: Any = 7
    with running(System("shop", contexts=[shop])) as app:
        app.send(Stock(shelf=7))
        assert app.recorded(Stocked, key=number) == app.recorded(Stocked, key="7") == [Stocked(shelf=7)]


def test_a_double_is_asked_only_for_what_its_context_handles() -> None:
    double = Double(readers).on(MayBorrow).answers(True)
    message: Any = BookLent
    with alone(lending, of=library, doubles=[double]):
        assert double.received(MayBorrow) == []
        with pytest.raises(KitError, match="Lend is not what readers handles"):
            double.received(Lend)
        with pytest.raises(KitError, match="BookLent is not what readers handles"):
            double.received(message)
