"""Who owns what: contexts, what they declare, the map between them, and the model that comes of it. Pure data."""

from remit.contexts.context import Context
from remit.contexts.declarations import (
    COMMAND,
    PROJECTION,
    PUBLISHER,
    QUERY,
    REACTION,
    ROLES,
    TOGETHER,
    Handler,
    Later,
    Role,
)
from remit.contexts.edges import ClientOf, HttpEdge, Route
from remit.contexts.map import (
    AntiCorruptionLayer,
    Conformist,
    ContextMap,
    CustomerSupplier,
    OpenHost,
    Partnership,
    Relation,
    SeparateWays,
    SharedKernel,
)
from remit.contexts.model import Followed, Model, derive
from remit.contexts.ports import INJECTABLES, SERVICE, Clock, Ids, Injectable, Repository, Sender, Sql, View

__all__ = [
    "COMMAND",
    "INJECTABLES",
    "PROJECTION",
    "PUBLISHER",
    "QUERY",
    "REACTION",
    "ROLES",
    "SERVICE",
    "TOGETHER",
    "AntiCorruptionLayer",
    "ClientOf",
    "Clock",
    "Conformist",
    "Context",
    "ContextMap",
    "CustomerSupplier",
    "Followed",
    "Handler",
    "HttpEdge",
    "Ids",
    "Injectable",
    "Later",
    "Model",
    "OpenHost",
    "Partnership",
    "Relation",
    "Repository",
    "Role",
    "Route",
    "Sender",
    "SeparateWays",
    "SharedKernel",
    "Sql",
    "View",
    "derive",
]
