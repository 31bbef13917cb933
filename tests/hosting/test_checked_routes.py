"""`System.check` finds what is wrong with routes, before an edge is served."""

from remit import Command, Context, Query, System, Value
from remit.edges import HttpEdge


class Go(Command[None]):
    who: str


def test_wrong_routes_are_found_without_serving_them() -> None:
    desk = Context("desk")

    @desk.handle(Go)
    async def go(command: Go) -> None: ...

    edge = HttpEdge(desk)
    edge.post("/go/{whoo}", Go)
    edge.post("/go", Go, status=404)
    edge.post("/health/live", Go)
    edge.post("/right/{who}", Go)
    found = System("desk", contexts=[desk], edges=[edge]).check()
    assert [each.code for each in found] == ["route.place", "route.status"]


class Where(Query[int]):
    who: str


def test_a_wrong_method_is_found_at_its_line_with_the_method_to_write() -> None:
    desk = Context("desk")

    @desk.handle(Go)
    async def go(command: Go) -> None: ...

    @desk.answer(Where)
    async def where(query: Where) -> int:
        return 1

    edge = HttpEdge(desk)
    edge.post("/where/{who}", Where)  # type: ignore[arg-type]  # the mistake that is to be found
    edge.get("/go/{who}", Go)  # type: ignore[arg-type]  # another mistake that is to be found
    asked, sent = System("desk", contexts=[desk], edges=[edge]).check()
    line = test_a_wrong_method_is_found_at_its_line_with_the_method_to_write.__code__.co_firstlineno + 11
    assert asked.where == f"{__file__}:{line} POST /where/{{who}}"
    assert asked.what == "POST sends a command, and Where is a query"
    assert asked.next == "write edge.get('/where/{who}', Where)"
    assert sent.where == f"{__file__}:{line + 1} GET /go/{{who}}"
    assert sent.what == "GET asks a query, and Go is a command"
    assert sent.next == "write edge.post('/go/{who}', Go)"


def test_a_misspelt_place_is_found_with_the_field_that_is_near() -> None:
    desk = Context("desk")

    @desk.handle(Go)
    async def go(command: Go) -> None: ...

    edge = HttpEdge(desk)
    edge.post("/go/{whoo}", Go)
    edge.post("/gone/{zzzzz}", Go)
    near, far = System("desk", contexts=[desk], edges=[edge]).check()
    assert near.next == "did you mean {who}?"
    assert far.next == "remove {zzzzz} from the path, or give Go a field of this name"


class Unsound(Command[None]):
    who: object


def test_wrong_routes_are_found_beside_everything_else_that_is_wrong() -> None:
    desk = Context("desk")

    @desk.handle(Go)
    async def go(command: Go, stock: dict[str, int]) -> None: ...

    @desk.handle(Unsound)
    async def fail(command: Unsound) -> None: ...

    edge = HttpEdge(desk)
    edge.post("/go/{whoo}", Go)
    edge.post("/unsound/{whom}", Unsound)
    found = System("desk", contexts=[desk], edges=[edge]).check()
    assert [each.code for each in found] == ["handler.dependency", "message.not-encodable", "route.place"]


class Deep(Value):
    size: int


class Find(Query[int]):
    of: Deep


def test_advice_on_a_route_is_never_the_wrong_line() -> None:
    desk = Context("desk")

    @desk.handle(Go)
    async def go(command: Go) -> None: ...

    @desk.answer(Find)
    async def find(query: Find) -> int:
        return 1

    edge = HttpEdge(desk)
    edge.post("go", Go)
    edge.get("/find", Find)
    path, field = System("desk", contexts=[desk], edges=[edge]).check()
    assert path.next == "write edge.post('/go', Go)"
    assert field.next == "give Find a field for each part of 'of'"
