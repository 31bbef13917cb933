"""Whatever is stored or travels can be written and read back: messages, replies, refusals, documents, keys."""

from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from types import new_class
from typing import Any, NewType
from uuid import UUID

import pytest

from remit import Aggregate, Command, Context, DomainEvent, Projection, Query, Refusal, Repository, Value
from tests.checks.shop import Count, checked, only


class Opaque: ...


class BadField(Query[int]):
    inside: Opaque


class BadReply(Query[Opaque]): ...


class BadRefusal(Refusal):
    inside: Opaque


class BadAnswer(Query[int, BadRefusal]): ...


class BadState(Aggregate[str]):
    inside: Opaque | None = None


class Unresolved(Query[int]):
    inside: "Nowhere"  # type: ignore[name-defined]  # noqa: F821  # the mistake is the point of the test


@pytest.mark.parametrize("message", [BadField, BadReply, BadAnswer, Unresolved])
def test_message_not_encodable(message: Any) -> None:
    sales = Context("sales")

    async def answer(query: object) -> Any: ...

    sales.answer(message)(answer)
    finding = only(checked(sales))
    assert finding.code == "message.not-encodable"
    assert "Opaque" in finding.what or "Nowhere" in finding.what


def test_message_not_encodable_in_an_aggregate() -> None:
    sales = Context("sales")

    @sales.answer(Count)
    async def counting(query: Count, states: Repository[BadState]) -> int:
        return 1

    finding = only(checked(sales))
    assert finding.what == "BadState cannot be stored or sent: inside has the type Opaque, which has no form in JSON"


def test_refusal_kind() -> None:
    no_refusal: Any = int

    class Bad(Query[int, no_refusal]): ...

    sales = Context("sales")

    @sales.answer(Bad)
    async def answer(query: Bad) -> int:
        return 1

    assert only(checked(sales)).code == "refusal.kind"


def test_refusal_collision() -> None:
    def another() -> Any:
        class SoldOut(Refusal): ...

        return SoldOut

    one, other = another(), another()

    class Bad(Query[int, one | other]): ...  # type: ignore[valid-type]  # made on the spot, so that they share a name

    sales = Context("sales")

    @sales.answer(Bad)
    async def answer(query: Bad) -> int:
        return 1

    assert only(checked(sales)).code == "refusal.collision"


class Spot(Value):
    row: int


class Level(Enum):
    LOW = "low"


class Side(StrEnum):
    LEFT = "left"


@pytest.mark.parametrize(
    "identity", [Spot, frozenset[str], list[str], Level, str | None, bytes, tuple[int, int], float]
)
def test_an_identity_whose_text_may_be_another_one_tomorrow(identity: Any) -> None:
    context = Context("shop")
    spot: Any = new_class("ParkingSpot", (Aggregate[identity],))

    moved_event: Any = new_class("Moved", (DomainEvent,), {"key": "to"}, lambda body: body.update(_of(identity)))

    async def fine(command: Fine, spots: Any) -> None: ...

    async def moved(event: Any) -> None: ...

    fine.__annotations__["spots"], moved.__annotations__["event"] = Repository[spot], moved_event
    context.handle(Fine)(fine)
    context.react(moved_event)(moved)
    where_spots_are: Any = new_class("WhereSpotsAre", (Projection[identity, Parked],), {}, _folding)
    context.project(where_spots_are)

    found = checked(context)
    assert [each.code for each in found] == ["message.not-a-key"] * 3


class Charge(Value):
    amount: float


def told_by(identity: Any) -> list[str]:
    shop = Context("shop")
    body: dict[str, Any] = {"__annotations__": {"by": identity}, "__module__": __name__}
    pay: Any = new_class("Pay", (Command[None],), {"identity": "by"}, lambda made: made.update(body))

    async def paying(command: Any) -> None: ...

    paying.__annotations__["command"] = pay
    shop.handle(pay)(paying)
    return [f"{each.code} {each.what}" for each in checked(shop)]


@pytest.mark.parametrize("identity", [float, float | None, list[float], Charge])
def test_wishes_are_not_told_apart_by_fractions(identity: Any) -> None:
    (found,) = told_by(identity)
    assert found.startswith("message.not-a-key Pay cannot be identified by by: by is or contains a float")


@pytest.mark.parametrize("identity", [str, int, Decimal, Spot, frozenset[str], str | None, tuple[int, int], Level])
def test_wishes_are_told_apart_by_whatever_is_written_alike(identity: Any) -> None:
    assert told_by(identity) == []


@pytest.mark.parametrize("identity", [str, int, UUID, date, datetime, Decimal, Side, NewType("SpotId", str)])
def test_other_identities_are_fine(identity: Any) -> None:
    context = Context("shop")
    spot: Any = new_class("ParkingSpot", (Aggregate[identity],))

    async def fine(command: Fine, spots: Any) -> None: ...

    fine.__annotations__["spots"] = Repository[spot]
    context.handle(Fine)(fine)
    assert checked(context) == []


class Fine(Command[None]):
    pass


class Parked(DomainEvent):
    pass


def _folding(body: dict[str, Any]) -> None:
    def key(event: Any) -> Any:
        return event

    def evolve(document: Any, event: Any) -> None: ...

    body.update(key=staticmethod(key), evolve=evolve)


def _of(identity: Any) -> dict[str, Any]:
    return {"__annotations__": {"to": identity}, "__module__": __name__}
