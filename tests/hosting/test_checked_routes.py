"""`System.check` finds what is wrong with routes, before an edge is served."""

from remit import Command, Context, System
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
