"""Parcels of any size: sent at a desk, delivered into boxes. A hand-over calls the other context and waits.

DEPOT_CLOCK is by how many seconds the clock of the process that reads it is wrong, DEPOT_PRUNE how many seconds it lets
pass between two looks for what is old, DEPOT_SILENT how many a source may be silent before that is told.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import NewType

from remit import Aggregate, Command, Context, DomainEvent, IntegrationEvent, Query, Repository, Sender, System, field
from remit.edges import HttpEdge
from remit.relations import Partnership
from remit.runtime import SystemClock
from remit.runtime.following import follower, troubles
from remit.runtime.upkeep import housekeeping

_WRONG = float(os.environ.get("DEPOT_CLOCK", "0"))
housekeeping.PRUNE = float(os.environ.get("DEPOT_PRUNE", housekeeping.PRUNE))
for _module in (follower, troubles):
    vars(_module)["SILENT_SECONDS"] = float(os.environ.get("DEPOT_SILENT", troubles.SILENT_SECONDS))


def _seconds() -> float:
    return time.time() + _WRONG


def _now(_: SystemClock) -> datetime:
    return datetime.fromtimestamp(_seconds(), UTC)


if _WRONG:  # what a wrong clock of the machine would say
    setattr(SystemClock, "seconds", staticmethod(_seconds))  # noqa: B010  # the type checkers know no such thing
    setattr(SystemClock, "now", _now)  # noqa: B010  # as above

BoxName = NewType("BoxName", str)


class Send(Command[int]):
    box: BoxName
    content: str


class Sent(DomainEvent):
    box: BoxName
    content: str


class ParcelSent(IntegrationEvent, key="box"):
    box: BoxName
    content: str


class Counter(Aggregate[BoxName]):
    sent: int = 0

    def send(self, content: str) -> None:
        self.sent += 1
        self.record(Sent(box=self.id, content=content))


class Take(Command[int]):
    box: BoxName
    content: str


class HandOver(Command[int]):
    box: BoxName
    content: str


class Lengths(Query[list[int]]):
    box: BoxName


class Box(Aggregate[BoxName]):
    lengths: list[int] = field(default_factory=list[int])


desk = Context("desk")
mail = Context("mail")


@desk.handle(Send)
async def send(command: Send, counters: Repository[Counter]) -> int:
    counter = await counters.obtain(command.box)
    counter.send(command.content)
    return counter.sent


@desk.handle(HandOver)
async def hand_over(command: HandOver, sender: Sender) -> int:
    return await sender.send(Take(box=command.box, content=command.content))


@desk.publish(Sent)
def sent(event: Sent) -> ParcelSent:
    return ParcelSent(box=event.box, content=event.content)


@mail.handle(Take)
async def take(command: Take, boxes: Repository[Box]) -> int:
    box = await boxes.obtain(command.box)
    box.lengths.append(len(command.content))
    return len(box.lengths)


@mail.react(ParcelSent)
async def deliver(event: ParcelSent, boxes: Repository[Box]) -> None:
    (await boxes.obtain(event.box)).lengths.append(len(event.content))


@mail.answer(Lengths)
async def lengths(query: Lengths, boxes: Repository[Box]) -> list[int]:
    box = await boxes.find(query.box)
    return box.lengths if box else []


desk_edge = HttpEdge(desk)
desk_edge.post("/boxes/{box}/parcels", Send, status=201)
desk_edge.post("/boxes/{box}/hand-overs", HandOver, status=201)
mail_edge = HttpEdge(mail)
mail_edge.get("/boxes/{box}", Lengths)

depot = System(
    "depot",
    contexts=[desk, mail],
    edges=[desk_edge, mail_edge],
    relations=[Partnership(desk, mail)],
)
