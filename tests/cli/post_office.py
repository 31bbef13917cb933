"""A small system for the command line: letters are posted at a desk and arrive in boxes.

A letter with the text "poison" cannot be delivered until the file that POST_OFFICE_CURE names is there. A letter with
the text "slow" is posted once somebody has written to the pipe that POST_OFFICE_PIPE names; with the text "blocking"
nothing else happens until then.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import NewType

from remit import Aggregate, Command, Context, DomainEvent, IntegrationEvent, Query, Refusal, Repository, System, field
from remit.edges import HttpEdge
from remit.relations import CustomerSupplier

LetterId = NewType("LetterId", str)
BoxName = NewType("BoxName", str)


class TooLong(Refusal):
    longest: int


class Post(Command[LetterId, TooLong]):
    letter: LetterId
    box: BoxName
    text: str


class Posted(DomainEvent):
    box: BoxName
    text: str


class LetterPosted(IntegrationEvent, key="box"):
    box: BoxName
    text: str


class Letter(Aggregate[LetterId]):
    text: str = ""

    def post(self, box: BoxName, text: str) -> None:
        if len(text) > 40:
            raise TooLong(longest=40)
        self.text = text
        self.record(Posted(box=box, text=text))


desk = Context("desk")


@desk.handle(Post)
async def post(command: Post, letters: Repository[Letter]) -> LetterId:
    if command.text == "slow":
        await asyncio.to_thread(Path(os.environ["POST_OFFICE_PIPE"]).read_bytes)
    if command.text == "blocking":
        Path(os.environ["POST_OFFICE_PIPE"]).read_bytes()  # noqa: ASYNC240  as no handler should
    letter = await letters.obtain(command.letter)
    letter.post(command.box, command.text)
    return letter.id


@desk.publish(Posted)
def posted(event: Posted) -> LetterPosted:
    return LetterPosted(box=event.box, text=event.text)


class Contents(Query[list[str]]):
    box: BoxName


class Box(Aggregate[BoxName]):
    letters: list[str] = field(default_factory=list[str])


mail = Context("mail")


def is_cured() -> bool:
    return Path(os.environ["POST_OFFICE_CURE"]).exists()


@mail.react(LetterPosted)
async def deliver(event: LetterPosted, boxes: Repository[Box]) -> None:
    if event.text == "poison" and not is_cured():
        raise ValueError("this letter is poisoned")
    box = await boxes.obtain(event.box)
    box.letters.append(event.text)


@mail.answer(Contents)
async def contents(query: Contents, boxes: Repository[Box]) -> list[str]:
    box = await boxes.find(query.box)
    return box.letters if box else []


desk_edge = HttpEdge(desk)
desk_edge.post("/letters", Post, status=201)
mail_edge = HttpEdge(mail)
mail_edge.get("/boxes/{box}", Contents)

office = System(
    "post-office",
    contexts=[desk, mail],
    edges=[desk_edge, mail_edge],
    relations=[CustomerSupplier(supplier=desk, customer=mail)],
)
