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
    ClientOf,
    Handler,
    Later,
    Role,
    Route,
)
from remit.contexts.injectables import INJECTABLES, SERVICE, Injectable
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
from remit.contexts.ports import Clock, Ids, Repository, Sender, Sql, View

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
