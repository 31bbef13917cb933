"""Who owns what: contexts, what they declare, and the map between them. Pure data; everything else reads it."""

from remit.contexts.context import Context
from remit.contexts.declarations import ClientOf, Handler, Later, Publisher, Route
from remit.contexts.map import ContextMap
from remit.contexts.ports import Clock, Ids, Repository, Sender, Sql, View
from remit.contexts.relations import (
    AntiCorruptionLayer,
    Conformist,
    CustomerSupplier,
    OpenHost,
    Partnership,
    Relation,
    SeparateWays,
    SharedKernel,
)

__all__ = [
    "AntiCorruptionLayer",
    "ClientOf",
    "Clock",
    "Conformist",
    "Context",
    "ContextMap",
    "CustomerSupplier",
    "Handler",
    "Ids",
    "Later",
    "OpenHost",
    "Partnership",
    "Publisher",
    "Relation",
    "Repository",
    "Route",
    "Sender",
    "SeparateWays",
    "SharedKernel",
    "Sql",
    "View",
]
