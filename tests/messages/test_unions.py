"""Unions of records: a member has its wire name as a tag, in a union and nowhere else, also between two releases."""

from __future__ import annotations

import dataclasses
from types import new_class
from typing import Annotated, Any, Generic, NamedTuple, NotRequired, Required, TypedDict, TypeVar

import msgspec
import pytest

from remit import Aggregate, Command, DomainEvent, Query, Refusal, Value, field
from remit.domain.recorded import as_recorded
from remit.errors import BadMessage, BadValue
from remit.messages import Codec, Encoding, decode_reply, encode_reply, not_carried, write_reply
from remit.messages.carried import not_a_key, not_an_identity

ENCODINGS: tuple[Encoding, ...] = ("json", "msgpack")
T = TypeVar("T")


class Free(Value):
    branch: str = ""


class Held(Value):
    by: str
    until: int = 0


class Occupied(Value, name="taken"):
    by: str
    before: Free | Held = Free()


class Night(Aggregate[str]):
    state: Free | Held | Occupied = Free()
    first: Free = Free()
    past: list[Free | Held | Occupied] = field(default_factory=list[Free | Held | Occupied])
    rooms: dict[str, Free | Held | None] = field(default_factory=dict[str, Free | Held | None])


class Hold(Command[Free | Held]):
    night: str
    want: Held | Free = Free(branch="a")


class Full(Refusal):
    now: Held | Occupied


def written(value: Any, type: Any = None) -> Any:
    return msgspec.json.decode(Codec[Any](type or value.__class__).write(value))


def test_record_has_its_wire_name_as_a_tag_in_a_union_and_nowhere_else() -> None:
    rooms = {"1": Held(by="c"), "2": None}
    night = Night(id="n", state=Occupied(by="a", before=Held(by="b")), past=[Free()], rooms={**rooms})
    assert written(night) == {
        "id": "n",
        "state": {"$type": "taken", "by": "a", "before": {"$type": "Held", "by": "b", "until": 0}},
        "first": {"branch": ""},
        "past": [{"$type": "Free", "branch": ""}],
        "rooms": {"1": {"$type": "Held", "by": "c", "until": 0}, "2": None},
    }
    assert written(Held(by="a")) == {"by": "a", "until": 0}
    for encoding in ENCODINGS:
        codec = Codec[Night](Night, encoding=encoding)
        assert codec.read(codec.write(night)) == night


def test_reply_and_refusal_have_tags() -> None:
    codec = Codec[Any](Free | Held)
    assert write_reply(Held(by="a"), codec) == b'{"reply":{"$type":"Held","by":"a","until":0}}'
    assert decode_reply(write_reply(Held(by="a"), codec), codec, ()) == Held(by="a")
    full = Full(now=Occupied(by="a"))
    assert b'"now":{"$type":"taken"' in write_reply(full, codec)
    assert write_reply(full, codec) == encode_reply(full)
    assert decode_reply(encode_reply(full), codec, (Full,)) == full


def test_command_is_written_without_a_default_that_stands_in_a_union() -> None:
    assert written(Hold(night="n")) == {"night": "n"}
    assert written(Hold(night="n", want=Free(branch="a"))) == {"night": "n"}
    assert written(Hold(night="n", want=Free())) == {"night": "n", "want": {"$type": "Free"}}
    assert Codec[Hold](Hold).read(b'{"night":"n"}') == Hold(night="n")


class Asked(Value):
    by: str
    until: int = 0


class Both(Query[None]):
    these: frozenset[Held | Asked]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_members_with_equal_fields_are_told_apart_in_a_set_and_by_content(encoding: Encoding) -> None:
    codec = Codec[Both](Both, encoding=encoding)
    one, other = Both(these=frozenset([Held(by="a")])), Both(these=frozenset([Asked(by="a")]))
    both = Both(these=one.these | other.these)
    assert codec.read(codec.write(both)) == both
    assert codec.canonical(one) != codec.canonical(other)
    assert codec.canonical(both) == codec.canonical(Both(these=frozenset([Asked(by="a"), Held(by="a")])))


def test_stranger_in_the_place_of_a_member_is_refused_when_it_is_written() -> None:
    class Longer(Held):
        more: int = 0

    for stranger in (Longer(by="a"), Asked(by="a"), {"by": "a"}, "a", None):
        night: Any = Night(id="n", state=Held(by="a"))
        night.state = stranger
        with pytest.raises(BadValue, match=r"is not a valid Night: .*state"):
            Codec[Night](Night).write(night)


def test_record_that_refuses_its_fields_is_no_message() -> None:
    class Even(Value):
        n: int

        def __post_init__(self) -> None:
            if self.n % 2:
                raise ValueError(f"{self.n} is odd")

    with pytest.raises(BadMessage, match="3 is odd"):
        Codec[Any](list[Even | Free]).read(b'[{"$type":"Even","n":3}]')


