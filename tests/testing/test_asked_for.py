"""What a test asks a running system for: a class that the system cannot have is an error, and no empty list."""

from __future__ import annotations

from typing import Any

import pytest

from learning.certification.domain import CertificateIssued
from remit import Aggregate, Command, Context, DomainEvent, Events, IntegrationEvent, Repository, System
from remit.testing import KitError, alone, running
from tests.testing.library import (
    Ban,
    Banned,
    BookLent,
    BookReturned,
    GiveBack,
    Lent,
    MemberBanned,
    ReaderBanned,
    Remind,
    Returned,
    lending,
    library,
)


class Retuned(DomainEvent): ...


class Reclaimed(Returned): ...


class BookLend(IntegrationEvent, version=1): ...


class Remaind(Command[None]): ...


def test_a_class_that_the_system_does_not_have_is_a_mistake_of_the_test() -> None:
    with running(library) as app:
        with pytest.raises(KitError, match="no context of this system records CertificateIssued"):
            app.recorded(CertificateIssued)
        with pytest.raises(KitError, match="no context of this system publishes BookLend") as unknown:
            app.published(BookLend)
        assert unknown.value.next == "did you mean BookLent?"
        with pytest.raises(KitError, match="no context of this system handles or sends Remaind") as unknown:
            app.sent(Remaind)
        assert unknown.value.next == "did you mean Remind?"


def test_what_the_system_has_and_what_is_above_or_below_it_may_be_missing() -> None:
    with running(library) as app:
        for event in (Lent, Returned, Banned, MemberBanned, Reclaimed, DomainEvent):
            assert app.recorded(event) == []
        for public in (BookLent, BookReturned, ReaderBanned, IntegrationEvent):
            assert app.published(public) == []
        for command in (Remind, GiveBack, Ban):
            assert app.sent(command) == []


def test_one_context_alone_does_not_record_what_its_neighbours_record() -> None:
    with alone(lending, of=library) as app:
        assert app.recorded(Banned) == []
        with pytest.raises(KitError, match="records MemberBanned"):
            app.recorded(MemberBanned)
        assert app.published(ReaderBanned) == []


class Shelf(Aggregate[str, Returned]): ...


class Anything(Aggregate[str]): ...


class Work(Command[None]): ...


def test_an_event_with_another_name_is_proposed() -> None:
    house = Context("house")

    @house.handle(Work)
    async def work(command: Work, shelves: Repository[Shelf]) -> None: ...

    with running(System("house", contexts=[house])) as app:
        with pytest.raises(KitError, match="no context of this system records Retuned") as unknown:
            app.recorded(Retuned)
        assert unknown.value.next == "did you mean Returned?"


def test_an_aggregate_that_names_no_events_may_record_every_domain_event_of_its_package() -> None:
    house = Context("house")

    @house.handle(Work)
    async def work(command: Work, things: Repository[Anything]) -> None: ...

    with running(System("house", contexts=[house])) as app:
        assert app.recorded(Retuned) == []


def test_events_without_an_aggregate_are_known_too() -> None:
    house = Context("house")

    @house.handle(Work)
    async def work(command: Work, events: Events[Retuned | BookLend]) -> None: ...

    with running(System("house", contexts=[house])) as app:
        assert (app.recorded(Retuned), app.published(BookLend)) == ([], [])


@pytest.mark.parametrize(
    "asked", ["Lent", Lent.__new__, BookLent, Retuned | Returned], ids=["text", "method", "published", "union"]
)
def test_what_is_no_class_of_events_is_a_mistake_of_the_test(asked: Any) -> None:
    with running(library) as app, pytest.raises(KitError, match="is asked for"):
        app.recorded(asked)
