"""Another system than the shop: what is said in one context is heard in another. Its logs alone show it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from remit.contexts import Context, ContextMap, Repository
from remit.domain import Aggregate
from remit.messages import Command, DomainEvent, IntegrationEvent
from remit.testing.simulation import Workload
from remit.testing.simulation.cluster import ClusterDoor


class Say(Command[int]):
    who: str
    what: str


class Said(DomainEvent):
    who: str
    what: str


class Told(IntegrationEvent, key="who"):
    who: str
    what: str


class Heard(DomainEvent):
    what: str


class Mouth(Aggregate[str, Said]):
    said: int = 0


class Ear(Aggregate[str, Heard]):
    heard: int = 0


class Rumours(Workload):
    contexts: ClassVar[Sequence[str]] = ("mouth", "ear")
    effects: ClassVar[Mapping[str, tuple[str, str]]] = {"ear.hear": ("mouth.Told", "ear.Heard")}

    def people(self, door: ClusterDoor) -> Iterable[Coroutine[Any, Any, None]]:
        return [self._talk(door, f"p{number}") for number in range(self.clients or 3)]

    async def _talk(self, door: ClusterDoor, who: str) -> None:
        for number in range(self.rounds or 6):
            await asyncio.sleep(self.choices.delay("talk", 3.0))
            await door.send(Say(who=who, what=f"{number}"), f"{who} says {number}")

    def system(self) -> ContextMap:
        mouth, ear, weather = Context("mouth"), Context("ear"), self.weather

        @mouth.handle(Say)
        async def say(command: Say, mouths: Repository[Mouth]) -> int:
            speaker = await mouths.obtain(command.who)
            speaker.said += 1
            speaker.record(Said(who=command.who, what=command.what))
            return speaker.said

        @mouth.publish(Said)
        def told(event: Said) -> Told:
            return Told(who=event.who, what=event.what)

        @ear.react(Told)
        async def hear(event: Told, ears: Repository[Ear]) -> None:
            listener = await ears.obtain(event.who)
            await weather.blow("hear")
            listener.heard += 1
            listener.record(Heard(what=event.what))

        return ContextMap(name="rumours", contexts=(mouth, ear))
