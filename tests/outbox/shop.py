"""Billing is existing code with tables of its own; mail was written with remit, and follows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from remit import Aggregate, Command, Context, IntegrationEvent, Query, Repository, Sender, System
from remit import field as default


class Settled(IntegrationEvent, version=1, key="student"):
    student: str
    number: int


class Closed(IntegrationEvent):
    student: str


class Remind(Command[None]):
    student: str
    number: int


class Heard(Query[list[int]]):
    student: str


class Inbox(Aggregate[str]):
    numbers: list[int] = default(default_factory=list[int])


def make_system() -> System:
    billing, mail = Context("billing", outbox=[Settled, Closed, Remind]), Context("mail")

    @mail.react(Settled)
    async def on_settled(event: Settled, inboxes: Repository[Inbox]) -> None:
        (await inboxes.obtain(event.student)).numbers.append(event.number)

    @mail.handle(Remind)
    async def remind(command: Remind, inboxes: Repository[Inbox]) -> None:
        (await inboxes.obtain(command.student)).numbers.append(-command.number)

    @mail.answer(Heard)
    async def heard(query: Heard, inboxes: Repository[Inbox]) -> list[int]:
        inbox = await inboxes.find(query.student)
        return inbox.numbers if inbox else []

    return System("shop", contexts=[billing, mail])


@dataclass
class Shop:
    """One shop on one server. `system` runs in `running`; code outside may use another instance of it."""

    server: str
    mark: str
    system: System = field(default_factory=make_system)

    @property
    def store(self) -> str:
        return f"{self.server}{'&' if '?' in self.server else '?'}schema={{context}}_{self.mark}"

    @property
    def schema(self) -> str:
        return f"billing_{self.mark}"

    @property
    def table(self) -> str:
        return f"legacy_{self.mark}.invoice"

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Sender]:
        async with self.system.connect(store=self.store) as app:
            yield app


async def heard(app: Sender, student: str, count: int) -> list[int]:
    """What mail has heard about a student, as soon as it is so much; for as long as a test may take."""
    while True:
        numbers = await app.ask(Heard(student=student))
        if len(numbers) >= count:
            return numbers
        await asyncio.sleep(0.01)