class Several(Value):
    of: list[str]


class Booked(DomainEvent):
    state: Free | Held


@dataclasses.dataclass
class Plain:
    by: str


class Listed(DomainEvent):
    state: Free | Several
    plain: Free | Plain = Free()


def test_event_with_a_union_of_what_cannot_change_is_not_copied_when_it_is_recorded() -> None:
    event, listed = Booked(state=Held(by="a")), Listed(state=Several(of=["a"]), plain=Plain("a"))
    assert as_recorded(event) is event
    recorded: Any = as_recorded(listed)
    assert recorded == listed
    assert recorded.plain is not listed.plain
    assert recorded.state.of is not listed.state.of  # type: ignore[union-attr]  # it is what was given


@pytest.mark.parametrize("type_", [Free | Held, list[Free | Held], Annotated[Free | Held, "either"]])
def test_union_of_records_is_neither_key_nor_identity(type_: Any) -> None:
    event: Any = new_class("Told", (DomainEvent,), {}, lambda body: body.update(__annotations__={"of": type_}))
    assert "of has a type whose text may change" in str(not_a_key(event, "of"))
    why = "of is a union of records, and two different records may have the same fields"
    assert not_an_identity(event, "of") == why


# ── two releases: a class is joined by another ──────────────────────────────────────────────────────────────────────


class OldHeld(Value, name="Held"):
    by: str
    until: int = 0


class OldNight(Aggregate[str]):
    state: OldHeld
    past: list[OldHeld] = field(default_factory=list[OldHeld])
    note: str = ""


class NewNight(Aggregate[str]):
    state: Held | Asked
    past: list[Held | Asked] = field(default_factory=list[Held | Asked])


class OldAsk(Command[None], name="Ask"):
    state: OldHeld
    more: set[OldHeld] = field(default_factory=set[OldHeld])


class NewAsk(Command[None], name="Ask"):
    state: Held | Asked
    more: set[Held | Asked] = field(default_factory=set[Held | Asked])


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_record_without_a_tag_is_read_as_the_first_member(encoding: Encoding) -> None:
    old = OldNight(id="n", state=OldHeld(by="a"), past=[OldHeld(by="b"), OldHeld(by="c", until=1)])
    data = Codec[OldNight](OldNight, encoding=encoding).write(old)
    data = (msgspec.json if encoding == "json" else msgspec.msgpack).encode(
        {**(msgspec.json if encoding == "json" else msgspec.msgpack).decode(data), "lost": 1}
    )
    night, rest = Codec[NewNight](NewNight, encoding=encoding).restore(data)
    assert night == NewNight(id="n", state=Held(by="a"), past=[Held(by="b"), Held(by="c", until=1)])
    assert rest is not None


def test_record_without_a_tag_that_is_not_the_first_member_is_an_error() -> None:
    with pytest.raises(BadMessage, match=r"missing required field `by` - at `\$.state`"):
        Codec[NewNight](NewNight).read(b'{"id":"n","state":{}}')


def test_stored_record_keeps_the_tag_that_an_older_release_does_not_know() -> None:
    new = Codec[NewNight](NewNight)
    night = NewNight(id="n", state=Held(by="a"), past=[Held(by="b"), Held(by="c")])
    codec = Codec[OldNight](OldNight)
    old, rest = codec.restore(new.write(night))
    assert rest is not None
    assert rest.completed(codec.write(old)) != codec.write(old)
    old.note, old.past = "x", [OldHeld(by="first"), *old.past]
    stored = msgspec.json.decode(rest.completed(codec.write(old)))
    assert stored["state"]["$type"] == "Held"
    assert [each.get("$type") for each in stored["past"]] == [None, "Held", "Held"]
    del stored["note"]
    back = new.read(msgspec.json.encode(stored))
    assert back.past == [Held(by="first"), Held(by="b"), Held(by="c")]


@pytest.mark.parametrize("where", ["state", "past"])
def test_other_member_is_not_taken_by_an_older_release_for_the_class_that_it_knows(where: str) -> None:
    night = NewNight(id="n", state=Held(by="a"))
    if where == "state":
        night.state = Asked(by="a")
    else:
        night.past = [Asked(by="a")]
    stored = Codec[NewNight](NewNight).write(night)
    with pytest.raises(msgspec.ValidationError, match="Expected `Held`, got `Asked`, which is new in this place"):
        Codec[OldNight](OldNight).restore(stored)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_command_means_the_same_in_both_releases(encoding: Encoding) -> None:
    old, new = Codec[OldAsk](OldAsk, encoding=encoding), Codec[NewAsk](NewAsk, encoding=encoding)
    asked = OldAsk(state=OldHeld(by="a", until=1), more={OldHeld(by="b"), OldHeld(by="c")})
    same = NewAsk(state=Held(by="a", until=1), more={Held(by="b"), Held(by="c")})
    assert new.read(old.write(asked)) == same
    assert old.read(new.write(same)) == asked
    assert old.canonical(asked) == new.canonical(same)
    with pytest.raises(BadMessage, match="Expected `Held`, got `Asked`, which is new in this place"):
        old.read(new.write(NewAsk(state=Asked(by="a"))))


