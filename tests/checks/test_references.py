"""An aggregate is referred to by its identity."""

from __future__ import annotations

from remit import Aggregate, Command, Context, DomainEvent, Record, Records, Repository, Value
from tests.checks.shop import checked, only


class Moved(DomainEvent):
    guest: str


class Guest(Aggregate[int, Moved]):
    name: str = ""


class Bed(Value):
    width: int = 90


class Part(Value):
    guests: tuple[Guest, ...] = ()


class Room(Aggregate[str, Moved]):
    beds: tuple[Bed, ...] = ()
    guest: int = 0


class Crowded(Aggregate[str, Moved]):
    part: Part | None = None


class Tariff(Record[str]):
    of: Room | None = None


class Note(Record[str]):
    part: Bed | None = None


class Offer(Value):
    note: Note | None = None


class Suite(Aggregate[str]):
    beside: tuple[Suite, ...] = ()


class Go(Command[None]):
    offer: Offer | None = None


class Move(Command[None]):
    guest: Guest


async def move(command: Move) -> None: ...


def test_an_aggregate_that_holds_another_one_at_any_depth_is_reported_with_the_path() -> None:
    hotel = Context("hotel")

    @hotel.handle(Go)
    async def go(command: Go, crowded: Repository[Crowded], guests: Repository[Guest]) -> None: ...

    finding = only(checked(hotel))
    assert finding.code == "aggregate.reference"
    assert finding.what.startswith("Crowded.part.guests holds Guest, which is an aggregate")
    assert finding.expected == "its identity, which has the type int"
    assert finding.next.startswith("guests: int; or make Guest a Value")


def test_a_record_that_holds_an_aggregate_is_reported() -> None:
    hotel = Context("hotel")

    @hotel.handle(Go)
    async def go(command: Go, tariffs: Records[Tariff]) -> None: ...

    assert only(checked(hotel)).what.startswith("Tariff.of holds Room")


def test_a_message_that_holds_an_aggregate_is_reported() -> None:
    hotel = Context("hotel")
    hotel.handle(Move)(move)
    assert only(checked(hotel)).what.startswith("Move.guest holds Guest")


def test_values_identities_and_records_are_no_references() -> None:
    hotel = Context("hotel")

    @hotel.handle(Go)
    async def go(command: Go, rooms: Repository[Room], notes: Records[Note]) -> None: ...

    assert checked(hotel) == []


def test_an_aggregate_that_holds_others_of_its_own_class_is_reported() -> None:
    hotel = Context("hotel")

    @hotel.handle(Go)
    async def go(command: Go, suites: Repository[Suite]) -> None: ...

    finding = only(checked(hotel))
    assert finding.code == "aggregate.reference"
    assert finding.what.startswith("Suite.beside holds Suite")
