"""Aggregates: mutable, keyword-only, with an identity, and with the events they recorded since they were asked."""

from dataclasses import dataclass
from typing import Any, NewType

import pytest

from remit import Aggregate, DomainEvent, Value, field
from remit.domain import take_recorded
from remit.messages import Codec

OrderId = NewType("OrderId", str)


class Money(Value):
    amount: int


@dataclass
class Address:
    city: str


class Placed(DomainEvent):
    order: OrderId


class Cancelled(DomainEvent):
    order: OrderId


class Order(Aggregate[OrderId, Placed | Cancelled]):
    lines: list[Money] = field(default_factory=list[Money])
    placed: bool = False

    def place(self, line: Money) -> None:
        self.lines.append(line)
        self.placed = True
        self.record(Placed(order=self.id))


def test_an_aggregate_decides_and_records() -> None:
    order = Order(id=OrderId("o"))
    order.place(Money(amount=1))
    order.record(Cancelled(order=order.id))
    assert (order.placed, order.lines) == (True, [Money(amount=1)])
    assert take_recorded(order) == [Placed(order=OrderId("o")), Cancelled(order=OrderId("o"))]
    assert take_recorded(order) == [], "taken once"


class Special(Order): ...


class Packed(DomainEvent):
    lines: list[Money]
    by_name: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    anything: Any = None
    address: Address | None = None
    order: str = ""


class Box(Aggregate[str, Packed]):
    lines: list[Money] = field(default_factory=list[Money])


def test_an_event_is_as_it_was_when_it_was_recorded() -> None:
    box, by_name, anything, address = Box(id="b"), {"a": [1]}, {"x": [{1}]}, Address("a")
    for number in (1, 2):
        box.lines.append(Money(amount=number))
        by_name["a"].append(number)
        box.record(Packed(lines=box.lines, by_name=by_name, anything=(anything,), address=address))
        anything["x"][0].add(7)
        address.city += "!"
    box.lines.clear()
    one, two = take_recorded(box)
    assert one == Packed(lines=[Money(amount=1)], by_name={"a": [1, 1]}, anything=({"x": [{1}]},), address=Address("a"))
    assert two == Packed(
        lines=[Money(amount=1), Money(amount=2)],
        by_name={"a": [1, 1, 2]},
        anything=({"x": [{1, 7}]},),
        address=Address("a!"),
    )


def test_an_event_that_nothing_can_change_is_recorded_itself() -> None:
    order, event = Order(id=OrderId("o")), Placed(order=OrderId("o"))
    order.record(event)
    assert take_recorded(order)[0] is event


def test_what_is_recorded_belongs_to_its_aggregate() -> None:
    one, other = Order(id=OrderId("a")), Order(id=OrderId("b"))
    one.place(Money(amount=1))
    assert (take_recorded(other), other.lines) == ([], [])
    assert len(take_recorded(one)) == 1


def test_fields_are_keyword_only_and_the_identity_is_needed() -> None:
    made: Any = Order
    with pytest.raises(TypeError, match="positional"):
        made("o")
    with pytest.raises(TypeError, match="id"):
        made()
    with pytest.raises(TypeError, match="gift"):
        made(id="o", gift=True)


def test_fields_with_and_without_defaults_stand_in_any_order() -> None:
    class Mixed(Aggregate[OrderId]):
        placed: bool = False
        student: str

    assert Mixed(id=OrderId("o"), student="ada").student == "ada"


def test_an_aggregate_has_no_class_options() -> None:
    base: Any = Aggregate
    with pytest.raises(TypeError, match="Bad: no class option 'frozen'"):
        type(base)("Bad", (base,), {"__module__": __name__}, frozen=True)


def test_aggregates_with_equal_fields_are_equal_and_show_what_differs() -> None:
    one, other = Order(id=OrderId("o")), Order(id=OrderId("o"))
    one.record(Placed(order=one.id))
    assert (one, hash(one)) == (other, hash(other))
    other.placed = True
    assert one != other
    assert repr(other) == "Order(id='o', lines=[], placed=True)"
    assert Order(id=OrderId("o")) != Order(id=OrderId("p"))
    assert one != Special(id=OrderId("o"))


def test_changed_aggregate_is_found_again_in_a_set() -> None:
    order = Order(id=OrderId("o"))
    known = {order: 1, Order(id=OrderId("p")): 2}
    order.place(Money(amount=1))
    assert known[order] == 1


def test_its_state_is_stored_without_what_it_recorded() -> None:
    codec = Codec[Order](Order)
    order = Order(id=OrderId("o"))
    order.place(Money(amount=7))
    data = codec.encode(order)
    again = codec.read(data)
    assert data == b'{"id":"o","lines":[{"amount":7}],"placed":true}'
    assert (again.id, again.lines, again.placed, take_recorded(again)) == ("o", [Money(amount=7)], True, [])
