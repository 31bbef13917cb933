"""Messages and values: immutable, keyword-only, compared by value, with a name and version of their own."""

from typing import Any, NewType

import pytest

from remit import Command, DomainEvent, IntegrationEvent, Query, Refusal, Value, field
from remit.messages import Codec, Encoding, Message, contract_of, declared_context, not_carried, parameter_of, reply_of

OrderId = NewType("OrderId", str)


class Money(Value):
    amount: int


class SoldOut(Refusal): ...


class TooLate(Refusal): ...


class Place(Command[OrderId, SoldOut | TooLate], name="place_order", version=3, key="order"):
    order: OrderId
    price: Money
    notes: list[str] = field(default_factory=list[str])


class Cancel(Command[None, SoldOut]):
    order: OrderId


class Count(Query[int]): ...


class Placed(DomainEvent):
    order: OrderId


class OrderPlaced(IntegrationEvent, version=2):
    order: OrderId


class Base(Command[int]):
    order: OrderId


class Special(Base):
    more: int = 0


MESSAGES = [
    Place(order=OrderId("o"), price=Money(amount=1)),
    Cancel(order=OrderId("o")),
    Placed(order=OrderId("o")),
    OrderPlaced(order=OrderId("o")),
    Special(order=OrderId("o")),
    Money(amount=1),
]


def untyped(made: object) -> Any:
    """The same, where a test makes a mistake that a checker would report."""
    return made


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_cannot_be_changed(message: Any) -> None:
    name = message.__struct_fields__[0]
    before = repr(message)
    with pytest.raises(AttributeError, match="immutable"):
        setattr(message, name, "other")
    with pytest.raises(AttributeError):
        message.unknown = 1
    assert repr(message) == before


@pytest.mark.parametrize("cls", [type(message) for message in MESSAGES], ids=lambda cls: cls.__name__)
def test_fields_are_keyword_only(cls: Any) -> None:
    with pytest.raises(TypeError, match="positional"):
        cls("o")


def test_every_field_is_asked_for_and_no_other() -> None:
    with pytest.raises(TypeError, match="price"):
        untyped(Place)(order="o")
    with pytest.raises(TypeError, match="gift"):
        untyped(Cancel)(order="o", gift=True)


def test_messages_are_compared_by_value() -> None:
    one, other = Placed(order=OrderId("o")), Placed(order=OrderId("o"))
    assert (one, hash(one), repr(one)) == (other, hash(other), "Placed(order='o')")
    assert one != Placed(order=OrderId("p"))
    assert untyped(one) != OrderPlaced(order=OrderId("o"))


def test_replace_makes_a_changed_copy() -> None:
    order = Place(order=OrderId("o"), price=Money(amount=1))
    changed = order.replace(price=Money(amount=2))
    assert (order.price.amount, changed.price.amount, changed.order) == (1, 2, "o")
    with pytest.raises(TypeError, match="gift"):
        order.replace(gift=True)


def test_default_factories_are_called_for_each_message() -> None:
    one, other = (Place(order=OrderId("o"), price=Money(amount=1)) for _ in range(2))
    assert one.notes is not other.notes


@pytest.mark.parametrize(
    ("message", "name", "version", "key"),
    [
        (Place, "shop.place_order", 3, "order"),
        (Cancel, "shop.Cancel", 1, None),
        (OrderPlaced, "shop.OrderPlaced", 2, None),
        (Special, "shop.Special", 1, None),
    ],
)
def test_name_version_and_key_of_the_wire(message: type[Message], name: str, version: int, key: str | None) -> None:
    contract = contract_of(message, "shop")
    assert (contract.type, contract.version, contract.key, contract.message) == (name, version, key, message)


def test_the_wire_name_does_not_depend_on_module_and_class() -> None:
    class Renamed(Command[None], name="place_order", version=3):
        order: OrderId

    assert contract_of(Renamed, "shop").type == contract_of(Place, "shop").type


