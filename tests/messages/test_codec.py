"""The codec: what goes in comes out, and what does not fit says where and why."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec
import pytest

from remit import Command, DomainEvent, IntegrationEvent, Query, Refusal, Value
from remit.errors import BadMessage
from remit.messages import Codec, decode_reply, encode_reply, not_carried


class Money(Value):
    amount: Decimal
    currency: str = "EUR"


class Line(Value):
    course: str
    price: Money


class Place(Command[str]):
    order: UUID
    at: datetime
    lines: list[Line]
    names: dict[int, str] | None = None


class Count(Query[int]):
    of: str


class Placed(DomainEvent):
    order: str


class OrderPlaced(IntegrationEvent):
    order: str


class Refused(Refusal):
    reason: str
    price: Money | None = None
    lines: tuple[int, ...] = ()


class SoldOut(Refusal): ...


ORDER = Place(
    order=UUID(int=7),
    at=datetime(2025, 3, 1, 12, tzinfo=UTC),
    lines=[Line(course="c", price=Money(amount=Decimal("12.50")))],
    names={1: "one"},
)


def test_a_message_survives_the_wire() -> None:
    codec = Codec[Place](Place)
    assert codec.read(codec.encode(ORDER)) == ORDER


@pytest.mark.parametrize(
    ("cls", "data", "says"),
    [
        (Count, b'{"of": 3}', "Expected `str`, got `int` - at `$.of`"),
        (Count, b"{}", "Object missing required field `of`"),
        (Count, b'{"of": "x", "more": 1}', "Object contains unknown field `more`"),
        (Count, b'{"of": ', "Input data was truncated"),
        (Count, b"\xff", "JSON is malformed: invalid character (byte 0)"),
        (Place, b'{"order": "7", "at": "x", "lines": []}', "Invalid UUID - at `$.order`"),
    ],
)
def test_bytes_of_something_else_are_a_bad_message(cls: type, data: bytes, says: str) -> None:
    with pytest.raises(BadMessage) as caught:
        Codec[Any](cls).read(data)
    assert str(caught.value) == f"message.invalid  {cls.__name__}\n  {says}\n  Expected: JSON of {cls.__name__}"


@pytest.mark.parametrize(("cls", "takes"), [(Count, False), (Place, False), (Placed, True), (OrderPlaced, True)])
def test_only_events_take_fields_they_do_not_know(cls: Any, takes: bool) -> None:
    samples: dict[type, Any] = {Count: Count(of="x"), Place: ORDER, Placed: Placed(order="o")}
    codec = Codec[Any](cls)
    sample = samples.get(cls, OrderPlaced(order="o"))
    data = codec.encode(sample)[:-1] + b',"added_later":1}'
    if takes:
        assert codec.read(data) == sample
    else:
        with pytest.raises(BadMessage, match="unknown field `added_later`"):
            codec.read(data)


@pytest.mark.parametrize(
    ("reply", "declared"),
    [
        (None, None),
        (3, int),
        ("o-1", str),
        ([Money(amount=Decimal(3))], list[Money]),
        ({"a": [1, 2]}, dict[str, list[int]]),
    ],
)
def test_a_reply_makes_a_round_trip(reply: Any, declared: Any) -> None:
    assert decode_reply(encode_reply(reply), Codec[Any](declared), ()) == reply


@pytest.mark.parametrize(
    "make",
    [SoldOut, lambda: Refused(reason="x", price=Money(amount=Decimal("1.10")), lines=(1, 2))],
    ids=["bare", "full"],
)
def test_a_refusal_makes_a_round_trip(make: Callable[[], Refusal]) -> None:
    sent = make()
    received = decode_reply(encode_reply(sent), Codec[Any](str), (Refused, SoldOut))
    assert (type(received), str(received), received.args) == (type(sent), str(sent), ())
    with pytest.raises(type(sent)):
        raise received


def test_what_was_noted_on_a_refusal_does_not_travel() -> None:
    refusal = SoldOut()
    refusal.add_note("seen in the warehouse")
    assert encode_reply(refusal) == b'{"refusal":"SoldOut","fields":{}}'


@pytest.mark.parametrize(
    ("data", "refusals", "says"),
    [
        (b'{"refusal": "Other"}', (SoldOut,), "the refusal 'Other' is not declared\n  Expected: SoldOut"),
        (b'{"refusal": "Other"}', (), "the refusal 'Other' is not declared\n  Expected: no refusal"),
        (b'{"refusal": "Refused"}', (Refused,), "Object missing required field `reason`"),
        (b'{"refusal": "Refused", "fields": {"reason": 3}}', (Refused,), "Expected `str`, got `int` - at `$.reason`"),
        (b'{"reply": 3}', (), "Expected `str`, got `int`"),
        (b"[]", (), "Expected `object`, got `array`"),
        (b"{", (), "Input data was truncated"),
    ],
)
def test_bytes_that_are_no_answer_are_a_bad_message(
    data: bytes, refusals: tuple[type[Refusal], ...], says: str
) -> None:
    with pytest.raises(BadMessage) as caught:
        decode_reply(data, Codec[Any](str), refusals)
    assert says in str(caught.value)


class Opaque: ...


class Tagged(Value, tag=True):
    n: int


class Holder(Value):
    inside: dict[str, list[Opaque]]


class Outer(Value):
    holder: Holder


class Tree(Value):
    children: "list[Tree]"


class Lost(Value):
    where: "Nowhere"  # type: ignore[name-defined]  # noqa: F821  # the mistake is the point of the test


CARRIED = [Place, Tree, Refused, None, int, list[Money], OrderPlaced, dict[UUID | int, int], dict[Literal["a", 1], int]]
NO_KEYS = "it has keys that are neither text nor numbers nor times"


@pytest.mark.parametrize("type_", CARRIED)
def test_what_json_can_carry(type_: Any) -> None:
    assert not_carried(type_) is None


@pytest.mark.parametrize(
    ("type_", "why"),
    [
        (Opaque, "it has the type Opaque, which has no form in JSON"),
        (Outer, "holder.inside has the type Opaque, which has no form in JSON"),
        (complex, "it has the type complex, which has no form in JSON"),
        (Lost, "name 'Nowhere' is not defined"),
        (Money | dict[str, int], "Type unions may not contain more than one dict-like type"),
        (list[tuple[Money | Tagged, ...]], "tests.messages.test_codec.Tagged has a tag of its own"),
        (dict[bool, int], NO_KEYS),
        (dict[str | bool, int], NO_KEYS),
        (dict[str | int, int], NO_KEYS),
        (dict[str | None, int], NO_KEYS),
        (list[dict[tuple[int, int], int]], NO_KEYS),
        (dict[Money, int], NO_KEYS),
        (msgspec.Raw, "it holds encoded bytes"),
    ],
)
def test_what_json_cannot_carry(type_: Any, why: str) -> None:
    assert (not_carried(type_) or "")[: len(why)] == why
