"""Two releases of a system with a row model: the version of its rows differs."""

from typing import Any

from remit import Command, Context, DomainEvent, Events, Query, Row, System, View


class Weighed(DomainEvent, key="sack"):
    sack: str
    grams: int


class Weigh(Command[None]):
    sack: str
    grams: int


class GramsOf(Query[int]):
    sack: str


def released(version: int) -> System:
    mill = Context("mill")

    @mill.project
    class Sack(Row[str, Weighed], indexes=[("grams",)], version=version):
        grams: int = 0

        @staticmethod
        def key(event: Weighed) -> str:
            return event.sack

        def evolve(self, event: Weighed) -> None:
            self.grams += event.grams

    if version > 1:

        @mill.upcast(Sack, version=1)
        def doubled(fields: dict[str, Any]) -> dict[str, Any]:
            return {**fields, "grams": 2 * fields["grams"]}

    @mill.handle(Weigh)
    async def weigh(command: Weigh, events: Events[Weighed]) -> None:
        events.publish(Weighed(sack=command.sack, grams=command.grams))

    @mill.answer(GramsOf)
    async def grams_of(query: GramsOf, sacks: View[Sack]) -> int:
        return (await sacks.get(query.sack)).grams

    return System("mill", contexts=[mill])


first, second = released(1), released(2)
