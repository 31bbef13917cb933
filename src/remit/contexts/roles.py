"""What a function or class that a context declares may be there for: the table of roles, one entry each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from remit.messages import Command, DomainEvent, IntegrationEvent, Message, Query


@dataclass(frozen=True, eq=False, kw_only=True)
class Role:
    """One role. Checks, plans, placement and the pages read it from here."""

    name: str
    kinds: tuple[type[Message], ...]
    """What kinds of messages are bound to it."""
    told: str
    """What is bound to it, in the words of a finding."""
    component: Literal["write", "read"]
    """The component of the context that runs it."""
    is_called: bool = False
    """Somebody waits for its reply: there is one for each message."""
    follows: bool = False
    """It is a subscription of its own: progress is kept under its name."""


COMMAND = Role(
    name="command", kinds=(Command,), told="a command: @context.handle(Command)", component="write", is_called=True
)
QUERY = Role(name="query", kinds=(Query,), told="a query: @context.answer(Query)", component="read", is_called=True)
REACTION = Role(
    name="reaction",
    kinds=(DomainEvent, IntegrationEvent),
    told="a domain event of the context or an integration event: @context.react(Event)",
    component="write",
    follows=True,
)
TOGETHER = Role(
    name="together",
    kinds=(DomainEvent,),
    told="a domain event of the context: @context.react(Event, together=True)",
    component="write",
)
PUBLISHER = Role(
    name="publisher",
    kinds=(DomainEvent,),
    told="a domain event of the context: @context.publish(Event)",
    component="write",
)
PROJECTION = Role(
    name="projection",
    kinds=(DomainEvent, IntegrationEvent),
    told="domain events of the context and integration events: @context.project",
    component="read",
    follows=True,
)

ROLES = (COMMAND, QUERY, REACTION, TOGETHER, PUBLISHER, PROJECTION)
