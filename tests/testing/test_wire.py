"""What a step decides is compared as it is read from the wire, by type and content."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    IntegrationEvent,
    Projection,
    Query,
    Refusal,
    Repository,
    Value,
)
from remit import field as default
from remit.errors import BadKey, BadValue, IdentityChanged, NotDeclared
from remit.testing import KitError, Outcome, given


class Price(Value):
    cents: int


class Discounted(Price):
    percent: int = 0


class Strange(Value):
    """A value that equals everything."""

    text: str

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class Sold(DomainEvent):
    what: Any = None
    lines: list[str] = default(default_factory=list[str])
    price: Price = Price(cents=1)
    count: int = 0
    rate: float = 0.0
    amount: Decimal = Decimal(1)
    strange: Strange = Strange(text="a")


class SoldLate(Sold): ...


class SoldOut(IntegrationEvent, version=1):
    lines: list[str] = default(default_factory=list[str])
    count: int = 0


class TooMany(Refusal):
    count: int
    lines: list[str] = default(default_factory=list[str])


class Shelf(Aggregate[str, Sold]):
    lines: list[str] = default(default_factory=list[str])
    count: int = 0
    what: Any = None

    def sell(self, **changes: Any) -> None:
        self.record(Sold(**changes))

    def change(self, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self, name, value)

    def refuse(self, **fields: Any) -> None:
        raise TooMany(**fields)


def sell(**fields: Any) -> Outcome[None]:
    return given(Shelf(id="s")).when(lambda shelf: shelf.sell(**fields))


def change(**fields: Any) -> Outcome[None]:
    return given(Shelf(id="s")).when(lambda shelf: shelf.change(**fields))


def refuse(**fields: Any) -> Outcome[None]:
    return given(Shelf(id="s")).when(lambda shelf: shelf.refuse(**fields))


A_TUPLE: Any = ("a",)
UNREADABLE = [
    {"what": float("nan")}, {"what": object()}, {"price": Discounted(cents=1, percent=2)}, {"count": True},
    {"count": 10**5000}, {"count": "1"},
]  # fmt: skip
UNREADABLE_NAMES = ["no number", "an object", "a subclass", "a bool", "a long number", "a text"]


@pytest.mark.parametrize("fields", UNREADABLE, ids=UNREADABLE_NAMES)
def test_an_event_that_could_not_be_read_again_fails_the_step(fields: dict[str, Any]) -> None:
    with pytest.raises(BadValue):
        sell(**fields)


@pytest.mark.parametrize("fields", UNREADABLE[3:], ids=UNREADABLE_NAMES[3:])
def test_an_aggregate_or_a_refusal_that_could_not_be_read_again_fails_the_step(fields: dict[str, Any]) -> None:
    with pytest.raises(BadValue):
        change(**fields)
    with pytest.raises(BadValue):
        refuse(**fields)


def test_what_is_decided_is_seen_as_it_is_read_again() -> None:
    outcome = sell(lines=A_TUPLE).then(Sold(lines=["a"]))
    assert [type(event.lines) for event in outcome.recorded if isinstance(event, Sold)] == [list]
    change(lines=A_TUPLE).leaves(Shelf(id="s", lines=["a"]))
    refuse(count=1, lines=A_TUPLE).then(TooMany(count=1, lines=["a"]))


def test_an_identity_that_no_store_takes_fails_the_step() -> None:
    with pytest.raises(BadKey):
        given(Shelf(id="s\0")).when(lambda shelf: shelf.sell())


@pytest.mark.parametrize(
    ("was", "expected"),
    [
        ({"what": 1}, {"what": True}),
        ({"what": 1}, {"what": 1.0}),
        ({"what": 0.0}, {"what": -0.0}),
        ({"what": {"a": 1}}, {"what": {"a": True}}),
        ({"amount": Decimal("1.1")}, {"amount": Decimal("1.10")}),
        ({"strange": Strange(text="a")}, {"strange": Strange(text="b")}),
    ],
    ids=str,
)
def test_what_is_equal_but_not_the_same_on_the_wire_differs(was: dict[str, Any], expected: dict[str, Any]) -> None:
    sell(**was).then(Sold(**was))
    with pytest.raises(AssertionError, match="Sold differs"):
        sell(**was).then(Sold(**expected))


def test_a_whole_number_for_a_float_and_a_tuple_for_a_list_are_the_same_on_the_wire() -> None:
    sell(rate=3).then(Sold(rate=3.0))
    sell(rate=3.0).then(Sold(rate=3, lines=[]))


def test_an_expected_event_that_could_not_be_read_is_never_the_same() -> None:
    with pytest.raises(AssertionError, match="count: expected True, was 1"):
        sell(count=1).then(Sold(count=True))
    with pytest.raises(AssertionError, match="price: expected Discounted"):
        sell().then(Sold(price=Discounted(cents=1, percent=0)))


class Sell(Command[float]):
    rate: Any = 1


class Rate(Query[list[str]]): ...


def make_shop(reply: Any) -> Context[Any]:
    shop = Context("shop")

    @shop.handle(Sell)
    async def sell(command: Sell, shelves: Repository[Shelf]) -> float:
        return reply  # type: ignore[no-any-return]  # as the test wants

    @shop.answer(Rate)
    async def rate(query: Rate) -> list[str]:
        return reply  # type: ignore[no-any-return]  # the same

    return shop


def test_a_reply_is_compared_as_its_caller_receives_it() -> None:
    given(make_shop(3)).when(Sell()).replies(3)
    given(make_shop(3.0)).when(Sell()).replies(3)
    assert type(given(make_shop(3)).when(Sell()).reply) is float
    given(make_shop(("a",))).when(Rate()).then(["a"])
    with pytest.raises(AssertionError, match="the reply differs"):
        given(make_shop(["1"])).when(Rate()).then(["2"])
    with pytest.raises(AssertionError, match="the reply differs"):
        given(make_shop(1.0)).when(Sell()).replies(True)


def test_a_reply_of_a_method_is_compared_by_type_too() -> None:
    def count(shelf: Shelf) -> int:
        return 1

    given(Shelf(id="s")).when(count).replies(1)
    with pytest.raises(AssertionError, match="the reply differs"):
        given(Shelf(id="s")).when(count).replies(True)


# ── publishers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def sold_out(event: Sold) -> SoldOut | None:
    made: Any = event.what
    return made  # type: ignore[no-any-return]  # what the test wants


def publish(lines: Any, count: Any) -> Any:
    def publisher(event: Sold) -> SoldOut:
        return SoldOut(lines=lines, count=count)

    return given(Sold()).when(publisher)


def test_a_published_event_is_seen_as_it_is_read_again() -> None:
    publish(A_TUPLE, 1).then(SoldOut(lines=["a"], count=1))
    with pytest.raises(BadValue):
        publish(["a"], "1")
    with pytest.raises(AssertionError, match="published"):
        publish([], 1).then(SoldOut(count=2))


class Gone(IntegrationEvent, version=1): ...


class Moved(DomainEvent): ...


def publisher_of(made: Any) -> Any:
    def publisher(event: Sold) -> SoldOut | None:
        return made  # type: ignore[no-any-return]  # the mistake

    return publisher


@pytest.mark.parametrize("made", [Sold(), Gone(), [SoldOut()], "sold out"], ids=str)
def test_a_publisher_that_returns_what_it_does_not_declare_is_refused(made: Any) -> None:
    with pytest.raises(KitError, match=r"publisher returned .*, which it does not declare"):
        given(Sold()).when(publisher_of(made))


def test_a_publisher_of_another_event_is_refused() -> None:
    with pytest.raises(KitError, match="publisher takes Sold, and Moved is given"):
        given(Moved()).when(publisher_of(None))
    with pytest.raises(KitError, match="publisher takes Sold, and SoldLate is given"):
        given(SoldLate()).when(publisher_of(None))  # no publisher runs for a subclass


# ── projections ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Sales(Projection[str, Sold]):
    lines: list[str] = default(default_factory=list[str])
    last: Any = None

    @staticmethod
    def key(event: Sold) -> str:
        return event.lines[0] if event.lines else "none"

    def evolve(self, event: Sold) -> None:
        self.last = event.what
        self.lines = event.lines if event.what != "a tuple" else A_TUPLE
        if event.what == "a bug":
            self.last = object()


def test_a_document_is_seen_as_it_is_read_again() -> None:
    given(Sales, Sold(what="a tuple")).then(Sales(lines=["a"], last="a tuple"))
    given(Sales, Sold(what=1, lines=["x"])).then(Sales(lines=["x"], last=1))
    with pytest.raises(AssertionError, match="last: expected True, was 1"):
        given(Sales, Sold(what=1, lines=["x"])).then(Sales(lines=["x"], last=True))
    with pytest.raises(BadValue):
        given(Sales, Sold(what="a bug")).then(Sales())
    with pytest.raises(BadValue):
        given(Sales, Sold(what=float("nan"))).then(Sales())
    with pytest.raises(BadKey):
        given(Sales, Sold(lines=["\0"])).then(Sales())


def test_an_event_that_a_projection_does_not_follow_is_a_mistake_of_the_test() -> None:
    anything: Any = SoldOut()
    with pytest.raises(KitError, match="Sales does not follow SoldOut"):
        given(Sales, anything).then(Sales())


# ── aggregates ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_event_that_its_aggregate_does_not_declare_fails_the_step() -> None:
    undeclared: Any = Moved()
    with pytest.raises(NotDeclared, match="Shelf records Moved, which it does not declare"):
        given(Shelf(id="s")).when(lambda shelf: shelf.record(undeclared))


def test_an_identity_that_a_method_changes_fails_the_step() -> None:
    with pytest.raises(IdentityChanged, match="the identity of Shelf 's' was changed to 't'"):
        change(id="t")
