"""What holds, and is perhaps not meant so, is noted, and stops no start.

An event that nobody follows, or that nobody records; a command sent for later that may be refused; what looks like a
part of a context and is none."""

from __future__ import annotations

from typing import Any

import pytest

from remit import Aggregate, Command, Context, DomainEvent, IntegrationEvent, Later, Repository, System
from remit.checks import check
from remit.checks.rules import notes_on
from remit.contexts import ContextMap
from remit.errors import Finding
from tests.checks.packages import Packages
from tests.checks.shop import (
    OrderPlaced,
    Orders,
    Paid,
    Place,
    Placed,
    SoldOut,
    followed,
    on_placed,
    paid,
    place,
    placed,
    untyped,
)


class Pack(Command[None]): ...


class Anything(DomainEvent): ...


class Special(Anything): ...


class Parcel(Aggregate[str, Special]): ...


class Loose(Aggregate[str]): ...


class Rare(Anything): ...


class Box(Aggregate[str, Anything]): ...


def noted(*contexts: Context[Any], elsewhere: tuple[str, ...] = ()) -> list[Finding]:
    findings = check(ContextMap(name="shop", contexts=contexts, elsewhere=elsewhere))
    assert findings == [], "notes only"
    return [note for note in findings.notes if note.code != "relation.none"]


def test_event_that_is_recorded_and_followed_by_nobody() -> None:
    sales = Context("sales")
    sales.handle(Place)(place)
    (note,) = noted(sales)
    assert (note.code, note.what) == ("event.unfollowed", "Placed is recorded by Order, and nothing follows it")
    assert note.where.endswith(f"shop.py:{note.where.rpartition(':')[2]}")
    assert note.next.startswith("@sales.react(Placed)")


@pytest.mark.parametrize("way", ["react", "together", "publish", "project", "base"])
def test_event_that_is_recorded_and_followed_in_any_way(way: str) -> None:
    sales = Context("sales")

    async def react(event: Any) -> None: ...

    async def pack(command: Pack, parcels: Repository[Parcel]) -> None: ...

    sales.handle(Pack)(pack)
    if way == "publish":
        sales.handle(Place)(place)
        sales.publish(Placed)(placed)
    react.__annotations__ = {"event": Any}
    if way in ("react", "together"):
        sales.react(Special, together=way == "together")(react)
    elif way == "base":
        sales.react(Anything)(react)
    elif way == "project":
        sales.handle(Place)(place)
        sales.publish(Paid)(paid)
        sales.project(Orders)
    codes = {note.what.split()[0]: note.code for note in noted(sales) if note.code == "event.unfollowed"}
    assert codes.keys() == {"publish": {"Special", "OrderPlaced"}, "project": {"Special"}}.get(way, set())


def test_event_that_is_published_and_followed_by_nobody_of_the_whole_system() -> None:
    sales, billing = followed()
    assert {note.what.partition(" (")[0] for note in noted(sales, billing)} == {
        "OrderPlaced is published by placed",
        "OrderPaid is published by paid",
    }
    assert noted(sales, elsewhere=("billing",)) == [], "who is elsewhere may follow them"
    billing.react(OrderPlaced)(on_placed)
    assert [note.what.split()[0] for note in noted(sales, billing)] == ["OrderPaid"]


def test_event_of_the_outbox_that_nobody_follows() -> None:
    class Sold(IntegrationEvent):
        order: str

    (note,) = noted(Context("sales", outbox=[Sold]))
    assert note.what == "Sold is in the outbox of Context('sales'), and nothing follows it"


@pytest.mark.parametrize("kept", [Parcel, Box])
@pytest.mark.parametrize("followed", [Anything, Special])
def test_class_that_others_inherit_from_stands_for_them(kept: Any, followed: Any) -> None:
    """`Parcel` records one of two events that inherit from a class, `Box` says the class."""
    sales = Context("sales")

    async def pack(command: Pack, kept: Any) -> None: ...

    async def react(event: Any) -> None: ...

    pack.__annotations__["kept"] = Repository[kept]
    react.__annotations__["event"] = followed
    untyped(sales).handle(Pack)(pack)
    sales.react(followed)(react)
    assert noted(sales) == []


def test_event_that_is_followed_and_that_no_aggregate_records() -> None:
    sales = Context("sales")

    async def pack(command: Pack, parcels: Repository[Parcel]) -> None: ...

    async def react(event: Placed | Special | Anything) -> None: ...

    sales.handle(Pack)(pack)
    sales.react(Placed, Special, Anything)(react)
    (note,) = noted(sales)
    assert note.code == "event.unrecorded"
    assert note.what == "react follows Placed, which no aggregate of 'sales' declares to record"
    assert note.expected == "one of the events that aggregates of 'sales' record: Special"

    async def more(command: Place, loose: Repository[Loose]) -> str:
        return ""

    sales.handle(Place)(more)
    assert noted(sales) == [], "one of its aggregates does not say what it records"


def test_command_sent_for_later_that_declares_refusals() -> None:
    sales, stock = Context("sales"), Context("stock")
    sales.handle(Place)(place)
    sales.publish(Placed)(placed)
    stock.react(OrderPlaced)(on_placed)

    @stock.handle(Pack)
    async def pack(command: Pack, later: Later[Place]) -> None: ...

    (note,) = noted(sales, stock)
    assert note.code == "later.unheard"
    assert note.what == "pack sends Place for later, and nothing receives its refusals: SoldOut"
    assert note.next.startswith("return SoldOut instead of raising it")


