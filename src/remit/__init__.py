"""remit: bounded contexts written once, run in one process, moved into services by a deployment file.

What nearly every module of a user needs is here. Errors are in `remit.errors`, relations of a context map in
`remit.relations`, edges in `remit.edges`, the test kit in `remit.testing`.
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
    View,
)
from remit.domain import Aggregate, Claim, Projection, Record
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
    "Value",
    "View",
    "field",
]
