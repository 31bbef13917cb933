"""remit: bounded contexts that are written once, run in one process, and can be moved into services by a topology file.

This module exports the names that most modules of a user need. Errors are in `remit.errors`, relations of a context map
in `remit.relations`, edges in `remit.edges`, the test kit in `remit.testing`.
"""

from remit.contexts import (
    AtLeast,
    AtMost,
    Between,
    Claims,
    Clock,
    Context,
    Envelope,
    Events,
    Ids,
    Later,
    Page,
    Records,
    Repository,
    Sender,
    Sql,
    Upcast,
    View,
    Written,
)
from remit.domain import Aggregate, Claim, EventSourced, Freshness, Projection, Record, Row
from remit.hosting import Outbox, System
from remit.messages import Command, DomainEvent, IntegrationEvent, Query, Refusal, Value, field

__all__ = [
    "Aggregate",
    "AtLeast",
    "AtMost",
    "Between",
    "Claim",
    "Claims",
    "Clock",
    "Command",
    "Context",
    "DomainEvent",
    "Envelope",
    "EventSourced",
    "Events",
    "Freshness",
    "Ids",
    "IntegrationEvent",
    "Later",
    "Outbox",
    "Page",
    "Projection",
    "Query",
    "Record",
    "Records",
    "Refusal",
    "Repository",
    "Row",
    "Sender",
    "Sql",
    "System",
    "Upcast",
    "Value",
    "View",
    "Written",
    "field",
]