def test_refusal_that_a_handler_returns_may_be_heard_of() -> None:
    sales, stock = Context("sales"), Context("stock")

    @sales.handle(Place)
    async def place_or_refuse(command: Place) -> str | SoldOut:
        return SoldOut()

    sales.publish(Placed)(placed)
    stock.react(OrderPlaced)(on_placed)

    @stock.handle(Pack)
    async def pack(command: Pack, later: Later[Place]) -> None: ...

    assert noted(sales, stock) == []


def test_what_another_process_handles_is_not_judged(packages: Packages) -> None:
    files = {
        "stall/__init__.py": "",
        "stall/sales.py": """
            from remit import *
            __context__ = "sales"
            class SoldOut(Refusal): ...
            class Place(Command[None, SoldOut]): ...
            sales = Context("sales")
            """,
        "stall/stock.py": """
            from remit import *
            from stall.sales import Place
            class Pack(Command[None]): ...
            stock = Context("stock")
            @stock.handle(Pack)
            async def pack(command: Pack, later: Later[Place]) -> None: ...
            """,
        "stall/system.py": """
            from remit import *
            system = System("stall", contexts={"sales": "stall.sales:sales", "stock": "stall.stock:stock"})
            """,
    }
    system = packages.imported(files, "stall.system").system
    assert notes_on(system.hosting(["stock"]).model()) == []


STALL = """
    from remit import *
    from functools import wraps
    class Placed(DomainEvent):
        order: str
    class Sold(IntegrationEvent):
        order: str
    class Place(Command[None]): ...
    class Order(Aggregate[str]): ...
    sales = Context("sales")
    @sales.handle(Place)
    async def place(command: Place, orders: Repository[Order]) -> None: ...
    @sales.react(Placed)
    async def follow(event: Placed) -> None: await helped(event)
    async def helped(event: Placed) -> None: ...
    async def tabled(event: Placed) -> None: ...
    def wrapping(function):
        @wraps(function)
        async def wrapper(event: Placed) -> None: ...
        return wrapper
    @sales.publish(Placed)
    def sold(event: Placed) -> Sold: ...
    @sales.react(Sold)
    async def on_sold(event: Sold) -> None: ...
    @sales.react(Placed)
    @wrapping
    async def wrapped(event: Placed) -> None: ...
    TABLE = {Placed: tabled}
    system = System("stall", contexts=[sales])
    """


def test_function_that_looks_like_a_reaction_or_a_publisher(packages: Packages) -> None:
    more = """
    async def on_placed(event: Placed | Sold) -> None: ...
    def placed(event: Placed) -> Sold | None: ...
    def told(event: Placed) -> str: ...
    class Unused(Aggregate[str]): ...
    """
    stall = packages.imported({"stall.py": STALL + more})
    assert [(note.code, note.where.rpartition(":")[2]) for note in stall.system.check().notes] == [
        ("aggregate.unused", "33"),
        ("reaction.forgotten", "30"),
        ("publisher.forgotten", "31"),
    ]
    assert stall.system.check().notes[1].expected == "@sales.react(Placed, Sold) above it"


def test_function_that_is_used_in_any_way_is_not_noted(packages: Packages) -> None:
    assert packages.imported({"stall.py": STALL}).system.check().notes == []


DECORATED = (
    STALL
    + """
    from functools import cache, partial
    def logged(function):
        @wraps(function)
        async def logging(*given): return await function(*given)
        return logging
    def bare(function):
        async def running(event): await function(event)
        return running
    @logged
    @sales.react(Placed)
    async def wrapped_outside(event: Placed) -> None: ...
    @sales.react(Placed)
    @logged
    async def calls(event: Placed) -> None: await called_when_wrapped(event)
    async def called_when_wrapped(event: Placed) -> None: ...
    @sales.react(Placed)
    async def _(event: Placed) -> None: await called_by_nameless(event)
    async def called_by_nameless(event: Placed) -> None: ...
    _ = None
    async def in_part(event: Placed, region: str) -> None: ...
    in_europe = partial(in_part, region="eu")
    async def in_parts(event: Placed, region: str) -> None: ...
    REGIONS = [partial(in_parts, region="eu")]
    async def inside(event: Placed) -> None: ...
    sales.react(Placed)(bare(inside))
    async def standing_in(event: Placed, then=in_part) -> None: ...
    STANDING_IN = [standing_in]
    async def by_default(event: Placed) -> None: ...
    async def with_default(value: str, then=by_default) -> None: ...
    async def kept_in_cache(event: Placed) -> None: ...
    @cache
    def cached(name: str) -> object: return kept_in_cache
    """
)


def test_function_that_is_used_through_a_decorator_or_a_partial_is_not_noted(packages: Packages) -> None:
    assert packages.imported({"stall.py": DECORATED}).system.check().notes == []


def test_function_that_is_only_wrapped_is_noted_at_its_own_line(packages: Packages) -> None:
    more = """
    @logged
    async def lost(event: Placed) -> None: ...
    """
    stall = packages.imported({"stall.py": DECORATED + more})
    (note,) = stall.system.check().notes
    assert note.code == "reaction.forgotten"
    assert note.what.startswith("lost takes Placed")
    assert int(note.where.rpartition(":")[2]) == stall.lost.__wrapped__.__code__.co_firstlineno


async def test_start_tells_in_one_line_that_there_are_notes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "remit")
    sales = Context("sales")
    sales.handle(Place)(place)
    async with System("shop", contexts=[sales]).connect(store="memory:"):
        pass
    (line,) = [each.getMessage() for each in caplog.records if "event." in each.getMessage()]
    assert line == "notes on this system: event.unfollowed (1). `remit check` shows them"
    assert {each.levelname for each in caplog.records} == {"INFO"}