def test_key_and_identity_are_inherited_until_another_is_named() -> None:
    class OfStudent(DomainEvent, key="student"):
        student: str
        order: OrderId

    class Ordered(OfStudent): ...

    class Shipped(OfStudent, key="order"): ...

    class Charge(Command[None], key="student", identity="order"):
        student: str
        order: OrderId

    class ChargeTwice(Charge, version=2): ...

    assert [contract_of(each, "shop").key for each in (Ordered, Shipped, ChargeTwice)] == [
        "student",
        "order",
        "student",
    ]
    assert contract_of(ChargeTwice, "shop").identity == "order"
    assert contract_of(ChargeTwice, "shop").type == "shop.ChargeTwice"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"version": "1"}, "Bad: version='1' must be a whole number from 1 on"),
        ({"version": 0}, "Bad: version=0 must be a whole number from 1 on"),
        ({"version": True}, "Bad: version=True must be a whole number from 1 on"),
        ({"key": "student"}, "Bad: key='student' names no field of this message. Fields: order"),
        ({"key": 3}, "Bad: key=3 names no field of this message. Fields: order"),
        ({"name": "shop.placed"}, "Bad: name='shop.placed' must be letters, digits and '_', beginning with a letter"),
        ({"name": 3}, "Bad: name=3 must be letters, digits and '_', beginning with a letter"),
        ({"verzion": 1}, "Bad: no class option 'verzion'. Options: name, version, key"),
        ({"frozen": False}, "Bad: no class option 'frozen'. Options: name, version, key"),
    ],
    ids=str,
)
@pytest.mark.parametrize("base", [Command, Query, DomainEvent, IntegrationEvent], ids=lambda base: base.__name__)
def test_bad_class_options(base: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(TypeError) as caught:
        type(base)("Bad", (base,), {"__annotations__": {"order": str}, "__module__": __name__}, **options)
    assert str(caught.value) == says + (", identity" if base is Command and says.endswith("version, key") else "")


class Free(Value, tag=True):
    branch: str


class Held(Value, tag="held"):
    by: str = ""


class Book(Command[Free | Held]):
    shape: Free | Held
    more: list[Free | Held] = field(default_factory=list[Free | Held])


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_a_tag_tells_values_apart(encoding: Encoding) -> None:
    codec, book = Codec[Book](Book, encoding=encoding), Book(shape=Held(), more=[Free(branch="x"), Held(by="y")])
    assert codec.read(codec.write(book)) == book
    assert not_carried(Book) is None
    assert Codec[Free](Free).write(Free(branch="x")) == b'{"type":"Free","branch":"x"}'


@pytest.mark.parametrize(
    ("base", "options", "says"),
    [
        (Command, {"tag": True}, "Bad: only a Value has a tag"),
        (Value, {"taag": True}, "Bad: no class option 'taag'. Options: name, tag"),
        (Value, {"version": 2}, "Bad: no class option 'version'. Options: name, tag"),
        (Value, {"key": "x"}, "Bad: no class option 'key'. Options: name, tag"),
        (Value, {"name": "a-b"}, "Bad: name='a-b' must be letters, digits and '_', beginning with a letter"),
    ],
)
def test_only_a_value_has_a_tag(base: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(TypeError) as caught:
        type(base)("Bad", (base,), {"__module__": __name__}, **options)
    assert str(caught.value) == says


def test_a_field_may_not_hide_a_method() -> None:
    base: Any = DomainEvent
    with pytest.raises(TypeError, match="Bad: a field may not be called 'replace'"):
        type(base)("Bad", (base,), {"__annotations__": {"replace": str}, "__module__": __name__})


@pytest.mark.parametrize(
    ("message", "reply", "refusals"),
    [
        (Place, OrderId, (SoldOut, TooLate)),
        (Cancel, None, (SoldOut,)),
        (Count, int, ()),
        (Special, int, ()),
    ],
)
def test_reply_and_refusals_are_read_from_the_class(
    message: type[Message], reply: Any, refusals: tuple[type[Refusal], ...]
) -> None:
    found, declared = reply_of(message)
    assert (found in (reply, type(reply)), declared) == (True, refusals)


def test_a_parameter_is_found_above_its_class() -> None:
    assert parameter_of(Special, Command)[0] is int
    assert parameter_of(Special, Query) == ()


def test_a_module_names_the_context_of_its_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert declared_context(Place) is None
    monkeypatch.setitem(globals(), "__context__", "shop")
    assert declared_context(Place) == "shop"


class Tested(DomainEvent):
    percent: int


def test_a_message_whose_name_begins_as_that_of_a_test_is_none() -> None:
    """Pytest would make an object of it without arguments."""
    assert Tested(percent=1).percent == 1
