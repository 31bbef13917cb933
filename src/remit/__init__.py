"""remit: bounded contexts that are written once, run in one process, and can be moved into services by a topology file.

This module exports the names that most modules of a user need. Errors are in `remit.errors`, relations of a context map
in `remit.relations`, edges in `remit.edges`, the test kit in `remit.testing`.
"""

from remit.contexts import (
    Claims,
    Clock,
    Context,
    Envelope,
    Events,
    Ids,
    Later,
    Records,
    Repository,
    Sender,
    Sql,
    Upcast,
    View,
)
from remit.domain import Aggregate, Claim, EventSourced, Projection, Record
from remit.hosting import Outbox, System
from remit.messages import Command, DomainEvent, IntegrationEvent, Query, Refusal, Value, field

__all__ = [
    "Aggregate",
    "Claim",
    "Claims",
    "Clock",
    "Command",
    "Context",
    "DomainEvent",
    "Envelope",
    "EventSourced",
    "Events",
    "Ids",
    "IntegrationEvent",
    "Later",
    "Outbox",
    "Projection",
    "Query",
    "Record",
    "Records",
    "Refusal",
    "Repository",
    "Sender",
    "Sql",
    "System",
    "Upcast",
    "Value",
    "View",
    "field",
]
