"""A school whose edge takes enrolments and says how many there are."""

from __future__ import annotations

from remit import Command, Context, DomainEvent, Events, Projection, Query, System, View
from remit.edges import HttpEdge


class Enrol(Command[None]):
    student: str


class Enrolled(DomainEvent, key="student"):
    student: str


class Places(Projection[str, Enrolled]):
    count: int = 0

    @staticmethod
    def key(event: Enrolled) -> str:
        return event.student

    def evolve(self, event: Enrolled) -> None:
        self.count += 1


class PlacesOf(Query[int]):
    student: str


def school() -> System:
    context = Context("courses")

    @context.handle(Enrol)
    async def enrol(command: Enrol, events: Events[Enrolled]) -> None:
        events.publish(Enrolled(student=command.student))

    context.project(Places)

    @context.answer(PlacesOf)
    async def places_of(query: PlacesOf, places: View[Places]) -> int:
        found = await places.find(query.student)
        return 0 if found is None else found.count

    edge = HttpEdge("courses")
    edge.post("/students/{student}/places", Enrol, status=204)
    edge.get("/students/{student}/places", PlacesOf)
    return System("school", contexts=[context], edges=[edge])
