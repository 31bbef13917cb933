"""The context map: contexts, and how they stand to each other, as they were declared."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from remit.contexts.context import Context
from remit.contexts.edges import ClientOf, HttpEdge


@dataclass(frozen=True)
class Relation:
    """How contexts stand to each other. Its fields are the contexts, by the roles they have, or the names of those."""

    @property
    def parties(self) -> tuple[Context[Any] | str, ...]:
        """The contexts, in the order of the fields."""
        return tuple(getattr(self, role.name) for role in fields(self))


@dataclass(frozen=True)
class OpenHost(Relation):
    """The context serves everybody by its published language."""

    host: Context[Any] | str


@dataclass(frozen=True, kw_only=True)
class CustomerSupplier(Relation):
    """The supplier takes the customer's needs into its plans; the customer depends on it."""

    supplier: Context[Any] | str
    customer: Context[Any] | str


@dataclass(frozen=True, kw_only=True)
class _Downstream(Relation):
    upstream: Context[Any] | str
    downstream: Context[Any] | str


class Conformist(_Downstream):
    """The downstream takes the upstream's model as it is."""


class AntiCorruptionLayer(_Downstream):
    """The downstream translates the upstream's model into its own words."""


@dataclass(frozen=True)
class _Mutual(Relation):
    one: Context[Any] | str
    other: Context[Any] | str


class Partnership(_Mutual):
    """Two contexts that succeed or fail together."""


class SharedKernel(_Mutual):
    """Two contexts that share a small part of their model."""


class SeparateWays(_Mutual):
    """Two contexts that have decided not to integrate."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ContextMap:
    """Contexts and relations."""

    name: str
    contexts: tuple[Context[Any], ...]
    relations: tuple[Relation, ...] = ()
    elsewhere: tuple[str, ...] = ()
    """The names of contexts that belong to the system and are not known here: other processes host them."""
    beside: tuple[Context[Any], ...] = ()
    """Those of the contexts elsewhere whose declarations are known here all the same."""
    edges: tuple[HttpEdge, ...] = ()
    """Those that are known here."""
    edges_elsewhere: tuple[str, ...] = ()
    """The contexts that have an edge which is not known here: other processes host it."""
    client_of: ClientOf | None = None
    """Tells clients of the HTTP edge apart; None where their credentials do."""
    headers: tuple[str, ...] = ()
    """The headers of requests that travel to every handler that a request reaches, by lower-case name."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all contexts of the system."""
        return (*(context.name for context in self.contexts), *self.elsewhere)

    @property
    def with_edges(self) -> frozenset[str]:
        """The names of the contexts that have an edge, wherever it is hosted."""
        return frozenset((*(edge.context for edge in self.edges), *self.edges_elsewhere))