def test_member_that_is_new_is_named_by_a_release_that_does_not_know_it() -> None:
    data = Codec[Any](list[Held | Asked]).write([Held(by="a"), Asked(by="b")])
    with pytest.raises(BadMessage, match=r"Invalid value 'Asked' - at `\$\[1\].\$type`"):
        Codec[Any](list[Held | Free]).read(data)


def test_field_that_is_new_in_a_member_is_kept_for_the_same_member_and_given_to_no_other() -> None:
    codec = Codec[Night](Night)
    data = b'{"id":"n","state":{"$type":"Held","by":"a","new":1},"first":{"branch":"b","new":2}}'
    for state, expected in ((Held(by="b"), 1), (Free(), None)):
        night, rest = codec.restore(data)
        night.state = state
        assert rest is not None
        kept = msgspec.json.decode(rest.completed(codec.write(night)))
        assert kept["state"].get("new") == expected
        assert kept["first"]["new"] == 2


class Bus(Value, tag=True):
    seats: int = 1


class Boat(Value, tag="boat"):
    decks: int = 1


class Trip(Aggregate[str]):
    by: Bus | Boat = Bus()


def test_tag_of_a_class_of_its_own_keeps_fields_apart_too() -> None:
    codec = Codec[Trip](Trip)
    trip, rest = codec.restore(b'{"id":"t","by":{"type":"Bus","seats":1,"new":1}}')
    trip.by = Boat()
    assert rest is not None
    assert msgspec.json.decode(rest.completed(codec.write(trip)))["by"] == {"type": "boat", "decks": 1}


def test_tuple_with_names_beside_a_mapping_is_read_as_each_of_them() -> None:
    """What is written as a list is looked for in lists only, when a field is not known."""

    class Listed(msgspec.Struct, array_like=True, frozen=True):
        first: Plain

    codec = Codec[Any](Listed | dict[str, int])
    assert codec.restore(b'{"a":1}')[0] == {"a": 1}
    assert codec.restore(b'[{"by":"x"}]')[0] == Listed(Plain("x"))
    assert not_carried(Listed | dict[str, int]) is None


class Booking(TypedDict):
    room: Free | Held
    nights: NotRequired[int]
    note: Annotated[NotRequired[str], "shown"]


class Change(TypedDict, total=False):
    room: Required[Free | Held]
    before: NotRequired[Free | Held]
    nights: int


class Stay(NamedTuple):
    state: Free | Held
    last: Free | Held = Held(by="b")


class Pairs(NamedTuple, Generic[T]):
    both: T | Free


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (Stay | Free, Stay(Held(by="a"))),
        (Stay | Free, Free(branch="x")),
        (Stay | Free | Held, Stay(Free(), Free())),
        (list[Stay | Free | Held | None], [Stay(Held(by="a")), Held(by="c"), None]),
        (Pairs[Held] | Free, Pairs(Held(by="a"))),
    ],
)
def test_tuple_with_names_and_a_union_inside_may_be_in_a_union_with_a_record(
    encoding: Encoding, type_: Any, value: Any
) -> None:
    codec = Codec[Any](type_, encoding=encoding)
    back = codec.read(codec.write(value))
    assert back == value
    assert type(back) is type(value)


def test_tuple_with_names_and_a_union_inside_is_written_as_a_list_and_read_with_its_defaults() -> None:
    assert written(Stay(Held(by="a"))) == [
        {"$type": "Held", "by": "a", "until": 0},
        {"$type": "Held", "by": "b", "until": 0},
    ]
    codec = Codec[Any](Stay | Free)
    assert codec.read(b'[{"$type":"Free"}]') == Stay(Free(), Held(by="b"))
    with pytest.raises(BadMessage, match="length 1 to 2"):
        codec.read(b'[{"$type":"Free"},{"$type":"Free"},1]')


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Booking, {"room": Held(by="a")}),
        (Booking, {"room": Free(), "nights": 2, "note": "late"}),
        (Change, {"room": Free()}),
        (Change, {"room": Free(), "before": Held(by="a"), "nights": 2}),
    ],
)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_typed_dict_with_a_union_may_have_keys_that_are_not_required(
    kind: Any, value: dict[str, Any], encoding: Encoding
) -> None:
    codec = Codec[Any](kind, encoding=encoding)
    assert codec.read(codec.write(value)) == value
    with pytest.raises(msgspec.ValidationError, match="room"):
        Codec[Any](kind).decode(b"{}")
