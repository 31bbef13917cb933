"""Fields that only one of two releases knows: refused, left out, or taken aside and put back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypedDict

import msgspec
import pytest

from remit import Aggregate, Command, DomainEvent, Query, Refusal, Value, field
from remit.errors import BadMessage, BadValue
from remit.messages import Codec, Encoding, decode_reply


class Place(Value):
    city: str


class Stop(Value):
    name: str
    place: Place | None = None
    seats: dict[int, Place] = field(default_factory=dict[int, Place])


class Tour(Aggregate[str]):
    stops: list[Stop] = field(default_factory=list[Stop])
    by_name: dict[str, Stop] = field(default_factory=dict[str, Stop])
    ends: tuple[str, Stop] | None = None
    visited: frozenset[Place] = frozenset()


class Told(DomainEvent):
    stop: Stop
    others: tuple[Stop, ...] = ()


class Full(Refusal):
    at: Stop


class Pay(Command[None]):
    who: str
    cents: int = 1000
    at: datetime = datetime(2030, 1, 1, tzinfo=UTC)
    stops: list[Stop] = field(default_factory=list[Stop])
    raw: bytes = b""
    on: bool | int = False


class Tip(Command[None]):
    cents: int = 1000
    word: str = "thank you"


class Look(Query[int]):
    deep: Stop = Stop(name="x")


def test_what_is_told_is_read_without_what_is_new_at_every_depth() -> None:
    data: dict[str, Any] = {
        "stop": {"name": "a", "place": {"city": "b", "zip": 1}, "seats": {3: {"city": "c", "x": {}}}, "y": 1},
        "others": [{"name": "d", "z": [1]}],
        "more": None,
    }
    expected = Told(stop=Stop(name="a", place=Place(city="b"), seats={3: Place(city="c")}), others=(Stop(name="d"),))
    assert Codec[Told](Told).read(msgspec.json.encode(data)) == expected
    assert Codec[Told](Told, encoding="msgpack").read(msgspec.msgpack.encode(data)) == expected


def test_a_refusal_is_read_without_what_is_new_at_every_depth() -> None:
    data = b'{"refusal":"Full","fields":{"at":{"name":"a","x":1},"y":2}}'
    refusal = decode_reply(data, Codec[Any](None), (Full,))
    assert isinstance(refusal, Full)
    assert refusal.at == Stop(name="a")


def test_what_does_not_fit_is_named_and_not_what_is_new() -> None:
    with pytest.raises(BadMessage, match=r"Expected `str`, got `int` - at `\$.stop.name`"):
        Codec[Told](Told).read(b'{"stop": {"new": 1, "name": 3}}')


@pytest.mark.parametrize(("cls", "data"), [(Pay, {"who": "a", "stops": [{"name": "b", "x": 1}]}), (Look, {"x": 1})])
def test_what_asks_is_read_strictly_at_every_depth(cls: type, data: Any) -> None:
    with pytest.raises(BadMessage, match="unknown field `x`"):
        Codec[Any](cls).read(msgspec.json.encode(data))


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (Pay(who="a"), {"who": "a"}),
        (Pay(who="a", cents=int("1000"), at=datetime(2030, 1, 1, tzinfo=UTC)), {"who": "a"}),
        (Pay(who="a", stops=[Stop(name="b")]), {"who": "a", "stops": [{"name": "b"}]}),
        (Pay(who="a", cents=0), {"who": "a", "cents": 0}),
        (Pay(who="a", on=0), {"who": "a", "on": 0}),
        (Tip(cents=int("1000"), word="thank {}".format("you")), {}),
        (Tip(word="thanks"), {"word": "thanks"}),
        (Look(), {}),
        (Look(deep=Stop(name="y", seats={})), {"deep": {"name": "y"}}),
    ],
)
@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_what_asks_is_written_without_its_defaults(message: Any, said: Any, encoding: Encoding) -> None:
    codec = Codec[Any](type(message), encoding=encoding)
    written = codec.encode(message)
    assert (msgspec.json if encoding == "json" else msgspec.msgpack).decode(written) == said
    assert codec.read(written) == message


def test_what_a_command_says_survives_in_each_encoding() -> None:
    seats = {7: Place(city="c")}
    pay = Pay(who="a", raw=b"\x00\xff", at=datetime(2031, 1, 1, tzinfo=UTC), stops=[Stop(name="b", seats=seats)])
    for encoding in ("json", "msgpack"):
        codec = Codec[Pay](Pay, encoding=encoding)
        assert codec.read(codec.encode(pay)) == pay


def test_what_tells_is_written_with_its_defaults() -> None:
    assert Codec[Told](Told).encode(Told(stop=Stop(name="a"))) == (
        b'{"stop":{"name":"a","place":null,"seats":{}},"others":[]}'
    )


STORED: dict[str, Any] = {
    "id": "t",
    "stops": [{"name": "a", "n": 1}, {"name": "b", "place": {"city": "c", "n": 2}}],
    "by_name": {"a": {"name": "a", "n": 3}, "b": {"name": "b"}},
    "ends": ["x", {"name": "z", "n": 4}],
    "visited": [{"city": "v", "n": 5}],
    "n": {"deep": [6]},
}


def after(change: Callable[[Tour], None] = lambda _: None) -> Any:
    """What is stored once an older release has changed a tour."""
    codec = Codec[Tour](Tour)
    tour, rest = codec.restore(msgspec.json.encode(STORED))
    change(tour)
    assert rest is not None
    return msgspec.json.decode(rest.completed(codec.encode(tour)))


def test_what_is_stored_keeps_what_is_not_known() -> None:
    kept = after()
    assert kept["n"] == {"deep": [6]}
    assert [stop.get("n") for stop in kept["stops"]] == [1, None]
    assert kept["stops"][1]["place"] == {"city": "c", "n": 2}
    assert kept["by_name"]["a"]["n"] == 3
    assert kept["ends"][1]["n"] == 4


def test_what_is_stored_keeps_a_single_field_that_is_not_known() -> None:
    codec = Codec[Tour](Tour)
    tour, rest = codec.restore(b'{"id":"t","n":1}')
    assert rest is not None
    assert msgspec.json.decode(rest.completed(codec.encode(tour)))["n"] == 1


def test_an_element_keeps_it_wherever_it_goes() -> None:
    def change(tour: Tour) -> None:
        tour.stops = [Stop(name="first"), *reversed(tour.stops)]

    kept = after(change)
    assert [stop.get("n") for stop in kept["stops"]] == [None, None, 1]
    assert kept["stops"][1]["place"]["n"] == 2


def test_a_changed_element_is_a_new_one() -> None:
    def change(tour: Tour) -> None:
        tour.stops[0] = tour.stops[0].replace(name="other")

    assert [stop.get("n") for stop in after(change)["stops"]] == [None, None]


def test_what_stands_under_a_key_keeps_it_as_long_as_the_key_is_there() -> None:
    def change(tour: Tour) -> None:
        tour.by_name["a"] = tour.by_name["a"].replace(place=Place(city="new"))
        del tour.by_name["b"]
        tour.ends = None

    kept = after(change)
    assert kept["by_name"] == {"a": {"name": "a", "place": {"city": "new"}, "seats": {}, "n": 3}}
    assert kept["ends"] is None

    def forget(tour: Tour) -> None:
        del tour.by_name["a"]

    assert list(after(forget)["by_name"]) == ["b"]


def test_a_stored_value_that_this_release_knows_wholly_has_no_rest() -> None:
    codec = Codec[Tour](Tour)
    assert codec.restore(codec.encode(Tour(id="t")))[1] is None


def test_tags_tell_members_of_a_union_apart() -> None:
    class Bus(msgspec.Struct, tag="bus", forbid_unknown_fields=True):
        seats: int

    class Boat(msgspec.Struct, tag="boat", forbid_unknown_fields=True):
        decks: list[Place]

    codec = Codec[Any](list[Bus | Boat])
    data = b'[{"type":"boat","decks":[{"city":"c","n":1}],"seats":3},{"type":"bus","seats":2}]'
    value, rest = codec.restore(data)
    assert value == [Boat(decks=[Place(city="c")]), Bus(seats=2)]
    assert rest is not None
    assert msgspec.json.decode(rest.completed(codec.encode(value))) == msgspec.json.decode(data)


@dataclasses.dataclass
class Address:
    city: str


class Contact(TypedDict):
    mail: str


class Member(Aggregate[str]):
    address: Address = Address("a")
    contact: Contact | None = None
    others: dict[str, Address] = field(default_factory=dict[str, Address])
    number: int = 0


class Move(Command[None]):
    address: Address
    contacts: list[Contact] = field(default_factory=list[Contact])


def test_records_that_are_no_values_keep_what_is_not_known_too() -> None:
    stored = {
        "id": "m",
        "address": {"city": "b", "zip": 1},
        "contact": {"mail": "x", "phone": 2},
        "others": {"home": {"city": "c", "zip": 3}},
        "number": 0,
    }
    codec = Codec[Member](Member)
    member, rest = codec.restore(msgspec.json.encode(stored))
    member.number = 1
    assert rest is not None
    assert msgspec.json.decode(rest.completed(codec.encode(member))) == {**stored, "number": 1}
    assert codec.restore(codec.encode(member))[1] is None


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"address": {"city": "b", "zip": 1}}, r"`zip` - at `\$.address`"),
        (
            {"address": {"city": "b"}, "contacts": [{"mail": "x"}, {"mail": "y", "z": 1}]},
            r"`z` - at `\$.contacts\[1\]`",
        ),
    ],
)
@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_a_command_is_read_strictly_in_records_that_are_no_values(data: Any, place: str, encoding: Encoding) -> None:
    write = msgspec.json.encode if encoding == "json" else msgspec.msgpack.encode
    with pytest.raises(BadMessage, match=f"unknown field {place}"):
        Codec[Move](Move, encoding=encoding).read(write(data))


class Trip(DomainEvent):
    visited: frozenset[Place]
    more: list[set[Place]] = field(default_factory=list[set[Place]])


def test_what_is_new_in_a_set_is_ignored_like_elsewhere() -> None:
    data = {"visited": [{"city": "a", "zip": 1}, {"city": "b"}], "more": [[{"city": "c", "zip": 2}]], "new": 1}
    expected = Trip(visited=frozenset({Place(city="a"), Place(city="b")}), more=[{Place(city="c")}])
    assert Codec[Trip](Trip).read(msgspec.json.encode(data)) == expected


SETS: dict[str, Any] = {**STORED, "visited": [{"city": city, "n": city * 2} for city in "abcdef"]}


def test_an_element_of_a_set_keeps_what_is_not_known() -> None:
    codec = Codec[Tour](Tour)
    tour, rest = codec.restore(msgspec.json.encode(SETS))
    tour.visited = frozenset({Place(city=city) for city in "fedxa"})
    assert rest is not None
    kept = msgspec.json.decode(rest.completed(codec.encode(tour)))["visited"]
    assert sorted(kept, key=lambda place: place["city"]) == [
        {"city": city, "n": city * 2} if city != "x" else {"city": city} for city in "adefx"
    ]


def test_elements_that_differ_only_in_what_is_not_known_are_not_written_as_one() -> None:
    codec = Codec[Tour](Tour)
    stored = msgspec.json.encode({**STORED, "visited": [{"city": "a", "n": 1}, {"city": "a", "n": 2}]})
    tour, rest = codec.restore(stored)
    assert tour.visited == frozenset({Place(city="a")})
    assert rest is not None
    assert rest.completed(codec.encode(tour)) == stored, "what was only looked at stays as it is"
    tour.stops = []
    with pytest.raises(BadValue, match="would be lost"):
        rest.completed(codec.encode(tour))


EQUAL = [
    # what is there, each with what is not known of it; what the older release makes of it; what must be kept
    ("a1 a2 a3", "b a a a", "b a1 a2 a3"),
    ("a1 a2 a3", "b a a a c", "b a1 a2 a3 c"),
    ("a1 a2 a3", "a a a a", "a1 a2 a3 a"),
    ("a1 a2 b1 a3", "a a c b a", "a1 a2 c b1 a3"),
    ("a1 b1 a2 c1", "x b a y", "x b1 a2 y"),
    ("a1 b1 a2 c1", "x y b a z", "x y b1 a2 z"),
    ("a1 a2 a3 b1 b2", "a x a b b", "a1 x a3 b1 b2"),
    ("a1 a2 a3", "x a y", "x a2 y"),
    ("b1 a1 a2", "a a b", "a1 a2 b1"),
    ("a a2 b1", "c a a b", "c a a2 b1"),
    ("a1 b1 a2 b2 c1", "b b a a", "b1 b2 a1 a2"),
    ("a1 a2", "", ""),
]


@pytest.mark.parametrize(("before", "made", "kept"), EQUAL)
def test_equal_elements_of_a_list_keep_each_its_own(before: str, made: str, kept: str) -> None:
    """Two may be equal for an older release only; each keeps what is not known of it, and no two get the same."""
    codec = Codec[Tour](Tour)
    stored = [{"name": each[:1], **({"n": int(each[1:])} if each[1:] else {})} for each in before.split()]
    tour, rest = codec.restore(msgspec.json.encode({"id": "t", "stops": stored}))
    tour.stops = [Stop(name=each) for each in made.split()]
    assert rest is not None
    written = msgspec.json.decode(rest.completed(codec.encode(tour)))["stops"]
    assert " ".join(f"{each['name']}{each.get('n', '')}" for each in written) == kept


def test_equal_elements_of_a_long_list_take_no_time_that_grows_with_its_square() -> None:
    codec = Codec[Tour](Tour)
    stored = [{"name": "a", "n": number} for number in range(1_000)]
    tour, rest = codec.restore(msgspec.json.encode({"id": "t", "stops": stored}))
    compared: list[int] = []

    class Counted(bytes):
        def __eq__(self, other: object) -> bool:
            compared.append(1)
            return super().__eq__(other)

        __hash__ = bytes.__hash__

    tour.stops = [Stop(name="b"), *tour.stops, Stop(name="c")]
    assert rest is not None

    def said(element: Any) -> bytes:
        return Counted(msgspec.json.encode(element))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("remit.messages.fields._said", said)
        written = msgspec.json.decode(rest.completed(codec.encode(tour)))["stops"]
    assert [each.get("n") for each in written] == [None, *range(1_000), None]
    assert len(compared) < 20 * len(stored)


TODAY = [29]


def today() -> int:
    return TODAY[0]


class Slot(Value):
    day: int = field(default_factory=today)
    room: str = "a"


class Book(Command[None]):
    room: str
    day: int = field(default_factory=today)
    slot: Slot = field(default_factory=Slot)
    tags: list[str] = field(default_factory=list[str])
    seats: dict[str, int] = {}  # noqa: RUF012  # a factory is made of it


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_what_a_function_makes_is_written_always(encoding: Encoding, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may make something else where and when the message is read."""
    codec, book = Codec[Book](Book, encoding=encoding), Book(room="r")
    written, content = codec.encode(book), codec.canonical(book)
    said = (msgspec.json if encoding == "json" else msgspec.msgpack).decode(written)
    assert said == {"room": "r", "day": 29, "slot": {"day": 29}}
    assert codec.read(codec.encode(book.replace(tags=["x"]))).tags == ["x"]
    monkeypatch.setattr(f"{__name__}.TODAY", [30])
    assert codec.read(written) == book
    assert Codec[Book](Book, encoding=encoding).canonical(book) == content, "and it is the same command tomorrow"
