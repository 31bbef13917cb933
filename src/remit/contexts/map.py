"""The context map: contexts and the relations between them, as they were declared."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from remit.contexts.context import Context
from remit.contexts.edges import ClientOf, HttpEdge


@dataclass(frozen=True)
class Relation:
    """A relation between contexts. Its fields are the parties (contexts, or their names), by their role."""

    @property
    def parties(self) -> tuple[Context[Any] | str, ...]:
        """The contexts, in the order of the fields."""
        return tuple(getattr(self, role.name) for role in fields(self))


@dataclass(frozen=True)
class OpenHost(Relation):
    """The host serves every other context by its published language."""

    host: Context[Any] | str


@dataclass(frozen=True, kw_only=True)
class CustomerSupplier(Relation):
    """The supplier considers the needs of the customer in its plans; the customer depends on the supplier."""

    supplier: Context[Any] | str
    customer: Context[Any] | str


@dataclass(frozen=True, kw_only=True)
class _Downstream(Relation):
    upstream: Context[Any] | str
    downstream: Context[Any] | str


class Conformist(_Downstream):
    """The downstream context adopts the model of the upstream context."""


class AntiCorruptionLayer(_Downstream):
    """The downstream context translates the model of the upstream context into its own language."""


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
    """The contexts and relations of a system."""

    name: str
    contexts: tuple[Context[Any], ...]
    relations: tuple[Relation, ...] = ()
    elsewhere: tuple[str, ...] = ()
    """The names of contexts of the system that are not loaded in this process: other processes host them."""
    beside: tuple[Context[Any], ...] = ()
    """Contexts that other processes host, but whose declarations are loaded in this process."""
    edges: tuple[HttpEdge, ...] = ()
    """The edges that are loaded in this process."""
    edges_elsewhere: tuple[str, ...] = ()
    """The contexts whose edge is not loaded in this process: other processes host it."""
    client_of: ClientOf | None = None
    """Identifies the clients of the HTTP edge. None: clients are identified by their credentials."""
    headers: tuple[str, ...] = ()
    """The request headers that are passed on to every handler that a request reaches, by lower-case name."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all contexts of the system."""
        return (*(context.name for context in self.contexts), *self.elsewhere)

    @property
    def with_edges(self) -> frozenset[str]:
        """The names of the contexts that have an edge, whether it is loaded here or not."""
        return frozenset((*(edge.context for edge in self.edges), *self.edges_elsewhere))
